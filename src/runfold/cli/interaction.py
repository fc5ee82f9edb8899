"""`runfold interaction`: list questions to people, answer and withdraw them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from runfold.cli._connection import open_database, workflow_of
from runfold.cli._opened import opened
from runfold.cli._store import Data, open_store, operator, parse_json, whole_id
from runfold.cli.details import print_row
from runfold.cli.durations import short
from runfold.cli.output import Json, print_json, print_table, print_text
from runfold.cli.paging import After, InteractionId, Limit, Workflow, one_of, parse_after, print_next
from runfold.cli.words import statuses_of

app = typer.Typer(help="Interactions: questions to people.", no_args_is_help=True)


def _statuses() -> tuple[str, ...]:
    return (*statuses_of("interaction"), "all")


@app.command("list", epilog="Example: runfold interaction list --status pending")
def list_(
    status: Annotated[
        str,
        typer.Option("--status", help="Only of this status, or all.", metavar="STATUS", autocompletion=_statuses),
    ] = "pending",
    workflow: Workflow = None,
    after: After = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List interactions, the nearest deadline first. In JSON, each row has its `page_token` for --after."""
    from runfold.reading.lists import list_interactions

    chosen, place = one_of(status, _statuses, "--status"), parse_after(after)
    with open_database(shared=True) as connection:
        rows = list_interactions(
            connection,
            status=None if chosen == "all" else chosen,
            workflow_id=workflow_of(connection, workflow),
            after=place,
            limit=limit,
        )
    rows = opened(rows)
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
        empty="no pending interactions" if chosen == "pending" else "no interactions",
    )
    print_next(rows, limit)


@app.command(epilog="Example: runfold interaction respond INTERACTION --data '{\"approved\": true}'")
def respond(
    interaction_id: InteractionId,
    data: Data,
    responder: Annotated[
        str | None, typer.Option("--responder", help="Who answers; by default you, by your login name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer for a person; the execution continues. Exit code 1 when it was answered or timed out before."""
    value = parse_json(data, "--data")
    with open_store() as store:
        asked = store.interactions.answer(
            whole_id(store, "interaction", interaction_id), value, responder=responder or operator()
        )
    _tell(asked.name, asked.status, as_json)


@app.command(epilog="Example: runfold interaction show 0198c1f2")
def show(
    interaction_id: InteractionId,
    as_json: Json = False,
) -> None:
    """Show a question with all that was asked and answered, and what happened to it."""
    from runfold.reading.lists import read_interaction

    with open_database(shared=True) as connection:
        found = opened(read_interaction(connection, interaction_id))
    if as_json:
        print_json(found)
    else:
        print_row("interaction", found)


@app.command(epilog="Example: runfold interaction withdraw INTERACTION")
def withdraw(
    interaction_id: InteractionId,
    as_json: Json = False,
) -> None:
    """Cancel the interaction and the pause that waits for it. Exit code 1 when it has ended."""
    with open_store() as store:
        asked = store.interactions.withdraw(whole_id(store, "interaction", interaction_id), by=operator())
    _tell(asked.name, asked.status, as_json)


def _tell(interaction_id: str, status: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"interaction_id": interaction_id, "status": status})
    else:
        print_text(f"interaction {interaction_id} is {status}")


def _deadline(row: dict[str, Any], now: datetime) -> str:
    if row["timeout_at"] is None:
        return "none"
    left = round((row["timeout_at"] - now).total_seconds() * 1000)
    return f"in {short(left)}" if left >= 0 else f"{short(-left)} ago"


def _question(request: Any) -> Any:
    if not isinstance(request, dict):
        return request
    return next((request[name] for name in ("question", "title", "message", "prompt") if name in request), None)


def register(root: typer.Typer) -> None:
    """Add `runfold interaction`."""
    root.add_typer(app, name="interaction")
