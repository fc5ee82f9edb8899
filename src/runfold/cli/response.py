"""`runfold response`: list incoming messages, and match them to interactions by hand."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import orjson
import typer

from runfold.cli._connection import open_database, workflow_of
from runfold.cli._opened import opened
from runfold.cli._store import Data, open_store, operator, parse_json, whole_id
from runfold.cli.details import print_row
from runfold.cli.output import Json, console, instant, print_json, print_table, print_text
from runfold.cli.paging import After, Limit, ResponseId, Workflow, one_of, parse_id, print_next
from runfold.cli.words import statuses_of

app = typer.Typer(help="Responses: messages that came in through channels.", no_args_is_help=True)


def _statuses() -> tuple[str, ...]:
    return (*statuses_of("response"), "all")


@app.command("list", epilog="Example: runfold response list --status unprocessed")
def list_(
    status: Annotated[
        str,
        typer.Option("--status", help="Only of this status, or all.", metavar="STATUS", autocompletion=_statuses),
    ] = "all",
    workflow: Workflow = None,
    after: After = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List responses, the unprocessed first, then the newest, and why each is open, or is what it is.

    In JSON, each row has its `reason`, and its `page_token` for --after.
    """
    from runfold.reading.responses import list_responses

    chosen = one_of(status, _statuses, "--status")
    with open_database(shared=True) as connection:
        rows = list_responses(
            connection,
            status=None if chosen == "all" else chosen,
            workflow_id=workflow_of(connection, workflow),
            after=after,
            limit=limit,
        )
    rows = opened(_with_reasons(rows))
    if as_json:
        print_json(rows)
        return
    print_table(
        [
            {
                **row,
                "received": instant(row["received_at"]),
                "channel": row["source_channel"],
                "why": row["reason"],
                "says": orjson.dumps(row["raw_payload"]).decode()[:80],
            }
            for row in rows
        ],
        columns=["status", "id", "received", "channel", "says", "why"],
        empty="no responses" if chosen == "all" else f"no responses that are {chosen}",
    )
    print_next(rows, limit)


@app.command(epilog="Example: runfold response show 0198c1f2")
def show(
    response_id: ResponseId,
    as_json: Json = False,
) -> None:
    """Show a message with all that came in, and why it answers an interaction or none."""
    from runfold.reading.responses import read_response

    with open_database(shared=True) as connection:
        found = opened(read_response(connection, response_id))
    if as_json:
        print_json(found)
    else:
        print_row("response", found)


def _with_reasons(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with the reason of each: of an open one that for which the rules leave it open now."""
    from runfold.errors import KeyUnavailable

    reasons = {row["id"]: row["error"] or row["ai_reasoning"] for row in rows}
    if still_open := [row["id"] for row in rows if row["status"] == "unprocessed"]:
        with open_store() as store:
            for response_id in still_open:
                try:
                    reasons[response_id] = store.responses.reason(response_id)
                except KeyUnavailable as closed:
                    reasons[response_id] = closed.message  # its row is shown all the same, encrypted
    return [{**row, "reason": reasons[row["id"]]} for row in rows]


@app.command(epilog="Example: runfold response match RESPONSE INTERACTION --data '{\"approved\": true}'")
def match(
    response_id: ResponseId,
    interaction_id: Annotated[
        str,
        typer.Argument(
            parser=parse_id, metavar="ID", help="The id of the interaction that it answers, or its beginning."
        ),
    ],
    data: Data,
    responder: Annotated[str | None, typer.Option("--responder", help="Who answered.")] = None,
    as_json: Json = False,
) -> None:
    """Match a response to an interaction by hand; the execution continues."""
    value = parse_json(data, "--data")
    with open_store() as store:
        response, interaction = (
            whole_id(store, "response", response_id),
            whole_id(store, "interaction", interaction_id),
        )
        found = store.responses.match(response, interaction, value, by=operator(), responder=responder)
    if as_json:
        print_json(found)
    else:
        print_text(f"response {response} answers interaction {interaction}")


@app.command("filter-out", epilog="Example: runfold response filter-out RESPONSE --reason 'an automatic reply'")
def filter_out(
    response_id: ResponseId,
    reason: Annotated[str, typer.Option("--reason", help="Why it answers no interaction.")],
    as_json: Json = False,
) -> None:
    """Mark a response as one that answers no interaction."""
    with open_store() as store:
        response = whole_id(store, "response", response_id)
        found = store.responses.filter_out(response, by=operator(), reason=reason)
    if as_json:
        print_json(found)
    else:
        print_text(f"response {response} is {found.status}")


@app.command(epilog="Example: runfold response reopen RESPONSE")
def reopen(
    response_id: ResponseId,
    as_json: Json = False,
) -> None:
    """Open a filtered-out or failed response, so that it is classified again."""
    with open_store() as store:
        response = store.responses.reopen(whole_id(store, "response", response_id), by=operator())
    if as_json:
        print_json({"response_id": response.name, "status": response.status})
    else:
        print_text(f"response {response.name} is {response.status}")


@app.command(epilog="Example: runfold response sweep")
def sweep(
    workflow: Workflow = None,
    as_json: Json = False,
) -> None:
    """Classify all unprocessed responses by the rules, the oldest first."""
    from rich.progress import track

    screen = console(err=True)
    with open_store() as store:
        chosen = None if workflow is None else whole_id(store, "workflow", workflow)
        found = list(
            track(
                store.responses.sweep(workflow_id=chosen),
                "classifying",
                total=None,
                console=screen,
                transient=True,
                disable=as_json or not screen.is_terminal,
            )
        )
    if as_json:
        print_json(found)
        return
    counts = Counter("left open" if one.status == "unprocessed" else one.status for one in found)
    print_text(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "nothing is open")


def register(root: typer.Typer) -> None:
    """Add `runfold response`."""
    root.add_typer(app, name="response")
