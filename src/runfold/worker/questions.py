"""Questions end with their execution: the leading worker closes those that its end left open."""

from __future__ import annotations

import logging
import math
import time
from typing import Any
from uuid import UUID

import psycopg

from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

# A look is of so many open questions at most, however many there are: the next look begins where this one ended.
LOOK_SECONDS = 1.0


class Questions:
    """Looks at the open questions in turn, and closes those of executions that have ended."""

    def __init__(self) -> None:
        self._next = -math.inf
        self._after: UUID | None = None

    def close_some(self, connection: psycopg.Connection[Any]) -> None:
        """Look at the next open questions, unless this was done a moment ago. What fails is tried again."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_SECONDS
        try:
            row = connection.execute(statement("close_questions"), {"after": self._after}).fetchone()
        except psycopg.Error as exc:
            if connection.closed:
                raise
            log.warning("questions of ended executions could not be closed: %s", exc)
            return
        closed, self._after = row or (0, None)
        if closed:
            log.info("%s questions were closed with their executions", closed)
