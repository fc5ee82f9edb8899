"""Read a stream's events, and the results of folding the whole log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg

import runfold
from runfold.events.envelope import RecordedEvent
from tests.fixtures.processes import assert_nothing_differs, drain


def types(store: runfold.Store, stream_id: str) -> list[str]:
    """Return the types of a stream's events, in order."""
    return [event.type for event in store.read_stream(stream_id)]


def last(store: runfold.Store, stream_id: str) -> RecordedEvent:
    """Return the last event of a stream."""
    return store.read_stream(stream_id)[-1]


def everything(store: runfold.Store) -> list[RecordedEvent]:
    """Return the whole log."""
    return store.read_all(limit=100_000)


def assert_dense(events: Iterable[RecordedEvent]) -> None:
    """Fail unless every stream's versions are 1, 2, 3 … in the log's order, and every event id is unique."""
    versions: Counter[str] = Counter()
    ids = set()
    for event in events:
        versions[event.stream_id] += 1
        assert event.stream_version == versions[event.stream_id], event
        ids.add(event.event_id)
    assert len(ids) == versions.total()


def assert_folds_without_anomalies(url: str) -> None:
    """Fold the log; fail if anything is parked, is an anomaly or differs."""
    assert not drain(url)
    with psycopg.connect(url, autocommit=True) as connection:
        assert rows(connection, "SELECT projection, code, stream_id, detail FROM runfold.anomalies") == []
    assert_nothing_differs(url)


def rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return connection.execute(query.encode()).fetchall()
