"""Only runfold's streams have events with our type names; some of them only runfold's own functions append."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold.errors import InvalidInput
from runfold.events import Event
from tests.events.examples import ALL_EVENTS, append, data_for, envelope, stream_of


@pytest.fixture
def store(database_url: str) -> Any:
    with runfold.connect(database_url) as store:
        yield store


def test_a_category_of_one_s_own_never_takes_a_type_of_ours(
    store: runfold.Store, connection: psycopg.Connection[tuple[Any, ...]]
) -> None:
    store.register_event_types("orders")
    with pytest.raises(InvalidInput) as refused:
        store.append("orders-1", [runfold.NewEvent(type="WorkflowDeleted", data={"at": "2026-01-01T00:00:00Z"})])
    assert (refused.value.code, refused.value.pointer) == ("reserved_type", "/0/events/0/type")
    with pytest.raises(InvalidInput) as refused:
        store.register_event_types("orders", ["ExecutionCreated"])
    assert refused.value.code == "reserved_type"
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (0,)


def test_control_another_name_is_taken(store: runfold.Store) -> None:
    store.register_event_types("orders")
    assert store.append("orders-1", [runfold.NewEvent(type="OrderPlaced", data={})]).version == 1


RESERVED = [event for event in ALL_EVENTS if event.reserved]
"""Those that functions of runfold append, and nobody else."""

by_event = pytest.mark.parametrize("event", RESERVED, ids=lambda event: event.event_type())


def call_with(event: type[Event]) -> str:
    """Return a call of append_events with a valid event of this type."""
    data = data_for(event)
    return json.dumps([append(envelope(event.event_type(), data), stream_id=stream_of(event, data))])


def test_some_events_are_reserved() -> None:
    assert {event.event_type() for event in RESERVED} >= {"DefinitionSaved"}


@by_event
@pytest.mark.parametrize("role", ["runfold_engine", "runfold_operator", "service_role", "runfold"])
@pytest.mark.parametrize("function", ["append_events", "validate_appends"])
def test_a_reserved_event_is_refused_whoever_appends_it(
    connection: psycopg.Connection[tuple[Any, ...]], event: type[Event], role: str, function: str
) -> None:
    connection.execute(f"SET ROLE {role}")  # type: ignore[call-overload]
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(f"SELECT runfold.{function}(%s)", (call_with(event),))  # type: ignore[call-overload]
    facts = json.loads(refused.value.diag.message_detail or "")
    found = (refused.value.sqlstate, facts["code"], facts["pointer"])
    assert found == ("RF001", "reserved_category", "/0/events/0/type")


@by_event
def test_control_a_function_of_ours_appends_it(
    connection: psycopg.Connection[tuple[Any, ...]], event: type[Event]
) -> None:
    done = connection.execute("SELECT version FROM runfold.append_reserved(%s)", (call_with(event),)).fetchone()
    assert done == (1,)
    assert connection.execute("SELECT count(*) FROM runfold.permits").fetchone() == (0,)


@pytest.mark.parametrize("role", ["runfold_engine", "runfold_operator", "runfold_projector", "service_role"])
@pytest.mark.parametrize(
    "way", ["INSERT INTO runfold.permits VALUES (gen_random_uuid())", "SELECT runfold.append_reserved('[]')"]
)
def test_nobody_gives_himself_a_permit(connection: psycopg.Connection[tuple[Any, ...]], role: str, way: str) -> None:
    connection.execute(f"SET ROLE {role}")  # type: ignore[call-overload]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(way)  # type: ignore[call-overload]


def test_a_reserved_category_takes_no_opaque_events(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(
            "SELECT runfold.append_opaque_events('definition', %s, '{1}', '{1}', '{DefinitionSaved}', '{1}', %s, %s,"
            " now())",
            ([str(uuid4())], [b"x"], [uuid4()]),
        )
    assert json.loads(refused.value.diag.message_detail or "")["code"] == "reserved_category"
