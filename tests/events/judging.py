"""Ask the judges of data or of a call: the models, PostgreSQL's quick path, and its exact path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from runfold.errors import InvalidInput
from runfold.events import Event

# Asks in one round trip: what each call raises, as the facts in the error's detail.
_JUDGES = """
CREATE SCHEMA judges;
CREATE FUNCTION judges.judge(function_name text, call text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    message text;
    hint text;
BEGIN
    EXECUTE format('SELECT runfold.%I($1)', function_name) USING call;
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'RF001' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN detail::jsonb || jsonb_build_object('message', message, 'hint', hint);
END $$;
CREATE FUNCTION judges.quick(category text, type text, stream_id text, data jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN runfold.event_is_valid(category, type, stream_id, data);
EXCEPTION WHEN data_exception THEN
    RETURN false;
END $$;
"""


class Verdict(NamedTuple):
    """A fault's code and pointer."""

    code: str
    pointer: str


def install(connection: psycopg.Connection[Any]) -> None:
    """Create the functions that ask."""
    connection.execute(_JUDGES)  # type: ignore[arg-type]


def model_verdict(event: type[Event], data: dict[str, Any]) -> Verdict | None:
    """Return the model's fault of an event's data; None if it is valid."""
    try:
        event.from_data(data)
    except InvalidInput as error:
        return Verdict(error.code, error.pointer or "")
    return None


def verdicts(connection: psycopg.Connection[Any], function: str, calls: Sequence[str]) -> list[Verdict | None]:
    """Return the error of a database function for each call's text; None if it raises nothing."""
    rows = connection.execute(
        "SELECT judges.judge(%s, c) FROM unnest(%s::text[]) WITH ORDINALITY AS u (c, n) ORDER BY n",
        (function, list(calls)),
    )
    found: list[Verdict | None] = []
    for (facts,) in rows:
        if facts is not None:
            assert set(facts) == {"code", "pointer", "limit", "found", "message", "hint"}
            assert facts["message"]
            assert facts["hint"]
        found.append(facts and Verdict(facts["code"], facts["pointer"]))
    return found


def quick_verdicts(
    connection: psycopg.Connection[Any], cases: Sequence[tuple[type[Event], str, Any]]
) -> list[bool | None]:
    """Return whether the quick path accepts data of each event type, in the stream with that id."""
    rows = connection.execute(
        "SELECT judges.quick(q.category, q.type, q.stream_id, q.data::jsonb)"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
        " WITH ORDINALITY AS q (category, type, stream_id, data, n) ORDER BY n",
        (
            [event.category() for event, _, _ in cases],
            [event.event_type() for event, _, _ in cases],
            [stream_id for _, stream_id, _ in cases],
            [json.dumps(data) for _, _, data in cases],
        ),
    )
    return [row[0] for row in rows]


def database_verdict(connection: psycopg.Connection[Any], call: Any) -> Verdict | None:
    """Return the fault that validate_appends finds in a call, given as JSON or as its text."""
    return verdicts(connection, "validate_appends", [call if isinstance(call, str) else json.dumps(call)])[0]


def exact_verdict(connection: psycopg.Connection[Any], call: Any) -> Verdict | None:
    """Return the fault that the exact path alone finds in a call."""
    return verdicts(connection, "raise_append_fault", [call if isinstance(call, str) else json.dumps(call)])[0]
