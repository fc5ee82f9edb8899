"""A node of an execution, and each activation of it, has one open pause, regardless of who appends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold import events
from runfold.errors import ClaimTaken

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(database_url: str) -> Iterator[runfold.Store]:
    with runfold.connect(database_url) as store:
        yield store


@pytest.fixture
def stream(store: runfold.Store) -> str:
    """A running execution."""
    execution = str(uuid4())
    created = events.ExecutionCreated(execution_id=execution, workflow_id=uuid4(), mode="MANUAL")
    store.append(f"execution-{execution}", [created, events.ExecutionStarted(start_time=1)])
    return f"execution-{execution}"


def opened(pause: str, node: str = "n1", activation: str | None = None) -> events.PauseOpened:
    return events.PauseOpened(
        pause=pause,
        paused_node_id=node,
        activation=activation,
        pause_reason="manual",
        paused_at=AT,
        resume_conditions={},
    )


def claims(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return connection.execute("SELECT key, name FROM runfold.claims WHERE kind = 'pause' ORDER BY key").fetchall()


def test_a_second_pause_of_a_paused_node_is_refused_and_nothing_written(
    store: runfold.Store, stream: str, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    store.append(stream, [opened("p1")])
    with pytest.raises(ClaimTaken) as refused:
        store.append(stream, [events.ExecutionMetadataSet(metadata={}), opened("p2")])
    assert refused.value.facts["pointer"] == "/0/events/1/data/paused_node_id"
    assert store.read_stream(stream)[-1].stream_version == 3
    assert claims(connection) == [(f"{stream}/n1", "p1")]
    with pytest.raises(ClaimTaken):
        store.append(stream, [opened("p3", "n2"), opened("p4", "n2")])
    assert claims(connection) == [(f"{stream}/n1", "p1")]


def test_another_node_and_another_execution_pause_as_they_like(
    store: runfold.Store, stream: str, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    store.append(stream, [opened("p1"), opened("p2", "n2")])
    store.append(f"execution-{uuid4()}", [opened("p1")])
    assert len(claims(connection)) == 3


@pytest.mark.parametrize(
    "closing",
    [
        events.PauseResumed(pause="p1", resumed_at=AT, resume_trigger="manual"),
        events.PauseTimedOut(pause="p1", at=AT, action="fail"),
        events.PauseCanceled(pause="p1", at=AT),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_closes_a_pause_frees_its_node(
    store: runfold.Store,
    stream: str,
    closing: events.Event,
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    store.append(stream, [opened("p1")])
    store.append(stream, [closing, opened("p2")])
    assert claims(connection) == [(f"{stream}/n1", "p2")]


def test_the_end_of_an_execution_frees_its_nodes(
    store: runfold.Store, stream: str, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    store.append(stream, [opened("p1"), opened("p2", "n2")])
    store.append(stream, [events.ExecutionCanceled(end_time=2)])
    assert claims(connection) == []


def test_each_activation_of_a_node_pauses_by_itself(
    store: runfold.Store, stream: str, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    store.append(stream, [opened("p1", activation="n1"), opened("p2", activation="n1#2")])
    assert claims(connection) == [(f"{stream}/n1", "p1"), (f"{stream}/n1#2", "p2")]
    with pytest.raises(ClaimTaken) as refused:
        store.append(stream, [opened("p3", activation="n1#2")])
    assert refused.value.facts["pointer"] == "/0/events/0/data/activation"
    store.append(stream, [events.PauseCanceled(pause="p2", at=AT), opened("p3", activation="n1#2")])
    assert claims(connection) == [(f"{stream}/n1", "p1"), (f"{stream}/n1#2", "p3")]


def test_control_without_the_activation_the_second_pause_of_the_node_is_refused(
    store: runfold.Store, stream: str
) -> None:
    with pytest.raises(ClaimTaken):
        store.append(stream, [opened("p1"), opened("p2")])
