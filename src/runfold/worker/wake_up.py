"""How an idle worker is woken: a handshake, so that a busy log pays nothing for it.

Idle means holding a session lock. An appender tries that lock, shared, and notifies only when it does not get it. So
the worker takes the lock, looks at the log once more, and only then sleeps; an appender that got the lock before has
committed by then, or the worker does not get it and looks again soon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from runfold.database.connections import Connect
from runfold.database.sessions import backend_pid
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.worker")

IDLE_LOCK = 1
CHANNEL = "runfold_events"


class Bell:
    """The listening connection of a worker; opened again by the next call when it is lost.

    `rung` is called when an appender rings.
    """

    def __init__(self, connect: Connect, rung: Callable[[], object] = lambda: None) -> None:
        self._connect = connect
        self._rung = rung
        self._connection: psycopg.Connection[Any] | None = None
        self._armed = False

    @property
    def armed(self) -> bool:
        """Whether appenders ring: the lock is held, and was not lost with its connection."""
        return self._armed and self._connection is not None and not self._connection.closed

    @property
    def pid(self) -> int:
        """The backend that listens."""
        return backend_pid(self._open())

    def arm(self) -> bool:
        """Become idle; False while appenders are about to commit: look at the log again soon."""
        row = self._open().execute(statement("try_lock"), {"number": IDLE_LOCK}).fetchone()
        self._armed = row is not None and bool(row[0])
        return self._armed

    def disarm(self) -> None:
        """Stop being idle: appenders need not notify."""
        if self.armed:
            self._armed = False
            self._open().execute(statement("unlock"), {"number": IDLE_LOCK})

    def wait(self, seconds: float) -> None:
        """Sleep, armed, until an appender rings, for this long at most."""
        for _ in self._open().notifies(timeout=seconds, stop_after=1):
            self._rung()

    def close(self) -> None:
        """Stop listening."""
        self._armed = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._armed = False
            self._connection = self._connect()
            self._connection.execute(f"LISTEN {CHANNEL}")
        return self._connection
