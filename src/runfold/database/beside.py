"""Work beside the caller's: on a thread and on connections of its own, while a block lasts."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import psycopg

from runfold.database.connections import Connect

_AGAIN_SECONDS = 0.2


class Beside(ABC):
    """Runs on a thread while a `with` block lasts, unless `runs` is false, and is stopped at the block's end.

    A subclass writes `_run`, which ends when `_stop` is set; what it asks within `_canceled_at_the_end` is canceled
    then.
    """

    _patience = 10.0
    """How many seconds the block waits for the thread at its end; then the thread ends with the process."""

    def __init__(self, name: str, connect: Connect, *, runs: bool = True) -> None:
        self._connect = connect
        self._runs = runs
        self._running: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"runfold-{name}", daemon=True)

    def __enter__(self) -> Self:
        if self._runs:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        ends = time.monotonic() + self._patience
        # More than once: between two statements there is nothing to cancel.
        while self._thread.is_alive() and time.monotonic() < ends:
            with self._lock:
                if self._running is not None:
                    self._running.cancel()
            self._thread.join(timeout=_AGAIN_SECONDS)

    @abstractmethod
    def _run(self) -> None:
        """Work until `_stop` is set."""

    @contextmanager
    def _canceled_at_the_end(self, connection: psycopg.Connection[Any]) -> Iterator[bool]:
        """Let the block's end cancel what the connection does; gives whether there is time to do it at all."""
        with self._lock:
            if may_begin := self._may_begin():
                self._running = connection
        try:
            yield may_begin
        finally:
            with self._lock:
                self._running = None

    def _may_begin(self) -> bool:
        return not self._stop.is_set()
