"""An idle worker learns of every append by a notification; the poll serves only what the notification cannot carry."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import psycopg
import pytest

from runfold.runtime_sql import runtime_sql
from runfold.worker import worker as worker_module
from runfold.worker.wake_up import IDLE_LOCK, Bell
from tests.fixtures.logs import Log, NewEvent, event
from tests.fixtures.processes import eventually, folded, forked, fresh_worker, worker

statement = runtime_sql("runfold.worker")

NEVER = 600.0
"""A poll interval that no test lives to see: what is folded was heard of."""

LINE: NewEvent = event("LogAppended")


def deaf_to_time(url: str) -> None:
    """Run a worker that does not poll."""
    worker_module.IDLE_SECONDS = NEVER
    fresh_worker(url).run()


def hasty(url: str) -> None:
    """Run a worker that does not poll, and that sleeps without reading the log once more."""
    arm = Bell.arm

    def arm_and_sleep(self: Bell) -> bool:
        time.sleep(0.01)  # the moment between its last look and its lock, a little longer
        armed = arm(self)
        if armed:
            self.wait(NEVER)
        return armed

    Bell.arm = arm_and_sleep  # type: ignore[method-assign]
    deaf_to_time(url)


def idle(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the worker sleeps, or is about to: it holds the lock that makes appends notify."""
    row = connection.execute(statement("try_lock"), {"number": IDLE_LOCK}).fetchone()
    if row == (True,):
        connection.execute(statement("unlock"), {"number": IDLE_LOCK})
        return False
    return True


def listener(connection: psycopg.Connection[Any]) -> int | None:
    row = connection.execute(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'runfold worker bell'"
    ).fetchone()
    return None if row is None else int(row[0])


def heard(log: Log, appends: int, *, within: float) -> list[float]:
    """Append one by one, at any moment; return how long each took to be folded."""
    random = Random(7)
    took = []
    for _ in range(appends):
        time.sleep(random.choice((0, 0, 0.001, 0.003, 0.01, 0.03)))
        position = log.append("log-a", LINE)
        began = time.monotonic()
        eventually(lambda: folded(log.connection, position), within=within, every=0.0005)  # noqa: B023 - called at once
        took.append(time.monotonic() - began)
    return took


def test_no_append_is_lost_between_the_last_look_and_the_sleep(log: Log, database_url: str) -> None:
    with forked(lambda: deaf_to_time(database_url)):
        eventually(lambda: idle(log.connection))
        took = heard(log, 200, within=10)
    assert sorted(took)[len(took) // 2] < 0.1


def test_control_a_worker_that_sleeps_without_looking_again_loses_one(log: Log, database_url: str) -> None:
    with forked(lambda: hasty(database_url)):
        eventually(lambda: idle(log.connection))
        with pytest.raises(AssertionError, match="still False"):
            heard(log, 200, within=2)


def test_an_append_that_does_not_ring_is_found_by_the_poll(log: Log, database_url: str) -> None:
    with worker(database_url):
        eventually(lambda: idle(log.connection))
        log.connection.execute("SET runfold.wake = off")
        heard(log, 3, within=10)


def test_a_listener_that_was_terminated_listens_again(log: Log, database_url: str) -> None:
    with forked(lambda: deaf_to_time(database_url)):
        for _ in range(3):
            eventually(lambda: idle(log.connection))
            lost = listener(log.connection)
            log.connection.execute("SELECT pg_terminate_backend(%s)", (lost,))
            heard(log, 1, within=10)
            eventually(lambda: listener(log.connection) not in (None, lost))  # noqa: B023 - called at once
            heard(log, 10, within=10)


def test_control_a_worker_that_can_not_listen_hears_nothing(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.worker.wake_up.CHANNEL", "another_channel")
    with forked(lambda: deaf_to_time(database_url)):
        eventually(lambda: idle(log.connection))
        with pytest.raises(AssertionError, match="still False"):
            heard(log, 10, within=2)
