"""`runfold execution`: what ran and how it went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from runfold.cli.database import open_database
from runfold.cli.output import Json, print_facts, print_json, print_table

app = typer.Typer(help="Executions of workflows.", no_args_is_help=True)

_STATUSES = ("NEW", "RUNNING", "SUCCESS", "ERROR", "CANCELED", "PAUSED", "WAITING_FOR_HUMAN", "TIMEOUT")


@app.command("list", epilog="Example: runfold execution list --status error")
def list_(
    status: Annotated[
        str | None, typer.Option("--status", help="Only executions of this status.", metavar="STATUS")
    ] = None,
    workflow: Annotated[UUID | None, typer.Option("--workflow", help="Only executions of this workflow.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest executions."""
    from runfold.history.executions import list_executions

    if status is not None and status.upper() not in _STATUSES:
        raise typer.BadParameter(f"{status!r} is not one of {', '.join(_STATUSES)}", param_hint="--status")
    with open_database() as connection:
        rows = list_executions(
            connection, status=status.upper() if status else None, workflow_id=workflow, limit=limit
        )
    if as_json:
        print_json(rows)
        return
    print_table(
        [{**row, "started": _time(row["start_time"]), "took": _took(row["duration_ms"])} for row in rows],
        columns=["execution_id", "status", "workflow", "started", "took", "error_message"],
        empty="no executions",
    )


@app.command(epilog="Example: runfold execution show 173688")
def show(
    execution_id: Annotated[str, typer.Argument(help="The execution's id.")],
    logs: Annotated[int, typer.Option("--logs", min=0, max=10_000, help="How many log lines, the last ones.")] = 50,
    as_json: Json = False,
) -> None:
    """Show an execution with its nodes, pauses and log lines."""
    from runfold.history.executions import read_execution

    with open_database() as connection:
        found = read_execution(connection, execution_id, logs=logs)
    if as_json:
        print_json(found)
        return
    print_facts(
        {
            "execution": found["execution_id"],
            "workflow": found["workflow"] or found["workflow_id"],
            "status": found["status"],
            "mode": found["mode"],
            "started": _time(found["start_time"]),
            "took": _took(found["duration_ms"]),
            **({"error": found["error_message"]} if found["error_message"] else {}),
            "last event": found["last_event_position"],
        }
    )
    typer.echo()
    print_table(
        [{**row, "started": _time(row["start_time"]), "took": _took(row["duration_ms"])} for row in found["nodes"]],
        columns=["activation", "node_type", "status", "started", "took", "attempt", "max_retries"],
        empty="no nodes",
    )
    for title, rows, columns in (
        ("pauses", found["pauses"], ["name", "pause_reason", "status", "paused_at", "resumed_at", "timeout_at"]),
        ("log", found["logs"], ["created_at", "level", "event_type", "node_id", "message"]),
    ):
        if rows:
            typer.echo(f"\n{title}")
            print_table(rows, columns=columns)


def _time(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds").removesuffix("+00:00")


def _took(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    if milliseconds < 10_000:
        return f"{milliseconds} ms"
    seconds = milliseconds // 1000
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days} d {clock}" if days else clock


def register(root: typer.Typer) -> None:
    """Add `runfold execution`."""
    root.add_typer(app, name="execution")
