"""Run backfills: changes of rows, and indexes, that follow a migration in small steps, beside everything else.

A migration enters a backfill with `runfold.enter_backfill` and makes its two functions: `runfold.backfill_<name>(after
text, most integer)` changes the next rows and returns (reached text, changed bigint), with NULL for reached at the end;
`runfold.backfill_<name>_left(after text)` returns how many rows are left. So backfills are in the database, and every
process sees which are pending. A step commits its rows and how far it is together: a run that was killed is run again.

An index is built by `CREATE INDEX CONCURRENTLY`, statement by statement, which only the owner of the table may.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from runfold.database.connections import mapped_errors
from runfold.errors import InvalidInput, TimeLimitReached, TransactionFailed, UnknownBackfill
from runfold.runtime_sql import runtime_sql

_sql = runtime_sql("runfold.database")

MOST = 1000
SHARE = 0.5
# A row or table that somebody holds is waited for, step by step, with pauses in which they pass.
_PAUSE_FOR_LOCKS = 1.0

Progress = Callable[[str, int, int], None]
"""Called with a backfill's name, how much it has looked at in this run, and how much there was to look at."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill and how far it is."""

    name: str
    about: str
    since: str
    """The version of the migration that entered it."""
    entered_at: datetime
    index_name: str | None
    changed: int
    steps: int
    started_at: datetime | None
    stepped_at: datetime | None
    finished_at: datetime | None

    @property
    def pending(self) -> bool:
        """Whether it has not ended."""
        return self.finished_at is None

    @property
    def state(self) -> str:
        """Return `pending`, `begun` or `done`."""
        if not self.pending:
            return "done"
        return "pending" if self.started_at is None else "begun"


def read_backfills(connection: psycopg.Connection[Any]) -> list[Backfill]:
    """Return the backfills that migrations have entered, those that are pending first."""
    with mapped_errors(), connection.cursor(row_factory=class_row(Backfill)) as cursor:
        return cursor.execute(_sql("backfills")).fetchall()


def left_of(connection: psycopg.Connection[Any], name: str) -> int:
    """Return how many rows a backfill has still to look at, or statements to run; raises UnknownBackfill."""
    with mapped_errors("runfold_operator"):
        row = connection.execute(_sql("left_of_backfill"), {"name": name}).fetchone()
    return int(row[0] or 0) if row else 0


def chosen(connection: psycopg.Connection[Any], names: list[str]) -> list[Backfill]:
    """Return the pending backfills in the order of their migrations, of these names if any; raises UnknownBackfill."""
    found = read_backfills(connection)
    for name in names:
        if name not in {each.name for each in found}:
            raise UnknownBackfill(
                f"there is no backfill {name}",
                hint="see `runfold backfill list` for those that there are",
                backfill=name,
            )
    return [each for each in found if each.pending and (not names or each.name in names)]


def run_backfills(
    connection: psycopg.Connection[Any],
    names: list[str],
    *,
    most: int = MOST,
    share: float = SHARE,
    progress: Progress = lambda *_: None,
) -> dict[str, int]:
    """Run the pending backfills to their end, of these names if any; return how many rows each changed in this run.

    The connection is in autocommit: each step is committed by itself, and looks at `most` rows. Steps take this `share`
    of the time at most, and the pauses between them the rest. Whoever holds a lock is waited for without a limit.
    Raises UnknownBackfill, InvalidInput, and PermissionDenied where an index is built by who does not own its table.
    """
    if not 0 < share <= 1:
        raise InvalidInput(f"the share is {share}", hint="give more than 0 and at most 1", code="backfill_share")
    changed = {}
    for each in chosen(connection, names):
        step = _step_of_index if each.index_name is not None else _step_of_rows
        changed[each.name] = _run(connection, each.name, step, most, share, progress)
    return changed


_Step = Callable[[psycopg.Connection[Any], str, int], "tuple[int, bool]"]


def _run(
    connection: psycopg.Connection[Any], name: str, step: _Step, most: int, share: float, progress: Progress
) -> int:
    changed, looked, whole = 0, 0, left_of(connection, name)
    done = False
    while not done:
        progress(name, min(looked, whole), whole)
        began = time.monotonic()
        try:
            with mapped_errors("runfold_operator"):
                count, done = step(connection, name, most)
        except (TimeLimitReached, TransactionFailed) as exc:
            if not exc.retryable:
                raise
            time.sleep(_PAUSE_FOR_LOCKS)
            continue
        changed += count
        looked += most if step is _step_of_rows else 1
        if not done:
            time.sleep((time.monotonic() - began) * (1 / share - 1))
    progress(name, whole, whole)
    return changed


def _step_of_rows(connection: psycopg.Connection[Any], name: str, most: int) -> tuple[int, bool]:
    row = connection.execute(_sql("step_backfill"), {"name": name, "most": most}).fetchone()
    return (row[0], row[1]) if row else (0, True)


def _step_of_index(connection: psycopg.Connection[Any], name: str, _most: int) -> tuple[int, bool]:
    """Run the first statement that is left; PostgreSQL wrote it, from names of its own."""
    row = connection.execute(_sql("index_statements"), {"name": name}).fetchone()
    if row is not None:
        connection.execute(str(row[0]).encode())
    ended = connection.execute(_sql("end_index_backfill"), {"name": name}).fetchone()
    return (0 if row is None else 1), bool(ended and ended[0])
