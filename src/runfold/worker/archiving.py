"""Archiving: once a day the leader takes what a policy lets go out of the log, on a connection of its own.

Only where a folder is set and a policy is on. A run that is stopped is ended by the next one.
"""

from __future__ import annotations

import logging
from pathlib import Path

import psycopg

from runfold.archive.writing import write_archives
from runfold.database.beside import Beside
from runfold.database.connections import Connect
from runfold.errors import RunfoldError
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0


class _Stopped(Exception):
    """The worker stops while the archive waits for a lock."""


class Archiving(Beside):
    """Archives what is due in a thread of its own while this worker leads; without a folder it does nothing."""

    def __init__(self, connect: Connect, folder: Path | None) -> None:
        super().__init__("archiving", connect, runs=folder is not None)
        self._folder = folder

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
            with self._canceled_at_the_end(connection) as may_begin:
                if not may_begin:
                    return
                written = write_archives(connection, self._folder, wait=self._wait)
            connection.execute(statement("note_archive_run"))
        if written.streams:
            log.info("%s streams with %s events left the log for %s", written.streams, written.events, self._folder)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped
