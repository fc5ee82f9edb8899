"""Retention: what has expired is removed for good, once a day by the leader, and by hand."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

from runfold.archive.writing import write_archives
from runfold.errors import InvalidInput, UnknownRetention
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
PART = 10_000
"""How many rows are deleted in a transaction: folds of the table's group wait for one part at most."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the rows of a table are kept, and what became of those that were not.

    `keep` is None where they are kept for ever; `cutoff` is None for a table that is no read table, or of which nothing
    has expired yet. `expired` is how many rows have expired and are not removed yet, None where that was not asked.
    """

    table: str
    column: str
    group: str | None
    exists: bool
    keep: timedelta | None
    cutoff: datetime | None
    ran_at: datetime
    blocked_since: datetime | None
    expired: int | None = None


@dataclass(frozen=True, slots=True)
class ArchivePolicy:
    """How long the streams of a category stay in the log after their last event; `keep` is None for ever."""

    category: str
    keep: timedelta | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a retention would do at once: how many rows or streams would go, and about how many bytes (None: unknown).

    Of streams, `events` is how many events these have.
    """

    count: int
    bytes: int | None
    events: int | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """How many rows of a table were removed, or would be, and since when a partition could not be locked."""

    table: str
    rows: int
    blocked_since: datetime | None


def read_retention(connection: psycopg.Connection[Any], *, count: bool = False) -> list[Retention]:
    """Return what is entered for each table, by name; `count` also counts what has expired, as an operator may."""
    with connection.cursor(row_factory=class_row(Retention)) as cursor:
        return cursor.execute(statement("retention"), {"count": count}).fetchall()


def set_retention(connection: psycopg.Connection[Any], table: str, keep: timedelta | None) -> str:
    """Enter how long a table's rows are kept, None for ever; returns the table's full name.

    A shorter time takes effect at the next run. A longer one brings nothing back. Raises UnknownRetention, and
    InvalidInput for less than a day for a read table.
    """
    entry = _entry(connection, table)
    _check_keep(entry, keep)
    connection.execute(statement("set_retention"), {"table": entry.table, "keep": keep})
    return entry.table


def effect_of_retention(connection: psycopg.Connection[Any], table: str, keep: timedelta | None) -> tuple[str, Effect]:
    """Return a table's full name, and what would go if its rows were kept so long; raises as set_retention."""
    entry = _entry(connection, table)
    _check_keep(entry, keep)
    rows = 0
    if keep is not None:
        asked = {"table": entry.table, "keep": keep}
        (rows,) = connection.execute(statement("expired_rows_of"), asked).fetchone() or (0,)
    return entry.table, Effect(rows, _bytes(connection, entry.table, rows))


def read_archive_policies(connection: psycopg.Connection[Any]) -> list[ArchivePolicy]:
    """Return how long streams stay in the log, by category."""
    with connection.cursor(row_factory=class_row(ArchivePolicy)) as cursor:
        return cursor.execute(statement("archive_policies")).fetchall()


def set_archive_policy(connection: psycopg.Connection[Any], category: str, keep: timedelta | None) -> None:
    """Enter how long the streams of a category stay in the log, None for ever; nothing that left comes back by it.

    Raises UnknownRetention for a category that no stream may have, InvalidInput for one whose streams never leave and
    for less than a day.
    """
    known = [name for (name,) in connection.execute(statement("categories")).fetchall()]
    if category not in known:
        raise UnknownRetention(
            f"there is no category {category}", hint=f"choose one of {', '.join(known)}", table=category
        )
    connection.execute(statement("set_archive_policy"), {"category": category, "keep": keep})


def effect_of_archive_policy(connection: psycopg.Connection[Any], category: str, keep: timedelta | None) -> Effect:
    """Return what would leave the log if the streams of a category stayed so long; raises as set_archive_policy."""
    with connection.transaction(force_rollback=True):
        set_archive_policy(connection, category, keep)
        for other in read_archive_policies(connection):
            if other.category != category:
                connection.execute(statement("set_archive_policy"), {"category": other.category, "keep": None})
        found = write_archives(connection, Path(), dry_run=True)
    return Effect(found.streams, _bytes(connection, "runfold.events", found.events), found.events)


def _bytes(connection: psycopg.Connection[Any], table: str, rows: int) -> int | None:
    """Return about how many bytes some rows of a table take with their indexes; None where nobody has counted yet."""
    (a_row,) = connection.execute(statement("bytes_a_row"), {"table": table}).fetchone() or (None,)
    return 0 if not rows else None if a_row is None else round(a_row * rows)


def _check_keep(entry: Retention, keep: timedelta | None) -> None:
    if keep is not None and keep < (timedelta(0) if entry.group is None else timedelta(days=1)):
        raise InvalidInput(
            f"{entry.table} cannot keep its rows for {keep} only",
            hint="set a day or more for a read table, and no negative time for another one",
            code="retention_too_short",
            table=entry.table,
        )


def _entry(connection: psycopg.Connection[Any], table: str) -> Retention:
    """Return the retention of a table, given with or without its schema; raises UnknownRetention."""
    known = read_retention(connection)
    for entry in known:
        if table in (entry.table, entry.table.partition(".")[2]):
            return entry
    names = ", ".join(entry.table for entry in known)
    raise UnknownRetention(f"there is no retention for {table}", hint=f"choose one of {names}", table=table)


def run_retention(
    connection: psycopg.Connection[Any],
    tables: Iterable[str] = (),
    *,
    dry_run: bool = False,
    progress: Callable[[str, int], None] = lambda *_: None,
) -> list[Expired]:
    """Remove all that has expired in some tables, or in all, each part in a transaction of its own.

    `progress` is called with a table and the rows removed so far. With `dry_run` nothing is removed, and the rows are
    counted that would be. The connection is in autocommit. Raises UnknownRetention.
    """
    names = [_entry(connection, table).table for table in tables] or [
        entry.table for entry in read_retention(connection) if entry.exists and entry.keep is not None
    ]
    found = []
    for name in names:
        if dry_run:
            (rows,) = connection.execute(statement("expired_rows"), {"table": name}).fetchone() or (0,)
        else:
            rows = 0
            while not (step := expire(connection, name))[1]:
                rows += step[0]
                progress(name, rows)
        blocked = next(entry.blocked_since for entry in read_retention(connection) if entry.table == name)
        found.append(Expired(name, rows, blocked))
    return found


def expire(connection: psycopg.Connection[Any], table: str) -> tuple[int, bool]:
    """Remove one part of what has expired in a table; returns how many rows, and whether nothing is left to do."""
    removed, done = connection.execute(statement("expire"), {"table": table, "most": PART}).fetchone() or (0, True)
    return removed, done


class Expiry:
    """Removes what has expired, a part at each call, while this worker leads; a table is due once a day."""

    def __init__(self) -> None:
        self._next = 0.0
        self._said: dict[str, str] = {}

    def step(self, connection: psycopg.Connection[Any]) -> None:
        """Remove one part, if something is due; the connection is in autocommit. What fails waits a minute."""
        if time.monotonic() < self._next:
            return
        row = connection.execute(statement("due_retention")).fetchone()
        if row is None:
            self._next = time.monotonic() + EVERY_SECONDS
            return
        (table,) = row
        try:
            removed, done = expire(connection, table)
        except psycopg.Error as exc:
            if connection.closed:
                raise
            if self._said.get(table) != str(exc):
                log.warning("what has expired in %s could not be removed: %s", table, exc)
            self._said[table] = str(exc)
            self._next = time.monotonic() + EVERY_SECONDS
            return
        self._said.pop(table, None)
        if removed:
            log.info("%s rows of %s have expired and were removed", removed, table)
        if done:
            self._next = time.monotonic() + (EVERY_SECONDS if self._is_due(connection, table) else 0)

    def _is_due(self, connection: psycopg.Connection[Any], table: str) -> bool:
        """Whether the same table is due again: a partition of it could not be locked."""
        return connection.execute(statement("due_retention")).fetchone() == (table,)
