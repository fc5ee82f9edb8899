"""Events that wait to be sent: bounded, in the order of their `emit`, and cut into calls."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from runfold.emitter.acks import Ack
from runfold.emitter.owned import Ownership
from runfold.errors import EmitterClosed, EmitterFull

MOST_STREAMS = 1_000
MOST_EVENTS = 10_000
MOST_BYTES = 4 * 1024 * 1024
"""A call ends at the first of these; PostgreSQL refuses more streams and events."""


@dataclass(slots=True)
class Waiting:
    """An event that waits, written already; `size` is that of its text."""

    ack: Ack
    event: dict[str, Any]
    size: int
    user_id: UUID | None
    expected_version: int | None
    owner: Ownership | None
    emitted_at: float = field(default_factory=monotonic)

    @property
    def stream_id(self) -> str:
        """The stream that it is for."""
        return self.ack.stream_id


class Queue:
    """The events of a lane. One sender takes them."""

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._sending: list[Waiting] = []
        self._bytes = 0
        self._closed = False

    def put(self, item: Waiting, *, block: bool = True) -> None:
        """Add an event; waits for room, or raises EmitterFull. Raises EmitterClosed."""
        with self._changed:
            while not self._closed and not self._has_room(item.size):
                if not block:
                    raise EmitterFull(limit=self._capacity)
                self._changed.wait()
            if self._closed:
                raise EmitterClosed
            self._waiting.append(item)
            self._bytes += item.size
            self._changed.notify_all()

    def take(self, linger: float) -> list[Waiting]:
        """Return the events of the next call, when there are some; none once the queue is closed and empty.

        Events that come within `linger` seconds after the first go along.
        """
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait()
            wait_until = self._waiting[0].emitted_at + linger
            while not self._closed and (left := wait_until - monotonic()) > 0 and len(self._waiting) < MOST_EVENTS:
                self._changed.wait(left)
            self._sending = self._cut()
            return self._sending

    def sent(self) -> None:
        """Make room: what was taken is settled."""
        with self._changed:
            self._bytes -= sum(item.size for item in self._sending)
            self._sending = []
            self._changed.notify_all()

    def sending(self) -> list[Waiting]:
        """The events of the call that is being sent."""
        with self._changed:
            return list(self._sending)

    def remove(self, stream_id: str) -> list[Waiting]:
        """Take a stream's events out of those that wait, and return them."""
        with self._changed:
            found = [item for item in self._waiting if item.stream_id == stream_id]
            if found:
                self._waiting = deque(item for item in self._waiting if item.stream_id != stream_id)
                self._bytes -= sum(item.size for item in found)
                self._changed.notify_all()
            return found

    def close(self) -> None:
        """Take no more events; those that wait are still sent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> tuple[list[Waiting], list[Waiting]]:
        """Close, and return the events that are being sent and those that were not sent, which no sender takes now."""
        with self._changed:
            self._closed = True
            unsent = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return list(self._sending), unsent

    def wait_empty(self, deadline: float | None) -> bool:
        """Wait until all that is here now is settled; False if it is not by then."""
        with self._changed:
            awaited = {id(item) for item in (*self._sending, *self._waiting)}
            while awaited & {id(item) for item in (*self._sending, *self._waiting)}:
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def state(self) -> tuple[int, int, float]:
        """How many events are here, of how many bytes, and the age of the oldest in seconds."""
        with self._changed:
            oldest = next(iter((*self._sending, *self._waiting)), None)
            count = len(self._sending) + len(self._waiting)
            return count, self._bytes, 0.0 if oldest is None else monotonic() - oldest.emitted_at

    def _has_room(self, size: int) -> bool:
        count = len(self._waiting) + len(self._sending)
        # One that alone is larger than all the room is let in when nothing else is here.
        return count == 0 or (count < self._capacity and self._bytes + size <= self._capacity_bytes)

    def _cut(self) -> list[Waiting]:
        """The events of a call. An append has one tenant, and its version is asked for its first event only."""
        taken: list[Waiting] = []
        of_stream: dict[str, Waiting] = {}
        size = 0
        while self._waiting and len(taken) < MOST_EVENTS:
            item = self._waiting[0]
            first = of_stream.get(item.stream_id)
            if taken and size + item.size > MOST_BYTES:
                break
            if first is None and len(of_stream) == MOST_STREAMS:
                break
            if first is not None and (item.user_id != first.user_id or not _follows(item, first)):
                break
            of_stream.setdefault(item.stream_id, item)
            taken.append(self._waiting.popleft())
            size += item.size
        return taken


def _follows(item: Waiting, first: Waiting) -> bool:
    """Whether an event can be in one append behind another of its stream."""
    return item.owner is first.owner and item.expected_version is None


def by_stream(items: Iterable[Waiting]) -> dict[str, list[Waiting]]:
    """The events by their streams, in the order of the first of each."""
    found: dict[str, list[Waiting]] = {}
    for item in items:
        found.setdefault(item.stream_id, []).append(item)
    return found


__all__ = ["MOST_BYTES", "MOST_EVENTS", "MOST_STREAMS", "Queue", "Waiting", "by_stream"]
