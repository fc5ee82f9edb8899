"""What others do to executions that handles of this store care for: ends, take-overs and signals.

One look at the log serves all handles of a store, and asks for these types alone. A handle that is told reads its own
stream: so nothing depends on what the look brings, or on how often it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from runfold.client.aio.log import AsyncLog, statement
from runfold.client.background import AsyncBackground
from runfold.events.base import types_that_end
from runfold.events.machines import EXECUTION

LOOK_SECONDS = 0.1
TYPES = (*types_that_end(EXECUTION), "ExecutionTakenOver", "ExecutionSignaled")

Told = Callable[[], Awaitable[None]]

_feeds: WeakKeyDictionary[AsyncLog, AsyncFeed] = WeakKeyDictionary()


def feed_of(store: AsyncLog) -> AsyncFeed:
    """Return the feed of a store."""
    if store not in _feeds:
        _feeds[store] = AsyncFeed(store)
    return _feeds[store]


async def close_feed(store: AsyncLog) -> None:
    """Look no more."""
    if (feed := _feeds.pop(store, None)) is not None:
        await feed.close()


class AsyncFeed:
    """Tells handles that something concerns their streams; it looks only while there are some."""

    def __init__(self, store: AsyncLog) -> None:
        self._store = store
        self._position: int | None = None
        self._watched: dict[str, list[Told]] = {}
        self._new: list[Told] = []
        self._lock = asyncio.Lock()
        self._looking = AsyncBackground("the look for what concerns executions", self._look, LOOK_SECONDS)

    def watch(self, stream_id: str, told: Told) -> None:
        """Call a function after each event of the stream that concerns it, and once at first."""
        self._watched.setdefault(stream_id, []).append(told)
        self._new.append(told)
        self._looking.start()

    def forget(self, stream_id: str, told: Told) -> None:
        """Call it no more."""
        listeners = self._watched.get(stream_id, [])
        if told in listeners:
            listeners.remove(told)
        if not listeners:
            self._watched.pop(stream_id, None)

    async def close(self) -> None:
        """Look no more."""
        self._watched.clear()
        await self._looking.stop()

    async def _look(self) -> None:
        async with self._lock:
            if not self._watched:
                self._position = None
                return
            if self._position is None:
                ((self._position,),) = await self._store._retried(statement("safe_head"), {})
            while self._new:
                await self._new.pop(0)()
            events = await self._store.read_all(self._position, types=TYPES)
            for event in events:
                for told in list(self._watched.get(event.stream_id, ())):
                    await told()
                self._position = event.position
