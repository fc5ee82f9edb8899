"""Sends a lane's events, call by call, and says of each what became of it.

A call is all or nothing, so one event that is refused must not keep back the others. The refusal's pointer says which
event or which stream it was; without one the call is halved until one event is left. A call whose outcome is unknown is
sent again as it was: events that are stored already, in whichever call, are skipped by the log.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg

from runfold.emitter.acks import Ack, Outcome, settle
from runfold.emitter.queue import Call, Queue, Waiting, by_stream
from runfold.emitter.refusals import culprit_of
from runfold.errors import EventIdConflict, OutOfOrder, RunfoldError
from runfold.events.envelope import Appended

_MOST_REFUSED_ALONE = 3
"""From so many refused events on, a call is halved instead of sent again for each."""
_LONGEST_PAUSE = 1.0

OnRefused = Callable[[Sequence[Waiting], Exception], None]


class Transport(Protocol):
    """Sends a call to the log."""

    def send(self, streams: Sequence[Sequence[Waiting]]) -> list[Appended]:
        """Append the events of each stream, all or nothing, and return where each stream's went."""


class Disk(Protocol):
    """What a sender needs of a spool."""

    def read(self, call: Call) -> list[Waiting]:
        """Return the events of the oldest call that it has."""

    def done(self, call: Call) -> None:
        """Forget that call: its events are in the log, or were refused."""


@dataclass(slots=True)
class Counters:
    """What a sender has done; read without a lock."""

    calls: int = 0
    retries: int = 0
    acknowledged: int = 0
    refused: int = 0


class Sender(threading.Thread):
    """The one thread that sends a lane's events."""

    def __init__(
        self,
        queue: Queue,
        transport: Transport,
        linger: float,
        refused: OnRefused,
        *,
        name: str,
        disk: Disk | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.counters = Counters()
        self.broken: Exception | None = None
        """What every event fails with: it is the connection's fault, or the schema's, not the events'."""
        self._queue = queue
        self._transport = transport
        self._linger = linger
        self._on_refused = refused
        self._disk = disk
        self._halted = threading.Event()
        self._failed_alone: str | None = None
        self._lost: dict[str, tuple[int, RunfoldError]] = {}

    def stop(self) -> None:
        """Do not try again what cannot be sent now."""
        self._halted.set()

    def run(self) -> None:
        """Send until the queue is closed and empty."""
        while not self._halted.is_set() and (call := self._queue.take(self._linger)) is not None:
            items: list[Waiting] = []
            try:
                items = self._events_of(call)
                self._send(call, items)
                if self._halted.is_set() and any(not item.ack.done for item in items):
                    return
                self._queue.sent(call)
                if call.record is not None and self._disk is not None:
                    self._disk.done(call)
            except Exception as error:  # a defect of ours, or a damaged disk: nobody may wait for ever
                self._break(error, items, call)

    def _events_of(self, call: Call) -> list[Waiting]:
        """The events of a call, without those of streams that were lost after they had been emitted."""
        items = call.items
        if items is None:
            assert self._disk is not None
            items = self._disk.read(call)
        if not self._lost:
            return items
        kept = []
        for item in items:
            until, error = self._lost.get(item.stream_id, (-2, None))
            if error is not None and item.number <= until and not item.ack.done:
                self._give_up([item], error)
            else:
                kept.append(item)
        self._lost = {stream: lost for stream, lost in self._lost.items() if lost[0] > call.first}
        return kept

    def _send(self, call: Call, items: list[Waiting]) -> None:
        self._call = call
        self._parts = [items]
        self._refused_alone = 0
        while self._parts and not self._halted.is_set():
            part = self._parts.pop(0)
            if part:
                self._offer(part)

    def _offer(self, part: list[Waiting]) -> None:
        streams = list(by_stream(part).values())
        pause = 0.01
        while not self._halted.is_set():
            self.counters.calls += 1
            try:
                appended = self._transport.send(streams)
            except RunfoldError as error:
                if not error.retryable:
                    self._refuse(part, streams, error)
                    return
                self.counters.retries += 1
            except psycopg.Error as error:
                self._refuse(part, streams, error)
                return
            else:
                self._acknowledge(streams, appended)
                return
            self._halted.wait(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _acknowledge(self, streams: Sequence[Sequence[Waiting]], appended: Sequence[Appended]) -> None:
        outcomes: list[tuple[Ack, Outcome]] = []
        for items, whole in zip(streams, appended, strict=True):
            outcomes += [(item.ack, (whole, n)) for n, item in enumerate(items)]
        self._failed_alone = None
        self.counters.acknowledged += len(outcomes)
        settle(outcomes)

    def _refuse(self, part: list[Waiting], streams: list[list[Waiting]], error: Exception) -> None:
        found = culprit_of(error, [items[0].stream_id for items in streams])
        if found is None:
            self._halve(part, error)
        elif found.event is None:
            lost = streams[found.append][0].stream_id
            self._lose(lost, part, error)
            self._parts.insert(0, [item for item in part if item.stream_id != lost])
        else:
            self._refuse_one(part, streams[found.append][found.event], error)

    def _refuse_one(self, part: list[Waiting], culprit: Waiting, error: Exception) -> None:
        if getattr(error, "code", "") == "event_ids_mixed":
            # The event is good and new, and comes too late: behind it, others of its stream are stored already.
            error = _too_late(culprit, error)
        self._give_up([culprit], error)
        rest = [item for item in part if item is not culprit]
        self._refused_alone += 1
        if self._refused_alone > _MOST_REFUSED_ALONE:
            self._parts[:0] = _halves(rest)
        else:
            self._parts.insert(0, rest)

    def _halve(self, part: list[Waiting], error: Exception) -> None:
        if len(part) > 1:
            self._parts[:0] = _halves(part)
            return
        code = str(getattr(error, "code", type(error).__name__))
        if code == self._failed_alone and not isinstance(error, EventIdConflict):
            self._break(error, part, self._call)
            return
        self._failed_alone = code
        self._give_up(part, error)

    def _lose(self, stream_id: str, part_now: Sequence[Waiting], error: Exception) -> None:
        """Refuse all events of a stream that wait: they were to follow one that is not in the log."""
        if isinstance(error, RunfoldError):
            # Those that the spool has are refused when they are read; a former process's say nothing of this one's.
            self._lost[stream_id] = (self._queue.last_number if self._call.first >= 0 else -1, error)
        here = [item for part in (part_now, *self._parts) for item in part]
        items = [*here, *(self._queue.remove(stream_id) if self._call.first >= 0 else ())]
        items = [item for item in items if item.stream_id == stream_id and not item.ack.done]
        self._parts = [[item for item in part if item.stream_id != stream_id] for part in self._parts]
        self._give_up(items, error)
        for owner in {id(item.owner): item.owner for item in items}.values():
            if owner is not None and isinstance(error, RunfoldError):
                owner.lose(error)

    def _give_up(self, items: Sequence[Waiting], error: Exception) -> None:
        self.counters.refused += len(items)
        for item in items:
            if item.owner is not None and item.expected_version is not None:
                item.owner.refuse(item.expected_version)
        self._on_refused(items, error)
        settle((item.ack, error) for item in items)

    def _break(self, error: Exception, part: Sequence[Waiting], call: Call) -> None:
        """Refuse all that is in memory, and all that comes. What the spool has stays there."""
        self.broken = error
        self._parts = []
        self._halted.set()
        sending, waiting = self._queue.abandon()
        kept = () if call.record is None else part
        rest = {id(item): item for item in (*part, *sending, *waiting) if not item.ack.done and item not in kept}
        self._give_up(list(rest.values()), error)


def _too_late(event: Waiting, error: Exception) -> OutOfOrder:
    found = getattr(error, "found", None)
    return OutOfOrder(
        f"event {event.ack.event_id} of {event.stream_id} was not recorded: {found} behind it is in the log already",
        hint="emit it again with a new id, if its place in the stream does not matter",
        stream_id=event.stream_id,
        event_id=str(event.ack.event_id),
        found=found,
    )


def _halves(part: list[Waiting]) -> list[list[Waiting]]:
    middle = (len(part) + 1) // 2
    return [part[:middle], part[middle:]]


__all__ = ["Counters", "Disk", "OnRefused", "Sender", "Transport"]
