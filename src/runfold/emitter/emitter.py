"""Emits events without waiting for the database: they are sent in batches, in their order, by a thread."""

from __future__ import annotations

import atexit
import logging
import threading
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Literal, Self, TypedDict
from uuid import UUID
from zlib import crc32

import orjson

from runfold.client.aio.store import AsyncStore
from runfold.client.sync.store import Store
from runfold.database.forks import renew
from runfold.emitter.acks import Ack, Level, renew_lock, settle, wait
from runfold.emitter.options import check_options
from runfold.emitter.owned import OnLost, Ownership
from runfold.emitter.queue import MOST_BYTES, Queue, Waiting
from runfold.emitter.sender import Sender
from runfold.emitter.sigterm import handle_sigterm, leave_sigterm
from runfold.emitter.spool import LIMIT, Spool
from runfold.emitter.spooler import Spooler
from runfold.emitter.transport import StoreTransport
from runfold.errors import (
    DatabaseUnavailable,
    EmitterClosed,
    EmitterClosedWithUnsent,
    EmitterForked,
    WaitTimeout,
)
from runfold.events import Event
from runfold.events.codec import written_event
from runfold.events.encoding import encoding_with
from runfold.events.envelope import NewEvent
from runfold.tracing import carried

OnRefused = Callable[[NewEvent | Event, Exception], None]
"""Is called in the sender's thread with the event that was refused, and with the reason."""
_KEPT_REFUSED = 1_000
_LOOK = 0.05
_LEAST_TO_SPOOL = 2.0
_IS_SPOOLED = "the emitter was closed; the event is in its spool, and is sent when an emitter opens the folder again"
_log = logging.getLogger(__name__)


class Emitted(TypedDict, total=False):
    """What may be said of an event when it is emitted: the words of `Emitter.emit_nowait`."""

    expected_version: int | None
    event_id: UUID | None
    user_id: UUID | None
    occurred_at: datetime | None
    metadata: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class EmitterMetrics:
    """What an emitter has done since it was made, and what is here now."""

    queued: int
    queued_bytes: int
    oldest_seconds: float
    calls: int
    retries: int
    acknowledged: int
    refused: int
    spool_bytes: int
    spool_oldest_seconds: float
    refused_total: int
    """Of former processes, too, where there is a spool."""


class Emitter:
    """Records events in batches: `ack = emit(stream_id, event)` returns at once, `ack.result()` when it is in the log.

    Events of one stream are recorded in the order of their `emit`. It blocks only when `capacity` events or
    `capacity_bytes` wait. `linger` seconds are waited for more events when few come; `lanes` (1 or 2) split streams
    over connections. What is refused is given to `on_refused`, and the newest thousand are kept in `refused`.

    Without a spool, a kill of this process loses the events whose `result` has not returned. `spool` is a folder of its
    own: while the database gives no answer for `spool_after` seconds, or from the first on with `mode="always"`, events
    are written to this folder, `spool_limit` bytes at most; who opens it again sends them first. With
    `on_sigterm="flush"`, SIGTERM ends the process by SystemExit(143), which sends what waits, or spools it.

    Use it in `with`, or close it. It is safe to share between threads; a forked child has to make its own.
    """

    def __init__(
        self,
        store: Store | AsyncStore,
        *,
        capacity: int = 100_000,
        capacity_bytes: int = 64 * 1024 * 1024,
        linger: float = 0.002,
        lanes: int = 1,
        spool: str | Path | None = None,
        mode: Literal["outage", "always"] = "outage",
        spool_after: float = 1.0,
        spool_limit: int = LIMIT,
        on_refused: OnRefused | None = None,
        on_sigterm: Literal["flush"] | None = None,
        close_timeout: float = 10.0,
    ) -> None:
        check_options(lanes, capacity, capacity_bytes, spool, mode, spool_after)
        self.refused: deque[tuple[NewEvent | Event, Exception]] = deque(maxlen=_KEPT_REFUSED)
        self._on_refused = on_refused
        self._close_timeout = close_timeout
        self._user_id = store.user_id
        self._default = store.default
        self._transport = StoreTransport(store, lanes)
        self._spool: Spool | None = None
        self._spooler: Spooler | None = None
        limits: dict[str, Any] = {}
        if spool is not None:
            self._spool = self._opened_spool(spool, spool_limit)
            limits["spool_after"] = 0.0 if mode == "always" else spool_after
            limits["most_bytes"] = min(MOST_BYTES, spool_limit // 8)
        self._queues = [Queue(capacity // lanes or 1, capacity_bytes // lanes or 1, **limits) for _ in range(lanes)]
        if self._spool is not None:
            self._spooler = Spooler(self._queues[0], self._spool)
        self._senders = [
            Sender(
                queue,
                self._transport,
                linger,
                self._note_refused,
                name=f"runfold emitter {n}",
                disk=self._spooler,
            )
            for n, queue in enumerate(self._queues)
        ]
        self._closed = False
        self._forked = False
        self._closing = threading.Lock()
        for thread in (*self._senders, *([self._spooler] if self._spooler else [])):
            thread.start()
        self._handles_sigterm = False
        if on_sigterm == "flush":
            self.handle_sigterm()
        atexit.register(self._at_exit)
        renew(self)

    def _opened_spool(self, folder: str | Path, limit: int) -> Spool:
        try:
            return Spool.open(folder, self._transport.log_identity(), limit=limit)
        except BaseException:
            self._transport.close()
            raise

    def __call__(
        self,
        stream_id: str,
        event: Event | NewEvent,
        *,
        expected_version: int | None = None,
        event_id: UUID | None = None,
        user_id: UUID | None = None,
        occurred_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Ack:
        """Emit an event and return its acknowledgement; waits only for room.

        Raises InvalidInput for what JSON would lose, EmitterClosed, and EmitterForked.
        """
        envelope = _enveloped(event, event_id, occurred_at, metadata)
        return self._put(stream_id, envelope, user_id=user_id, expected_version=expected_version)

    def emit_nowait(
        self,
        stream_id: str,
        event: Event | NewEvent,
        *,
        expected_version: int | None = None,
        event_id: UUID | None = None,
        user_id: UUID | None = None,
        occurred_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Ack:
        """Emit an event and return its acknowledgement; raises EmitterFull where there is no room."""
        envelope = _enveloped(event, event_id, occurred_at, metadata)
        return self._put(stream_id, envelope, user_id=user_id, expected_version=expected_version, block=False)

    def own(self, stream_id: str, version: int, *, on_lost: OnLost | None = None) -> OwnedStream:
        """Return an emitter of a stream that this engine alone writes, and that is at `version` now.

        When another writer takes the stream, all events that wait raise VersionConflict, nothing more is written, and
        `on_lost(stream_id, conflict)` is called once.
        """
        return OwnedStream(self, Ownership(stream_id, version, on_lost))

    def handle_sigterm(self) -> None:
        """Have SIGTERM end this process by SystemExit(143) until it is closed, unless somebody else handles it."""
        self._handles_sigterm = self._handles_sigterm or handle_sigterm()

    def wait(self, acks: Iterable[Ack], level: Level = "recorded", timeout: float | None = None) -> None:
        """Return when each event has been recorded, or is on this machine's disk; raises the first refusal."""
        wait(acks, level, timeout)

    def flush(self, timeout: float | None = None) -> None:
        """Return when all events that were emitted before are recorded or refused; raises WaitTimeout."""
        self._check_process()
        deadline = None if timeout is None else monotonic() + timeout
        for queue in self._queues:
            if not queue.wait_settled(deadline):
                raise WaitTimeout(f"events are unsent after {timeout:g} s", hint="flush again, or see emit.metrics()")

    def metrics(self) -> EmitterMetrics:
        """Return what it has done, and what is here."""
        states = [queue.state() for queue in self._queues]
        counters = [sender.counters for sender in self._senders]
        return EmitterMetrics(
            queued=sum(count for count, _, _ in states),
            queued_bytes=sum(size for _, size, _ in states),
            oldest_seconds=max(age for _, _, age in states),
            calls=sum(each.calls for each in counters),
            retries=sum(each.retries for each in counters),
            acknowledged=sum(each.acknowledged for each in counters),
            refused=sum(each.refused for each in counters),
            spool_bytes=0 if self._spool is None else self._spool.bytes,
            spool_oldest_seconds=0.0 if self._spool is None else self._spool.oldest_seconds,
            refused_total=sum(each.refused for each in counters) if self._spool is None else self._spool.refused_total,
        )

    def close(self, timeout: float | None = None) -> None:
        """Send what waits, and end.

        What is not sent within `timeout` seconds (`close_timeout` where it is not given) raises
        EmitterClosedWithUnsent, and each of its acknowledgements: EmitterClosed for an event that was not sent,
        DatabaseUnavailable for one that was, without an answer.
        """
        if self._forked:
            return
        with self._closing:
            if self._closed:
                return
            self._closed = True
            atexit.unregister(self._at_exit)
            if self._handles_sigterm:
                leave_sigterm()
            self._end(self._close_timeout if timeout is None else timeout)

    def _end(self, timeout: float) -> None:
        deadline = monotonic() + timeout
        for queue in self._queues:
            queue.close()
        for queue, sender in zip(self._queues, self._senders, strict=True):
            while sender.is_alive() and (left := deadline - monotonic()) > 0 and not queue.is_on_disk():
                sender.join(min(left, _LOOK))
        for sender in self._senders:
            sender.stop()
        if self._spooler is not None:
            self._queues[0].close_to_disk()
            self._spooler.stop()
            self._spooler.join(max(_LEAST_TO_SPOOL, deadline - monotonic()))
        lost = sum(map(_abandon, self._queues))
        self._transport.close()
        if self._spool is not None:
            self._spool.close()
        if lost:
            raise EmitterClosedWithUnsent(count=lost)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except EmitterClosedWithUnsent as unsent:
            if error is None:
                raise
            error.add_note(f"runfold: {unsent}")

    def _put(
        self,
        stream_id: str,
        envelope: NewEvent,
        *,
        user_id: UUID | None,
        expected_version: int | None = None,
        owner: Ownership | None = None,
        block: bool = True,
    ) -> Ack:
        self._check_process()
        if self._default is None:
            event, size = written_event(envelope)
        else:
            with encoding_with(self._default):
                event, size = written_event(envelope)
        lane = 0
        if len(self._queues) > 1:
            lane = crc32(str(stream_id).encode(errors="replace")) % len(self._queues)
        if (broken := self._senders[lane].broken) is not None:
            raise broken
        ack = Ack(stream_id, envelope.event_id)
        tenant = self._user_id if user_id is None else user_id
        self._queues[lane].put(Waiting(ack, event, size, tenant, expected_version, owner), block=block)
        return ack

    def _note_refused(self, items: Sequence[Waiting], error: Exception) -> None:
        """Keep what was refused where it is found again, before its acknowledgement says so."""
        if self._spooler is not None:
            try:
                self._spooler.refuse(items, error)
            except Exception as unwritten:
                _log.warning("%d refused events are only in `refused`: %s", len(items), unwritten)
        for item in items:
            self._note_one(item, error)

    def _note_one(self, item: Waiting, error: Exception) -> None:
        data, metadata = item.event.get("data"), item.event["metadata"]
        event = NewEvent(
            type=item.event["type"],
            data=None if data is None else orjson.loads(data),
            payload=b64decode(item.event["payload"]) if "payload" in item.event else None,
            schema_version=item.event["schema_version"],
            event_id=item.ack.event_id,
            metadata=orjson.loads(metadata),
        )
        self.refused.append((event, error))
        if self._on_refused is not None:
            with suppress(Exception):  # it is the caller's, and must not end the sender
                self._on_refused(event, error)

    def _check_process(self) -> None:
        if self._forked:
            raise EmitterForked

    def _after_fork(self) -> None:
        """Leave to the parent what it has to send: its threads are not here."""
        self._forked = True
        renew_lock()

    def _at_exit(self) -> None:
        self.close()


class OwnedStream:
    """Emits events of a stream that nobody else writes."""

    def __init__(self, emitter: Emitter, owner: Ownership) -> None:
        self._emitter = emitter
        self._owner = owner

    @property
    def lost(self) -> bool:
        """Whether another writer has taken the stream."""
        return self._owner.lost is not None

    def __call__(
        self,
        event: Event | NewEvent,
        *,
        event_id: UUID | None = None,
        user_id: UUID | None = None,
        occurred_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Ack:
        """Emit an event and return its acknowledgement; raises the VersionConflict with which the stream was lost."""
        if self._owner.lost is not None:
            raise self._owner.lost
        envelope = _enveloped(event, event_id, occurred_at, metadata)
        return self._emitter._put(self._owner.stream_id, envelope, user_id=user_id, owner=self._owner)


def _enveloped(
    event: Event | NewEvent,
    event_id: UUID | None,
    occurred_at: datetime | None,
    metadata: Mapping[str, Any] | None,
) -> NewEvent:
    if isinstance(event, Event):
        return NewEvent.of(event, event_id=event_id, metadata=carried(metadata), occurred_at=occurred_at)
    if (traced := carried(event.metadata if metadata is None else metadata)) is not event.metadata:
        metadata = traced
    given = {"event_id": event_id, "occurred_at": occurred_at, "metadata": metadata}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(event, **changes) if changes else event


def _abandon(queue: Queue) -> int:
    """End a queue, and say of what is left what became of it; return how many events may be lost."""
    spooled = queue.spooled_acks()
    sending, unsent = queue.abandon()
    unknown = [item.ack for item in sending if not item.ack.done]
    left = [item.ack for item in unsent if not item.ack.done]
    settle((ack, EmitterClosed(_IS_SPOOLED, spooled=True)) for ack in spooled)
    settle((ack, DatabaseUnavailable("the emitter was closed before the answer")) for ack in unknown)
    settle((ack, EmitterClosed()) for ack in left)
    return len(unknown) + len(left)


__all__ = ["Emitted", "Emitter", "EmitterMetrics", "OwnedStream"]
