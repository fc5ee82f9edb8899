"""`runfold retention`: show and set how long rows and streams are kept, and remove what has expired."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from runfold.cli._connection import open_database
from runfold.cli.output import Json, instant, print_json, print_table, print_text

app = typer.Typer(help="Retention: how long rows are kept, and what removes them.", no_args_is_help=True)

ARCHIVE = "archive"
Table = Annotated[
    str,
    typer.Argument(help="A table, with or without its schema; or `archive`, for streams.", metavar="TABLE"),
]


@app.command(epilog="Example: runfold retention show")
def show(as_json: Json = False) -> None:
    """Show how long rows of tables are kept and how many have expired, and how long streams stay in the log."""
    from runfold.worker.expiry import read_archive_policies, read_retention

    with open_database(shared=True, role="runfold_operator") as connection:
        found = read_retention(connection, count=True)
        policies = read_archive_policies(connection)
    if as_json:
        tables = [{"kind": "table", **_plain(each), "keep_days": _days(each.keep)} for each in found]
        streams = [
            {"kind": ARCHIVE, "table": None, "category": each.category, "keep_days": _days(each.keep)}
            for each in policies
        ]
        print_json([*tables, *streams])
        return
    print_table(
        [
            {
                "table": each.table if each.exists else f"{each.table} (not there)",
                "keep": _said(each.keep),
                "removed up to (UTC)": "-" if each.cutoff is None else instant(each.cutoff),
                "expired rows": each.expired,
                "last run (UTC)": instant(each.ran_at),
            }
            for each in found
        ],
        columns=["table", "keep", "removed up to (UTC)", "expired rows", "last run (UTC)"],
    )
    for each in found:
        if each.blocked_since is not None:
            print_text(f"{each.table}: a partition cannot be dropped since {instant(each.blocked_since)} UTC")
    if policies:
        print_text("")
        print_table(
            [
                {"streams of": each.category, "stay in the log after their last event": _said(each.keep)}
                for each in policies
            ],
            columns=["streams of", "stay in the log after their last event"],
        )


@app.command("set", epilog="Example: runfold retention set workflow_execution_logs --days 90")
def set_(
    table: Table,
    category: Annotated[
        str | None,
        typer.Argument(help="With `archive`: the category, `execution` for instance.", metavar="CATEGORY"),
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=0, help="Keep them so many days.")] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Keep them for ever.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and set nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Set how long the rows of a table are kept, or how long streams of a category stay in the log.

    Rows that were removed do not come back. Streams leave the log for the archive: see `runfold archive`.
    """
    from runfold.worker.expiry import effect_of_retention, set_retention

    if (days is None) == (not forever):
        raise typer.BadParameter("give either --days or --forever")
    if (table == ARCHIVE) != (category is not None):
        raise typer.BadParameter("a category is given with `archive`, and only then", param_hint="CATEGORY")
    keep = None if days is None else timedelta(days=days)
    if category is not None:
        _set_archive(category, keep, dry_run=dry_run, as_json=as_json)
        return
    if dry_run:
        with open_database(role="runfold_operator") as connection:
            name, effect = effect_of_retention(connection, table, keep)
        facts: dict[str, object] = {"table": name, "keep_days": _days(keep), "rows": effect.count}
        _print_effect(facts | {"bytes": effect.bytes}, f"{name}: {effect.count:,} rows", effect.bytes, as_json=as_json)
        return
    with open_database(role="runfold_operator") as connection:
        name = set_retention(connection, table, keep)
    if as_json:
        print_json({"table": name, "keep_days": _days(keep)})
        return
    print_text(f"{name} keeps its rows {_said(keep)}; a worker removes older ones once a day")


def _set_archive(category: str, keep: timedelta | None, *, dry_run: bool, as_json: bool) -> None:
    from runfold.worker.expiry import effect_of_archive_policy, set_archive_policy

    facts: dict[str, object] = {"category": category, "keep_days": _days(keep)}
    with open_database(role="runfold_operator") as connection:
        if dry_run:
            effect = effect_of_archive_policy(connection, category, keep)
            facts |= {"streams": effect.count, "events": effect.events, "bytes": effect.bytes}
            said = f"{category}: {effect.count:,} streams with {effect.events or 0:,} events"
            _print_effect(facts, said, effect.bytes, as_json=as_json)
            return
        set_archive_policy(connection, category, keep)
    if as_json:
        print_json(facts)
        return
    print_text(f"streams of {category} stay in the log {_said(keep)} after their last event")


def _print_effect(facts: dict[str, object], said: str, size: int | None, *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    print_text(f"{said} would go" + ("" if size is None else f", about {size / 1_000_000:,.1f} MB"))


@app.command(epilog="Example: runfold retention run --dry-run")
def run(
    table: Annotated[str | None, typer.Argument(help="Only this table.", metavar="TABLE")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be removed, and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove what has expired now, in parts that hold up no fold for long. The rows do not come back."""
    from runfold.worker.expiry import run_retention

    with open_database(role="runfold_operator") as connection:
        found = run_retention(connection, [table] if table is not None else [], dry_run=dry_run)
    if as_json:
        print_json([{"table": each.table, "rows": each.rows, "blocked_since": each.blocked_since} for each in found])
        return
    for each in found:
        print_text(f"{each.table}: {each.rows:,} rows {'have expired' if dry_run else 'were removed'}")
        if each.blocked_since is not None:
            print_text("  a partition is in use and is dropped later: a worker tries again every minute")


def _plain(found: object) -> dict[str, object]:
    from dataclasses import asdict

    values = asdict(found)  # type: ignore[call-overload]
    values.pop("keep")
    return dict(values)


def _days(keep: timedelta | None) -> float | None:
    return None if keep is None else keep / timedelta(days=1)


def _said(keep: timedelta | None) -> str:
    if keep is None:
        return "for ever"
    return "until they expire" if not keep else f"{keep / timedelta(days=1):g} days"


def register(root: typer.Typer) -> None:
    """Add `runfold retention`."""
    root.add_typer(app, name="retention")
