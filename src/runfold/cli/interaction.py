"""`runfold interaction`: what people are asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from runfold.cli.database import open_database
from runfold.cli.durations import short
from runfold.cli.output import Json, print_json, print_table
from runfold.cli.paging import After, Limit, one_of, parse_after, print_next

app = typer.Typer(help="Interactions: what people are asked.", no_args_is_help=True)

_STATUSES = ("pending", "responded", "timeout", "error", "cancelled", "all")


@app.command("list", epilog="Example: runfold interaction list --status pending")
def list_(
    status: Annotated[
        str,
        typer.Option(
            "--status", help="Only of this status, or all.", metavar="STATUS", autocompletion=lambda: _STATUSES
        ),
    ] = "pending",
    workflow: Annotated[UUID | None, typer.Option("--workflow", help="Only of this workflow.")] = None,
    after: After = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List what waits for people, the nearest deadline first. In JSON every row carries its cursor for --after."""
    from runfold.history.lists import list_interactions

    chosen = one_of(status, _STATUSES, "--status")
    with open_database() as connection:
        rows = list_interactions(
            connection,
            status=None if chosen == "all" else chosen,
            workflow_id=workflow,
            after=parse_after(after),
            limit=limit,
        )
    if as_json:
        print_json(rows)
        return
    now = datetime.now(UTC)
    print_table(
        [
            {
                **row,
                "deadline": _deadline(row, now),
                "execution": row["execution_id"],
                "asks": _question(row["request_data"]),
            }
            for row in rows
        ],
        columns=["deadline", "id", *(["status"] if chosen != "pending" else []), "priority", "execution", "asks"],
        empty="nobody is asked anything" if chosen == "pending" else "no interactions",
    )
    print_next(rows, limit)


def _deadline(row: dict[str, Any], now: datetime) -> str:
    if row["timeout_at"] is None:
        return "none"
    left = round((row["timeout_at"] - now).total_seconds() * 1000)
    return f"in {short(left)}" if left >= 0 else f"{short(-left)} ago"


def _question(request: dict[str, Any]) -> Any:
    return next((request[name] for name in ("question", "title", "message", "prompt") if name in request), None)


def register(root: typer.Typer) -> None:
    """Add `runfold interaction`."""
    root.add_typer(app, name="interaction")
