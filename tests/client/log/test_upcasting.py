"""Every reader gets old events in the current shape of their type."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

import runfold
from runfold.errors import InvalidInput
from tests.factories import CATEGORY, EVENT_TYPE, a_stream, happening

Connection = psycopg.Connection[Any]

OTHER_TYPE = "OtherHappened"


def register(connection: Connection, from_version: int, step: str) -> None:
    """Create a function from an expression over `data`, and register it."""
    connection.execute(
        f"""CREATE FUNCTION public.thing_{from_version}(data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
            RETURN {step}"""
    )
    connection.execute(
        "SELECT runfold.register_upcaster(%s, %s, %s)", (EVENT_TYPE, from_version, f"public.thing_{from_version}")
    )


def shapes(store: runfold.Store, connection: Connection, stream: str) -> list[Any]:
    """Return the data of the log's events, which is the same by all three ways of reading."""
    by_log = [event.data for event in store.read_all()]
    by_stream = [event.data for event in store.read_stream(stream)]
    by_sql = [data for (data,) in connection.execute("SELECT data FROM runfold.read_all() ORDER BY position")]
    assert by_log == by_stream == by_sql
    return by_log


def test_two_versions_of_a_type_in_one_log_are_read_in_one_shape(store: runfold.Store, connection: Connection) -> None:
    store.register_event_types(CATEGORY, [EVENT_TYPE, OTHER_TYPE])
    stream = a_stream(CATEGORY)
    store.append(stream, [happening(data={"amount": 5})])
    register(connection, 1, "data - 'amount' || jsonb_build_object('cents', (data ->> 'amount')::bigint * 100)")
    store.append(
        stream,
        [
            happening(data={"cents": 700}, schema_version=2),
            happening(data={"amount": 9}),  # by a producer that was not upgraded yet
            happening(OTHER_TYPE, data={"amount": 1}),
        ],
    )
    assert shapes(store, connection, stream) == [{"cents": 500}, {"cents": 700}, {"cents": 900}, {"amount": 1}]

    # Every step from there to the newest.
    register(connection, 2, "data || jsonb_build_object('currency', 'EUR')")
    assert shapes(store, connection, stream) == [
        {"cents": 500, "currency": "EUR"},
        {"cents": 700, "currency": "EUR"},
        {"cents": 900, "currency": "EUR"},
        {"amount": 1},
    ]
    # What is stored is what was sent.
    stored = connection.execute("SELECT data, schema_version FROM runfold.events ORDER BY position").fetchall()
    assert stored[0] == ({"amount": 5}, 1)
    assert [event.schema_version for event in store.read_all()] == [1, 2, 1, 1]


def test_sending_an_old_version_again_is_still_a_repeat(store: runfold.Store, connection: Connection) -> None:
    store.register_event_types(CATEGORY, [EVENT_TYPE])
    stream, event = a_stream(CATEGORY), happening(data={"amount": 5})
    store.append(stream, [event])
    register(connection, 1, "jsonb_build_object('cents', (data ->> 'amount')::bigint * 100)")
    assert store.append(stream, [event]).repeated


def test_a_version_newer_than_the_registered_one_is_refused(store: runfold.Store, connection: Connection) -> None:
    store.register_event_types(CATEGORY, [EVENT_TYPE])
    with pytest.raises(InvalidInput):
        store.append(a_stream(CATEGORY), [happening(schema_version=2)])
    register(connection, 1, "data")
    store.append(a_stream(CATEGORY), [happening(schema_version=2)])


@pytest.mark.parametrize("function", ["public.absent", "pg_catalog.lower", "pg_catalog.jsonb_pretty"])
def test_what_is_no_immutable_function_from_jsonb_to_jsonb_is_no_upcaster(
    store: runfold.Store, connection: Connection, function: str
) -> None:
    store.register_event_types(CATEGORY, [EVENT_TYPE])
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("SELECT runfold.register_upcaster(%s, 1, %s)", (EVENT_TYPE, function))
    assert refused.value.sqlstate == "42883"
    assert connection.execute("SELECT count(*) FROM runfold.upcasters").fetchone() == (0,)
