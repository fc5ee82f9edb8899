"""`runfold why`: the event that made a value what it is."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer

from runfold.cli._connection import catalogue, open_database
from runfold.cli.differences import progress_bar
from runfold.cli.execution import print_left_out
from runfold.cli.output import Json, instant, print_facts, print_json


def why(
    table: Annotated[str, typer.Argument(help="A read table.")],
    key: Annotated[str, typer.Argument(help="The row's key, or what is unique in it: an execution_id, for instance.")],
    column: Annotated[str, typer.Argument(help="The column.")],
    as_json: Json = False,
) -> None:
    """Name the event after which a value last differed from before, and the value before and after.

    The row's streams are folded anew up to the safe head, whatever the table holds. A key of several columns is said
    with a comma between its values.
    """
    from runfold.reading.past.why import why as find

    with open_database() as connection, progress_bar(shown=not as_json) as show:
        found = find(
            connection, catalogue(), table, key, column, progress=lambda *done: show(table, "events searched", *done)
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


def _text(value: Any) -> str:
    return "null" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def register(root: typer.Typer) -> None:
    """Add `runfold why`."""
    root.command("why", epilog="Example: runfold why workflow_executions 173688 status")(why)
