"""The locks of an append: one fence for any number of appends, released with a savepoint, and none left by a cancel."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.factories import append, call, line, streams
from tests.faults.editing import ALLOCATE_POSITIONS, ALLOCATION, SAME_FENCE_AGAIN, edit
from tests.faults.feeds import Judgement, committed, safe
from tests.faults.waiting import eventually
from tests.fixtures.evidence import Evidence

Connection = psycopg.Connection[Any]

APPENDS = 10_000

LOCKS = """SELECT count(*) FROM pg_locks
            WHERE locktype = 'advisory' AND mode = %s AND pid = %s AND classid = %s::regclass"""
POSITIONS_LOCK = "PERFORM pg_advisory_xact_lock(log_tag, 0);"
POSITIONS_ARE_FREED = "RAISE SQLSTATE 'RF000';"


def fences(connection: Connection, backend: int) -> int:
    (count,) = connection.execute(LOCKS, ("ShareLock", backend, "runfold.events_position")).fetchone() or (0,)
    return int(count)


def allocation_locks(connection: Connection) -> int:
    (count,) = connection.execute(
        """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
              AND classid = 'runfold.events'::regclass AND objid = 0"""
    ).fetchone() or (0,)
    return int(count)


def append_so_often(connection: Connection, times: int) -> None:
    """Append this often inside the connection's transaction, without a round trip for each."""
    event = line()
    text = call(append("log-STREAM", [event])).replace(str(event.event_id), "EVENT_ID")
    connection.execute("SELECT set_config('test.call', %s, true)", (text,))
    connection.execute(
        f"""DO $$ DECLARE body constant text := current_setting('test.call');
            BEGIN FOR i IN 1..{times} LOOP
                PERFORM runfold.append_events(
                    replace(replace(body, 'STREAM', (i % 1000)::text), 'EVENT_ID', gen_random_uuid()::text));
            END LOOP; END $$"""
    )


def test_ten_thousand_appends_of_a_transaction_hold_one_fence(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    times = evidence.scaled(APPENDS)
    with psycopg.connect(database_url) as writer:
        backend = writer.info.backend_pid
        append_so_often(writer, times)
        held = fences(connection, backend)
        assert safe(connection, 0) == []
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        assert safe(connection, 0) == []
    evidence.note(appends=times, fences=held)
    assert held == 1
    assert fences(connection, backend) == 0


def test_without_the_setting_each_append_would_hold_a_fence_of_its_own(
    database_url: str, connection: Connection
) -> None:
    edit(connection, ALLOCATE_POSITIONS, SAME_FENCE_AGAIN, "fence := NULL;")
    with psycopg.connect(database_url) as writer:
        append_so_often(writer, 50)
        assert fences(connection, writer.info.backend_pid) == 50


def test_a_rolled_back_savepoint_gives_its_fence_back(database_url: str, connection: Connection) -> None:
    with psycopg.connect(database_url) as writer:
        with writer.transaction(force_rollback=True):
            writer.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=3)),))
            assert fences(connection, writer.info.backend_pid) == 1
        assert fences(connection, writer.info.backend_pid) == 0
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        assert [position for position, _, _ in safe(connection, 0)] == [4]  # the hole delays nobody

        # The next append of the transaction takes a new fence, at the present end of the log.
        writer.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        assert fences(connection, writer.info.backend_pid) == 1
        assert connection.execute("SELECT bound FROM runfold.head_holders()").fetchall() == [(4,)]


def test_an_append_before_a_rolled_back_savepoint_keeps_its_fence(database_url: str, connection: Connection) -> None:
    with psycopg.connect(database_url) as writer:
        writer.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        with writer.transaction(force_rollback=True):
            writer.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        assert fences(connection, writer.info.backend_pid) == 1
        assert safe(connection, 0) == []
    assert [position for position, _, _ in safe(connection, 0)] == [1, 3]


@pytest.mark.parametrize("by", ["statement_timeout", "pg_cancel_backend"])
def test_an_append_canceled_while_it_waits_for_positions_leaves_no_lock(
    database_url: str, connection: Connection, by: str
) -> None:
    with (
        psycopg.connect(database_url) as holder,
        psycopg.connect(database_url) as writer,
        ThreadPoolExecutor(1) as thread,
    ):
        holder.execute("SELECT pg_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::int, 0)")
        if by == "statement_timeout":
            writer.execute("SET statement_timeout = '50ms'")
        waiting = thread.submit(writer.execute, "SELECT FROM runfold.append_events(%s)", (call(append()),))
        if by == "pg_cancel_backend":
            eventually(
                connection,
                "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = %s",
                (writer.info.backend_pid,),
            )
            connection.execute("SELECT pg_cancel_backend(%s)", (writer.info.backend_pid,))
        with pytest.raises(errors.QueryCanceled):
            waiting.result()
        writer.rollback()
        holder.execute("SELECT pg_advisory_unlock_all()")
        assert allocation_locks(connection) == 0
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))


def canceled_while_it_allocates(url: str, connection: Connection) -> int:
    """Cancel an append between two of its positions; return the number of locks that its session keeps."""
    edit(connection, ALLOCATE_POSITIONS, ALLOCATION, ALLOCATION + " PERFORM pg_sleep(20);")
    with psycopg.connect(url) as writer, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(writer.execute, "SELECT FROM runfold.append_events(%s)", (call(append()),))
        eventually(
            connection,
            "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s",
            (writer.info.backend_pid,),
        )
        assert allocation_locks(connection) == 1
        connection.execute("SELECT pg_cancel_backend(%s)", (writer.info.backend_pid,))
        with pytest.raises(errors.QueryCanceled):
            waiting.result()
        writer.rollback()
        return allocation_locks(connection)


def test_an_append_canceled_while_it_allocates_positions_leaves_no_lock(
    database_url: str, connection: Connection
) -> None:
    assert canceled_while_it_allocates(database_url, connection) == 0


def test_a_lock_of_the_session_would_be_left_behind_by_a_cancel(database_url: str, connection: Connection) -> None:
    edit(connection, ALLOCATE_POSITIONS, POSITIONS_LOCK, POSITIONS_LOCK.replace("_xact", ""))
    assert canceled_while_it_allocates(database_url, connection) == 1


def locks_after_an_append(url: str, connection: Connection) -> int:
    """Return the number of locks on positions that an append has left to its open transaction."""
    with psycopg.connect(url) as writer:
        writer.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        return allocation_locks(connection)


def test_an_open_transaction_that_appended_keeps_nobody_from_positions(
    database_url: str, connection: Connection
) -> None:
    assert locks_after_an_append(database_url, connection) == 0


def test_without_the_rolled_back_subtransaction_it_would(database_url: str, connection: Connection) -> None:
    edit(connection, ALLOCATE_POSITIONS, POSITIONS_ARE_FREED, "NULL;")
    assert locks_after_an_append(database_url, connection) == 1


def test_appends_canceled_at_any_moment_leave_nothing_behind(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    """Writers on few connections are canceled all the time: at the end every lock is free and the log is complete."""
    rng, seconds = evidence.rng, evidence.scaled(2500) / 1000
    names = streams(6)
    ends = time.monotonic() + seconds

    def write(writer: Connection) -> tuple[int, int]:
        done = canceled = 0
        while time.monotonic() < ends:
            try:
                writer.execute("SELECT FROM runfold.append_events(%s)", (call(append(rng.choice(names), 200)),))
                done += 1
            except errors.QueryCanceled:
                canceled += 1
        return done, canceled

    writers = [psycopg.connect(database_url, autocommit=True) for _ in range(6)]
    try:
        with ThreadPoolExecutor(len(writers)) as pool:
            counts = [pool.submit(write, writer) for writer in writers]
            while time.monotonic() < ends:
                victim = rng.choice(writers).info.backend_pid
                for _ in range(rng.choice((1, 2, 3))):  # more than one may arrive while the first is handled
                    connection.execute("SELECT pg_cancel_backend(%s)", (victim,))
                    time.sleep(rng.random() * 0.002)
            done, canceled = (sum(column) for column in zip(*(count.result() for count in counts), strict=True))
        log = committed(connection)
        evidence.note(appends=done, canceled=canceled, events=len(log))
        assert canceled > 0
        assert allocation_locks(connection) == 0
        assert len(log) >= 200 * done
        assert connection.execute("SELECT count(*) FROM runfold.event_ids").fetchone() == (len(log),)
        seen: list[tuple[int, str, int]] = []
        while page := safe(connection, seen[-1][0] if seen else 0):
            seen += page
        assert Judgement.of(seen, log).is_faultless
    finally:
        for writer in writers:
            writer.close()
