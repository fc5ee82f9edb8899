"""What `emit` returns: a ticket for one event, which says where it went or why it was refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any, Literal
from uuid import UUID

from runfold.errors import WaitTimeout
from runfold.events.envelope import Appended

Level = Literal["recorded", "spooled"]
Outcome = tuple[Appended, int] | Exception
"""Where its stream's append went and its number in that, or what it was refused with."""

_lock = threading.Lock()


class Ack:
    """The acknowledgement of one event; await it, or ask for its `result`.

    It makes no event or future until somebody waits.
    """

    __slots__ = ("__weakref__", "_outcome", "_spooled", "_waiting", "event_id", "stream_id")

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
            raise _is_late(timeout)
        self._raise_refusal()
        assert isinstance(self._outcome, tuple)
        whole, n = self._outcome
        position = whole.positions[n]
        return Appended(whole.stream_id, whole.versions[n], position, position, whole.repeated or n < whole.skipped)

    def __await__(self) -> Generator[Any, None, Appended]:
        """Wait in asyncio; a cancellation forgets the answer, and the event is sent all the same."""
        yield from self._reached("recorded").__await__()
        return self.result(0)

    async def _reached(self, level: Level) -> None:
        """Wait in asyncio until the level is reached."""
        if not self._has_reached(level):
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            if self._watched_by((loop, future), level):
                await future

    def _raise_refusal(self) -> None:
        """Raise what the event was refused with, if it was; one error may be that of many events."""
        if isinstance(self._outcome, Exception):
            raise self._outcome.with_traceback(None)

    def _is_done(self, deadline: float | None, level: Level = "recorded") -> bool:
        if not self._has_reached(level):
            waiter = threading.Event()
            if self._watched_by(waiter, level):
                return waiter.wait(None if deadline is None else max(0.0, deadline - monotonic()))
        return True

    def _has_reached(self, level: Level) -> bool:
        return self._outcome is not None or (self._spooled and level == "spooled")

    def _watched_by(self, waiter: Any, level: Level = "recorded") -> bool:
        """Wake the waiter when the level is reached; False if it is already."""
        with _lock:
            if self._has_reached(level):
                return False
            if self._waiting is None:
                self._waiting = []
            self._waiting.append((level, waiter))
            return True


def settle(outcomes: Iterable[tuple[Ack, Outcome]]) -> None:
    """Say what became of some events: each loop that waits for some of them is woken once."""
    waiters: list[Any] = []
    with _lock:
        for ack, outcome in outcomes:
            if ack._outcome is None:
                ack._outcome = outcome
                if ack._waiting is not None:
                    waiters += [waiter for _, waiter in ack._waiting]
                    ack._waiting = None
    _wake(waiters)


def settle_spooled(acks: Iterable[Ack]) -> None:
    """Say that this machine's disk holds some events."""
    waiters: list[Any] = []
    with _lock:
        for ack in acks:
            ack._spooled = True
            if ack._waiting is not None:
                waiters += [waiter for level, waiter in ack._waiting if level == "spooled"]
                ack._waiting = [each for each in ack._waiting if each[0] != "spooled"]
    _wake(waiters)


def renew_lock() -> None:
    """Take a new lock in a child process: another thread of the parent may have had it."""
    global _lock
    _lock = threading.Lock()


def _wake(waiters: Iterable[Any]) -> None:
    futures: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiter in waiters:
        if isinstance(waiter, threading.Event):
            waiter.set()
        else:
            futures.setdefault(waiter[0], []).append(waiter[1])
    for loop, of_loop in futures.items():
        with suppress(RuntimeError):  # it was closed
            loop.call_soon_threadsafe(_wake_futures, of_loop)


def _wake_futures(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def wait(acks: Iterable[Ack], level: Level = "recorded", timeout: float | None = None) -> None:
    """Return when each event has been recorded, or, at the level `spooled`, when this machine's disk holds it.

    Raises what the first refused one was refused with, and WaitTimeout.
    """
    deadline = None if timeout is None else monotonic() + timeout
    for ack in acks:
        if not ack._is_done(deadline, level):
            raise _is_late(timeout)
        ack._raise_refusal()


async def wait_async(acks: Iterable[Ack], level: Level = "recorded") -> None:
    """As `wait`, in asyncio."""
    for ack in acks:
        await ack._reached(level)
        ack._raise_refusal()


def _is_late(timeout: float | None) -> WaitTimeout:
    return WaitTimeout(f"no acknowledgement in {timeout:g} s", hint="wait again, or see emit.metrics()")


__all__ = ["Ack", "Level", "Outcome", "renew_lock", "settle", "settle_spooled", "wait", "wait_async"]
