"""What the tests of writing look at: a stream's events, and what the folds make of the whole log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg

import runfold
from runfold.events.envelope import RecordedEvent
from tests.fixtures.processes import assert_nothing_differs, drain


def types(store: runfold.Store, stream_id: str) -> list[str]:
    """The types of a stream's events, in their order."""
    return [event.type for event in store.read_stream(stream_id)]


def last(store: runfold.Store, stream_id: str) -> RecordedEvent:
    """The last event of a stream."""
    return store.read_stream(stream_id)[-1]


def everything(store: runfold.Store) -> list[RecordedEvent]:
    """The whole log."""
    return store.read_all(limit=100_000)


def assert_dense(events: Iterable[RecordedEvent]) -> None:
    """Every stream's versions are 1, 2, 3 … in the log's order, and no event id comes twice."""
    versions: Counter[str] = Counter()
    ids = set()
    for event in events:
        versions[event.stream_id] += 1
        assert event.stream_version == versions[event.stream_id], event
        ids.add(event.event_id)
    assert len(ids) == versions.total()


def assert_folds_without_anomalies(url: str) -> None:
    """Fold the log: nothing waits, nothing is odd, nothing differs."""
    assert not drain(url)
    with psycopg.connect(url, autocommit=True) as connection:
        assert rows(connection, "SELECT projection, code, stream_id, detail FROM runfold.anomalies") == []
    assert_nothing_differs(url)


def rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    """What a query finds."""
    return connection.execute(query.encode()).fetchall()
