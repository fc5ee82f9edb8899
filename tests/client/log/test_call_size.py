"""A call that PostgreSQL could not take is refused with its limit, from Python before it is sent, and from SQL."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import DataError, StoredEvent

from runfold.database.connections import map_error
from runfold.errors import InvalidInput
from runfold.events import LogAppended
from runfold.events.codec import MAX_CALL_BYTES, encode_appends
from runfold.events.envelope import Append, NewEvent
from runfold.eventsourcing.recorders import RunfoldAggregateRecorder

LINE = LogAppended(level="INFO", event_type="workflow_progress", message="y" * 1_000_000)


def test_a_call_of_more_than_256_mb_is_refused_before_it_is_sent() -> None:
    line = NewEvent.of(LINE)
    with pytest.raises(InvalidInput) as refused:
        encode_appends([Append(stream_id="log-x", events=[line] * 257)])
    assert (refused.value.code, refused.value.limit) == ("call_too_large", MAX_CALL_BYTES)
    assert refused.value.found > MAX_CALL_BYTES
    assert "256000000 bytes" in str(refused.value)


def test_states_of_more_than_256_mb_are_refused_before_they_are_sent() -> None:
    state = b"x" * 1_000_000
    with pytest.raises(DataError, match="256000000 bytes"):
        RunfoldAggregateRecorder._require_room([StoredEvent(uuid4(), n, "a:B", state) for n in range(257)])
    RunfoldAggregateRecorder._require_room([StoredEvent(uuid4(), n, "a:B", state) for n in range(256)])


def refusal(connection: psycopg.Connection[Any], text: str) -> InvalidInput:
    """Return the error with which the SQL function refuses a call."""
    with pytest.raises(psycopg.Error) as raised:
        connection.execute(f"SELECT * FROM runfold.append_events({text})".encode())
    error = map_error(raised.value)
    assert isinstance(error, InvalidInput), raised.value
    return error


def test_sql_refuses_a_text_over_the_limit(connection: psycopg.Connection[Any]) -> None:
    error = refusal(connection, f"'[' || repeat(' ', {MAX_CALL_BYTES}) || ']'")
    assert (error.code, error.limit, error.found) == ("call_too_large", MAX_CALL_BYTES, MAX_CALL_BYTES + 2)


def test_sql_refuses_a_text_that_jsonb_cannot_hold(connection: psycopg.Connection[Any]) -> None:
    """Short numbers take twelve bytes of jsonb each."""
    error = refusal(connection, "'[' || repeat('1,', 24000000) || '1]'")
    assert (error.code, error.limit) == ("call_too_large", MAX_CALL_BYTES)


def test_control_a_nesting_over_a_limit_is_still_said_to_be_too_deep(connection: psycopg.Connection[Any]) -> None:
    assert refusal(connection, "repeat('[', 100000)").code == "too_deep"
