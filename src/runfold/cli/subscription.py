"""`runfold subscription`: list, show, move and drop the bookmarks of consumers of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from runfold.cli._connection import open_database
from runfold.cli.durations import short
from runfold.cli.output import Json, instant, print_facts, print_json, print_table, print_text

if TYPE_CHECKING:
    from runfold.reading.subscriptions import Moved

app = typer.Typer(help="Subscriptions: consumers of the log that keep a bookmark by their name.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The subscription's name.", metavar="NAME")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list", epilog="Example: runfold subscription list")
def list_(as_json: Json = False) -> None:
    """List the subscriptions: where each is, how far behind the log, who has it, and what it fails with."""
    from runfold.reading.subscriptions import read_subscriptions

    with open_database(shared=True) as connection:
        rows = read_subscriptions(connection)
    if as_json:
        print_json(rows)
        return
    print_table(
        [
            {
                "name": row["name"],
                "position": row["position"],
                "events behind": _lag(row),
                "for": _since(row) or "-",
                "consumer": _holder(row),
                "state": _state(row),
            }
            for row in rows
        ],
        columns=["name", "position", "events behind", "for", "consumer", "state"],
        empty="no subscriptions",
    )


@app.command(epilog="Example: runfold subscription show billing")
def show(name: Name, as_json: Json = False) -> None:
    """Show where a subscription is, who has it, what it asks for, and the last error of its handler."""
    from runfold.reading.subscriptions import read_subscriptions

    with open_database(shared=True) as connection:
        (row,) = read_subscriptions(connection, name)
    if as_json:
        print_json(row)
        return
    behind = "" if row["lag_seconds"] is None else f", the first for {_since(row)}"
    facts = {
        "subscription": row["name"],
        "position": f"{row['position']:,}",
        "event id": row["event_id"],
        "events behind": f"{_lag(row)}{behind}",
        "moved": f"{instant(row['moved_at'])} UTC",
        "consumer": _holder(row),
        "asks for": orjson.dumps(row["filters"]).decode() if row["filters"] else "all events",
    }
    if row["failed_error"] is not None:
        facts["fails since"] = f"{instant(row['failed_since'])} UTC, tries: {row['failed_tries']}"
        facts["last error"] = f"{row['failed_code']}: {row['failed_error']}"
    if row["restored_position"] is not None:
        facts["restored"] = (
            f"its bookmark was at {row['restored_position']:,} when the database was restored or failed over:"
            " what it had done further on is not known here"
        )
    print_facts(facts)


@app.command(epilog="Example: runfold subscription move billing --to 1200 --dry-run")
def move(
    name: Name,
    to: Annotated[
        str, typer.Option("--to", help="A position of the log, `start` or `end`.", metavar="POSITION", parser=str)
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Move a bookmark: backward, and events are received again; forward, and they are not received at all.

    Stop the consumer first.
    """
    from runfold.reading.subscriptions import move_subscription

    target = _target(to)
    with open_database() as connection:
        planned = move_subscription(connection, name, target, dry_run=True)
        if not dry_run:
            if not yes:
                typer.confirm(f"{_said(planned)}: move it?", abort=True)
            planned = move_subscription(connection, name, target)
    if as_json:
        plain = {field: getattr(planned, field) for field in ("name", "position", "to", "events", "events_are_exact")}
        print_json({**plain, "moved": not dry_run})
        return
    print_text(f"{_said(planned)}{' (not moved)' if dry_run else ''}")


@app.command(epilog="Example: runfold subscription drop billing --dry-run")
def drop(name: Name, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
    """Forget a bookmark: a consumer of that name begins from its start again. Stop it first."""
    from runfold.reading.subscriptions import drop_subscription

    with open_database(role="runfold_operator") as connection:
        row = drop_subscription(connection, name, dry_run=True)
        if not dry_run:
            if not yes:
                typer.confirm(f"forget that {name} is at position {row['position']:,}?", abort=True)
            row = drop_subscription(connection, name)
    if as_json:
        print_json({"name": name, "position": row["position"], "dropped": not dry_run})
        return
    print_text(f"{name} {'would be' if dry_run else 'is'} dropped; it was at position {row['position']:,}")


def _target(text: str) -> int | None:
    """Return the position of `--to`; None is the end."""
    if text == "start":
        return 0
    if text == "end":
        return None
    if not text.isascii() or not text.isdigit():
        raise typer.BadParameter(f"{text!r} is not a position: give a number, `start` or `end`", param_hint="--to")
    return int(text)


def _said(moved: Moved) -> str:
    between = f"{'' if moved.events_are_exact else 'more than '}{moved.events:,} events"
    if moved.to == moved.position:
        return f"{moved.name} stays at position {moved.position:,}"
    will = f"skips {between} for ever" if moved.forward else f"receives {between} again"
    return f"{moved.name} goes from position {moved.position:,} to {moved.to:,} and {will}"


def _lag(row: dict[str, Any]) -> str:
    return f"{row['lag']:,}" if row["lag_is_exact"] else f"more than {row['lag'] - 1:,}"


def _since(row: dict[str, Any]) -> str | None:
    return None if row["lag_seconds"] is None else short(int(1000 * row["lag_seconds"]))


def _holder(row: dict[str, Any]) -> str:
    if row["holder_pid"] is None:
        return "none"
    return f"pid {row['holder_pid']}" + (f" ({row['holder_role']})" if row["holder_role"] else "")


def _state(row: dict[str, Any]) -> str:
    said = ["fails" if row["failed_error"] is not None else "ok"]
    if row["restored_position"] is not None:
        said.append("restored")
    return ", ".join(said)


def register(root: typer.Typer) -> None:
    """Add `runfold subscription`."""
    root.add_typer(app, name="subscription")
