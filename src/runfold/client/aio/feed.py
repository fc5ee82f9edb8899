"""What others do to executions that handles of this store care for: ends, take-overs and signals.

One subscription serves all handles of a store, and asks for these types alone. A handle that is told reads its own
stream: so nothing depends on what the subscription brings, or on how often it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from runfold.client.aio.log import AsyncLog, statement
from runfold.client.aio.subscriptions import AsyncSubscription
from runfold.client.background import AsyncBackground
from runfold.database.forks import renew
from runfold.errors import RunfoldError
from runfold.events.base import types_that_end
from runfold.events.machines import EXECUTION

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
    """Tells handles that something concerns their streams, from the first that asks until the store is closed."""

    def __init__(self, store: AsyncLog) -> None:
        self._store = store
        self._watched: dict[str, list[Told]] = {}
        self._new: list[Told] = []
        self._subscription: AsyncSubscription | None = None
        self._lock = asyncio.Lock()
        self._beginning = AsyncBackground("the first look at executions", self._begin, 0)
        self._following = AsyncBackground("the subscription to what concerns executions", self._follow, 0)
        renew(self)

    def _after_fork(self) -> None:
        """Know nobody in a child process: it has none of the parent's threads."""
        self.__init__(self._store)  # type: ignore[misc]

    def watch(self, stream_id: str, told: Told) -> None:
        """Call a function after each event of the stream that concerns it, and once at first."""
        self._watched.setdefault(stream_id, []).append(told)
        self._tell(told)

    def forget(self, stream_id: str, told: Told) -> None:
        """Call it no more."""
        listeners = self._watched.get(stream_id, [])
        if told in listeners:
            listeners.remove(told)
        if not listeners:
            self._watched.pop(stream_id, None)

    async def close(self) -> None:
        """Tell nobody any more."""
        self._watched.clear()
        await self._beginning.stop()
        await self._unsubscribe()

    async def _begin(self) -> bool:
        """Subscribe, if that is not done, and tell who is new what came before."""
        async with self._lock:
            if self._subscription is None:
                ((head,),) = await self._store._retried(statement("safe_head"), {})
                self._subscription = AsyncSubscription(self._store, after=head, types=TYPES)
                self._following.start()
        while self._new:
            told = self._new.pop(0)
            try:
                await told()
            except BaseException:
                self._new.append(told)  # behind the others
                raise
        return True

    async def _follow(self) -> bool:
        """Tell of the next event; True when the subscription was closed."""
        subscription = self._subscription
        if subscription is None:
            return True
        try:
            received = await subscription.__anext__()
        except StopAsyncIteration:
            return True
        except RunfoldError:
            # It cannot go on: another one begins, and everybody looks for what it did not bring.
            self._subscription = None
            self._tell(*(told for listeners in self._watched.values() for told in listeners))
            raise
        self._tell(*self._watched.get(received.event.stream_id, ()))
        return False

    def _tell(self, *those: Told) -> None:
        if those:
            self._new.extend(those)
            self._beginning.start()

    async def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            # Who iterates sees that it is closed, and then has the session no more.
            await subscription.close()
            await self._following.stop()
            await subscription.close()
