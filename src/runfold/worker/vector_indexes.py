"""Indexes of vectors: where the worker's login owns the table, it builds those that large collections want.

On a connection and in a thread of its own: a build takes minutes, and no fold waits for it. Where the login is another,
`runfold status` asks the owner for `runfold vector index --auto`.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Any, Self

import psycopg

from runfold.database.connections import Connect
from runfold.errors import RunfoldError
from runfold.vectors.indexes import build_all, may_build

log = logging.getLogger(__name__)

FIRST_SECONDS = 2.0


class VectorIndexes:
    """Looks for collections that want an index every so many seconds, while this worker leads; 0: never."""

    def __init__(self, connect: Connect, every_seconds: float) -> None:
        self._connect = connect
        self._every = every_seconds
        self._running: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runfold-vector-indexes", daemon=True)

    def __enter__(self) -> Self:
        if self._every:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        if not self._every:
            return
        # More than once: between two statements there is nothing to cancel.
        for _ in range(50):
            with self._lock:
                if self._running is not None:
                    self._running.cancel()
            self._thread.join(timeout=0.2)
            if not self._thread.is_alive():
                return

    def _run(self) -> None:
        wait = min(FIRST_SECONDS, self._every)
        while not self._stop.wait(wait):
            wait = self._every
            try:
                self._build()
            except (psycopg.Error, RunfoldError) as exc:
                if not self._stop.is_set():
                    log.warning("indexes of vectors could not be built: %s", exc)

    def _build(self) -> None:
        with self._connect() as connection:
            if not may_build(connection):
                return
            with self._lock:
                if self._stop.is_set():
                    return
                self._running = connection
            try:
                for built in build_all(connection, progress=lambda said: log.info("%s", said)):
                    log.info("built %s over %s rows", built.index_name, built.rows)
            finally:
                with self._lock:
                    self._running = None
