"""Follow an application's events as they are recorded, without a notification for every append.

An idle subscriber is woken as those of `store.subscribe` are: see `runfold.client.aio.bell`. It takes the lock that
makes appends ring, waits until every append that tried it before has ended, reads the log once more, and only then
sleeps. If a notification is lost together with its connection, the subscriber still reads twice a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription

from runfold.client.sync.bell import Bell
from runfold.errors import RunfoldError
from runfold.runtime_sql import runtime_sql

if TYPE_CHECKING:
    from runfold.eventsourcing.datastore import Datastore

statement = runtime_sql("runfold.eventsourcing")

POLL_SECONDS = 0.5
"""Seconds after which a subscription reads without a notification."""
_SLICE_SECONDS = 0.1  # a subscription notices its end within this time
_FIRST_PAUSE_SECONDS = 0.001


class Ear:
    """What a subscription hears of appends; a session that is lost is opened again by the next call.

    Behind a pooler there is nothing to hear, and the subscription polls.
    """

    def __init__(self, datastore: Datastore) -> None:
        self._bell = Bell(datastore.store, "runfold subscription")

    @property
    def pid(self) -> int | None:
        """The pid of the backend that listens."""
        return self._bell.pid

    def arm(self) -> bool:
        """Make appends notify; return False if an append holds the lock, or if nothing can be heard."""
        try:
            return self._bell.arm()
        except RunfoldError:
            return False

    def is_quiet(self) -> bool:
        """Return whether every append that did not see the lock has ended."""
        try:
            return bool(self._bell.ask(statement("is_quiet"))[0][0])
        except RunfoldError:
            return False

    def disarm(self) -> None:
        try:
            self._bell.disarm()
        except RunfoldError:
            self._bell.close()

    def listen(self, seconds: float) -> bool:
        """Sleep until an append notifies, at most for these seconds; return whether one did."""
        try:
            return self._bell.wait(seconds)
        except RunfoldError:
            return False

    def close(self) -> None:
        self._bell.close()


class LogSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """Yields an application's present and future notifications after `gt`, in order, each once."""

    def __init__(
        self,
        recorder: ApplicationRecorder,
        ear: Ear,
        *,
        gt: int | None = None,
        topics: Sequence[str] = (),
    ) -> None:
        self.ear = ear
        self.asleep = False
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
                    pause = min(2 * pause, POLL_SECONDS)
        except BaseException as exc:
            if self._thread_error is None:
                self._thread_error = exc
            self.stop()
        finally:
            self.ear.close()

    def _pulled_something(self) -> bool:
        before = self._last_notification_id
        self._pull()
        return self._last_notification_id != before

    def _sleep(self) -> None:
        until = monotonic() + POLL_SECONDS
        self.asleep = True
        while not self._has_been_stopped and monotonic() < until:
            if self.ear.listen(_SLICE_SECONDS) or self.ear.pid is None:
                break
        self.asleep = False
