"""Verify in slices: short snapshots one after the other, each of some streams, in place of one of the whole log.

A slice is some streams in the order of their names. In a REPEATABLE READ snapshot of its own these are folded into
temporary tables up to the group's checkpoint there, and the rows they make are compared: so each slice is exact at its
position, while appends and the worker go on. Rows that no stream of the log makes are looked for in the tables, by the
values of the column that names the stream. What is done is noted, slice by slice, so that a verification that was
interrupted goes on after it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import sql

from runfold.errors import VerifyRunning
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.definition.contract import Projection, header_query
from runfold.projections.folding.registry import check_checkpoint
from runfold.projections.folding.sessions import folding_session
from runfold.projections.folding.user_session import UserLogin
from runfold.projections.reconciling.affected import rows_in_slice
from runfold.projections.reconciling.archived import archived_head
from runfold.projections.reconciling.missing_tables import require_tables
from runfold.projections.reconciling.pair import Difference, Pair, is_uuid
from runfold.projections.reconciling.replay import fold_affected
from runfold.projections.reconciling.shadows import make_shadows
from runfold.projections.reconciling.verify import (
    SHOWN,
    OnDifference,
    Verification,
    derived_differences,
    record,
    verify,
)
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

_T = TypeVar("_T")

EVENTS_A_SLICE = 100_000
LARGE_LOG = 1_000_000
"""A log with more positions is verified in slices unless the caller says otherwise."""
LONGEST_SNAPSHOT_SECONDS = 60.0
# A slice that takes longer is given up, and made smaller; one that took less than the goal is followed by a larger one.
_GIVE_UP_SECONDS = 45.0
_GOAL_SECONDS = 10.0
_LEAST_EVENTS = 1_000
_MOST_EVENTS = 500_000
_VALUES_A_SLICE = 20_000
_ROWS, _SUMS = "rows of ", "sums of "


@dataclass(frozen=True, slots=True)
class SliceDone:
    """What is done when a slice is: the slices, events and rows of the group so far, and how long the rest may take."""

    group: str
    part: str
    slices: int
    events: int
    of_events: int
    rows: int
    events_per_second: float
    seconds_left: float


SliceProgress = Callable[[SliceDone], None]
"""Is called after each slice."""


@dataclass(slots=True)
class _Done:
    """What is verified of a group: by part its last slice and how far it is, and the sums of all slices."""

    last: dict[str, tuple[int, str]] = field(default_factory=dict)
    slices: int = 0
    events: int = 0
    rows: int = 0
    seconds: float = 0.0
    position: int | None = None

    def add(self, part: str, number: int, upto: str, position: int, events: int, rows: int, seconds: float) -> None:
        self.last[part] = (number, upto)
        self.slices += 1
        self.events += events
        self.rows += rows
        self.seconds += seconds
        self.position = position if self.position is None else min(self.position, position)


@dataclass(frozen=True, slots=True)
class _Slice:
    """What one slice came to: how far it reached (None: there was nothing left), and what it found."""

    upto: str | None
    position: int
    events: int
    rows: int
    found: list[tuple[str, bool, Difference]]


def verify_in_slices(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    names: Iterable[str] = (),
    *,
    resume: bool = False,
    events: int = EVENTS_A_SLICE,
    limit: int | None = SHOWN,
    on_difference: OnDifference | None = None,
    progress: SliceProgress = lambda *_: None,
    login: UserLogin | None = None,
) -> list[Verification]:
    """Compare the named projections' tables, or all, with the log, in slices of about so many events.

    The result is that of `verify`; the position is the least one of the slices. No snapshot is older than a minute,
    unless a single stream takes longer. With `resume`, slices that an interrupted verification of the same projections
    noted are not done again, unless a projection's file changed. Groups of users are verified whole, each in one
    snapshot, and so is every group where events are archived. A login that may not write the notes keeps them in its
    session. Raises as `verify`, and VerifyRunning.
    """
    names = list(names)
    with connection.cursor() as cursor:
        if archived_head(cursor):
            return verify(connection, catalogue, names, limit=limit, on_difference=on_difference, login=login)
    wanted = {catalogue.projection(name).name for name in names} or {item.name for item in catalogue.projections}
    found: list[Verification] = []
    for group in catalogue.groups.values():
        members = [projection for projection in group.projections if projection.name in wanted]
        if not members:
            continue
        if group.of_user:
            theirs = [projection.name for projection in members]
            found += verify(connection, catalogue, theirs, limit=limit, on_difference=on_difference, login=login)
            continue
        with folding_session(connection, group, login), _alone(connection, group):
            run = _Run(connection, group, members, events=events, on_difference=on_difference, progress=progress)
            results = run.verify(resume=resume, limit=limit)
        for verification in results:
            record(connection, "record_verification", verification)
        found += results
    return found


def is_large(connection: psycopg.Connection[Any]) -> bool:
    """Whether the log has so many positions that it is verified in slices unless the caller says otherwise."""
    (head,) = connection.execute(statement("log_head")).fetchone() or (0,)
    return int(head) > LARGE_LOG


@contextmanager
def _alone(connection: psycopg.Connection[Any], group: Group) -> Iterator[None]:
    """Be the only verification in slices of a group; raises VerifyRunning."""
    key = {"key": f"runfold verify {group.name}"}
    if connection.execute(statement("rebuild_lock"), key).fetchone() != (True,):
        raise VerifyRunning(
            f"another verification of the group {group.name} in slices is running", hint="wait for it to end"
        )
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(statement("verify_unlock"), key)


class _Run:
    """The verification of one group in slices, and its notes."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        group: Group,
        members: list[Projection],
        *,
        events: int,
        on_difference: OnDifference | None,
        progress: SliceProgress,
    ) -> None:
        self._connection = connection
        self._group = group
        self._members = members
        self._events = events
        self._on_difference = on_difference
        self._progress = progress
        about = [f"{item.name} {item.version} {item.digest}" for item in (*group.projections, *members)]
        self._digest = hashlib.sha256("\n".join(about).encode()).hexdigest()
        self._notes: LiteralString = "runfold"
        self._head = 0

    def verify(self, *, resume: bool, limit: int | None) -> list[Verification]:
        """Verify what is not verified yet, and return what all slices found; the notes go when it is done."""
        if self._connection.execute(statement("may_note_slices")).fetchone() != (True,):
            self._notes = "pg_temp"
            tables: tuple[LiteralString, ...] = ("verify_slices", "verify_differences")
            for table in tables:
                self._connection.execute(statement("make_verify_notes").replace("{table}", table))
        done = _Done()
        if resume:
            for noted in self._ask("noted_slices", digest=self._digest):
                done.add(*noted)
        if not done.slices:
            self._ask_nothing("clear_verify_notes")
        for part in self._parts():
            self._verify_part(part, done)
        found = [self._result(projection, done, limit) for projection in self._members]
        self._ask_nothing("clear_verify_notes")
        return found

    def _parts(self) -> list[str]:
        """The parts in their order: the categories of the group's streams, tables' rows, sums of them."""
        return [
            *self._categories(),
            *(f"{_ROWS}{item.name}" for item in self._members),
            *(f"{_SUMS}{item.name}" for item in self._members if item.copies is not None or item.counts is not None),
        ]

    def _categories(self) -> list[str]:
        """The categories of the streams that hold the group's events."""
        from runfold.events import VOCABULARY  # and with it every model, which a fold in SQL does without

        return sorted({VOCABULARY[kind].category() for kind in self._group.events if kind in VOCABULARY})

    def _verify_part(self, part: str, done: _Done) -> None:
        """Verify a part from where it was left; its last note has an empty `upto`."""
        number, after = done.last.get(part, (-1, "-"))
        size = self._events
        while after:
            began = time.monotonic()
            with _Snapshot(self._connection, _GIVE_UP_SECONDS if size > 1 else None) as snapshot:
                made = snapshot.run(partial(self._slice, part, after, size))
            if made is None:
                size = max(1, size // 4)
                continue
            number, after = number + 1, made.upto or ""
            seconds = time.monotonic() - began
            self._note(part, number, made, after, seconds)
            done.add(part, number, after, made.position, made.events, made.rows, seconds)
            rate = done.events / max(done.seconds, 0.001)
            left = max(0, self._head - done.events) / rate if rate else 0.0
            self._progress(
                SliceDone(self._group.name, part, done.slices, done.events, self._head, done.rows, rate, left)
            )
            if self._events == EVENTS_A_SLICE:
                size = int(size * min(2.0, max(0.25, _GOAL_SECONDS / max(seconds, 0.001))))
                size = min(_MOST_EVENTS, max(_LEAST_EVENTS, size))

    def _slice(self, part: str, after: str, size: int) -> _Slice:
        """Do one slice, in the caller's snapshot."""
        with self._connection.cursor() as cursor:
            require_tables(cursor, self._group)
            row = cursor.execute(statement("checkpoint"), {"group": self._group.name}).fetchone()
            position = row[0] if row is not None else 0
            check_checkpoint(cursor, self._group, position)
            self._head = max(self._head, position)
            if part.startswith(_SUMS):
                return self._sums(cursor, part.removeprefix(_SUMS), position)
            if part.startswith(_ROWS):
                return self._strays(cursor, part.removeprefix(_ROWS), None if after == "-" else after, position)
            return self._streams(cursor, part, after, size, position)

    def _streams(self, cursor: psycopg.Cursor[Any], category: str, after: str, size: int, position: int) -> _Slice:
        """Fold the next streams of a category, and compare the rows that they make."""
        asked = {
            # "." is the character after "-", so these are the names that begin with the category and "-".
            "after": f"{category}-" if after == "-" else after,
            "before": f"{category}.",
            "upto": position,
            "events": size,
        }
        own = cursor.execute(statement("slice_of_streams"), asked).fetchall()
        if not own:
            return _Slice(None, position, 0, 0, [])
        streams = [stream for stream, _ in own]
        scope = rows_in_slice(cursor, self._group, streams, self._categories(), position)
        fold_affected(cursor, self._group, scope, position)
        # A slice is a small part of its tables, which are large: they are not read whole for it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        rows, found = self._compared(cursor, self._members, scope.values)
        return _Slice(streams[-1], position, int(sum(version for _, version in own)), rows, found)

    def _strays(self, cursor: psycopg.Cursor[Any], name: str, after: str | None, position: int) -> _Slice:
        """Find the rows of a table, among its next ones, that no stream of the log makes."""
        (projection,) = (item for item in self._members if item.name == name)
        column = sql.Identifier(projection.stream_column or "")
        table = sql.Identifier(projection.schema, projection.table)
        kind = {
            each: type_
            for each, type_, _ in cursor.execute(
                statement("table_columns"), {"table": table.as_string(cursor)}
            ).fetchall()
        }[projection.stream_column or ""]
        beyond = sql.SQL("true") if after is None else sql.SQL("t.{} > %(after)s::{}").format(column, sql.SQL(kind))
        query = sql.SQL(statement("values_of_rows")).format(column=column, live=table, beyond=beyond)
        cursor.execute("SET LOCAL enable_seqscan = off")
        rows = cursor.execute(query, {"after": after, "limit": _VALUES_A_SLICE}).fetchall()
        values = [value for value, _ in rows]
        if not values:
            return _Slice(None, position, 0, 0, [])
        strays = self._of_no_stream(cursor, projection, values)
        found: list[tuple[str, bool, Difference]] = []
        if strays:
            make_shadows(cursor, self._group)
            _, found = self._compared(cursor, [projection], strays)
        return _Slice(values[-1], position, 0, 0, found)

    def _of_no_stream(self, cursor: psycopg.Cursor[Any], projection: Projection, values: list[str]) -> list[str]:
        """Return the values that name no stream whose rows are compared."""
        categories = self._categories()
        # A UUID's column has it in lower case, whatever the stream's name has.
        named = {
            value: {value, *(f"{category}-{form}" for category in categories for form in (value, value.upper()))}
            for value in values
        }
        known = self._known(cursor, {name for names in named.values() for name in names})
        known = {stream for stream in known if stream.partition("-")[0] in categories}
        strays = [value for value, names in named.items() if names.isdisjoint(known)]
        if strays and projection.streams_of_row is not None:
            query = header_query(projection.streams_of_row)
            (upto,) = cursor.execute(statement("checkpoint"), {"group": self._group.name}).fetchone() or (0,)
            made = {
                value: {stream for (stream,) in cursor.execute(query, {"value": value, "upto": upto}).fetchall()}
                for value in strays
            }
            known = self._known(cursor, {name for names in made.values() for name in names})
            strays = [value for value, names in made.items() if names.isdisjoint(known)]
        return self._without_row_ids(cursor, projection, strays)

    def _without_row_ids(self, cursor: psycopg.Cursor[Any], projection: Projection, values: list[str]) -> list[str]:
        """Return the values that are no row_id of a stream either."""
        uuids = [value for value in values if is_uuid(value)]
        for parent in self._members_with_ids(projection) if uuids else ():
            query = sql.SQL("SELECT t.id::text, t.{}::text FROM {} AS t WHERE t.id = ANY (%s::uuid[])").format(
                sql.Identifier(parent.stream_column or ""), sql.Identifier(parent.schema, parent.table)
            )
            rows = dict(cursor.execute(query, (uuids,)).fetchall())
            named = {row: {f"{category}-{name}" for category in self._categories()} for row, name in rows.items()}
            known = self._known(cursor, {name for names in named.values() for name in names})
            uuids = [value for value in uuids if named.get(value, set()).isdisjoint(known)]
        if not uuids:
            return [value for value in values if not is_uuid(value)]
        # Their parents are gone, or they are surplus: only the row_id of every stream says which.
        asked = {"values": uuids, "categories": self._categories()}
        found = {row for (row,) in cursor.execute(statement("row_ids_of_streams"), asked).fetchall()}
        return [value for value in values if not is_uuid(value) or (value in uuids and value not in found)]

    def _members_with_ids(self, projection: Projection) -> list[Projection]:
        """The other tables of the group whose key is an id, and that name their stream by another column."""
        return [
            item
            for item in self._group.projections
            if item is not projection and item.key == ("id",) and item.stream_column not in (None, "id")
        ]

    @staticmethod
    def _known(cursor: psycopg.Cursor[Any], streams: set[str]) -> set[str]:
        rows = cursor.execute(statement("known_streams"), {"streams": sorted(streams)}).fetchall()
        return {stream for (stream,) in rows}

    def _sums(self, cursor: psycopg.Cursor[Any], name: str, position: int) -> _Slice:
        """Compare what other tables copy and count of a table's rows: one statement each."""
        (projection,) = (item for item in self._members if item.name == name)
        found = [(name, True, difference) for difference in derived_differences(cursor, projection)]
        return _Slice(None, position, 0, 0, found)

    def _compared(
        self, cursor: psycopg.Cursor[Any], members: list[Projection], values: list[str]
    ) -> tuple[int, list[tuple[str, bool, Difference]]]:
        """Return how many live rows have one of these values, and those rows that differ."""
        rows, found = 0, []
        for projection in members:
            pair = Pair(cursor, projection, "pg_temp")
            column = projection.stream_column
            differences = pair.differences(cursor, limit=None, column=column, values=values, by_key=True)
            found += [(projection.name, False, difference) for difference, _ in differences]
            rows += pair.count(cursor, column, values)
        return rows, found

    def _note(self, part: str, number: int, made: _Slice, upto: str, seconds: float) -> None:
        """Note a slice and what it found, in one transaction, and pass on the differences that are new."""
        by_table: dict[tuple[str, bool], list[Difference]] = {}
        for projection, derived, difference in made.found:
            by_table.setdefault((projection, derived), []).append(difference)
        new: list[tuple[str, Difference]] = []
        with self._connection.transaction():
            for (projection, derived), differences in by_table.items():
                numbers = self._ask(
                    "note_differences",
                    projection=projection,
                    derived=derived,
                    keys=[json.dumps(difference.key) for difference in differences],
                    kinds=[difference.kind for difference in differences],
                    columns=[json.dumps(difference.columns) for difference in differences],
                )
                new += [(projection, differences[number - 1]) for (number,) in numbers]
            self._ask_nothing(
                "note_slice",
                part=part,
                slice=number,
                digest=self._digest,
                upto=upto,
                position=made.position,
                events=made.events,
                rows=made.rows,
                seconds=seconds,
            )
        if self._on_difference is not None:
            for projection, difference in new:
                self._on_difference(projection, difference)

    def _result(self, projection: Projection, done: _Done, limit: int | None) -> Verification:
        """Return what the slices found of one table."""
        found = Verification(projection.name, self._group.name, done.position or 0, 0, 0, [])
        with _Snapshot(self._connection, None) as snapshot, self._connection.cursor() as cursor:

            def look() -> None:
                found.rows = Pair(cursor, projection, "pg_temp").count(cursor)
                parked = cursor.execute(statement("parked_in_group"), {"group": self._group.name}).fetchall()
                found.parked_streams = [stream for (stream,) in parked]
                upto = {"group": self._group.name, "upto": found.position}
                discarded = cursor.execute(statement("discarded_in_group"), upto).fetchall()
                found.discarded_events = [position for position, _ in discarded]

            snapshot.run(look)
        ((found.differing,),) = self._ask("count_differences", projection=projection.name)
        if limit is not None:
            rows = self._ask("noted_differences", projection=projection.name, limit=limit)
            found.differences = [
                Difference(key, kind, {name: (pair[0], pair[1]) for name, pair in columns.items()})
                for key, kind, columns in rows
            ]
        return found

    def _ask(self, name: LiteralString, **given: Any) -> list[tuple[Any, ...]]:
        query = statement(name).replace("{notes}", self._notes)
        return self._connection.execute(query, {"group": self._group.name, **given}).fetchall()

    def _ask_nothing(self, name: LiteralString, **given: Any) -> None:
        query = statement(name).replace("{notes}", self._notes)
        self._connection.execute(query, {"group": self._group.name, **given})


class _Snapshot:
    """A REPEATABLE READ transaction that is rolled back, and given up when it takes too long."""

    def __init__(self, connection: psycopg.Connection[Any], seconds: float | None) -> None:
        self._connection = connection
        self._seconds = seconds
        self._late = False

    def __enter__(self) -> _Snapshot:
        self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        return self

    def __exit__(self, *_: object) -> None:
        if not self._connection.closed:
            # The temporary tables go with the transaction, and nothing else was written.
            self._connection.execute("ROLLBACK")

    def run(self, work: Callable[[], _T]) -> _T | None:
        """Return what the work returns; None where it took too long."""
        if self._seconds is None:
            return work()
        timer = threading.Timer(self._seconds, self._give_up)
        timer.start()
        try:
            return work()
        except psycopg.errors.QueryCanceled:
            if not self._late:
                raise
            return None
        finally:
            timer.cancel()
            timer.join()

    def _give_up(self) -> None:
        self._late = True
        self._connection.cancel()
