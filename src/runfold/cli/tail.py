"""`runfold execution tail`: print events as they are recorded."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import orjson
import typer

from runfold.cli._connection import open_database
from runfold.cli._opened import opening
from runfold.cli.archived import Archived
from runfold.cli.output import print_json_line, print_text
from runfold.cli.printable import printable
from runfold.errors import InvalidInput

_SHOWN = (
    "execution_id", "mode", "deployment_action", "trigger", "trigger_subtype", "index_key", "pause", "pause_reason",
    "resume_trigger", "to_status", "status", "interaction_type", "response_data", "error_message", "error", "reason",
    "message",
)  # fmt: skip
"""The fields of an event's data that are printed, in this order."""


def tail(
    execution_id: Annotated[
        str | None, typer.Argument(help="The execution's id, or its beginning; by default all streams.")
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            "--from",
            min=0,
            help="Without an id: begin after this position, not at the end of the log.",
            metavar="POSITION",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for new events, or end after the present ones.")
    ] = True,
    archived: Archived = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line, for scripts.")] = False,
) -> None:
    """Print events as they are recorded, one a line; Ctrl-C ends it.

    With an id: the events of that execution and its log lines, from the first one until it has ended. Without: the
    whole log, from now on.
    """
    from runfold.reading.tail import tail_execution, tail_log

    if execution_id is not None and since is not None:
        raise InvalidInput(
            "--from is for the whole log, not for one execution",
            hint="leave out the id, or --from",
            code="invalid_option",
        )
    with open_database(shared=True) as connection, contextlib.suppress(KeyboardInterrupt), opening() as opened:
        if execution_id is None:
            found = tail_log(connection, after=since, follow=follow, archived=archived)
        else:
            found = tail_execution(connection, execution_id, follow=follow)
        for event in map(opened, found):
            if as_json:
                print_json_line(event)
            else:
                print_text(_line(event))


def _line(event: dict[str, Any]) -> str:
    time = event["occurred_at"].strftime("%H:%M:%S.%f")[:-3]
    detail = _detail(event["data"] or {})
    return f"{time}  {event['position']:>8}  {event['stream_id']}  {event['type']}  {detail}".rstrip()


def _detail(data: dict[str, Any]) -> str:
    said = []
    if "activation" in data:
        said.append(_text(data["activation"]))
        if data.get("attempt", 1) > 1 or "will_retry" in data:
            said.append(f"attempt {data['attempt']}")
    if isinstance(error := data.get("error_data"), dict):
        said.append(_text(error.get("message", error)))
    if "level" in data and data["level"] != "INFO":
        said.append(str(data["level"]))
    said += [_text(data[name]) for name in _SHOWN if data.get(name) is not None]
    if isinstance(request := data.get("request_data"), dict) and "question" in request:
        said.append(_text(request["question"]))
    return "  ".join(said)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    # Text from an event must not break the line.
    return printable(text).replace("\n", " ")
