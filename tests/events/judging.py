"""What the three judges say of data or of a call: the models, PostgreSQL's quick path, and its exact path."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import psycopg

from runfold.errors import InvalidInput
from runfold.events import Event


class Verdict(NamedTuple):
    """A fault's code and pointer."""

    code: str
    pointer: str


def model_verdict(event: type[Event], data: dict[str, Any]) -> Verdict | None:
    """What the model says of an event's data; None: it is valid."""
    try:
        event.from_data(data)
    except InvalidInput as error:
        return Verdict(error.code, error.pointer or "")
    return None


def verdict(connection: psycopg.Connection[Any], function: str, *arguments: Any) -> Verdict | None:
    """What a function of the database raises; None: nothing."""
    marks = ", ".join(["%s"] * len(arguments))
    try:
        with connection.transaction():
            connection.execute(f"SELECT runfold.{function}({marks})", arguments)  # type: ignore[call-overload]
    except psycopg.Error as error:
        raised = error
    else:
        return None
    assert raised.sqlstate == "RF001", raised
    facts = json.loads(raised.diag.message_detail or "")
    assert set(facts) == {"code", "pointer", "limit", "found"}
    assert raised.diag.message_primary
    assert raised.diag.message_hint
    return Verdict(facts["code"], facts["pointer"])


def database_verdict(connection: psycopg.Connection[Any], call: Any) -> Verdict | None:
    """What validate_appends says of a call, given as JSON or as its text."""
    return verdict(connection, "validate_appends", call if isinstance(call, str) else json.dumps(call))


def exact_verdict(connection: psycopg.Connection[Any], call: Any) -> Verdict | None:
    """What the exact path alone says of a call."""
    return verdict(connection, "raise_append_fault", call if isinstance(call, str) else json.dumps(call))
