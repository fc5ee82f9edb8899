"""A stream with many writers: dense versions, one order with the positions, reads that never go back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import IsolationLevel, errors

import runfold
from runfold.errors import StreamUnavailable, TransactionFailed, VersionConflict, WaitTimeout
from runfold.settings import Settings
from tests.factories import CATEGORY, a_stream, append, call, happening, lines, streams
from tests.faults.editing import APPEND_EVENTS, LOCK_ORDER, STREAM_LOCK, edit
from tests.faults.waiting import eventually
from tests.faults.writers import IMPATIENT, Load
from tests.fixtures.evidence import Evidence

Connection = psycopg.Connection[Any]

MILLISECONDS = 3000
LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE)

IRREGULAR = """
    SELECT count(*) FROM (
        SELECT stream_version, position, row_number() OVER stream AS n, lag(position) OVER stream AS before
          FROM runfold.events WINDOW stream AS (PARTITION BY stream_id ORDER BY stream_version, position)) AS e
     WHERE stream_version <> n OR position <= before"""
"""Events that are not the next of their stream by version, or not after the one before by position."""

STALE = """
    SELECT count(*) FROM runfold.streams s
     WHERE (s.version, s.first_position, s.last_position) IS DISTINCT FROM
           (SELECT (max(stream_version), min(position), max(position))
              FROM runfold.events e WHERE e.stream_id = s.stream_id)"""


def count(connection: Connection, query: str) -> int:
    return int((connection.execute(query).fetchone() or (0,))[0])


class Reader(threading.Thread):
    """Reads one stream repeatedly; counts reads with fewer events than an earlier one, or with a gap."""

    def __init__(self, url: str, stream: str) -> None:
        super().__init__(daemon=True)
        self.reads = self.gone_back = self.gaps = 0
        self.ended = threading.Event()
        self._url, self._stream = url, stream

    def run(self) -> None:
        longest = 0
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self.ended.wait(0.005):
                rows = connection.execute("SELECT stream_version FROM runfold.read_stream(%s)", (self._stream,))
                versions = [version for (version,) in rows]
                self.reads += 1
                self.gone_back += len(versions) < longest
                self.gaps += versions != list(range(1, len(versions) + 1))
                longest = max(longest, len(versions))


def write_hard(url: str, evidence: Evidence, batches: float = 0.0) -> Reader:
    """Run sixteen writers on few streams under every isolation level, and a reader of one of the streams."""
    names = streams(5)
    load = Load(
        url,
        names,
        seconds=evidence.scaled(MILLISECONDS) / 1000,
        seed=evidence.seed,
        isolation_levels=LEVELS,
        longest_pause=0.005,
        batches=batches,
    )
    reader = Reader(url, names[0])
    reader.start()
    try:
        evidence.note(**load.run())
    finally:
        reader.ended.set()
        reader.join()
    return reader


@pytest.mark.parametrize("batches", [0.0, 0.5, 1.0])
def test_versions_are_dense_and_reads_monotonic_under_every_isolation_level(
    database_url: str, connection: Connection, evidence: Evidence, batches: float
) -> None:
    reader = write_hard(database_url, evidence, batches)
    evidence.note(
        irregular=count(connection, IRREGULAR), reads=reader.reads, gone_back=reader.gone_back, gaps=reader.gaps
    )
    assert count(connection, "SELECT count(*) FROM runfold.events") == evidence.counts["events"]
    assert count(connection, IRREGULAR) == 0
    assert count(connection, STALE) == 0
    assert (reader.gone_back, reader.gaps) == (0, 0)
    assert reader.reads > 10


def test_without_the_streams_lock_versions_come_twice(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    edit(connection, APPEND_EVENTS, STREAM_LOCK)
    write_hard(database_url, evidence)
    evidence.note(irregular=count(connection, IRREGULAR))
    assert count(connection, IRREGULAR) > 0


def opposite_appends(url: str, evidence: Evidence, *, times: int) -> tuple[int, int]:
    """Run four writers on the same two streams, half in either order; return the numbers of successes and deadlocks."""
    names = streams(2)

    def write(order: list[str]) -> tuple[int, int]:
        done = deadlocks = 0
        with psycopg.connect(url, autocommit=True, options=IMPATIENT) as connection:
            for _ in range(times):
                try:
                    connection.execute(
                        "SELECT FROM runfold.append_events(%s)", (call(*(append(name) for name in order)),)
                    )
                    done += 1
                except errors.DeadlockDetected:
                    deadlocks += 1
        return done, deadlocks

    with ThreadPoolExecutor(4) as pool:
        counted = list(pool.map(write, [names, names[::-1]] * 2))
    done, deadlocks = (sum(column) for column in zip(*counted, strict=True))
    evidence.note(done=done, deadlocks=deadlocks)
    return done, deadlocks


def test_appends_to_two_streams_in_opposite_order_never_deadlock(database_url: str, evidence: Evidence) -> None:
    done, deadlocks = opposite_appends(database_url, evidence, times=evidence.scaled(150))
    assert deadlocks == 0
    assert done > 0


def test_locked_in_the_order_given_they_would_deadlock(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    # The pause lies between the first stream's lock and the second's.
    edit(connection, APPEND_EVENTS, LOCK_ORDER, "ORDER BY s.n)")
    edit(
        connection,
        APPEND_EVENTS,
        "heads[i] := locked.version;",
        "heads[i] := locked.version; PERFORM pg_sleep(0.002);",
    )
    _, deadlocks = opposite_appends(database_url, evidence, times=5)
    assert deadlocks > 0


@pytest.mark.parametrize(("stands_at", "expected"), [(0, 0), (0, None), (3, 3), (3, None)])
def test_an_append_at_the_expected_version_is_recorded(
    store: runfold.Store, stands_at: int, expected: int | None
) -> None:
    stream = a_stream()
    if stands_at:
        store.append(stream, lines(stands_at))
    appended = store.append(stream, lines(2), expected_version=expected)
    assert (appended.stream_id, appended.version, appended.repeated) == (stream, stands_at + 2, False)
    assert appended.last_position == appended.first_position + 1


@pytest.mark.parametrize(("stands_at", "expected"), [(0, 1), (3, 0), (3, 2), (3, 4)])
def test_an_append_at_another_version_conflicts_and_writes_nothing(
    store: runfold.Store, stands_at: int, expected: int
) -> None:
    stream = a_stream()
    if stands_at:
        store.append(stream, lines(stands_at))
    with pytest.raises(VersionConflict) as refused:
        store.append(stream, lines(1), expected_version=expected)
    error = refused.value
    assert (error.stream_id, error.version, error.expected_version) == (stream, stands_at, expected)
    assert error.facts["pointer"] == "/0/expected_version"
    assert not error.retryable
    assert len(list(store.read_stream(stream))) == stands_at
    assert len(list(store.read_all())) == stands_at


def test_a_conflict_in_one_stream_refuses_the_whole_call(store: runfold.Store) -> None:
    appends = [append(expected_version=0), append(expected_version=7), append()]
    with pytest.raises(VersionConflict) as refused:
        store.append_many(appends)
    assert refused.value.facts["pointer"] == "/1/expected_version"
    assert list(store.read_all()) == []


def test_one_of_many_writers_wins_an_expected_version(store: runfold.Store, evidence: Evidence) -> None:
    stream, together = a_stream(), threading.Barrier(8)

    def contend(_: int) -> bool:
        together.wait()
        try:
            store.append(stream, lines(1), expected_version=0)
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = sum(pool.map(contend, range(8)))
    evidence.note(won=won)
    assert won == 1
    assert [event.stream_version for event in store.read_stream(stream)] == [1]


def test_another_tenant_is_refused(database_url: str, store: runfold.Store) -> None:
    owner, stranger = uuid4(), uuid4()
    stream = a_stream()
    store.append(stream, lines(1), user_id=owner)
    for expected in (None, 0, 1):
        with pytest.raises(StreamUnavailable) as refused:
            store.append(stream, lines(1), user_id=stranger, expected_version=expected)
        assert refused.value.code == "stream_unavailable"
        assert not hasattr(refused.value, "version")  # says nothing about the stream
    store.append(stream, lines(1))  # who names no tenant writes as the stream's
    assert {event.user_id for event in store.read_stream(stream)} == {owner}
    with runfold.connect(database_url, user_id=stranger) as theirs, pytest.raises(StreamUnavailable):
        theirs.append(stream, lines(1))


def test_a_stream_without_a_tenant_can_not_be_taken_by_one(store: runfold.Store) -> None:
    stream = a_stream()
    store.append(stream, lines(1))
    with pytest.raises(StreamUnavailable):
        store.append(stream, lines(1), user_id=uuid4())


def test_an_append_in_the_callers_transaction_is_rolled_back_with_it(database_url: str, store: runfold.Store) -> None:
    stream = a_stream()
    with psycopg.connect(database_url) as mine:
        assert store.append(stream, lines(2), connection=mine).version == 2
        mine.rollback()
    assert list(store.read_stream(stream)) == []

    with store.transaction() as connection:
        store.append(stream, lines(2), expected_version=0, connection=connection)
        store.append(stream, lines(1), expected_version=2, connection=connection)
        assert list(store.read_stream(stream)) == []
    assert [event.stream_version for event in store.read_stream(stream)] == [1, 2, 3]


def test_a_deadlock_in_the_callers_transaction_is_raised_not_retried(
    database_url: str, connection: Connection, store: runfold.Store
) -> None:
    first, second = streams(2)
    with (
        psycopg.connect(database_url, options="-c deadlock_timeout=10s") as other,
        psycopg.connect(database_url, options=IMPATIENT) as mine,
        ThreadPoolExecutor(1) as thread,
    ):
        store.append(first, lines(1), connection=mine)
        store.append(second, lines(1), connection=other)
        waiting = thread.submit(store.append, first, lines(1), connection=other)
        eventually(
            connection,
            "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s",
            (other.info.backend_pid,),
        )
        with pytest.raises(TransactionFailed) as failed:
            store.append(second, lines(1), connection=mine)
        assert failed.value.retryable
        mine.rollback()
        waiting.result()
    assert [len(list(store.read_stream(stream))) for stream in (first, second)] == [1, 1]


def test_a_deadlock_between_appends_of_the_store_is_retried_inside(database_url: str, connection: Connection) -> None:
    """A caller's transaction and a plain append deadlock: the plain one is retried, and nobody sees it."""
    first, second = sorted(streams(2))
    settings = Settings(retry_seconds=10)
    impatient = psycopg.conninfo.make_conninfo(database_url, options=IMPATIENT)
    with (
        runfold.connect(impatient, settings=settings) as store,
        psycopg.connect(database_url, options="-c deadlock_timeout=10s") as mine,
        ThreadPoolExecutor(1) as thread,
    ):
        store.append(second, lines(1), connection=mine)
        waiting = thread.submit(store.append_many, [append(first), append(second)])
        eventually(connection, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
        store.append(first, lines(1), connection=mine)
        mine.commit()
        assert [appended.version for appended in waiting.result()] == [2, 2]


def test_read_all_never_passes_the_safe_head(database_url: str, store: runfold.Store) -> None:
    store.append(a_stream(), lines(2))
    with psycopg.connect(database_url) as slow:
        store.append(a_stream(), lines(1), connection=slow)
        store.append(a_stream(), lines(1))
        assert [event.position for event in store.read_all()] == [1, 2]
    assert [event.position for event in store.read_all(after=2)] == [3, 4]


def test_reads_start_after_and_stop_at_what_was_asked(store: runfold.Store) -> None:
    stream = a_stream()
    store.append(stream, lines(10))
    assert [event.stream_version for event in store.read_stream(stream, after=7)] == [8, 9, 10]
    assert [event.stream_version for event in store.read_stream(stream, after=2, limit=2)] == [3, 4]
    assert [event.position for event in store.read_all(after=4, limit=3)] == [5, 6, 7]
    assert list(store.read_all(after=10)) == []
    assert list(store.read_stream(a_stream())) == []


def test_read_all_keeps_to_the_types_asked_for(store: runfold.Store) -> None:
    store.register_event_types(CATEGORY)
    store.append_many([append(a_stream(CATEGORY), [happening("A"), happening("B"), happening("A")]), append()])
    assert [event.type for event in store.read_all(types=["A"])] == ["A", "A"]
    assert [event.type for event in store.read_all(types=["B", "LogAppended"])] == ["B", "LogAppended"]
    assert list(store.read_all(types=[])) == []


def test_waiting_for_a_projection_ends_by_its_timeout(store: runfold.Store) -> None:
    position = store.append(a_stream(), lines(1)).last_position
    with pytest.raises(WaitTimeout) as late:
        store.wait_for(position, timeout=0.2)
    assert late.value.retryable
    assert late.value.facts["position"] == position
