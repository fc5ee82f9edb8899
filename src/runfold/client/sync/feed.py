# Generated from ../aio/feed.py by `make sync`: edit that file, never this one.
"""What others do to executions that handles of this store care for: ends, take-overs and signals.

One subscription serves all handles of a store, and asks for these types alone. A handle that is told reads its own
stream: so nothing depends on what the subscription brings, or on how often it comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

from runfold.client.background import Background
from runfold.client.sync.log import Log, statement
from runfold.client.sync.subscriptions import Subscription
from runfold.database.forks import renew
from runfold.errors import RunfoldError
from runfold.events.base import types_that_end
from runfold.events.machines import EXECUTION

TYPES = (*types_that_end(EXECUTION), "ExecutionTakenOver", "ExecutionSignaled")

Told = Callable[[], None]

_feeds: WeakKeyDictionary[Log, Feed] = WeakKeyDictionary()


def feed_of(store: Log) -> Feed:
    """Return the feed of a store."""
    if store not in _feeds:
        _feeds[store] = Feed(store)
    return _feeds[store]


def close_feed(store: Log) -> None:
    """Look no more."""
    if (feed := _feeds.pop(store, None)) is not None:
        feed.close()


class Feed:
    """Tells handles that something concerns their streams, from the first that asks until the store is closed."""

    def __init__(self, store: Log) -> None:
        self._store = store
        self._watched: dict[str, list[Told]] = {}
        self._new: list[Told] = []
        self._subscription: Subscription | None = None
        self._lock = threading.Lock()
        self._beginning = Background("the first look at executions", self._begin, 0)
        self._following = Background("the subscription to what concerns executions", self._follow, 0)
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

    def close(self) -> None:
        """Tell nobody any more."""
        self._watched.clear()
        self._beginning.stop()
        self._unsubscribe()

    def _begin(self) -> bool:
        """Subscribe, if that is not done, and tell who is new what came before."""
        with self._lock:
            if self._subscription is None:
                ((head,),) = self._store._retried(statement("safe_head"), {})
                self._subscription = Subscription(self._store, after=head, types=TYPES)
                self._following.start()
        while self._new:
            told = self._new.pop(0)
            try:
                told()
            except BaseException:
                self._new.append(told)  # behind the others
                raise
        return True

    def _follow(self) -> bool:
        """Tell of the next event; True when the subscription was closed."""
        subscription = self._subscription
        if subscription is None:
            return True
        try:
            received = subscription.__next__()
        except StopIteration:
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

    def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            # Who iterates sees that it is closed, and then has the session no more.
            subscription.close()
            self._following.stop()
            subscription.close()
