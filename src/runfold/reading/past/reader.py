"""Read the tables as they were at a position: the same folds run over the log up to there, into temporary tables.

One REPEATABLE READ transaction is rolled back at the end, so nothing remains. Only the tables of a query are folded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from runfold.database.connections import map_error, mapped_errors
from runfold.database.sessions import refuse_standby
from runfold.database.tenants import TENANT, becoming
from runfold.errors import (
    FoldFailed,
    InvalidInput,
    PastReadOnly,
    UnknownExecution,
    UnknownStream,
    UnknownTable,
)
from runfold.events.streams import streams_of_execution
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.fold import FOLD_SESSION, HandlerFailed
from runfold.projections.folding.hidden import require_visible_log
from runfold.projections.folding.poison import is_poison, one_line
from runfold.projections.folding.user_session import UserLogin
from runfold.projections.reconciling.archived import require_streams_in_log, require_whole_log
from runfold.projections.reconciling.shadows import FoldProgress, make_shadows
from runfold.reading.past.affected import Reach, Scope, scope_of, scope_of_execution
from runfold.reading.past.positions import position_of
from runfold.reading.past.tenants import as_reader, become_reader
from runfold.reading.past.user_tables import fold_and_copy
from runfold.reading.status import Row, statement

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_ANOMALIES = "anomalies"
_EVENTS = "events"

# A statement runs read-only and is rolled back, so it cannot change the folded past.
_BEGIN_READING = """
    SAVEPOINT reading;
    SET LOCAL transaction_read_only = on;
    SET LOCAL search_path = pg_catalog, pg_temp
"""
_END_READING = "ROLLBACK TO SAVEPOINT reading; RELEASE SAVEPOINT reading"

# A condition of a tenant's query sees no row before the view's own condition has.
_LOG_UP_TO = """
    CREATE TEMPORARY VIEW events WITH (security_barrier) AS
    SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version,
           e.user_id, runfold.upcast(e.type, e.schema_version, e.data) AS data, e.payload, e.metadata, e.occurred_at,
           e.recorded_at
      FROM runfold.events e
     WHERE e.position <= {} AND ({}::uuid IS NULL OR e.user_id = {}::uuid)
"""


class Past:
    """The read tables, the anomalies and the log (`events`) as they were at `position`; made by `open_past`."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        catalogue: Catalogue,
        position: int,
        scope: Scope,
        *,
        tables: Iterable[str] | None = None,
        progress: FoldProgress = lambda *_: None,
        login: UserLogin | None = None,
    ) -> None:
        self.position = position
        self._login = login
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
        """Run a query over tables by their names without a schema, and return a cursor with the complete result.

        Tables that are named for the first time are folded first. Raises PastReadOnly if the query writes,
        InvalidInput if it names a live table, UnknownTable and FoldFailed.
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
            # A read-only transaction may write to temporary tables. The rollback undoes it, but the user must know.
            if (verb := (cursor.statusmessage or "").partition(" ")[0]) in ("INSERT", "UPDATE", "DELETE", "MERGE"):
                raise PastReadOnly(f"the past is read-only, and {verb} is refused: use SELECT")
        return cursor

    def fold(self, *tables: str) -> None:
        """Fold these tables, and the tables that they read, unless done before; raises UnknownTable, FoldFailed."""
        for name in tables:
            if name == _EVENTS and name not in self._known:
                tenant = sql.Literal(self._scope.tenant)
                self._make_view(name, sql.SQL(_LOG_UP_TO).format(sql.Literal(self.position), tenant, tenant))
            elif name == _ANOMALIES and name not in self._known:
                parts = self._anomaly_tables()
                self.fold(*parts)
                union = sql.SQL(" UNION ALL ").join(
                    sql.SQL("SELECT * FROM {}").format(sql.Identifier("pg_temp", part)) for part in parts
                )
                self._make_view(name, sql.SQL("CREATE TEMPORARY VIEW anomalies AS {}").format(union))
            elif name not in self._known:
                raise UnknownTable(
                    f"there is no read table {name!r}", hint=f"choose one of {', '.join(sorted(self._known))}"
                )
            elif self._scope.streams is not None and self._known[name].stream_column is None:
                raise InvalidInput(
                    f"rows of {name} depend on more streams than the given ones",
                    hint="read it without `streams` and without `execution`",
                    code="streams_too_few",
                )
        for group in self._catalogue.groups.values():
            wanted = [part.table for part in group.projections if part.table in tables]
            if wanted:
                require_login(group, wanted[0], self._login)
            if not set(wanted) <= self._folded:
                self._fold(closure(group, wanted), wanted)

    def parked(self) -> list[Row]:
        """Return the folded streams whose rows end before this position because they are parked."""
        return self._noted("parked_until")

    def discarded(self) -> list[Row]:
        """Return the discarded events of the folded streams, which are in no row."""
        return self._noted("discarded_until")

    def _noted(self, name: str) -> list[Row]:
        found: list[Row] = []
        with self._connection.cursor(row_factory=dict_row) as cursor:
            for group, streams in sorted(self._met.items()):
                parameters = {
                    "groups": [group],
                    "streams": None if streams is None else list(streams),
                    "tenant": self._scope.tenant,
                    "upto": self.position,
                }
                found += cursor.execute(statement(name), parameters).fetchall()
        return found

    def _fold(self, group: Group, wanted: Iterable[str]) -> None:
        readable = frozenset(wanted) | self._folded
        try:
            with mapped_errors(), self._connection.transaction(), self._connection.cursor() as cursor:
                # A table that was folded without a table that reads it is folded again, together with that one.
                for projection in reversed(group.projections):
                    if projection.table in self._folded:
                        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("pg_temp", projection.table)))
                fold = self._folding(cursor, group)
                reach, tables = self._scope.fold(cursor, group, self.position, wanted=readable, fold=fold)
                leave_out_expired(cursor, [item for item in group.projections if item.table in tables])
                for table in sorted(tables):
                    self._let_tenant_read(cursor, table)
        except (psycopg.Error, HandlerFailed) as exc:
            if not is_poison(exc):
                raise
            raise FoldFailed(
                f"the group {group.name} cannot be folded up to position {self.position}: {one_line(exc)}",
                hint="choose an earlier position, or one that a worker has reached: see `runfold status`",
                group=group.name,
                position=self.position,
            ) from exc
        met = self._met.get(group.name, ())
        self._met[group.name] = None if reach.streams is None or met is None else {*met, *reach.streams}
        self._folded |= tables

    def _folding(self, cursor: psycopg.Cursor[Any], group: Group) -> Callable[[Reach], None]:
        """Return the function that folds the group's tables, into temporary tables of this session."""

        def fold(into: psycopg.Cursor[Any], reach: Reach) -> None:
            reach.fold(into, group, self.position, progress=self._progress)

        if (login := self._login) is not None and group.of_user:
            return lambda reach: fold_and_copy(cursor, login, group, lambda own: fold(own, reach))
        make_shadows(cursor, group)
        return lambda reach: fold(cursor, reach)

    def _make_view(self, name: str, definition: sql.Composed) -> None:
        if name not in self._views:
            with self._connection.cursor() as cursor:
                cursor.execute(definition)
                self._let_tenant_read(cursor, name)
            self._views.add(name)

    def _let_tenant_read(self, cursor: psycopg.Cursor[Any], relation: str) -> None:
        if self._scope.tenant is not None:
            granted = sql.SQL("GRANT SELECT ON {} TO {}")
            cursor.execute(granted.format(sql.Identifier("pg_temp", relation), sql.Identifier(TENANT)))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._connection.execute(_BEGIN_READING)
        try:
            if self._scope.tenant is not None:
                self._connection.execute(*becoming(self._scope.tenant))
            yield
        except psycopg.errors.UndefinedTable as exc:
            raise UnknownTable(
                exc.diag.message_primary,
                hint=f"the past has {', '.join(sorted(self._readable()))}; write schema.table for another table as it"
                " is now",
            ) from exc
        except psycopg.errors.ReadOnlySqlTransaction as exc:
            raise PastReadOnly(f"the past is read-only, use SELECT: {exc.diag.message_primary}") from exc
        except psycopg.Error as exc:
            if (mapped := map_error(exc)) is None:
                raise
            raise mapped from exc
        finally:
            if self._connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                self._connection.execute(_END_READING)
        if self._connection.info.transaction_status != TransactionStatus.INTRANS:
            raise PastReadOnly("a query of the past cannot end its transaction: leave out COMMIT and ROLLBACK")

    def _readable(self) -> frozenset[str]:
        return self._allowed if self._allowed is not None else frozenset({*self._known, _ANOMALIES, _EVENTS})

    def _anomaly_tables(self) -> list[str]:
        """Return the tables that make up `runfold.anomalies`."""
        return [projection.table for projection in self._catalogue.projections if projection.part_of == _ANOMALIES]

    def _refuse_live_tables(self, text: str) -> None:
        """Raise InvalidInput for a table with a schema, which is the table as it is now."""
        live = {(projection.schema, projection.table) for projection in self._known.values()}
        for schema, table in sorted(live | {("runfold", _ANOMALIES), ("runfold", _EVENTS)}):
            if re.search(rf'\b{schema}"?\s*\.\s*"?{table}\b', text, re.IGNORECASE):
                raise InvalidInput(
                    f"{schema}.{table} is the table as it is now, not as it was",
                    hint=f"write {table}, without a schema",
                    code="live_table",
                )


def leave_out_expired(cursor: psycopg.Cursor[Any], projections: Iterable[Projection]) -> None:
    """Remove from the shadows what has expired by now: the past shows no more of it than the present."""
    for projection in projections:
        if projection.expires is not None:
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE {} < (SELECT runfold.cutoff_of({}))").format(
                    sql.Identifier("pg_temp", projection.table),
                    sql.Identifier(projection.expires),
                    sql.Literal(f"{projection.schema}.{projection.table}"),
                )
            )


def _by_table(catalogue: Catalogue) -> dict[str, Projection]:
    known: dict[str, Projection] = {}
    for projection in catalogue.projections:
        if (other := known.get(projection.table)) is not None:
            raise InvalidInput(
                f"{projection.name} and {other.name} fold into tables with the same name",
                hint="rename one of the tables, because the past has no schemas",
                code="same_table_name",
            )
        known[projection.table] = projection
    return known


def require_login(group: Group, table: str, login: UserLogin | None) -> None:
    """Raise InvalidInput for a user's table without a login, because no other session may fold it."""
    if group.of_user and login is None:
        raise InvalidInput(
            f"{table} is the table of a user projection, and no login is given that may fold it",
            hint="give the login of the user projections, or read runfold's own tables",
            code="user_projection",
        )


def closure(group: Group, tables: Sequence[str]) -> Group:
    """Return the part of a group that has these tables and all tables that they read."""
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
    progress: FoldProgress = lambda *_: None,
    login: UserLogin | None = None,
    tenant: UUID | None = None,
    archived: Literal["skip"] | None = None,
) -> Iterator[Past]:
    """Open the past at a position, or at a time: with all events before the first one that was recorded later.

    `tables` folds these tables at once, and allows no others; without it a table is folded when a query names it.
    `streams` or an `execution` restricts the rows to these streams, and folds them by index. An execution includes
    its log, its interactions and their responses, its children, and its workflow's status and deployments. The
    connection must be in autocommit; its session is changed for folding. `login` folds users' tables in another
    session. `tenant` has the events of that tenant alone folded, as runfold_reader, and queries run as the tenant: all
    of it in transactions, for a pooler may be in between. Rows of archived streams cannot be folded: raises
    StreamArchived, and LogArchived for all rows, unless `archived="skip"` leaves them out. Raises PositionUnavailable,
    UnknownTable, FoldFailed, and UnknownExecution or UnknownStream for those that the log never had, RowsHidden where
    events may be hidden from the session. A standby has no past: DatabaseReadOnly.
    """
    refuse_standby(connection, "a look at the past needs temporary tables")
    if streams is not None and execution is not None:
        raise InvalidInput("streams and execution exclude each other: give one of them", code="invalid_option")
    named = None if streams is None else [streams] if isinstance(streams, str) else list(streams)
    with nullcontext() if tenant is None else as_reader(connection):
        require_visible_log(connection)
        found = position_of(connection, position=position, time=time)
        if execution is not None:
            _require_execution(connection, execution, tenant)
        if named is not None:
            _require_streams(connection, named, tenant)
    if tenant is None:
        connection.execute(FOLD_SESSION)
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE")
    try:
        if tenant is not None:
            become_reader(connection)
        scope = Scope()
        with connection.cursor() as cursor:
            if execution is not None:
                scope = scope_of_execution(cursor, execution, found)
            elif named is not None:
                scope = scope_of(cursor, named, found)
            if archived is None:
                _require_in_log(cursor, scope)
        scope = replace(scope, tenant=tenant)
        yield Past(connection, catalogue, found, scope, tables=tables, progress=progress, login=login)
    finally:
        if not connection.closed:
            connection.rollback()


def _require_in_log(cursor: psycopg.Cursor[Any], scope: Scope) -> None:
    """Raise StreamArchived or LogArchived where rows of the scope cannot be folded from what is in the log."""
    if scope.streams is not None:
        require_streams_in_log(cursor, scope.streams)
        return
    hint = 'name streams, or an execution, say archived="skip" to leave it out, or run `runfold archive restore`'
    require_whole_log(cursor, "the past of all rows needs all of the log", hint)


def _require_execution(connection: psycopg.Connection[Any], execution_id: str, tenant: UUID | None) -> None:
    """Raise UnknownExecution if the log has no execution with that id, instead of showing no rows."""
    if not isinstance(execution_id, str):
        raise InvalidInput(f"{execution_id!r} is not the id of an execution", hint="give a text", code="invalid_option")
    if not _known(connection, list(streams_of_execution(execution_id)), tenant):
        raise UnknownExecution(f"there is no execution {execution_id!r}", hint="see `runfold execution list`")


def _require_streams(connection: psycopg.Connection[Any], streams: list[str], tenant: UUID | None) -> None:
    for stream in streams:
        if not isinstance(stream, str):
            raise InvalidInput(
                f"{stream!r} is not a stream",
                hint="write its full name, for example execution-7",
                code="invalid_option",
            )
    if unknown := sorted(set(streams) - _known(connection, streams, tenant)):
        raise UnknownStream(
            f"there is no stream {unknown[0]!r}",
            hint="write its full name, for example execution-7",
            stream_id=unknown[0],
        )


def _known(connection: psycopg.Connection[Any], streams: list[str], tenant: UUID | None) -> set[str]:
    """Return those streams that exist, of a tenant's; a name with NUL cannot exist, nor be sent to PostgreSQL."""
    asked = {"streams": [stream for stream in streams if "\0" not in stream], "tenant": tenant}
    return {stream for (stream,) in connection.execute(statement("known_streams"), asked).fetchall()}
