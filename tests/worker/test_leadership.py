"""One worker is the leader; when it fails, another takes over, and nothing is folded by two."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from runfold.errors import LeadershipLost
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.projector import Projector
from runfold.worker.leadership import LEADER_LOCK, TRY_SECONDS, statement
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import (
    Process,
    assert_nothing_differs,
    checkpoint,
    command,
    drain,
    eventually,
    folded,
    forked,
    fresh_worker,
    leader,
    worker,
)
from tests.fixtures.servers import PrivateServerFactory, sigkill
from tests.fixtures.slowness import Slowness
from tests.model.compare import read_tables

DEAD_REPLACED_WITHIN = 1.0
FROZEN_REPLACED_WITHIN = 5.0


@pytest.fixture
def slowness(connection: psycopg.Connection[Any]) -> Slowness:
    return Slowness(connection)


def leads(connection: psycopg.Connection[Any], process: Process) -> int:
    """Wait until this process is the leader, and return its epoch."""
    eventually(lambda: leader(connection)[1] == process.pid)
    return leader(connection)[0]


@contextmanager
def waiting_worker(url: str, connection: psycopg.Connection[Any]) -> Iterator[Process]:
    """A worker that waits to become the leader."""
    with worker(url) as started:
        eventually(lambda: _sessions(connection, "runfold worker lead") > 1)
        yield started


def _sessions(connection: psycopg.Connection[Any], application: str) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s",
        (application,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def seconds_to_succeed(log: Log, epoch: int) -> float:
    """Return the seconds from now until another epoch begins."""
    began = time.monotonic()
    eventually(lambda: leader(log.connection)[0] > epoch, every=0.002)
    return time.monotonic() - began


def slowdown(url: str) -> float:
    """Return how many times slower this machine is than it should be, by the time to take over a bare lock."""
    key = 4711

    def hold() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (key,))
            time.sleep(60)

    with psycopg.connect(url, autocommit=True) as connection, forked(hold) as holder:

        def free() -> bool:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
            return row == (True,)

        def held() -> bool:
            if free():
                connection.execute("SELECT pg_advisory_unlock(%s)", (key,))
                return False
            return True

        eventually(held)
        holder.send(signal.SIGKILL)
        began = time.monotonic()
        eventually(free, every=TRY_SECONDS)
        return max(1.0, (time.monotonic() - began) / (2 * TRY_SECONDS))


# Dead leaders


def test_a_killed_leader_is_replaced_within_a_second(log: Log, database_url: str) -> None:
    with worker(database_url) as first:
        epoch = leads(log.connection, first)
        with waiting_worker(database_url, log.connection) as second:
            first.send(signal.SIGKILL)
            took = seconds_to_succeed(log, epoch)
            assert leader(log.connection) == (epoch + 1, second.pid)
            assert took < DEAD_REPLACED_WITHIN * slowdown(database_url)
            log.append("execution-a", *run("a"))
            eventually(lambda: folded(log.connection, log.events[-1].position))
    log.assert_folded()


def test_a_leader_killed_in_the_middle_of_a_statement_is_replaced_within_a_second(
    log: Log, database_url: str, slowness: Slowness
) -> None:
    with worker(database_url) as first:
        epoch = leads(log.connection, first)
        with waiting_worker(database_url, log.connection):
            slowness.set(20)
            log.append("execution-a", *run("a"))
            eventually(slowness.sleeping)
            slowness.set(0)
            killed_at = time.monotonic()
            first.send(signal.SIGKILL)
            took = seconds_to_succeed(log, epoch)
            # The dead one's statement holds its rows until the server notices that nobody waits for it.
            eventually(lambda: folded(log.connection, log.events[-1].position))
            recovered = time.monotonic() - killed_at
            slow = slowdown(database_url)
    assert took < DEAD_REPLACED_WITHIN * slow
    assert recovered < 2 * DEAD_REPLACED_WITHIN * slow
    log.assert_folded()
    assert_nothing_differs(database_url)


# Frozen leaders


def test_a_frozen_leader_is_replaced_within_five_seconds_and_changes_nothing_when_it_wakes(
    log: Log, database_url: str
) -> None:
    """It freezes when its batch is folded and its checkpoint is not moved: the worst moment."""

    def body() -> None:
        move = Ledger.move

        def freeze(self: Ledger, *args: Any) -> None:
            if args[-1] > 0:
                Ledger.move = move  # type: ignore[method-assign]
                os.kill(os.getpid(), signal.SIGSTOP)
            move(self, *args)

        Ledger.move = freeze  # type: ignore[method-assign]
        running = fresh_worker(database_url)
        running.stop_on_signals()
        running.run()

    with forked(body) as first:
        epoch = leads(log.connection, first)
        with waiting_worker(database_url, log.connection) as second:
            log.append("execution-a", *run("a"))
            took = seconds_to_succeed(log, epoch)
            assert leader(log.connection) == (epoch + 1, second.pid)
            assert took < FROZEN_REPLACED_WITHIN * slowdown(database_url)
            eventually(lambda: folded(log.connection, log.events[-1].position))
            before = read_tables(log.connection)

            first.send(signal.SIGCONT)
            eventually(lambda: "not leading" in first.output)
            log.append("execution-b", *run("b"))
            eventually(lambda: folded(log.connection, log.events[-1].position))
            assert leader(log.connection) == (epoch + 1, second.pid)
            assert all(read_tables(log.connection)["workflow_executions"][key] == row
                       for key, row in before["workflow_executions"].items())  # fmt: skip

            # It waits for the lead as any other worker.
            second.send(signal.SIGTERM)
            assert second.wait() == 0
            assert leads(log.connection, first) == epoch + 2
            log.append("execution-c", *run("c"))
            eventually(lambda: folded(log.connection, log.events[-1].position))
            first.send(signal.SIGTERM)
            assert first.wait() == 0, first.output
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_an_epoch_that_is_over_can_change_nothing(log: Log, database_url: str) -> None:
    """The fence alone, if nobody could end the frozen leader's connections."""
    group = load_catalogue().groups["execution"]
    log.append("execution-a", *run("a"))
    drain(database_url)
    head = log.append("execution-a", event("ExecutionMetadataSet", metadata={"late": True}))
    epoch, _ = leader(log.connection)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        stood = checkpoint(log.connection)
        with pytest.raises(LeadershipLost):
            Projector(Ledger(connection, epoch=epoch - 1)).advance(group, head)
        assert checkpoint(log.connection) == stood
        row = log.connection.execute("SELECT metadata FROM public.workflow_executions").fetchone()
        assert row == ({},)
        # The control: the epoch that goes on does change it.
        Projector(Ledger(connection, epoch=epoch)).advance(group, head)
        assert checkpoint(log.connection) == head
    log.assert_folded()


# Leaders that are stopped, and databases that go away


def test_a_leader_that_is_told_to_stop_finishes_its_batch_and_frees_the_lead_at_once(
    log: Log, database_url: str, slowness: Slowness
) -> None:
    with command("--url", database_url, "worker") as first:
        epoch = leads(log.connection, first)
        with waiting_worker(database_url, log.connection) as second:
            slowness.set(1)
            log.append("execution-a", *run("a"))
            eventually(slowness.sleeping)
            slowness.set(0)
            first.send(signal.SIGTERM)
            assert first.wait() == 0, first.output
            ended = time.monotonic()
            assert checkpoint(log.connection) == log.events[-1].position, "the batch at hand was not finished"
            leads(log.connection, second)
            assert time.monotonic() - ended < DEAD_REPLACED_WITHIN * slowdown(database_url)
    assert leader(log.connection)[0] == epoch + 1
    log.assert_folded()


def test_a_worker_whose_database_is_killed_and_restarted_carries_on(
    private_server: PrivateServerFactory, schema_copy: Any
) -> None:
    server = private_server()
    migrate(server.url, folder=schema_copy)
    with worker(server.url) as running:
        with psycopg.connect(server.url, autocommit=True) as connection:
            log = Log(connection)
            leads(connection, running)
            log.append("execution-a", *run("a"))
            eventually(lambda: folded(connection, log.events[-1].position))
        for n in range(2):
            sigkill(server)
            time.sleep(0.5)
            server.start()
            with psycopg.connect(server.url, autocommit=True) as connection:
                log.connection = connection
                log.append(f"execution-{n}", *run(str(n)))
                eventually(lambda: folded(connection, log.events[-1].position))
                log.assert_folded()
        running.send(signal.SIGTERM)
        assert running.wait() == 0, running.output
    assert_nothing_differs(server.url)


def test_a_drain_whose_database_is_restarted_ends_well(private_server: PrivateServerFactory, schema_copy: Any) -> None:
    server = private_server()
    migrate(server.url, folder=schema_copy)
    with psycopg.connect(server.url, autocommit=True) as connection:
        log = Log(connection)
        slowness = Slowness(connection)
        slowness.set(0.3)
        log.wander(seed=1, appends=40)
        with forked(lambda: drain(server.url, batch_size=16)) as draining:
            eventually(slowness.sleeping)
            sigkill(server)
            server.start()
            with psycopg.connect(server.url, autocommit=True) as restarted:
                log.connection = restarted
                restarted.execute("UPDATE public.slowness SET seconds = 0")
                assert draining.wait() == 0, draining.output
                log.assert_folded()


def test_a_worker_that_is_told_to_stop_while_its_database_is_away_ends_well(
    private_server: PrivateServerFactory, schema_copy: Any
) -> None:
    server = private_server()
    migrate(server.url, folder=schema_copy)
    with worker(server.url) as running:
        with psycopg.connect(server.url, autocommit=True) as connection:
            leads(connection, running)
        sigkill(server)
        eventually(lambda: "not leading" in running.output)
        running.send(signal.SIGTERM)
        assert running.wait(10) == 0, running.output


def test_a_successor_names_the_session_that_keeps_the_leaders_lock(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    """A lock that a pooler kept belongs to no leader, so nobody's connections can be ended for it but by a person."""
    with psycopg.connect(database_url, autocommit=True, application_name="kept by a pooler") as keeper:
        keeper.execute(statement("try_lock"), {"number": LEADER_LOCK})
        with worker(database_url) as waiting:
            eventually(lambda: "pg_terminate_backend" in waiting.output, within=30)
            said = waiting.output
        pid = keeper.info.backend_pid
    assert f"pid {pid} of" in said
    assert "(kept by a pooler)" in said
