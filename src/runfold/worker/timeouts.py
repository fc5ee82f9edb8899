"""Time runs out: now and then the leading worker appends what is due."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import psycopg

from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings
from runfold.worker.questions import Questions

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

# Of each kind in one transaction: folds go on between two of them.
MOST_AT_ONCE = 100


class Timeouts:
    """Appends the timeouts and warnings that are due, at most once in RUNFOLD_TIMEOUT_INTERVAL seconds."""

    def __init__(self, settings: Settings) -> None:
        self._interval = settings.timeout_interval or math.inf
        self._remind_before = settings.remind_before
        self._questions = Questions()
        self._next = -math.inf if settings.timeout_interval else math.inf

    def append_due(self, connection: psycopg.Connection[Any]) -> None:
        """Append what is due, unless this was done a moment ago. What fails is tried again, and stops no fold.

        First what has ended with its execution is closed: it does not time out any more.
        """
        self._questions.close_some(connection)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._interval
        parameters = {"limit": MOST_AT_ONCE, "remind_before": self._remind_before}
        try:
            appended = connection.execute(statement("append_due_timeouts"), parameters).fetchall()
        except psycopg.Error as exc:
            if connection.closed:
                raise
            log.warning("what has timed out could not be appended: %s", exc)
            return
        for stream_id, kind, pause in appended:
            log.info("%s: %s", stream_id, kind if pause is None else f"{kind} {pause}")
        if len(appended) >= MOST_AT_ONCE:
            self._next = -math.inf
