"""An application's events are recorded once, despite lost answers, deadlocks and equal calls."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent, Tracking
from psycopg.rows import DictRow

import runfold.eventsourcing.datastore as datastores
from runfold.eventsourcing import Datastore, RunfoldApplicationRecorder, RunfoldProcessRecorder, RunfoldSnapshotRecorder
from runfold.runtime_sql import runtime_sql
from runfold.settings import load_settings
from tests.eventsourcing.recorders import made
from tests.faults.editing import edit
from tests.fixtures.evidence import Evidence
from tests.fixtures.proxy import Proxy

statement = runtime_sql("runfold.eventsourcing")

Connection = psycopg.Connection[Any]

APPEND = (
    "runfold.append_opaque_events(text,text[],bigint[],integer[],text[],integer[],bytea[],uuid[],timestamptz,text,text,"
    "bigint,uuid,uuid)"
)


def stored(originator_id: UUID, *versions: int, state: bytes = b"\x00\xff not json") -> list[StoredEvent]:
    return [StoredEvent(originator_id, version, "bank:Account.Credited", state) for version in versions]


def count(connection: Connection, table: str = "runfold.events") -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row
    return int(row[0])


@contextmanager
def cut_when(database_url: str, watch: Callable[[bytes], bool]) -> Iterator[tuple[Proxy, Datastore, threading.Event]]:
    """A datastore behind a proxy; once its event is set, the next watched operation loses its answer."""
    cut_next = threading.Event()

    def cut(said: bytes) -> bool:
        if cut_next.is_set() and watch(said):
            cut_next.clear()
            return True
        return False

    with Proxy(database_url, cut) as proxy:
        datastore = Datastore(load_settings(database_url=proxy.url, retry_seconds=10, pool_max_size=2))
        try:
            yield proxy, datastore, cut_next
        finally:
            datastore.close()


def test_events_whose_commit_was_not_answered_are_recorded_once(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    rounds, originator = evidence.scaled(20), uuid4()
    with cut_when(database_url, lambda said: str(originator).encode() in said) as (proxy, datastore, cut_next):
        recorder = made(datastore)
        for number in range(rounds):
            cut_next.set()
            ids = recorder.insert_events(stored(originator, 2 * number, 2 * number + 1))
            assert ids == [2 * number + 1, 2 * number + 2]
        versions = [event.originator_version for event in recorder.select_events(originator)]
    evidence.note(rounds=rounds, cuts=proxy.cuts, events=len(versions))
    assert versions == list(range(2 * rounds))
    assert proxy.cuts == rounds


def test_without_the_known_ids_a_lost_answer_would_be_a_conflict(database_url: str, connection: Connection) -> None:
    edit(connection, APPEND, "IF first_position IS NOT NULL THEN", "IF false THEN")
    originator = uuid4()
    with cut_when(database_url, lambda said: str(originator).encode() in said) as (_, datastore, cut_next):
        recorder = made(datastore)
        cut_next.set()
        with pytest.raises(IntegrityError):
            recorder.insert_events(stored(originator, 1))


def test_a_process_whose_commit_was_not_answered_records_events_and_tracking_once(
    database_url: str, evidence: Evidence
) -> None:
    rounds, originator = evidence.scaled(10), uuid4()
    with cut_when(database_url, lambda said: b"upstream-of-all" in said) as (proxy, datastore, cut_next):
        recorder = made(datastore, RunfoldProcessRecorder, tracker="accounts")
        for number in range(1, rounds + 1):
            cut_next.set()
            recorder.insert_events(stored(originator, number), tracking=Tracking("upstream-of-all", 2 * number))
            cut_next.set()
            recorder.insert_events([], tracking=Tracking("upstream-of-all", 2 * number + 1))
        assert recorder.max_tracking_id("upstream-of-all") == 2 * rounds + 1
        assert len(recorder.select_events(originator)) == rounds
    evidence.note(rounds=rounds, cuts=proxy.cuts)
    assert proxy.cuts == 2 * rounds


def test_a_snapshot_whose_commit_was_not_answered_is_recorded_once(database_url: str, connection: Connection) -> None:
    originator = uuid4()
    with cut_when(database_url, lambda said: str(originator).encode() in said) as (proxy, datastore, cut_next):
        recorder = RunfoldSnapshotRecorder(datastore, category="accounts")
        cut_next.set()
        recorder.insert_events(stored(originator, 7))
        assert proxy.cuts == 1
        with pytest.raises(IntegrityError):
            recorder.insert_events(stored(originator, 7))
    assert count(connection, "runfold.snapshots") == 1


class WithLedger(RunfoldApplicationRecorder):
    """A recorder that writes one row for each event, in the transaction of the events."""

    def _insert_events(self, curs: psycopg.Cursor[DictRow], stored_events: Any, **kwargs: Any) -> None:
        for event in stored_events:
            curs.execute("INSERT INTO public.ledger (about) VALUES (%s)", (event.originator_id,))


@pytest.fixture
def ledger(connection: Connection) -> None:
    connection.execute("CREATE TABLE public.ledger (about uuid NOT NULL)")


@pytest.mark.usefixtures("ledger")
def test_rows_of_a_recorders_own_are_written_with_the_events_and_once(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    rounds, originator = evidence.scaled(10), uuid4()
    with cut_when(database_url, lambda said: b"COMMIT" in said) as (proxy, datastore, cut_next):
        recorder = made(datastore, WithLedger)
        for version in range(1, rounds + 1):
            cut_next.set()
            recorder.insert_events(stored(originator, version))
        with pytest.raises(IntegrityError):
            recorder.insert_events(stored(originator, 1))
    evidence.note(rounds=rounds, cuts=proxy.cuts)
    assert proxy.cuts == rounds
    assert count(connection, "public.ledger") == count(connection) == rounds


@pytest.mark.usefixtures("ledger")
def test_without_its_order_a_lost_answer_would_write_those_rows_twice(
    database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a retry that begins like the first attempt."""
    insert = RunfoldApplicationRecorder._insert_with_rows
    monkeypatch.setattr(
        RunfoldApplicationRecorder,
        "_insert_with_rows",
        lambda self, call, events, kwargs, _: insert(self, call, events, kwargs, False),
    )
    with cut_when(database_url, lambda said: b"COMMIT" in said) as (_, datastore, cut_next):
        recorder = made(datastore, WithLedger)
        cut_next.set()
        recorder.insert_events(stored(uuid4(), 1))
    assert (count(connection), count(connection, "public.ledger")) == (1, 2)


def test_an_equal_call_of_somebody_else_is_a_conflict(datastore: Datastore, connection: Connection) -> None:
    """It is not a retry: two equal commands are two commands, and one of them lost."""
    recorder, originator = made(datastore), uuid4()
    recorder.insert_events(stored(originator, 1, 2))
    for again in (stored(originator, 1, 2), stored(originator, 2, 1), stored(originator, 2), stored(originator, 1)):
        with pytest.raises(IntegrityError):
            recorder.insert_events(again)
    with pytest.raises(IntegrityError):
        recorder.insert_events([*stored(uuid4(), 1), *stored(originator, 1, state=b"another")])
    assert count(connection) == 2


def test_the_same_call_in_sql_returns_its_first_result_and_another_is_refused(
    datastore: Datastore, connection: Connection
) -> None:
    recorder, originator = made(datastore), uuid4()
    call = recorder._call([*stored(originator, 4, 5), *stored(uuid4(), 0)])

    def append(**changed: object) -> tuple[int, bool]:
        ((first_position, repeated),) = datastore.run(statement("append_opaque_events"), call | changed)
        return first_position, repeated

    assert append() == (1, False)
    recorder.insert_events(stored(originator, 6))
    assert append() == (1, True)
    others = {
        "another body": {"payloads": [*call["payloads"][:-1], b"another"]},
        "another type": {"types": "{bank:Another}"},
        "new ids": {"event_ids": made(datastore)._call(stored(originator, 1, 2, 3))["event_ids"]},
        "other versions": {"first_versions": "{7,1}"},
        "a part of it": {"numbers": "{1,2,2}"},
        "another order": {"names": "{" + ",".join(call["names"].strip("{}").split(",")[::-1]) + "}"},
    }
    for changed in others.values():
        with pytest.raises(IntegrityError):
            append(**changed)
    assert count(connection) == 4


def test_of_eight_that_decide_at_once_one_wins(
    datastore: Datastore, connection: Connection, evidence: Evidence
) -> None:
    recorder, rounds, threads = made(datastore), evidence.scaled(20), 8
    for _ in range(rounds):
        originator, together = uuid4(), threading.Barrier(threads)

        def attempt(_: int) -> bool:
            together.wait()  # noqa: B023
            try:
                recorder.insert_events(stored(originator, 1, 2))  # noqa: B023
            except IntegrityError:
                return False
            return True

        with ThreadPoolExecutor(threads) as pool:
            assert sum(pool.map(attempt, range(threads))) == 1
    assert count(connection) == 2 * rounds
    evidence.note(rounds=rounds)


def in_opposite_orders(recorder: RunfoldApplicationRecorder, rounds: int) -> int:
    """Save two aggregates in two threads, one in the opposite order; return the number of conflicts."""
    first, second, conflicts = uuid4(), uuid4(), 0
    recorder.insert_events(stored(first, 1) + stored(second, 1))
    versions = {first: 1, second: 1}

    def save(order: tuple[UUID, UUID]) -> int:
        lost = 0
        for _ in range(rounds):
            while True:
                now = dict(versions)
                try:
                    recorder.insert_events([event for each in order for event in stored(each, now[each] + 1)])
                except IntegrityError:
                    lost += 1
                    continue
                versions.update({each: now[each] + 1 for each in order})
                break
        return lost

    with ThreadPoolExecutor(2) as pool:
        conflicts = sum(pool.map(save, [(first, second), (second, first)]))
    assert len(recorder.select_events(first)) == len(recorder.select_events(second)) == 2 * rounds + 1
    return conflicts


def lock_slowly_in_the_order_given(connection: Connection) -> None:
    edit(connection, APPEND, 'ORDER BY s.name COLLATE "C")', "ORDER BY s.n)")
    each = "FOREACH i IN ARRAY lock_order LOOP"
    edit(connection, APPEND, each, f"{each} PERFORM pg_sleep(0.05);")


def deadlocks(connection: Connection) -> int:
    row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row
    return int(row[0])


def test_saves_of_two_aggregates_in_opposite_orders_do_not_deadlock(
    datastore: Datastore, connection: Connection, evidence: Evidence
) -> None:
    rounds = evidence.scaled(50)
    evidence.note(rounds=rounds, conflicts=in_opposite_orders(made(datastore), rounds))
    datastore.close()
    assert deadlocks(connection) == 0


def test_a_deadlock_is_retried_inside(datastore: Datastore, connection: Connection) -> None:
    """If the streams were locked slowly in the given order, the two would wait for each other in a circle."""
    edit(connection, APPEND, 'ORDER BY s.name COLLATE "C")', "ORDER BY s.n)")
    edit(
        connection,
        APPEND,
        "FOREACH i IN ARRAY lock_order LOOP",
        "FOREACH i IN ARRAY lock_order LOOP PERFORM pg_sleep(0.05);",
    )
    in_opposite_orders(made(datastore), 2)
    datastore.close()
    assert deadlocks(connection) > 0


def test_serialization_failures_are_retried_inside(database_url: str, datastore: Datastore, evidence: Evidence) -> None:
    """If the database's default is SERIALIZABLE, a losing save gets a conflict, and nothing else."""
    made(datastore)
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    strict = Datastore(load_settings(database_url=database_url))
    try:
        recorder = RunfoldApplicationRecorder(strict, category="accounts")
        evidence.note(conflicts=in_opposite_orders(recorder, evidence.scaled(30)))
    finally:
        strict.close()


def test_without_retries_a_deadlock_is_the_callers(
    datastore: Datastore, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datastores, "is_worth_another_try", lambda _: False)
    edit(connection, APPEND, 'ORDER BY s.name COLLATE "C")', "ORDER BY s.n)")
    edit(
        connection,
        APPEND,
        "FOREACH i IN ARRAY lock_order LOOP",
        "FOREACH i IN ARRAY lock_order LOOP PERFORM pg_sleep(0.05);",
    )
    with pytest.raises(OperationalError, match="deadlock"):
        in_opposite_orders(made(datastore), 3)


def save_many(url: str, originators: list[UUID], rounds: int) -> int:
    """In another process: add to each aggregate in turn despite others; return the number of conflicts."""
    datastore = Datastore(load_settings(database_url=url))
    recorder = RunfoldApplicationRecorder(datastore, category="accounts")
    conflicts = 0
    for number in range(rounds):
        originator = originators[number % len(originators)]
        while True:
            last = recorder.select_events(originator, desc=True, limit=1)
            version = last[0].originator_version + 1 if last else 0
            try:
                recorder.insert_events(stored(originator, version, version + 1, version + 2))
                break
            except IntegrityError:
                conflicts += 1
    datastore.close()
    return conflicts


def test_eight_processes_on_the_same_aggregates_lose_and_double_nothing(
    database_url: str, datastore: Datastore, evidence: Evidence
) -> None:
    recorder, processes, rounds = made(datastore), 8, evidence.scaled(20)
    originators = [uuid4() for _ in range(4)]
    followed: list[tuple[UUID | str, int]] = []
    subscription = recorder.subscribe()
    total = processes * rounds * 3
    with multiprocessing.get_context("spawn").Pool(processes) as pool, subscription:
        working = pool.starmap_async(save_many, [(database_url, originators, rounds)] * processes)
        ids: list[int] = []
        for notification in subscription:
            ids.append(notification.id)
            followed.append((notification.originator_id, notification.originator_version))
            if len(followed) == total:
                break
        conflicts = sum(working.get(60))
    evidence.note(processes=processes, events=total, conflicts=conflicts)
    assert ids == sorted(set(ids))
    for originator in originators:
        versions = [event.originator_version for event in recorder.select_events(originator)]
        assert versions == list(range(processes * rounds * 3 // 4))
        assert [version for each, version in followed if each == originator] == versions
