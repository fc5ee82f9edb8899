"""Sends a lane's events, call by call, and says of each what became of it.

A call is all or nothing, so one event that is refused must not keep back the others. The refusal's pointer says which
event or which stream it was; without one the call is halved until one event is left. A call whose outcome is unknown is
sent again as it was, never cut in another way: the answer says whether it was recorded.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from runfold.emitter.acks import Ack, Outcome, settle
from runfold.emitter.queue import Queue, Waiting, by_stream
from runfold.errors import RunfoldError
from runfold.events.envelope import Appended

_OF_EVENT = re.compile(r"/(\d+)/events/(\d+)(?:/|$)")
_OF_APPEND = re.compile(r"/(\d+)(?:/|$)")
_MOST_REFUSED_ALONE = 3
"""From so many refused events on, a call is halved instead of sent again for each."""
_LONGEST_PAUSE = 1.0

OnRefused = Callable[[Waiting, Exception], None]


class Transport(Protocol):
    """Sends a call to the log."""

    def send(self, streams: Sequence[Sequence[Waiting]]) -> list[Appended]:
        """Append the events of each stream, all or nothing, and return where each stream's went."""


@dataclass(slots=True)
class Counters:
    """What a sender has done; read without a lock."""

    calls: int = 0
    retries: int = 0
    acknowledged: int = 0
    refused: int = 0


class Sender(threading.Thread):
    """The one thread that sends a lane's events."""

    def __init__(self, queue: Queue, transport: Transport, linger: float, refused: OnRefused, *, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.counters = Counters()
        self.broken: Exception | None = None
        """What every event fails with: it is the connection's fault, or the schema's, not the events'."""
        self._queue = queue
        self._transport = transport
        self._linger = linger
        self._on_refused = refused
        self._gives_up = threading.Event()
        self._failed_alone: str | None = None
        self._refused_alone = 0
        self._parts: list[list[Waiting]] = []

    def stop(self) -> None:
        """Do not try again what cannot be sent now."""
        self._gives_up.set()

    def run(self) -> None:
        """Send until the queue is closed and empty."""
        while items := self._queue.take(self._linger):
            try:
                self._send(items)
            except Exception as error:  # a defect of ours: nobody may wait for ever
                self._break(error, items)
            finally:
                self._queue.sent()

    def _send(self, items: list[Waiting]) -> None:
        self._parts = [items]
        self._refused_alone = 0
        while self._parts and not self._gives_up.is_set():
            part = self._parts.pop(0)
            if part:
                self._offer(part)

    def _offer(self, part: list[Waiting]) -> None:
        streams = list(by_stream(part).values())
        pause = 0.01
        while not self._gives_up.is_set():
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
            self._gives_up.wait(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _acknowledge(self, streams: Sequence[Sequence[Waiting]], appended: Sequence[Appended]) -> None:
        outcomes: list[tuple[Ack, Outcome]] = []
        for items, whole in zip(streams, appended, strict=True):
            before = whole.version - len(items)
            for n, item in enumerate(items):
                position = whole.first_position + n
                where = Appended(whole.stream_id, before + n + 1, position, position, whole.repeated)
                outcomes.append((item.ack, where))
            if (owner := items[0].owner) is not None:
                owner.version = whole.version
        self._failed_alone = None
        self.counters.acknowledged += len(outcomes)
        settle(outcomes)

    def _refuse(self, part: list[Waiting], streams: list[list[Waiting]], error: Exception) -> None:
        pointer = str(getattr(error, "pointer", None) or "")
        # The pointer of a mix names a good, new event.
        if getattr(error, "code", "") == "event_ids_mixed":
            self._halve(part, error)
        elif (match := _OF_EVENT.match(pointer)) is not None:
            culprit = streams[int(match[1])][int(match[2])]
            self._give_up([culprit], error)
            rest = [item for item in part if item is not culprit]
            self._refused_alone += 1
            if self._refused_alone > _MOST_REFUSED_ALONE:
                self._parts[:0] = _halves(rest)
            else:
                self._parts.insert(0, rest)
        elif (lost := _stream_of(error, pointer, streams)) is not None:
            self._lose(lost, error)
            self._parts.insert(0, [item for item in part if item.stream_id != lost])
        else:
            self._halve(part, error)

    def _halve(self, part: list[Waiting], error: Exception) -> None:
        if len(part) > 1:
            self._parts[:0] = _halves(part)
            return
        code = str(getattr(error, "code", type(error).__name__))
        if code == self._failed_alone and code != "event_ids_mixed":
            self._break(error, part)
            return
        self._failed_alone = code
        self._give_up(part, error)

    def _lose(self, stream_id: str, error: Exception) -> None:
        """Refuse all events of a stream that wait: they were to follow one that is not in the log."""
        items = [item for part in (self._queue.sending(), self._queue.remove(stream_id)) for item in part]
        items = [item for item in items if item.stream_id == stream_id and not item.ack.done]
        self._parts = [[item for item in part if item.stream_id != stream_id] for part in self._parts]
        self._give_up(items, error)
        for owner in {id(item.owner): item.owner for item in items}.values():
            if owner is not None and isinstance(error, RunfoldError):
                owner.lose(error)

    def _give_up(self, items: Sequence[Waiting], error: Exception) -> None:
        self.counters.refused += len(items)
        settle((item.ack, error) for item in items)
        for item in items:
            self._on_refused(item, error)

    def _break(self, error: Exception, part: Sequence[Waiting]) -> None:
        """Refuse all that is here, and all that comes."""
        self.broken = error
        self._parts = []
        sending, waiting = self._queue.abandon()
        rest = {id(item): item for item in (*part, *sending, *waiting) if not item.ack.done}
        self._give_up(list(rest.values()), error)


def _halves(part: list[Waiting]) -> list[list[Waiting]]:
    middle = (len(part) + 1) // 2
    return [part[:middle], part[middle:]]


def _stream_of(error: Exception, pointer: str, streams: Sequence[Sequence[Waiting]]) -> str | None:
    """The stream that a refusal is about."""
    if (match := _OF_APPEND.match(pointer)) is not None:
        return streams[int(match[1])][0].stream_id
    named: Any = getattr(error, "stream_id", None)
    return named if any(items[0].stream_id == named for items in streams) else None


__all__ = ["Counters", "OnRefused", "Sender", "Transport"]
