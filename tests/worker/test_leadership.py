"""One worker leads; whatever happens to it, another takes over, and an idle one hears every append."""

from __future__ import annotations

import signal
import statistics
import time
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from runfold.worker import bell, worker as worker_module
from runfold.worker.leadership import LEADER_LOCK
from runfold.worker.statements import statement
from tests.fixtures.servers import PrivateServerFactory, sigkill
from tests.worker.log import Log, run
from tests.worker.processes import (
    CONSOLE_SCRIPT,
    PATIENCE,
    Process,
    assert_nothing_differs,
    checkpoint,
    command,
    eventually,
    folded,
    leader,
    worker,
)

DEAD_REPLACED_WITHIN = 1.0
FROZEN_REPLACED_WITHIN = 5.0
# Far below the poll interval (IDLE_SECONDS): what is visible by then was not found by polling.
HEARD_WITHIN = worker_module.IDLE_SECONDS / 2


def leads(connection: psycopg.Connection[Any], process: Process) -> None:
    """Wait until this process leads."""
    eventually(lambda: leader(connection)[1] == process.pid)


def sleeps(connection: psycopg.Connection[Any]) -> None:
    """Wait until the leader is idle: it holds the lock that makes appenders ring."""
    eventually(lambda: not _free(connection, bell.IDLE_LOCK))


def _free(connection: psycopg.Connection[Any], number: int) -> bool:
    row = connection.execute(statement("try_lock"), {"number": number}).fetchone()
    if row is not None and row[0]:
        connection.execute(statement("unlock"), {"number": number})
        return True
    return False


def seconds_to_fold(log: Log, position: int) -> float:
    """How long it takes from now until every group has folded a position."""
    began = time.monotonic()
    eventually(lambda: folded(log.connection, position), every=0.001)
    return time.monotonic() - began


def seconds_to_succeed(log: Log, epoch: int) -> float:
    """How long it takes from now until another epoch begins."""
    began = time.monotonic()
    eventually(lambda: leader(log.connection)[0] > epoch, every=0.002)
    return time.monotonic() - began


def listeners(connection: psycopg.Connection[Any]) -> list[int]:
    rows = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'runfold worker bell'"
    )
    return [pid for (pid,) in rows]


# Dead leaders


def test_a_killed_leader_is_replaced_within_a_second(log: Log, database_url: str) -> None:
    """Also one that is in the middle of a statement: the server notices that its client is gone."""
    took = []
    with worker(database_url) as first:
        leads(log.connection, first)
        living = [first]
        for _ in range(3):
            with worker(database_url) as second:
                time.sleep(0.5)  # it waits for the lead by then
                epoch, _ = leader(log.connection)
                living[-1].send(signal.SIGKILL)
                took.append(seconds_to_succeed(log, epoch))
                assert leader(log.connection)[1] == second.pid
                last = log.append("log-a", ("LogAppended", {"level": "INFO", "event_type": "step_output", "message": "m"}))
                seconds_to_fold(log, last)
            with worker(database_url) as third:
                leads(log.connection, third)
                third.send(signal.SIGTERM)
                assert third.wait() == 0
            break
    assert min(took) < DEAD_REPLACED_WITHIN, took
