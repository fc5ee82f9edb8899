"""Closing: a partition of the log that is full is frozen once, so that no vacuum has anything to do there later.

It begins when no fold waits, on a connection of its own, with vacuum's pauses, so that folds go on beside it. A
login that does not own the log cannot vacuum it: there autovacuum does it, in its own time.
"""

from __future__ import annotations

import logging
import time

import psycopg
from psycopg import sql

from runfold.database.beside import Beside
from runfold.database.connections import Connect
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
# A leader that had nothing to fold within this time has no backlog, however much is appended.
IDLE_WITHIN_SECONDS = 2.0
# Where an old snapshot kept rows from being frozen.
AGAIN_SECONDS = 3600.0

# As slow as autovacuum, which nobody notices.
_SLOWLY = "SET vacuum_cost_delay = '2ms'"


class Closing(Beside):
    """Freezes full partitions of the log, one at a time, while this worker leads."""

    def __init__(self, connect: Connect) -> None:
        super().__init__("closing", connect)
        self._head = 0
        self._idle_at = -IDLE_WITHIN_SECONDS

    def tell(self, *, idle: bool, head: int) -> None:
        """The log is settled up to the head; the worker is idle, or has something to fold."""
        self._head = head
        if idle:
            self._idle_at = time.monotonic()

    def _run(self) -> None:
        due = 0.0
        while not self._stop.wait(0.2):
            now = time.monotonic()
            if now - self._idle_at > IDLE_WITHIN_SECONDS or now < due:
                continue
            try:
                due = now + (EVERY_SECONDS if self._freeze() else AGAIN_SECONDS)
            except psycopg.errors.QueryCanceled:
                log.debug("a full partition is frozen later")
            except psycopg.Error as exc:
                due = now + EVERY_SECONDS
                log.warning("a full partition could not be frozen: %s", exc)

    def _freeze(self) -> bool:
        """Freeze the next full partition, if there is one; returns whether nothing of it was left undone."""
        with self._connect() as connection:
            row = connection.execute(statement("closed_partition"), {"head": self._head}).fetchone()
            if row is None:
                return True
            partition, name = row
            with self._canceled_at_the_end(connection) as may_begin:
                if not may_begin:
                    return True
                connection.execute(_SLOWLY)
                began = time.monotonic()
                schema, _, table = name.partition(".")
                connection.execute(sql.SQL("VACUUM (FREEZE, ANALYZE) {}").format(sql.Identifier(schema, table)))
            if connection.execute(statement("is_all_visible"), {"partition": partition}).fetchone() != (True,):
                log.info("%s is not frozen whole, because of an older snapshot: later again", name)
                return False
            connection.execute(statement("note_frozen"), {"partition": partition, "name": name})
            log.info("the full partition %s was frozen in %.1f s", name, time.monotonic() - began)
            return True
