"""Find the event that last changed a value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from runfold.database.safe_head import safe_head
from runfold.database.sessions import refuse_standby
from runfold.errors import UnknownColumn, UnknownRow, UnknownTable
from runfold.events import CATEGORIES
from runfold.events.streams import stream_id
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.definition.contract import Projection, header_query
from runfold.projections.folding.fold import FOLD_SESSION, bind
from runfold.projections.folding.hidden import require_visible_log
from runfold.projections.folding.user_session import UserLogin
from runfold.projections.reconciling.affected import LATEST_EXECUTIONS
from runfold.projections.reconciling.archived import require_streams_in_log, require_whole_log
from runfold.projections.reconciling.shadows import make_shadows
from runfold.reading.past.affected import Reach, reach_of, require_latest_in_log
from runfold.reading.past.reader import closure, require_login
from runfold.reading.past.search import Change, Execution, LastChangeSearch, SearchProgress, newest, read_executions
from runfold.reading.past.user_tables import users_session
from runfold.reading.status import Row, statement
from runfold.runtime_sql import runtime_sql

# How many of a workflow's executions are searched first, and the factor to the next try.
_NEWEST = 32
_MORE = 8


@dataclass(frozen=True, slots=True)
class Why:
    """The last change of a value: `kind` (made, changed or removed) and the log's `event` with its `actor`.

    `before` and `after` are JSON values; they are None also if there was or is no row, see `kind`.
    """

    table: str
    key: dict[str, str]
    column: str
    kind: str
    before: Any
    after: Any
    event: Row
    parked_streams: list[Row] = field(default_factory=list)
    discarded_events: list[Row] = field(default_factory=list)


def why(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    table: str,
    key: str,
    column: str,
    *,
    progress: SearchProgress = lambda *_: None,
    login: UserLogin | None = None,
) -> Why:
    """Return the last change of a row's column up to the safe head.

    `key` is the value of the table's key (several values with commas), or of another unique column, for example an
    execution_id. The streams on which the row depends are folded, the last events first. The connection must be in
    autocommit. Raises UnknownTable, UnknownRow, UnknownColumn, and InvalidInput for the table of a user projection. A
    standby has no past: DatabaseReadOnly. RowsHidden where events may be hidden from the session.
    """
    refuse_standby(connection, "a look at the past needs temporary tables")
    require_visible_log(connection)
    projection = _projection(catalogue, table)
    require_login(catalogue.groups[projection.group], projection.table, login)
    cell = Cell.of(connection, projection, key, column)
    head = safe_head(connection)
    connection.execute(FOLD_SESSION)
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE")
    try:
        streams = _streams(connection, projection, cell, head, of_user=catalogue.groups[projection.group].of_user)
        group = closure(catalogue.groups[projection.group], [projection.table])
        with connection.cursor() as asking:
            if streams is None:
                hint = "run `runfold archive restore`, or ask for a row of one stream"
                require_whole_log(asking, f"rows of {projection.table} depend on all of the log", hint)
            else:
                require_streams_in_log(asking, streams)
                require_latest_in_log(asking, group, [projection.table], streams, head)
        with _empty_tables(connection, group, login) as cursor:
            bind(cursor, ["pg_temp"])

            def search(reach: Reach, executions: list[Execution] | None = None, floor: int = 0) -> Change | None:
                return LastChangeSearch(
                    cursor,
                    group,
                    projection,
                    reach,
                    head,
                    column=column,
                    row=_standing(projection, _equal(cell.key, cell.types, "key_")),
                    key={f"key_{name}": value for name, value in cell.key.items()},
                    executions=executions,
                    computed=group.of_user and cell.column in _computed(connection, projection),
                    progress=progress,
                ).find(floor)

            if LATEST_EXECUTIONS in projection.depends_on:
                found = _newest_first(connection, group, next(iter(cell.key.values())), head, search)
            else:
                with connection.cursor() as asking:
                    reach = Reach() if streams is None else reach_of(asking, group, streams, head)
                found = search(reach)
        if found is None:
            raise _no_row(projection, cell)
        position, before, after = found
        left_out = {"groups": [group.name], "streams": streams, "tenant": None, "upto": head}
        with connection.cursor(row_factory=dict_row) as rows:
            event = rows.execute(statement("event_at"), {"position": position}).fetchone()
            parked = rows.execute(statement("parked_until"), left_out).fetchall()
            discarded = rows.execute(statement("discarded_until"), left_out).fetchall()
    finally:
        if not connection.closed:
            connection.rollback()
    return Why(
        table=f"{projection.schema}.{projection.table}",
        key=cell.key,
        column=column,
        kind="removed" if not after.exists else "changed" if before.exists else "made",
        before=before.json(),
        after=after.json(),
        event=event or {},
        parked_streams=parked,
        discarded_events=discarded,
    )


class _Search(Protocol):
    def __call__(self, reach: Reach, executions: list[Execution] | None = None, floor: int = 0) -> Change | None: ...


def _newest_first(
    connection: psycopg.Connection[Any], group: Group, workflow: str, head: int, search: _Search
) -> Change | None:
    """Search a workflow's executions with the newest events first, and stop where those say when it changed last."""
    with connection.cursor() as asking:
        executions, count = read_executions(asking, group, workflow, head), _NEWEST
        while True:
            chosen, floor = newest(executions, count)
            require_streams_in_log(asking, [each.stream_id for each in chosen])
            reach = reach_of(asking, group, [f"deployment-{workflow}", *(each.stream_id for each in chosen)], head)
            found = search(reach, chosen, floor)
            if not floor or (found is not None and found[0] > floor):
                return found
            count *= _MORE


def _computed(connection: psycopg.Connection[Any], projection: Projection) -> set[str]:
    """The columns of a table that are computed from others."""
    table = sql.Identifier(projection.schema, projection.table).as_string(connection)
    rows = connection.execute(runtime_sql("runfold.projections")("table_columns"), {"table": table}).fetchall()
    return {column for column, _, computed in rows if computed}


@contextmanager
def _empty_tables(
    connection: psycopg.Connection[Any], group: Group, login: UserLogin | None
) -> Iterator[psycopg.Cursor[Any]]:
    """Empty temporary tables of the group, in the session that folds it."""
    if group.of_user and login is not None:
        with users_session(login, group) as cursor:
            yield cursor
        return
    with connection.cursor() as cursor:
        make_shadows(cursor, group)
        yield cursor


def _projection(catalogue: Catalogue, table: str) -> Projection:
    for projection in catalogue.projections:
        if table in (projection.table, f"{projection.schema}.{projection.table}"):
            return projection
    known = ", ".join(sorted(projection.table for projection in catalogue.projections))
    raise UnknownTable(f"there is no read table {table!r}", hint=f"choose one of {known}")


@dataclass(frozen=True, slots=True)
class Cell:
    """A row and a column: the key as texts, the types of all columns, the column, and the present row if it exists."""

    key: dict[str, str]
    types: dict[str, str]
    column: str
    row: Row | None

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], projection: Projection, key: str, column: str) -> Cell:
        table = sql.Identifier(projection.schema, projection.table)
        columns = connection.execute(statement("columns_of_table"), {"table": table.as_string(connection)}).fetchall()
        types = {name: kind for name, kind, _ in columns}
        if column not in types:
            raise UnknownColumn(
                f"{projection.table} has no column {column!r}",
                hint=f"choose one of {', '.join(types)}",
                column=column,
            )
        parts = [part.strip() for part in key.split(",")] if len(projection.key) > 1 else [key]
        whole = [projection.key] if len(parts) == len(projection.key) else []
        # A single column: one that is unique, or a part of the key if only one row has that value.
        alone = [(name,) for name, _, unique in columns if unique or name in projection.key] if len(parts) == 1 else []
        known: dict[str, str] | None = None
        for names in dict.fromkeys([*whole, *alone]):
            wanted = {name: _canonical(part, types[name]) for name, part in zip(names, parts, strict=True)}
            asked = {name: value for name, value in wanted.items() if value is not None}
            if len(asked) < len(names):
                continue
            rows = _live_rows(connection, table, asked, types)
            if len(rows) == 1:
                return cls({name: str(rows[0][name]) for name in projection.key} | asked, types, column, rows[0])
            known = asked if len(projection.key) == 1 and not rows else known
        if known is None:
            raise UnknownRow(f"{projection.table} has no row with key {key!r}", hint=_keys(projection, types), key=key)
        return cls(known, types, column, None)


def _canonical(value: str, kind: str) -> str | None:
    """Return the value as its type prints it, or None if it is not of that type."""
    try:
        if kind == "uuid":
            return str(UUID(value))
        if kind in ("bigint", "integer", "smallint"):
            return str(int(value))
    except ValueError:
        return None
    return value


def _keys(projection: Projection, types: dict[str, str]) -> str:
    return "give its key, " + ", ".join(f"{name} ({types[name]})" for name in projection.key)


def _live_rows(
    connection: psycopg.Connection[Any], table: sql.Identifier, wanted: dict[str, str], types: dict[str, str]
) -> list[Row]:
    """Return the rows with these values, at most two."""
    query = sql.SQL("SELECT to_jsonb(t)::text FROM {} AS t WHERE {} LIMIT 2").format(table, _equal(wanted, types))
    try:
        return [dict(orjson.loads(row)) for (row,) in connection.execute(query, wanted).fetchall()]
    except psycopg.DataError:
        return []


def _equal(wanted: dict[str, str], types: dict[str, str], prefix: str = "") -> sql.Composable:
    parts: list[sql.Composable] = [
        sql.SQL("t.{} = CAST({} AS {})").format(
            sql.Identifier(name), sql.Placeholder(prefix + name), sql.SQL(types[name])
        )
        for name in wanted
    ]
    return sql.SQL(" AND ").join(parts)


def _standing(projection: Projection, condition: sql.Composable) -> sql.Composable:
    """Return the condition on a row `t` that has not expired."""
    if projection.expires is None:
        return condition
    return sql.SQL("{} AND t.{} >= (SELECT runfold.cutoff_of({}))").format(
        condition, sql.Identifier(projection.expires), sql.Literal(f"{projection.schema}.{projection.table}")
    )


def _no_row(projection: Projection, cell: Cell) -> UnknownRow:
    said = ", ".join(f"{name} {value}" for name, value in cell.key.items())
    names_stream = not {"execution_id", projection.stream_column}.isdisjoint(cell.key)
    return UnknownRow(
        f"{projection.table} has no row with {said}, and no deleted one is known",
        hint="check the key, the log has no stream of that name"
        if names_stream
        else "to find a deleted row, give the column that names its stream, for example execution_id",
        key=cell.key,
    )


def _streams(
    connection: psycopg.Connection[Any], projection: Projection, cell: Cell, head: int, *, of_user: bool
) -> list[str] | None:
    """Return the streams on which the row depends, and perhaps others; None means all streams."""

    def ask(name: str, parameters: Row) -> list[str]:
        return [stream for (stream,) in connection.execute(statement(name), parameters).fetchall()]

    (value, *_) = cell.key.values()
    if projection.streams_of_row is not None:
        asked = {"value": value, "upto": head}
        return [stream for (stream,) in connection.execute(header_query(projection.streams_of_row), asked).fetchall()]
    if projection.cross_stream:
        if cell.row is None:
            raise _no_row(projection, cell)
        return None
    row = cell.row or {}
    touched = row.get("last_event_position", row.get("position"))
    # Where there is no event it is archived: its stream is found by its name.
    if touched is not None and not of_user and (streams := ask("stream_at", {"position": touched})):
        return streams
    names = {value, str(row.get(projection.stream_key or "", value))}
    candidates = [*names, *(stream_id(category, name) for category in CATEGORIES for name in sorted(names))]
    if streams := ask("known_streams", {"streams": candidates, "tenant": None}):
        return streams
    if cell.row is None:
        raise _no_row(projection, cell)
    return None
