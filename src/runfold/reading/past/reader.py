"""The read tables as they were at a position: the same folds, over the log up to there, into temporary tables.

One REPEATABLE READ transaction that is rolled back at the end: nothing is left behind. Only what is named is folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from runfold.database.connections import map_error, mapped_errors
from runfold.errors import (
    FoldFailed,
    InvalidInput,
    PastReadOnly,
    PositionUnavailable,
    UnknownExecution,
    UnknownStream,
    UnknownTable,
)
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.poison import is_poison
from runfold.projections.reconciling.shadows import Progress, make_shadows
from runfold.reading.past.affected import Scope, scope_of, scope_of_execution
from runfold.reading.status import Row, statement

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_ANOMALIES = "anomalies"
_EVENTS = "events"

# Read-only to its end, which a rollback is: the past stays as it was folded, whatever a statement tried.
_BEGIN_READING = """
    SAVEPOINT reading;
    SET LOCAL transaction_read_only = on;
    SET LOCAL search_path = pg_catalog, pg_temp
"""
_END_READING = "ROLLBACK TO SAVEPOINT reading; RELEASE SAVEPOINT reading"

_LOG_UP_TO = """
    CREATE TEMPORARY VIEW events AS
    SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version,
           e.user_id, runfold.upcast(e.type, e.schema_version, e.data) AS data, e.payload, e.metadata, e.occurred_at,
           e.recorded_at
      FROM runfold.events e
     WHERE e.position <= {}
"""


class Past:
    """Reads the read tables, the anomalies and the log (`events`) as they were at `position`; made by `open_past`."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        catalogue: Catalogue,
        position: int,
        scope: Scope,
        *,
        tables: Iterable[str] | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        self.position = position
        self._connection = connection
        self._catalogue = catalogue
        self._scope = scope
        self._progress = progress
        self._known = _by_table(catalogue)
        self._folded: set[str] = set()
        self._met: dict[str, set[str] | None] = {}
        self._views: set[str] = set()
        self._allowed: frozenset[str] | None = None
        if tables is not None:
            wanted = [tables] if isinstance(tables, str) else list(tables)
            self.fold(*wanted)
            self._allowed = frozenset(wanted)

    def execute(self, query: Any, params: Any = None, *, row_factory: Any = None) -> psycopg.Cursor[Any]:
        """Run a query over the tables by their bare names, and return a cursor that holds the whole result.

        What it names for the first time is folded first. Raises PastReadOnly when it would change something,
        UnknownTable, FoldFailed, and InvalidInput when it names a live table.
        """
        text = query.as_string(self._connection) if isinstance(query, sql.Composable) else query
        if isinstance(text, bytes):
            text = text.decode()
        self._refuse_live_tables(text)
        words = {word.lower() for word in _WORD.findall(text)}
        self.fold(*sorted(words & self._readable()))
        cursor: psycopg.Cursor[Any] = self._connection.cursor(row_factory=row_factory or self._connection.row_factory)
        with self._reading():
            cursor.execute(query, params, prepare=False)
            # A read-only transaction lets temporary tables be written: undone with the rest, but not in silence.
            if (verb := (cursor.statusmessage or "").partition(" ")[0]) in ("INSERT", "UPDATE", "DELETE", "MERGE"):
                raise PastReadOnly(f"the past is read-only: {verb} is refused")
        return cursor

    def fold(self, *tables: str) -> None:
        """Fold these tables, and what they read, where that was not done yet; raises UnknownTable, FoldFailed."""
        for name in tables:
            if name == _EVENTS and name not in self._known:
                self._make_view(name, sql.SQL(_LOG_UP_TO).format(sql.Literal(self.position)))
            elif name == _ANOMALIES and name not in self._known:
                parts = self._anomaly_tables()
                self.fold(*parts)
                union = sql.SQL(" UNION ALL ").join(
                    sql.SQL("SELECT * FROM {}").format(sql.Identifier("pg_temp", part)) for part in parts
                )
                self._make_view(name, sql.SQL("CREATE TEMPORARY VIEW anomalies AS {}").format(union))
            elif name not in self._known:
                raise UnknownTable(
                    f"there is no read table {name!r}", hint=f"there are {', '.join(sorted(self._known))}"
                )
            elif self._scope.streams is not None and self._known[name].stream_column is None:
                raise InvalidInput(
                    f"a row of {name} depends on other streams than those that were named",
                    hint="name no streams and no execution to read it",
                    code="streams_too_few",
                )
        for group in self._catalogue.groups.values():
            wanted = [part.table for part in group.projections if part.table in tables]
            if wanted:
                require_runfolds(group, wanted[0])
            if not set(wanted) <= self._folded:
                self._fold(closure(group, wanted), wanted)

    def parked(self) -> list[Row]:
        """The streams, of those that were folded, whose rows end before this position, because they are parked."""
        return self._noted("parked_until")

    def discarded(self) -> list[Row]:
        """The events, of the streams that were folded, that were given up and so are in no row."""
        return self._noted("discarded_until")

    def _noted(self, name: str) -> list[Row]:
        found: list[Row] = []
        with self._connection.cursor(row_factory=dict_row) as cursor:
            for group, streams in sorted(self._met.items()):
                parameters = {
                    "groups": [group],
                    "streams": None if streams is None else list(streams),
                    "upto": self.position,
                }
                found += cursor.execute(statement(name), parameters).fetchall()
        return found

    def _fold(self, group: Group, wanted: Iterable[str]) -> None:
        readable = frozenset(wanted) | self._folded
        try:
            with mapped_errors(), self._connection.transaction(), self._connection.cursor() as cursor:
                # What was folded without what reads it is folded again, in step with it.
                for projection in reversed(group.projections):
                    if projection.table in self._folded:
                        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("pg_temp", projection.table)))
                make_shadows(cursor, group)
                reach, tables = self._scope.fold(cursor, group, self.position, wanted=readable, progress=self._progress)
        except psycopg.Error as exc:
            if not is_poison(exc):
                raise
            raise FoldFailed(
                f"the group {group.name} can not be folded up to {self.position}: {exc.diag.message_primary}",
                hint="a worker that gets there parks the stream: see `runfold status` for how far it is",
                group=group.name,
                position=self.position,
            ) from exc
        met = self._met.get(group.name, ())
        self._met[group.name] = None if reach.streams is None or met is None else {*met, *reach.streams}
        self._folded |= tables

    def _make_view(self, name: str, definition: sql.Composed) -> None:
        if name not in self._views:
            self._connection.execute(definition)
            self._views.add(name)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._connection.execute(_BEGIN_READING)
        try:
            yield
        except psycopg.errors.UndefinedTable as exc:
            raise UnknownTable(
                exc.diag.message_primary,
                hint=f"here are {', '.join(sorted(self._readable()))}; other tables by schema.table, as they are now",
            ) from exc
        except psycopg.errors.ReadOnlySqlTransaction as exc:
            raise PastReadOnly(f"the past is read-only: {exc.diag.message_primary}") from exc
        except psycopg.Error as exc:
            if (mapped := map_error(exc)) is None:
                raise
            raise mapped from exc
        finally:
            if self._connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                self._connection.execute(_END_READING)
        if self._connection.info.transaction_status != TransactionStatus.INTRANS:
            raise PastReadOnly("a statement of the past can not end its transaction")

    def _readable(self) -> frozenset[str]:
        return self._allowed if self._allowed is not None else frozenset({*self._known, _ANOMALIES, _EVENTS})

    def _anomaly_tables(self) -> list[str]:
        """The parts of `runfold.anomalies`."""
        return [projection.table for projection in self._catalogue.projections if projection.part_of == _ANOMALIES]

    def _refuse_live_tables(self, text: str) -> None:
        """A schema in front would reach the table as it is now."""
        live = {(projection.schema, projection.table) for projection in self._known.values()}
        for schema, table in sorted(live | {("runfold", _ANOMALIES), ("runfold", _EVENTS)}):
            if re.search(rf'\b{schema}"?\s*\.\s*"?{table}\b', text, re.IGNORECASE):
                raise InvalidInput(
                    f"{schema}.{table} is the table as it is now",
                    hint=f"say {table}, without a schema",
                    code="live_table",
                )


def _by_table(catalogue: Catalogue) -> dict[str, Projection]:
    known: dict[str, Projection] = {}
    for projection in catalogue.projections:
        if (other := known.get(projection.table)) is not None:
            raise InvalidInput(
                f"{projection.name} and {other.name} fold into tables of one name",
                hint="rename one of them: tables of the past have no schema",
                code="same_table_name",
            )
        known[projection.table] = projection
    return known


def require_runfolds(group: Group, table: str) -> None:
    """Raise InvalidInput for a user's table: it is folded in no session but that of its login."""
    if group.of_user:
        raise InvalidInput(
            f"{table} is a table of your own: it can not be seen as it was",
            hint="read runfold's tables, or the log",
            code="own_projection",
        )


def closure(group: Group, tables: Sequence[str]) -> Group:
    """The part of a group that these tables need: themselves and what they read."""
    by_table = {projection.table: projection for projection in group.projections}
    needed: set[str] = set()
    waiting = list(tables)
    while waiting:
        table = waiting.pop()
        if table not in needed:
            needed.add(table)
            waiting += [*by_table[table].reads, *by_table[table].reads_before]
    return replace(group, projections=tuple(part for part in group.projections if part.table in needed))


@contextmanager
def open_past(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    *,
    position: int | None = None,
    time: datetime | None = None,
    tables: Iterable[str] | None = None,
    streams: Iterable[str] | None = None,
    execution: str | None = None,
    progress: Progress = lambda *_: None,
) -> Iterator[Past]:
    """A reader of the past at a position, or at a time: before the first event that was recorded after it.

    `tables` folds those at once and reads no others; else a query's tables are folded when it names them. `streams`, or
    an `execution`, shows the rows of those alone, and is folded by index: an execution's with it are its log, its
    interactions and the responses to them, the executions it started, and its workflow's status and deployments. The
    connection is in autocommit, and its session is set up for folding. Raises PositionUnavailable, UnknownTable,
    UnknownExecution and UnknownStream for what the log never had, FoldFailed.
    """
    if streams is not None and execution is not None:
        raise InvalidInput("name streams, or an execution: not both", code="invalid_option")
    named = None if streams is None else [streams] if isinstance(streams, str) else list(streams)
    found = position_of(connection, position=position, time=time)
    if execution is not None:
        _require_execution(connection, execution)
    if named is not None:
        _require_streams(connection, named)
    connection.execute(FOLD_SESSION)
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE")
    try:
        scope = Scope()
        with connection.cursor() as cursor:
            if execution is not None:
                scope = scope_of_execution(cursor, execution, found)
            elif named is not None:
                scope = scope_of(cursor, named, found)
        yield Past(connection, catalogue, found, scope, tables=tables, progress=progress)
    finally:
        if not connection.closed:
            connection.rollback()


def _require_execution(connection: psycopg.Connection[Any], execution_id: str) -> None:
    """Raise UnknownExecution where the log has none of that id, rather than show that it has no rows."""
    if not isinstance(execution_id, str):
        raise InvalidInput(f"{execution_id!r} is no execution's id", hint="it is a text", code="invalid_option")
    if not _known(connection, [f"execution-{execution_id}", f"log-{execution_id}"]):
        raise UnknownExecution(f"there is no execution {execution_id!r}", hint="see `runfold execution list`")


def _require_streams(connection: psycopg.Connection[Any], streams: list[str]) -> None:
    for stream in streams:
        if not isinstance(stream, str):
            raise InvalidInput(f"{stream!r} is no stream", hint="name it whole, as execution-7", code="invalid_option")
    if unknown := sorted(set(streams) - _known(connection, streams)):
        raise UnknownStream(
            f"there is no stream {unknown[0]!r}", hint="name it whole, as execution-7", stream_id=unknown[0]
        )


def _known(connection: psycopg.Connection[Any], streams: list[str]) -> set[str]:
    """Those of the streams that there are; NUL is in no name."""
    asked = [stream for stream in streams if "\0" not in stream]
    return {stream for (stream,) in connection.execute(statement("known_streams"), {"streams": asked}).fetchall()}


def position_of(
    connection: psycopg.Connection[Any], *, position: int | None = None, time: datetime | None = None
) -> int:
    """The position that is meant, within the log; raises PositionUnavailable, and InvalidInput for no position."""
    if (position is None) == (time is None):
        raise InvalidInput("name a position, or a time", code="invalid_option")
    # A statement each: the safe head wants a snapshot of its own.
    settled = safe_head(connection)
    if time is not None:
        if not isinstance(time, datetime):
            raise InvalidInput(f"{time!r} is no time", hint="give a datetime with a zone", code="naive_timestamp")
        if time.tzinfo is None:
            raise InvalidInput(
                f"{time} has no zone", hint="give the time one: UTC, for instance", code="naive_timestamp"
            )
        if (found := _one(connection, "position_at", {"time": time})) < 1:
            raise PositionUnavailable(
                f"nothing was recorded up to {time.isoformat()}",
                hint=_where_the_log_begins(connection),
                position=0,
                safe_head=settled,
            )
        return found
    wanted = cast("int", position)
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        raise InvalidInput(
            f"{wanted!r} is no position", hint="positions are whole numbers from 1", code="invalid_position"
        )
    if wanted < 1:
        raise PositionUnavailable(
            f"there is nothing at position {wanted}",
            hint="positions begin with 1",
            position=wanted,
            safe_head=settled,
        )
    if wanted > settled:
        raise PositionUnavailable(
            f"position {wanted} is beyond the safe head, {settled}",
            hint="what lies there is not settled, or not written yet",
            position=wanted,
            safe_head=settled,
        )
    return wanted


def _where_the_log_begins(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute(statement("first_recorded")).fetchone()
    return "the log is empty" if row is None else f"the log begins at {row[0].astimezone(UTC).isoformat()}"


def safe_head(connection: psycopg.Connection[Any]) -> int:
    """The position up to which the log is settled; the connection is in autocommit."""
    return _one(connection, "safe_head", {})


def _one(connection: psycopg.Connection[Any], name: str, parameters: Row) -> int:
    (found,) = connection.execute(statement(name), parameters).fetchone() or (0,)
    return int(found)
