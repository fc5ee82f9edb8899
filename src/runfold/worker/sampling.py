"""Sampling: while the worker is idle, some streams are verified now and then, on a connection of their own.

It holds up nobody: it begins only after the worker has been idle for a while, is canceled as soon as there is
something to fold, and no statement of it lives longer than a few seconds.
"""

from __future__ import annotations

import logging
import time
from random import Random
from typing import Any

import psycopg

from runfold.database.beside import Beside
from runfold.database.connections import Connect
from runfold.database.safe_head import safe_head
from runfold.errors import RunfoldError
from runfold.projections.definition.catalogue import Catalogue
from runfold.projections.reconciling.verify import verify
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
IDLE_FOR_SECONDS = 2.0
LONGEST_STATEMENT = "5s"


class Sampling(Beside):
    """Verifies this many streams a minute at most while the worker is idle; 0 verifies none."""

    def __init__(self, connect: Connect, catalogue: Catalogue, streams: int) -> None:
        super().__init__("sampling", connect, runs=streams > 0)
        # A user's group is verified in sessions of the users' login, which only an operator's command opens.
        self._catalogue = Catalogue({name: group for name, group in catalogue.groups.items() if not group.of_user})
        self._streams = streams
        self._idle_since: float | None = None

    def tell(self, *, idle: bool) -> None:
        """The worker is idle, or has something to fold: then what runs is canceled."""
        with self._lock:
            if idle:
                self._idle_since = self._idle_since or time.monotonic()
                return
            self._idle_since = None
            if self._running is not None:
                self._running.cancel()
                self._running = None

    def _run(self) -> None:
        last = -EVERY_SECONDS
        while not self._stop.wait(0.2):
            since, now = self._idle_since, time.monotonic()
            if since is None or now - since < IDLE_FOR_SECONDS or now - last < EVERY_SECONDS:
                continue
            last = now
            try:
                self._verify()
            except psycopg.errors.QueryCanceled:
                log.debug("the verification of a sample was given up")
            except (psycopg.Error, RunfoldError) as exc:
                log.warning("a sample could not be verified: %s", exc)

    def _verify(self) -> None:
        with self._connect() as connection:
            connection.execute("SELECT set_config('statement_timeout', %s, false)", (LONGEST_STATEMENT,))
            with self._canceled_at_the_end(connection) as may_begin:
                if not may_begin:
                    return
                found = verify(connection, self._catalogue, streams=self._choose(connection))
        for verification in found:
            if verification.differing:
                log.error(
                    "%s differs from the log in %s rows of %s streams: see `runfold projection verify`",
                    verification.projection,
                    verification.differing,
                    verification.streams,
                )

    def _may_begin(self) -> bool:
        return super()._may_begin() and self._idle_since is not None

    def _choose(self, connection: psycopg.Connection[Any]) -> list[str]:
        """Streams of events at random places of the log: found by its index, however many there are."""
        head = safe_head(connection)
        # What is verified follows from no clock and no fold: any source of chance will do.
        random = Random()
        positions = [random.randint(1, max(1, head)) for _ in range(self._streams)]
        rows = connection.execute(statement("streams_at"), {"positions": positions}).fetchall()
        return sorted(stream for (stream,) in rows)
