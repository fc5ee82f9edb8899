"""Indexes of vectors: where the worker's login owns the table, it builds those that large collections want.

On a connection and in a thread of its own: a build takes minutes, and no fold waits for it. Where the login is another,
`runfold status` asks the owner for `runfold vector index --auto`.
"""

from __future__ import annotations

import logging

import psycopg

from runfold.database.beside import Beside
from runfold.database.connections import Connect
from runfold.errors import RunfoldError
from runfold.vectors.indexes import build_all, may_build

log = logging.getLogger(__name__)

FIRST_SECONDS = 2.0


class VectorIndexes(Beside):
    """Looks for collections that want an index every so many seconds, while this worker leads; 0: never."""

    def __init__(self, connect: Connect, every_seconds: float) -> None:
        super().__init__("vector-indexes", connect, runs=every_seconds > 0)
        self._every = every_seconds

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
            with self._canceled_at_the_end(connection) as may_begin:
                if not may_begin:
                    return
                for built in build_all(connection, progress=lambda said: log.info("%s", said)):
                    log.info("built %s over %s rows", built.index_name, built.rows)
