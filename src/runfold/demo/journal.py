"""How the engine writes: several streams all or nothing, each at the version that this engine left it at."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack

import runfold
from runfold.events import Event

Entry = tuple[str, Sequence[Event]]


class Journal:
    """Appends an engine's events, from any number of tasks.

    Every append names the version it expects its stream at: a second engine that took over the same execution would be
    refused instead of mixed in. `written` counts the events by type: what the engine knows it did.
    """

    def __init__(self, store: runfold.AsyncStore) -> None:
        self.written: Counter[str] = Counter()
        self.position = 0
        self._store = store
        self._versions: dict[str, int] = defaultdict(int)
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def record(self, *entries: Entry) -> None:
        """Append events to streams, durably and all or nothing."""
        async with AsyncExitStack() as locked:
            for stream_id in sorted(stream_id for stream_id, _ in entries):
                await locked.enter_async_context(self._locks[stream_id])
            appends = [
                runfold.Append(stream_id=stream_id, events=events, expected_version=self._versions[stream_id])
                for stream_id, events in entries
            ]
            for appended in await self._store.append_many(appends):
                self._versions[appended.stream_id] = appended.version
                self.position = max(self.position, appended.last_position)
            self.written.update(event.event_type() for _, events in entries for event in events)
