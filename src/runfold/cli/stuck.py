"""`runfold execution stuck`: find executions on which nobody works any more."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli._connection import open_database
from runfold.cli.durations import parse_duration, short
from runfold.cli.execution import app
from runfold.cli.output import Json, console, print_json, print_table, print_text

if TYPE_CHECKING:
    from runfold.reading.status import Row
    from runfold.reading.stuck import Stuck


@app.command(epilog="Example: runfold execution stuck --idle 2h --declare-lost --dry-run")
def stuck(
    idle: Annotated[
        int,
        typer.Option(
            "--idle", parser=parse_duration, help="Without an event for this long: 30m, 1h, 2d.", metavar="DURATION"
        ),
    ] = "1h",  # type: ignore[assignment]  # the parser makes it milliseconds
    declare_lost: Annotated[
        bool, typer.Option("--declare-lost", help="End the executions without an event for so long.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --declare-lost: only print them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --declare-lost: do not ask.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, help="Show at most this many of each kind.")
    ] = 1000,
    as_json: Json = False,
) -> None:
    """List executions without an event for --idle, overdue pauses, and deployments that do not end.

    An execution that waits for a person or for a time is not idle, nor is one whose engine beats; one whose engine is
    silent is listed at once. A log line counts as an event. With
    --declare-lost, each execution is checked again and ended with ExecutionDeclaredLost, unless an event came
    meanwhile. In a terminal it asks first.
    """
    from runfold.reading.stuck import find_stuck

    patience = timedelta(milliseconds=idle)
    role = "runfold_operator" if declare_lost else "runfold_engine"
    with open_database(shared=True, role=role) as connection:
        found = find_stuck(connection, patience, limit=limit)
        given_up = found.abandoned(patience) if declare_lost else []
        if not as_json:
            _print(found)
        if given_up and not dry_run and not yes and not as_json and sys.stdin.isatty():
            typer.confirm(f"declare {len(given_up)} executions lost?", abort=True)
        lost = [] if dry_run else _declare(connection, given_up, patience, shown=not as_json)
    if as_json:
        print_json(
            {
                "executions": found.executions,
                "pauses": found.pauses,
                "deployments": found.deployments,
                **({"to_declare_lost": given_up} if dry_run else {}),
                **({"declared_lost": lost} if declare_lost and not dry_run else {}),
            }
        )
    elif declare_lost:
        names = given_up if dry_run else lost
        print_text(f"\n{'would be ' if dry_run else ''}declared lost: {len(names)}")
        for name in names:
            print_text(f"  {name}")
        if not dry_run and len(lost) < len(given_up):
            print_text(f"not declared lost, because an event came meanwhile: {len(given_up) - len(lost)}")


def _declare(connection: Any, given_up: list[str], idle: timedelta, *, shown: bool) -> list[str]:
    """Declare the executions lost, each in its own transaction, and return those that were."""
    from rich.progress import track

    from runfold.reading.stuck import declare_lost

    screen = console(err=True)
    shown = shown and screen.is_terminal
    names = track(given_up, "declaring lost", console=screen, transient=True, disable=not shown)
    return [name for name in names if declare_lost(connection, name, idle) is not None]


def _print(found: Stuck) -> None:
    if found.nothing:
        print_text("nothing is stuck")

    def ago(seconds: float | None) -> str | None:
        return None if seconds is None else f"{short(max(0, round(seconds * 1000)))} ago"

    sections: list[tuple[str, list[Row], list[str]]] = [
        ("executions without events", found.executions, ["execution_id", "status", "workflow", "engine", "seen"]),
        ("open pauses", found.pauses, ["execution_id", "pause", "node_id", "reason", "due", "interaction", "seen"]),
        ("deployments under way", found.deployments, ["workflow", "action", "status", "version", "seen"]),
    ]
    for number, (title, rows, columns) in enumerate([one for one in sections if one[1]]):
        print_text(f"{chr(10) if number else ''}{title}")
        print_table(
            [
                {
                    **row,
                    "engine": None if row.get("engine") is None else f"{row['engine']}, silent",
                    "workflow": row["workflow"] or row["workflow_id"],
                    "seen": ago(row["idle_seconds"]),
                    "due": ago(row["overdue_seconds"]) if row.get("reason") == "past its time" else None,
                    "interaction": row.get("interaction_status"),
                    "action": row.get("deployment_action"),
                    "version": row.get("deployment_version"),
                }
                for row in rows
            ],
            columns=columns,
        )
