# Generated from ../aio/feed.py by `make sync`: edit that file, never this one.
"""What others do to executions that handles of this store care for: ends, take-overs and signals.

One look at the log serves all handles of a store, and asks for these types alone. A handle that is told reads its own
stream: so nothing depends on what the look brings, or on how often it comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

from runfold.client.background import Background
from runfold.client.sync.log import Log, statement
from runfold.events.base import types_that_end
from runfold.events.machines import EXECUTION

LOOK_SECONDS = 0.1
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
    """Tells handles that something concerns their streams; it looks only while there are some."""

    def __init__(self, store: Log) -> None:
        self._store = store
        self._position: int | None = None
        self._watched: dict[str, list[Told]] = {}
        self._new: list[Told] = []
        self._lock = threading.Lock()
        self._looking = Background("the look for what concerns executions", self._look, LOOK_SECONDS)

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

    def close(self) -> None:
        """Look no more."""
        self._watched.clear()
        self._looking.stop()

    def _look(self) -> None:
        with self._lock:
            if not self._watched:
                self._position = None
                return
            if self._position is None:
                ((self._position,),) = self._store._retried(statement("safe_head"), {})
            while self._new:
                self._new.pop(0)()
            events = self._store.read_all(self._position, types=TYPES)
            for event in events:
                for told in list(self._watched.get(event.stream_id, ())):
                    told()
                self._position = event.position
