"""What `emit` returns: a ticket for one event, which says where it went or why it was refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterable
from time import monotonic
from typing import Any, Literal
from uuid import UUID

from runfold.errors import WaitTimeout
from runfold.events.envelope import Appended

Level = Literal["recorded", "spooled"]
Outcome = Appended | Exception

_lock = threading.Lock()


class Ack:
    """The acknowledgement of one event; await it, or ask for its `result`.

    It makes no event or future until somebody waits.
    """

    __slots__ = ("_outcome", "_spooled", "_waiting", "event_id", "stream_id")

    def __init__(self, stream_id: str, event_id: UUID) -> None:
        self.stream_id = stream_id
        self.event_id = event_id
        self._outcome: Outcome | None = None
        self._spooled = False
        self._waiting: list[Any] | None = None

    @property
    def done(self) -> bool:
        """Whether the event is in the log, or was refused."""
        return self._outcome is not None

    @property
    def spooled(self) -> bool:
        """Whether it is on this machine's disk, to be offered to the log until it is recorded or refused."""
        return self._spooled

    def result(self, timeout: float | None = None) -> Appended:
        """Return where the event went, once its append has committed: its version in the stream, and its position.

        Raises what it was refused with, and then it is not in the log; DatabaseUnavailable where the emitter was closed
        before the answer, and then it is not known; WaitTimeout after `timeout` seconds: it is still on its way.
        """
        if not self._is_done(None if timeout is None else monotonic() + timeout):
            raise WaitTimeout(f"no acknowledgement in {timeout:g} s", hint="wait again, or see emit.metrics()")
        outcome = self._outcome
        if isinstance(outcome, Appended):
            return outcome
        assert outcome is not None
        raise outcome

    def __await__(self) -> Generator[Any, None, Appended]:
        """Wait in asyncio; a cancellation forgets the answer, and the event is sent all the same."""
        if self._outcome is None:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            if self._watched_by((loop, future)):
                yield from future
        return self.result(0)

    def _is_done(self, deadline: float | None) -> bool:
        if self._outcome is None:
            waiter = threading.Event()
            if self._watched_by(waiter):
                return waiter.wait(None if deadline is None else max(0.0, deadline - monotonic()))
        return True

    def _watched_by(self, waiter: Any) -> bool:
        """Wake the waiter when it is settled; False if it is settled already."""
        with _lock:
            if self._outcome is not None:
                return False
            if self._waiting is None:
                self._waiting = []
            self._waiting.append(waiter)
            return True


def settle(outcomes: Iterable[tuple[Ack, Outcome]]) -> None:
    """Say what became of some events: each loop that waits for some of them is woken once."""
    futures: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    with _lock:
        for ack, outcome in outcomes:
            if ack._outcome is not None:
                continue
            ack._outcome = outcome
            waiting, ack._waiting = ack._waiting, None
            for waiter in waiting or ():
                if isinstance(waiter, threading.Event):
                    waiter.set()
                else:
                    futures.setdefault(waiter[0], []).append(waiter[1])
    for loop, of_loop in futures.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_wake, of_loop)


def _wake(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def wait(acks: Iterable[Ack], level: Level = "recorded", timeout: float | None = None) -> None:
    """Return when each event has been recorded or refused, or, at the level `spooled`, when its disk holds it.

    Raises what the first refused one was refused with, and WaitTimeout.
    """
    deadline = None if timeout is None else monotonic() + timeout
    for ack in acks:
        if level == "spooled" and ack.spooled:
            continue
        ack.result(None if deadline is None else max(0.0, deadline - monotonic()))


__all__ = ["Ack", "Level", "Outcome", "settle", "wait"]
