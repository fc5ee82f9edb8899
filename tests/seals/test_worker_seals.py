"""A worker seals what is settled, while it is idle or busy and when it ends, and folds meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import psycopg
import pytest

from runfold.seals import sealing
from runfold.seals.sealing import Sealing, seal_settled
from runfold.seals.verifying import verify_log
from tests.fixtures.processes import drain, eventually, fresh_worker, worker
from tests.seals.conftest import age, fill, roll_back, tampering

Connection = psycopg.Connection[Any]


def sealed(connection: Connection) -> int:
    (position,) = connection.execute("SELECT runfold.sealed_position()").fetchone() or (0,)
    return int(position)


def test_a_worker_that_folds_once_seals_what_is_settled(connection: Connection, database_url: str) -> None:
    fill(connection, 20)
    roll_back(connection, 25_000)
    fill(connection, 20)
    drain(database_url)
    assert sealed(connection) == 25_040
    verification = verify_log(connection)
    assert (verification.events, verification.differing, verification.unchecked_events) == (40, 0, 0)


def test_a_worker_that_stops_seals_what_is_settled(connection: Connection, database_url: str) -> None:
    with worker(database_url) as running:
        fill(connection, 20)
        eventually(lambda: connection.execute("SELECT FROM public.workflow_execution_logs").rowcount == 20)
        running.send(15)
        assert running.wait() == 0
    assert sealed(connection) == 20


def test_an_idle_worker_seals_full_ranges_and_those_that_are_a_minute_old(
    connection: Connection, database_url: str
) -> None:
    with worker(database_url):
        roll_back(connection, 30_000)
        fill(connection, 5)
        eventually(lambda: sealed(connection) == 30_000)
        age(connection, 61)
        eventually(lambda: sealed(connection) == 30_005)


def test_a_worker_that_is_never_idle_seals_once_a_minute(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "EVERY_SECONDS", 1.0)
    roll_back(connection, 30_000)
    with Sealing(lambda: psycopg.connect(database_url, autocommit=True)) as busy:
        busy.tell(idle=False)
        eventually(lambda: sealed(connection) == 30_000)


def test_folds_go_on_while_a_range_is_being_sealed(connection: Connection, database_url: str) -> None:
    """Whoever seals waits for another one that does; folds and appends do not."""
    with psycopg.connect(database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 7)")
        with worker(database_url):
            roll_back(connection, 20_000)
            fill(connection, 20)
            eventually(lambda: connection.execute("SELECT FROM public.workflow_execution_logs").rowcount == 20)
            assert sealed(connection) == 0
            other.rollback()
            eventually(lambda: sealed(connection) == 20_000)


def test_a_broken_chain_is_said_once_and_stops_no_fold(
    connection: Connection, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(connection, 1)
    drain(database_url)
    with tampering(connection):
        connection.execute("UPDATE runfold.seals SET range_digest = sha256('x')")
    fill(connection, 1)
    with caplog.at_level(logging.ERROR, logger="runfold.seals"):
        assert drain(database_url) == {}
    assert connection.execute("SELECT FROM public.workflow_execution_logs").rowcount == 2
    assert sealed(connection) == 1
    assert "does not follow from the one before" in caplog.text


def test_a_log_that_was_never_sealed_is_sealed_range_by_range(connection: Connection) -> None:
    roll_back(connection, 100_000)
    transactions = []
    fill(connection, 1)

    def rest(_: float) -> None:
        transactions.append(connection.execute("SELECT max(xmin::text::bigint) FROM runfold.seals").fetchone())

    seal_settled(connection, everything=True, rest=rest)
    assert len(set(transactions)) == len(transactions) == 11


def test_who_is_told_to_stop_ends_after_a_range(connection: Connection, database_url: str) -> None:
    roll_back(connection, 1_000_000)
    stop = threading.Event()
    ranges = []

    def rest(_: float) -> None:
        ranges.append(1)
        stop.set()

    seal_settled(connection, everything=True, going_on=lambda: not stop.is_set(), rest=rest)
    assert (len(ranges), sealed(connection)) == (1, 10_000)


def test_a_seal_waits_for_the_disk_though_the_worker_does_not(connection: Connection, database_url: str) -> None:
    """Who has seen a seal, and exported it, finds it again after a crash."""
    roll_back(connection, 10_000)
    with psycopg.connect(database_url) as session:
        session.execute("SET synchronous_commit = off")
        session.execute("SELECT FROM runfold.seal_range()")
        assert session.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_sealing_ends_with_its_worker(connection: Connection, database_url: str) -> None:
    running = fresh_worker(database_url)
    thread = threading.Thread(target=running.run)
    thread.start()
    eventually(lambda: any(one.name == "runfold-sealing" for one in threading.enumerate()))
    began = time.monotonic()
    running.stop()
    thread.join(timeout=20)
    assert not thread.is_alive(), time.monotonic() - began
    assert not any(one.name == "runfold-sealing" for one in threading.enumerate())
