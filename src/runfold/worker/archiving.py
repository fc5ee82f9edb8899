"""Archiving: once a day the leader takes what a policy lets go out of the log, on a connection of its own.

Only where a folder is set and a policy is on. A run that is stopped is ended by the next one.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from runfold.archive.writing import write_archives
from runfold.database.connections import Connect
from runfold.errors import RunfoldError
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0


class _Stopped(Exception):
    """The worker stops while the archive waits for a lock."""


class Archiving:
    """Archives what is due in a thread of its own while this worker leads; without a folder it does nothing."""

    def __init__(self, connect: Connect, folder: Path | None) -> None:
        self._connect = connect
        self._folder = folder
        self._stop = threading.Event()
        self._running: psycopg.Connection[object] | None = None
        self._thread = threading.Thread(target=self._run, name="runfold-archiving", daemon=True)

    def __enter__(self) -> Self:
        if self._folder is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        if (running := self._running) is not None:
            running.cancel()
        if self._folder is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._archive()
            except _Stopped:
                return
            except (psycopg.Error, RunfoldError, OSError) as exc:
                if not self._stop.is_set():
                    log.warning("what is old could not be archived: %s", exc)
            self._stop.wait(EVERY_SECONDS)

    def _archive(self) -> None:
        assert self._folder is not None
        with self._connect() as connection:
            row = connection.execute(statement("archive_is_due")).fetchone()
            if row is None or not row[0]:
                return
            self._running = connection
            try:
                written = write_archives(connection, self._folder, wait=self._wait)
            finally:
                self._running = None
            connection.execute(statement("note_archive_run"))
        if written.streams:
            log.info("%s streams with %s events left the log for %s", written.streams, written.events, self._folder)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped
