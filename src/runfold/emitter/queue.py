"""Events that wait to be sent: bounded, in the order of their `emit`, and cut into calls.

With a spool, a second thread writes calls to the disk while the database is away. Every call of a lane has one place in
the order: the calls of the spool, the oldest first; the call that is being sent; the events that wait in memory.
"""

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
from runfold.emitter.segments import Record
from runfold.errors import EmitterClosed, EmitterFull

MOST_STREAMS = 1_000
MOST_EVENTS = 10_000
MOST_BYTES = 4 * 1024 * 1024
"""A call ends at the first of these; PostgreSQL refuses more streams and events."""
_MOST_CACHED = 16 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Waiting:
    """An event that waits, written already; `size` is that of its text."""

    ack: Ack
    event: dict[str, Any]
    size: int
    user_id: UUID | None
    expected_version: int | None
    owner: Ownership | None
    emitted_at: float = field(default_factory=monotonic)
    number: int = 0
    """Counts the events of the lane."""

    @property
    def stream_id(self) -> str:
        """The stream that it is for."""
        return self.ack.stream_id


@dataclass(slots=True, eq=False)
class Call:
    """Events that are sent together, and where the spool has them, if it has."""

    items: list[Waiting] | None
    """In the order in which they were emitted; None for a call of the spool that has to be read."""
    first: int
    """The number of its first event; -1 for a call of a former process."""
    count: int
    size: int
    since: float = 0.0
    """When it was first sent."""
    record: Record | None = None
    acks: list[Any] = field(default_factory=list)
    """Weak references to the acknowledgements, in the order of the record."""
    owned: dict[str, tuple[Ownership, int | None]] = field(default_factory=dict)
    """The owned streams in it, with the version that the first event of each expected when it was emitted."""
    is_being_written: bool = False
    is_of_memory: bool = True
    """Whether its bytes count as waiting in memory."""


class Queue:
    """The events of a lane. One sender takes them; one spooler writes them to the disk, where there is one."""

    def __init__(
        self, capacity: int, capacity_bytes: int, *, spool_after: float | None = None, most_bytes: int = MOST_BYTES
    ) -> None:
        """`spool_after`: seconds after which a call without an answer means an outage; 0 writes each call."""
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._spool_after = spool_after
        self._most_bytes = most_bytes
        lock = threading.Lock()
        self._arrived = threading.Condition(lock)  # for the sender
        self._settled = threading.Condition(lock)  # for those that wait for room, or for answers
        self._due = threading.Condition(lock)  # for the spooler
        self._waiting: deque[Waiting] = deque()
        self._records: deque[Call] = deque()
        self._writing: Call | None = None
        self._sending: Call | None = None
        self._count = 0
        self._bytes = 0
        self._cached = 0
        self._number = 0
        self._closed = False
        self._to_disk = False
        self._is_degraded = False
        self._ended = False

    def put(self, item: Waiting, *, block: bool = True) -> None:
        """Add an event; waits for room, or raises EmitterFull. Raises EmitterClosed."""
        with self._arrived:
            while not self._closed and not self._has_room(item.size):
                if not block:
                    raise EmitterFull(limit=self._capacity)
                self._settled.wait()
            if self._closed:
                raise EmitterClosed
            if item.owner is not None:
                item.expected_version = item.owner.next_version()
            item.number = self._number
            self._number += 1
            self._waiting.append(item)
            self._count += 1
            self._bytes += item.size
            if len(self._waiting) in (1, MOST_EVENTS):
                self._arrived.notify_all()
                self._due.notify_all()

    def take(self, linger: float) -> Call | None:
        """Return the next call when there is one; None once the queue is closed and all was sent.

        Events that come within `linger` seconds after the first go along.
        """
        with self._arrived:
            while True:
                if self._ended:
                    return None
                if self._records:
                    return self._begin(self._records[0])
                if self._writing is None and self._waiting and (self._is_degraded or not self._is_always):
                    wait_until = self._waiting[0].emitted_at + linger
                    left = wait_until - monotonic()
                    if self._closed or left <= 0 or len(self._waiting) >= MOST_EVENTS:
                        return self._begin(self._cut())
                    self._arrived.wait(left)
                    continue
                if self._closed and self._writing is None and not self._waiting:
                    self._ended = True
                    self._due.notify_all()
                    return None
                self._arrived.wait()

    def sent(self, call: Call) -> None:
        """Make room: what was taken is settled."""
        with self._arrived:
            while call.is_being_written:
                self._due.wait()
            self._sending = None
            if call.record is not None:
                self._records.popleft()
                if call.items is not None:
                    self._cached -= call.size
            if call.is_of_memory:
                self._release(call)
            self._settled.notify_all()
            self._due.notify_all()

    def next_to_spool(self) -> Call | None:
        """Return the next call to write to the disk, when there is one; None once all is sent or written.

        While a call has had no answer for `spool_after` seconds: that call, and then what waits behind it.
        """
        with self._due:
            while not self._ended:
                late = self._lateness()
                sending = self._sending
                is_outage = late >= 0 or self._to_disk
                if is_outage and sending is not None and sending.record is None:
                    sending.is_being_written = True
                    return sending
                if self._waiting and (is_outage or self._is_always):
                    self._writing = self._cut()
                    return self._writing
                if self._to_disk:
                    return None
                self._due.wait(None if sending is None or late >= 0 else max(0.001, -late))
            return None

    def spooled(self, call: Call, record: Record) -> None:
        """Let a call be of the spool: it was written. Its events need no room in memory any more."""
        with self._arrived:
            self._put_back_or_done(call)
            self._is_degraded = False
            call.record = record
            if call is self._sending or (self._cached + call.size <= _MOST_CACHED and self._all_cached()):
                self._cached += call.size
            else:
                call.items = None
            self._records.append(call)
            self._release(call)
            call.is_of_memory = False
            self._notify_all()

    def not_spooled(self, call: Call) -> None:
        """Let a call wait in memory: it could not be written."""
        with self._arrived:
            taken = self._put_back_or_done(call)
            self._is_degraded = True
            if taken and call.items is not None:
                self._waiting.extendleft(reversed(call.items))
            self._notify_all()

    def add_former(self) -> None:
        """Have the sender read one more call that the spool has from a former process."""
        with self._arrived:
            self._records.append(Call(None, -1, 0, 0, record=Record(-1, -1, 0.0, b""), is_of_memory=False))

    def remove(self, stream_id: str) -> list[Waiting]:
        """Take a stream's events out of those that wait in memory, and return them."""
        with self._arrived:
            found = [item for item in self._waiting if item.stream_id == stream_id]
            if found:
                self._waiting = deque(item for item in self._waiting if item.stream_id != stream_id)
                self._count -= len(found)
                self._bytes -= sum(item.size for item in found)
                self._settled.notify_all()
            return found

    @property
    def last_number(self) -> int:
        """The number of the newest event."""
        return self._number - 1

    def close(self) -> None:
        """Take no more events; those that wait are still sent."""
        with self._arrived:
            self._closed = True
            self._notify_all()

    def close_to_disk(self) -> None:
        """Send no more, and have the spooler write what is here."""
        with self._arrived:
            self._closed = self._to_disk = True
            self._notify_all()

    def abandon(self) -> tuple[list[Waiting], list[Waiting]]:
        """End, and return the events that are being sent and those that wait in memory: nobody takes them now."""
        with self._arrived:
            self._closed = self._ended = True
            sending = self._sending
            sent = [] if sending is None or sending.record is not None else list(sending.items or ())
            unsent = list(self._waiting)
            if self._writing is not None and self._writing.record is None:
                unsent[:0] = self._writing.items or ()
            self._waiting.clear()
            self._notify_all()
            return sent, unsent

    def spooled_acks(self) -> list[Ack]:
        """The acknowledgements, not settled and still held by somebody, of what the spool has."""
        with self._arrived:
            found = [ack() for call in self._records for ack in call.acks]
            return [ack for ack in found if ack is not None and not ack.done]

    def is_on_disk(self) -> bool:
        """Whether all that is here is in the spool, while the database does not answer."""
        with self._arrived:
            sending = self._sending
            if self._waiting or self._writing is not None or sending is None:
                return False
            return sending.record is not None and self._lateness() >= 0

    def wait_settled(self, deadline: float | None) -> bool:
        """Wait until all that is here now is settled; False if it is not by then."""
        with self._arrived:
            last = self._number - 1
            while self._oldest() <= last:
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    return False
                self._settled.wait(left)
            return True

    def state(self) -> tuple[int, int, float]:
        """How many events wait in memory, of how many bytes, and the age of the oldest in seconds."""
        with self._arrived:
            oldest = next(iter(self._waiting), None)
            if self._sending is not None and self._sending.items:
                oldest = self._sending.items[0]
            return self._count, self._bytes, 0.0 if oldest is None else monotonic() - oldest.emitted_at

    @property
    def _is_always(self) -> bool:
        return self._spool_after == 0

    def _lateness(self) -> float:
        """Seconds since the call that is being sent means an outage; negative before that."""
        if self._sending is None or self._spool_after is None:
            return -3600.0
        return monotonic() - self._sending.since - self._spool_after

    def _has_room(self, size: int) -> bool:
        # One that alone is larger than all the room is let in when nothing else is here.
        return self._count == 0 or (self._count < self._capacity and self._bytes + size <= self._capacity_bytes)

    def _begin(self, call: Call) -> Call:
        call.since = monotonic()
        self._sending = call
        self._due.notify_all()
        return call

    def _release(self, call: Call) -> None:
        self._count -= call.count
        self._bytes -= call.size

    def _put_back_or_done(self, call: Call) -> bool:
        """Note that a call is not being written any more; True if it was taken from those that wait."""
        call.is_being_written = False
        if call is self._writing:
            self._writing = None
            return True
        return False

    def _all_cached(self) -> bool:
        return not self._records or self._records[-1].items is not None

    def _oldest(self) -> int:
        """The number of the oldest event that is not settled."""
        for call in (self._sending, self._records[0] if self._records else None, self._writing):
            if call is not None:
                return call.first
        return self._waiting[0].number if self._waiting else self._number

    def _notify_all(self) -> None:
        self._arrived.notify_all()
        self._settled.notify_all()
        self._due.notify_all()

    def _cut(self) -> Call:
        """The events of a call. An append has one tenant, and its version is asked for its first event only."""
        taken: list[Waiting] = []
        of_stream: dict[str, Waiting] = {}
        size = 0
        waiting = self._waiting
        while waiting and len(taken) < MOST_EVENTS:
            item = waiting[0]
            stream_id = item.ack.stream_id
            first = of_stream.get(stream_id)
            if taken and size + item.size > self._most_bytes:
                break
            if first is None:
                if len(of_stream) == MOST_STREAMS:
                    break
                of_stream[stream_id] = item
            elif item.user_id != first.user_id or not _follows(item, first):
                break
            taken.append(waiting.popleft())
            size += item.size
        return Call(taken, taken[0].number, len(taken), size)


def _follows(item: Waiting, first: Waiting) -> bool:
    """Whether an event can be in one append behind another of its stream."""
    return item.owner is first.owner and (item.owner is not None or item.expected_version is None)


def by_stream(items: Iterable[Waiting]) -> dict[str, list[Waiting]]:
    """The events by their streams, in the order of the first of each."""
    found: dict[str, list[Waiting]] = {}
    for item in items:
        found.setdefault(item.ack.stream_id, []).append(item)
    return found


__all__ = ["MOST_BYTES", "MOST_EVENTS", "MOST_STREAMS", "Call", "Queue", "Waiting", "by_stream"]
