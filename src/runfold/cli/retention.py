"""`runfold retention`: show and set how long rows are kept, and remove what has expired."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from runfold.cli._connection import open_database
from runfold.cli.output import Json, instant, print_json, print_table, print_text

app = typer.Typer(help="Retention: how long rows are kept, and what removes them.", no_args_is_help=True)

Table = Annotated[str, typer.Argument(help="A table, with or without its schema.", metavar="TABLE")]


@app.command(epilog="Example: runfold retention show")
def show(as_json: Json = False) -> None:
    """Show, for each table with a retention, how long its rows are kept and how many have expired."""
    from runfold.worker.expiry import read_retention

    with open_database(shared=True, role="runfold_operator") as connection:
        found = read_retention(connection, count=True)
    if as_json:
        print_json([{**_plain(each), "keep_days": _days(each.keep)} for each in found])
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


@app.command("set", epilog="Example: runfold retention set workflow_execution_logs --days 90")
def set_(
    table: Table,
    days: Annotated[int | None, typer.Option("--days", min=0, help="Keep the rows so many days.")] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Keep the rows for ever.")] = False,
    as_json: Json = False,
) -> None:
    """Set how long the rows of a table are kept. What was removed does not come back."""
    from runfold.worker.expiry import set_retention

    if (days is None) == (not forever):
        raise typer.BadParameter("give either --days or --forever")
    keep = None if days is None else timedelta(days=days)
    with open_database(role="runfold_operator") as connection:
        name = set_retention(connection, table, keep)
    if as_json:
        print_json({"table": name, "keep_days": _days(keep)})
        return
    print_text(f"{name} keeps its rows {_said(keep)}; a worker removes older ones once a day")


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
