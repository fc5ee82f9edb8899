"""One worker leads: a session lock in PostgreSQL decides, a pulse shows that it lives, an epoch fences the dead.

A leader that was killed frees the lock with its connection. One that is frozen keeps it, but its pulse stops: whoever
waits sees the same beat for FROZEN_AFTER seconds of its own monotonic clock (no two clocks are compared), ends the
frozen leader's connections and takes over under a new epoch. What the frozen one had open is rolled back, and when it
wakes, its checkpoint update finds another epoch and changes nothing.

A worker leads a schema of its own version only. A migration ends the lead by a new epoch; the worker of the release
before then waits, and says why.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

from runfold.database.connections import Connect
from runfold.database.migrations import check_stamp
from runfold.database.sessions import backend_pid
from runfold.errors import LeadershipLost, SchemaNewer
from runfold.runtime_sql import runtime_sql
from runfold.worker.numbers import Numbers, timed

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

LEADER_LOCK = 2
BEAT_SECONDS = 0.5
TRY_SECONDS = 0.2
FROZEN_AFTER = 3.0
# Between two lines that say why a worker does not lead.
SAY_SECONDS = 60.0


class Lead:
    """The leadership of one epoch, kept alive by a thread on its own connection until it is released or lost."""

    def __init__(
        self, connection: psycopg.Connection[Any], pids: Iterable[int], numbers: Numbers | None = None
    ) -> None:
        self._connection = connection
        self._numbers = numbers or Numbers()
        row = connection.execute(
            statement("take_lead"), {"worker": worker_name(), "pids": [backend_pid(connection), *pids]}
        ).fetchone()
        if row is None:
            raise LeadershipLost("runfold.leader has no row", hint="run `runfold migrate`")
        # In a statement after the epoch was taken: a migration that it did not see takes the epoch away again.
        pulse = connection.execute(statement("watch_leader")).fetchone()
        if _reason_to_wait(pulse[2] if pulse else None):
            raise LeadershipLost("the database was migrated meanwhile", hint="this worker waits")
        self.epoch: int = row[0]
        self.head = 0
        self._numbers.leading(self.epoch)
        self._lost = threading.Event()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="runfold-heartbeat", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise LeadershipLost when the pulse could not be kept or another epoch has begun."""
        if self._lost.is_set():
            raise LeadershipLost

    def release(self) -> None:
        """Stop leading; the next worker takes over at once."""
        self._released.set()
        self._thread.join(timeout=5)
        self._connection.close()

    def _beat(self) -> None:
        while not self._released.wait(BEAT_SECONDS):
            try:
                with timed(self._numbers.beats):
                    asked = {"epoch": self.epoch, "head": self.head}
                    row = self._connection.execute(statement("beat"), asked).fetchone()
            except psycopg.Error as exc:
                log.warning(
                    "the leader's pulse stopped: %s", exc, extra={"event": "pulse_stopped", "epoch": self.epoch}
                )
                row = None
            if row is None:
                self._lost.set()
                return


def acquire_lead(
    connect: Connect,
    pids: Iterable[int],
    stop: threading.Event,
    give_up: Callable[[], bool] = lambda: False,
    numbers: Numbers | None = None,
) -> Lead | None:
    """Wait until this worker leads; None when it was stopped, or gives up, before.

    Raises SchemaOutdated where the database is older than this worker, and SchemaNewer where it is newer and takes
    nothing of this release.
    """
    connection = connect()
    numbers = numbers or Numbers()
    seen: tuple[int, int] | None = None
    seen_at = time.monotonic()
    ended: int | None = None
    said_at = -math.inf
    try:
        while not stop.is_set():
            watched = connection.execute(statement("watch_leader")).fetchone()
            if reason := _reason_to_wait(watched[2] if watched else None):
                if time.monotonic() - said_at > SAY_SECONDS:
                    log.warning("waiting: %s", reason)
                    said_at = time.monotonic()
                if give_up():
                    break
                numbers.following()
                stop.wait(TRY_SECONDS)
                continue
            row = connection.execute(statement("try_lock"), {"number": LEADER_LOCK}).fetchone()
            if row is not None and row[0]:
                return Lead(connection, pids, numbers)
            if give_up():
                break
            numbers.following()
            pulse = watched and watched[:2]
            if pulse != seen:
                seen, seen_at = pulse, time.monotonic()
            elif pulse is not None and time.monotonic() - seen_at > FROZEN_AFTER:
                if ended == pulse[0]:
                    _warn_of_holder(connection)
                else:
                    log.warning("the leader of epoch %s is frozen: ending its connections", pulse[0])
                    connection.execute(statement("terminate_leader"), {"epoch": pulse[0]})
                ended, seen_at = pulse[0], time.monotonic()
                continue
            stop.wait(TRY_SECONDS)
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def _reason_to_wait(comment: str | None) -> str | None:
    """Return why this worker waits although nobody may lead: a newer runfold migrated the database; or None."""
    try:
        check_stamp(comment, folds=True)
    except SchemaNewer as refused:
        if not refused.facts["engines_go_on"]:
            raise
        return refused.message
    return None


def _warn_of_holder(connection: psycopg.Connection[Any]) -> None:
    """Say which session keeps the leader's lock, although it is none of the leader that noted itself."""
    row = connection.execute(statement("lock_holder"), {"number": LEADER_LOCK}).fetchone()
    if row is not None:
        pid, role, application = row
        log.warning(
            "the leader's lock is held by a session that is not the leader's, pid %s of %s (%s): a pooler may have kept"
            " it; end it as that role or as a superuser: SELECT pg_terminate_backend(%s)",
            pid,
            role,
            application or "no application name",
            pid,
        )


def worker_name() -> str:
    """Who this worker is, for people: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"
