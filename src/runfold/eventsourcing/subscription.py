"""Follow an application's events as they are recorded, without a notification for every append.

An idle subscriber holds a lock, shared with other idle subscribers of the application. An append tries to take that
lock exclusively for a moment, and notifies only if it fails. So a subscriber takes the lock, waits until every append
that tried before has ended, reads the log once more, and only then sleeps. If a notification is lost together with its
connection, the subscriber still reads twice a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription, PersistenceError

from runfold.errors import BehindPooler
from runfold.runtime_sql import runtime_sql

if TYPE_CHECKING:
    from runfold.eventsourcing.datastore import Datastore

statement = runtime_sql("runfold.eventsourcing")

CHANNEL = "runfold_events"
POLL_SECONDS = 0.5
"""Seconds after which a subscription reads without a notification."""
_SLICE_SECONDS = 0.1  # a subscription notices its end within this time
_FIRST_PAUSE_SECONDS = 0.001


class Ear:
    """The listening connection of a subscription; if it is lost, the next call opens it again.

    Behind a pooler there is none: nobody can listen or hold a lock there, and the subscription polls.
    """

    def __init__(self, datastore: Datastore, category: str) -> None:
        self._datastore = datastore
        self._category = category
        self._connection: psycopg.Connection[Any] | None = None
        self._armed = False
        self._deaf = False

    @property
    def pid(self) -> int | None:
        """The pid of the backend that listens."""
        return self._connection.info.backend_pid if self._connection and not self._connection.closed else None

    def arm(self) -> bool:
        """Make appends notify; return False if an append holds the lock, or if there is no connection."""
        if not self._armed and not self._deaf:
            self._armed = self._ask("arm", {"category": self._category})
        return self._armed

    def is_quiet(self) -> bool:
        """Return whether every append that did not see the lock has ended."""
        return self._ask("is_quiet", {})

    def disarm(self) -> None:
        if self._armed:
            self._armed = False
            self._ask("disarm", {"category": self._category})

    def listen(self, seconds: float) -> bool:
        """Sleep until an append notifies, at most for these seconds; return whether one did."""
        try:
            for _ in self._open().notifies(timeout=seconds, stop_after=1):
                return True
        except (psycopg.Error, PersistenceError):
            self.close()
        return False

    def close(self) -> None:
        self._armed = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, name: str, parameters: dict[str, Any]) -> bool:
        try:
            row = self._open().execute(statement(name), parameters).fetchone()
        except (psycopg.Error, PersistenceError) as exc:
            self._deaf = isinstance(exc.__cause__, BehindPooler)
            self.close()
            return False
        return row is not None and bool(row[0])

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._armed = False
            self._connection = self._datastore.new_connection()
            self._connection.execute(f"LISTEN {CHANNEL}")
        return self._connection


class LogSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """Yields an application's present and future notifications after `gt`, in order, each once."""

    def __init__(
        self,
        recorder: ApplicationRecorder,
        ear: Ear,
        *,
        gt: int | None = None,
        topics: Sequence[str] = (),
        poll_seconds: float | None = None,
    ) -> None:
        self.ear = ear
        self.asleep = False
        self._given_poll_seconds = poll_seconds
        super().__init__(recorder=recorder, gt=gt, topics=topics)

    def _loop_on_pull(self) -> None:
        """Run as the reading thread; the base class starts it and joins it at the end."""
        pause = _FIRST_PAUSE_SECONDS
        try:
            while not self._has_been_stopped:
                if self._pulled_something():
                    pause = _FIRST_PAUSE_SECONDS
                elif self.ear.arm() and self.ear.is_quiet():
                    if not self._pulled_something():
                        self._sleep()
                    self.ear.disarm()
                    pause = _FIRST_PAUSE_SECONDS
                else:
                    self._has_been_notified.wait(pause)
                    pause = min(2 * pause, self._poll_seconds)
        except BaseException as exc:
            if self._thread_error is None:
                self._thread_error = exc
            self.stop()
        finally:
            self.ear.close()

    @property
    def _poll_seconds(self) -> float:
        return POLL_SECONDS if self._given_poll_seconds is None else self._given_poll_seconds

    def _pulled_something(self) -> bool:
        before = self._last_notification_id
        self._pull()
        return self._last_notification_id != before

    def _sleep(self) -> None:
        until = monotonic() + self._poll_seconds
        self.asleep = True
        while not self._has_been_stopped and monotonic() < until:
            if self.ear.listen(_SLICE_SECONDS) or self.ear.pid is None:
                break
        self.asleep = False
