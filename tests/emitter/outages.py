"""A database that goes away, hangs, or does what it is asked and does not say so: a proxy in front of a real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import runfold
from runfold.emitter.emitter import Emitter
from runfold.events import LogAppended
from runfold.events.envelope import NewEvent
from tests.fixtures.proxy import Proxy


def line(message: object, **envelope: Any) -> NewEvent:
    event = LogAppended(level="INFO", event_type="workflow_progress", message=str(message))
    return NewEvent.of(event, **envelope)


def poison(message: object) -> NewEvent:
    """Return an event that the log refuses, and says so of it alone."""
    return NewEvent(type="Nonsense", data=line(message).data)


def messages(store: runfold.Store, stream: str) -> list[str]:
    return [str((event.data or {})["message"]) for event in store.read_stream(stream)]


_SYNC = b"S\0\0\0\4"


class Database(Proxy):
    """A database behind a proxy."""

    def __init__(self, url: str) -> None:
        super().__init__(url, self._watched)
        self._is_up = threading.Event()
        self._is_up.set()
        self._thaws = threading.Event()
        self._thaws.set()
        self._cut_next = False

    @property
    def answers(self) -> bool:
        return self._is_up.is_set() and self._thaws.is_set()

    def go_away(self) -> None:
        """Cut every connection as soon as it says something, new ones, too."""
        self._is_up.clear()

    def freeze(self) -> None:
        """Let every call wait."""
        self._thaws.clear()

    def come_back(self) -> None:
        self._is_up.set()
        self._thaws.set()

    def cut_next_answer(self) -> None:
        """Let the next append be recorded, and its caller not hear of it."""
        self._cut_next = True

    def _watched(self, said: bytes) -> bool:
        self._thaws.wait(60)
        if not self._is_up.is_set():
            raise ConnectionError
        # Only what ends a call: the server answers nothing before it.
        if self._cut_next and said.endswith(_SYNC) and b"workflow_progress" in said:
            self._cut_next = False
            return True
        return False


@contextmanager
def database(url: str) -> Iterator[tuple[Database, runfold.Store]]:
    """A database that can go away, and a store on it."""
    with Database(url) as behind, runfold.connect(behind.url) as store:
        try:
            yield behind, store
        finally:
            behind.come_back()


def crash(emit: Emitter, behind: Database) -> None:
    """Leave an emitter as a kill of its process does: nothing more is sent or written."""
    behind.go_away()
    for sender in emit._senders:
        sender.stop()
    if emit._spooler is not None:
        emit._spooler.stop()
    for queue in emit._queues:
        queue.abandon()
    behind._thaws.set()
    for thread in (*emit._senders, *filter(None, [emit._spooler])):
        thread.join(60)
        assert not thread.is_alive()
    if emit._spool is not None:
        emit._spool.close()
    emit._transport.close()
    emit._closed = True
    behind.come_back()
