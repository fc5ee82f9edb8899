"""Copies of workflow_status in workflows, made after the folds.

Users edit `workflows`: their constraints, triggers and locks must not stop a fold, so a fold only notes what changed.
The copies are made here, in transactions of their own; what cannot be copied is noted with its error and tried again.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import psycopg

from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 1_000
_LONGEST_STATEMENT_MS = 1_000
# After a copy that took too long this much is left to the folds: a user's slow trigger gets little of the time.
_REST_SECONDS = 9.0


class Copies:
    """Makes what is noted as stale, for one session in autocommit; what fails stops nothing."""

    def __init__(self) -> None:
        self._most = _MOST_AT_ONCE
        self._next = 0.0

    def make(self, connection: psycopg.Connection[Any]) -> bool:
        """Make some copies, unless it is time to rest; returns whether more of them can be made at once."""
        if time.monotonic() < self._next or connection.execute(statement("copies_are_due")).fetchone() != (True,):
            return False
        try:
            with connection.transaction():
                connection.execute(statement("limit_statement"), {"milliseconds": str(_LONGEST_STATEMENT_MS)})
                (left,) = connection.execute(statement("sync_workflows"), {"most": self._most}).fetchone() or (0,)
        except psycopg.errors.QueryCanceled as exc:
            return self._note_slow(connection, exc)
        except psycopg.Error as exc:
            if connection.closed:
                raise
            log.warning("workflow_status could not be copied to workflows: %s", exc)
            self._next = time.monotonic() + _REST_SECONDS
            return False
        self._most = min(2 * self._most, _MOST_AT_ONCE)
        return bool(left)

    def _note_slow(self, connection: psycopg.Connection[Any], exc: psycopg.errors.QueryCanceled) -> bool:
        """Have one alone tried the next time; where one alone took too long, note that of it, and rest."""
        if self._most > 1:
            self._most = 1
            return True
        error = f"the copy takes longer than {_LONGEST_STATEMENT_MS / 1000:g} s: see the triggers of workflows"
        connection.execute(statement("note_slow_copy"), {"sqlstate": exc.sqlstate, "error": error})
        self._next = time.monotonic() + _REST_SECONDS
        return False

    def finish(self, connection: psycopg.Connection[Any]) -> None:
        """Make all copies that can be made now; those that take too long are left to the worker."""
        while self.make(connection):
            pass
