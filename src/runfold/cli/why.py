"""`runfold why`: find the event that last changed a value."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from runfold.cli._connection import catalogue, open_database, user_login
from runfold.cli.differences import progress_bar
from runfold.cli.execution import print_left_out
from runfold.cli.output import Json, instant, print_facts, print_json

if TYPE_CHECKING:
    from runfold.reading.ids import Kind

_KINDS: dict[str, Kind] = {
    "workflow_executions": "execution",
    "human_interactions": "interaction",
    "hil_responses": "response",
    "workflow_status": "workflow",
}
"""The tables whose rows have such an id, of which a beginning does."""


def why(
    table: Annotated[str, typer.Argument(help="A read table.")],
    key: Annotated[
        str, typer.Argument(help="The row's key, or another unique value of it, for example an execution_id.")
    ],
    column: Annotated[str, typer.Argument(help="The column.")],
    as_json: Json = False,
) -> None:
    """Find the event that last changed a value, and show the value before and after it.

    The row's streams are folded again up to the safe head, independently of the table. Separate the values of a key of
    several columns with commas.
    """
    from runfold.reading.past.why import why as find

    known = catalogue()
    with open_database() as connection, progress_bar(shown=not as_json) as show:
        found = find(
            connection,
            known,
            table,
            _whole(connection, table, key),
            column,
            progress=lambda *done: show(table, "events searched", *done),
            login=user_login(known),
        )
    if as_json:
        print_json(found)
        return
    event = found.event
    print_facts(
        {
            "row": ", ".join(f"{name} {value}" for name, value in found.key.items()),
            "column": f"{found.table}.{found.column}",
            "before": "no row" if found.kind == "made" else _text(found.before),
            "after": "no row" if found.kind == "removed" else _text(found.after),
            "event": f"{event['type']}, event {event['stream_version']} of {event['stream_id']}",
            "position": f"{event['position']:,}",
            "occurred": f"{instant(event['occurred_at'])} UTC",
            "recorded": f"{instant(event['recorded_at'])} UTC",
            "actor": event["actor"],
        }
    )
    print_left_out({"parked_streams": found.parked_streams, "discarded_events": found.discarded_events})


def _whole(connection: Any, table: str, key: str) -> str:
    """Return the whole id of a key that is the beginning of one; another key as it is."""
    from runfold.errors import UnknownId
    from runfold.reading.ids import find_id

    if (kind := _KINDS.get(table)) is not None:
        with suppress(UnknownId):
            return find_id(connection, kind, key)
    return key


def _text(value: Any) -> str:
    return "null" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def register(root: typer.Typer) -> None:
    """Add `runfold why`."""
    root.command("why", epilog="Example: runfold why workflow_executions 173688 status")(why)
