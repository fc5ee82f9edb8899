"""What the leader does now and then: it makes partitions ahead of time, and copies prices that begin to be valid.

Each is done in a transaction of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, LiteralString

import psycopg

from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
# While a partition of the log could not be made: appends end where the log does.
URGENT_SECONDS = 5.0
_SPARE = 4


class Maintenance:
    """Makes partitions while this worker leads. What keeps one from being made keeps back no fold and no other one."""

    def __init__(self) -> None:
        self._next = 0.0
        self._said: dict[str, str] = {}

    def make_partitions(self, connection: psycopg.Connection[Any]) -> None:
        """Make what is missing, now and then; the connection is in autocommit."""
        if time.monotonic() < self._next:
            return
        # One after the other, and the next one first: each is made for itself.
        made = [self._do(connection, "the log", "ensure_partitions", {"spare": n + 1}) for n in range(_SPARE)]
        self._next = time.monotonic() + (EVERY_SECONDS if all(made) else URGENT_SECONDS)
        months = self._do(connection, "the logs of executions", "missing_log_months")
        for (month,) in months or ():
            about = f"the logs of executions in {month:%Y-%m}"
            self._do(connection, about, "make_log_partition", {"month": month})
        self._do(connection, "the calls of other services", "make_api_log_months")
        self._do(connection, "the present prices", "copy_present_prices")
        self._do(connection, "the sizes of tables", "sample_table_sizes")

    def _do(
        self,
        connection: psycopg.Connection[Any],
        about: str,
        name: LiteralString,
        parameters: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[tuple[Any, ...]] | None:
        """Run one statement and return its rows; None, with a warning the first time, where it failed."""
        try:
            rows = connection.execute(statement(name), parameters).fetchall()
        except psycopg.Error as exc:
            if connection.closed:
                raise
            if self._said.get(about) != str(exc):
                log.warning("%s could not be maintained: %s", about, exc)
            self._said[about] = str(exc)
            return None
        self._said.pop(about, None)
        return rows
