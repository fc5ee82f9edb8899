"""The emitter of asyncio: admission and acknowledgements are awaited; the sending is a thread's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, Unpack

from runfold.client.aio.store import AsyncStore
from runfold.domain.signatures import spells_out
from runfold.emitter.acks import Ack, Level, wait_async
from runfold.emitter.emitter import Emitted, Emitter, EmitterMetrics, OwnedStream
from runfold.emitter.owned import OnLost
from runfold.errors import EmitterClosed, EmitterClosedWithUnsent, EmitterFull
from runfold.events import Event
from runfold.events.envelope import NewEvent


@spells_out
class AsyncEmitter:
    """Records events in batches: `ack = await emit.put(stream_id, event)` waits for room only, `await ack` for the log.

    It takes the options of `Emitter`. Use it in `async with`, or `await emit.open()` and close it.
    """

    def __init__(self, store: AsyncStore, **options: Any) -> None:
        self._store = store
        self._options = options
        self._opened: Emitter | None = None

    async def open(self) -> Self:
        """Connect, and return itself."""
        if self._opened is None:
            handles = self._options.pop("on_sigterm", None)
            self._opened = await asyncio.to_thread(lambda: Emitter(self._store, **self._options))
            if handles is not None:
                self._opened.handle_sigterm()
        return self

    @property
    def _emitter(self) -> Emitter:
        if self._opened is None:
            raise EmitterClosed("the emitter is not open", hint="use it in `async with`, or await emit.open()")
        return self._opened

    async def put(self, stream_id: str, event: Event | NewEvent, **about: Unpack[Emitted]) -> Ack:
        """Emit an event and return its acknowledgement; waits for room. Takes the words of `Emitter`, and raises so."""
        try:
            return self._emitter.emit_nowait(stream_id, event, **about)
        except EmitterFull:
            return await asyncio.to_thread(self._emitter, stream_id, event, **about)

    __call__ = put

    def emit_nowait(self, stream_id: str, event: Event | NewEvent, **about: Unpack[Emitted]) -> Ack:
        """Emit an event and return its acknowledgement; raises EmitterFull where there is no room."""
        return self._emitter.emit_nowait(stream_id, event, **about)

    def own(self, stream_id: str, version: int, *, on_lost: OnLost | None = None) -> OwnedStream:
        """Return an emitter of a stream that this engine alone writes, as `Emitter.own`; it blocks where it is full."""
        return self._emitter.own(stream_id, version, on_lost=on_lost)

    async def wait(self, acks: Iterable[Ack], level: Level = "recorded") -> None:
        """Return when each event has been recorded, or is on this machine's disk; raises the first refusal."""
        await wait_async(acks, level)

    async def flush(self, timeout: float | None = None) -> None:
        """Return when all events that were emitted before are recorded or refused; raises WaitTimeout."""
        await asyncio.to_thread(self._emitter.flush, timeout)

    def metrics(self) -> EmitterMetrics:
        """Return what it has done, and what is here."""
        return self._emitter.metrics()

    async def close(self, timeout: float | None = None) -> None:
        """Send what waits, and end; raises EmitterClosedWithUnsent."""
        if self._opened is not None:
            await asyncio.to_thread(self._opened.close, timeout)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except EmitterClosedWithUnsent as unsent:
            if error is None:
                raise
            error.add_note(f"runfold: {unsent}")


__all__ = ["AsyncEmitter"]
