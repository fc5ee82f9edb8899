"""The console's own connections: few, read-only, with two seconds for a statement, as the viewer that a request has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from runfold.console.signing_in import Viewer
from runfold.database.connections import connection_options, is_away, mapped_errors
from runfold.database.tenants import becoming, not_a_gateway
from runfold.errors import DatabaseUnavailable
from runfold.projections.definition.catalogue import Catalogue
from runfold.reading.executions import read_execution_at
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings

statement = runtime_sql("runfold.console")

CONNECTIONS = 8
PAST_CONNECTIONS = 2
STATEMENT_MS = 2_000
"""How long a statement of the console may take: the store has others to serve."""

PATIENCE_SECONDS = 3.0
"""How long a request waits for a connection."""

Row = dict[str, Any]


class Reader:
    """What one request reads, in one transaction that cannot write, as its viewer."""

    def __init__(self, connection: psycopg.Connection[Any], viewer: Viewer) -> None:
        self.connection = connection
        self.viewer = viewer

    def rows(self, query: LiteralString, parameters: Row | None = None, *, prepare: bool | None = None) -> list[Row]:
        """Return the rows of a statement."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters or {}, prepare=prepare).fetchall()

    def row(self, query: LiteralString, parameters: Row | None = None) -> Row | None:
        """Return the first row of a statement."""
        return next(iter(self.rows(query, parameters)), None)


class Database:
    """Two pools: one for what is, and a small one for looks at the past, which need temporary tables."""

    def __init__(self, url: str, settings: Settings, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._url = url
        self._present = _pool(url, settings, "runfold console", CONNECTIONS, read_only=True)
        self._past = _pool(url, settings, "runfold console (past)", PAST_CONNECTIONS, read_only=False)
        self._opened = threading.Event()

    def open(self) -> None:
        """Begin to connect, and return at once: a database that is away is shown on the pages."""
        if not self._opened.is_set():
            self._present.open(wait=False)
            self._past.open(wait=False)
            self._opened.set()

    def close(self) -> None:
        """Close the connections."""
        self._present.close(timeout=2)
        self._past.close(timeout=2)

    @contextmanager
    def reading(self, viewer: Viewer) -> Iterator[Reader]:
        """Read as a viewer in one read-only transaction; raises runfold's errors."""
        with self._connection(self._present) as connection:
            connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")
            try:
                if viewer.user_id is not None:
                    _become(connection, viewer)
                yield Reader(connection, viewer)
            finally:
                if not connection.closed:
                    connection.rollback()

    @contextmanager
    def past(self) -> Iterator[psycopg.Connection[Any]]:
        """Return a connection for looks at the past, which roll back what they make."""
        with self._connection(self._past) as connection:
            yield connection

    @contextmanager
    def _connection(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> Iterator[psycopg.Connection[Any]]:
        with mapped_errors("runfold_operator"):
            try:
                connection = pool.getconn(PATIENCE_SECONDS)
            except PoolTimeout as exc:
                if is_away(self._url):
                    raise DatabaseUnavailable("no server answers at the database's URL") from exc
                raise
            try:
                yield connection
            finally:
                pool.putconn(connection)

    def execution_at(self, execution_id: str, event: int, *, logs: int) -> Row:
        """Return an execution as it was after one of its events; as `read_execution_at`."""
        with self.past() as connection:
            return read_execution_at(connection, self.catalogue, execution_id, event=event, logs=logs)


def _become(connection: psycopg.Connection[Any], viewer: Viewer) -> None:
    assert viewer.user_id is not None
    try:
        connection.execute(*becoming(viewer.user_id))
    except psycopg.errors.InsufficientPrivilege as exc:
        raise not_a_gateway(connection.info.user, exc) from exc


def _pool(
    url: str, settings: Settings, application: str, most: int, *, read_only: bool
) -> ConnectionPool[psycopg.Connection[Any]]:
    def configure(connection: psycopg.Connection[Any]) -> None:
        connection.execute(statement("limit_session"), {"timeout": f"{STATEMENT_MS}ms"})
        if read_only:
            connection.execute(statement("read_only_session"))

    return ConnectionPool(
        url,
        min_size=0,
        max_size=most,
        timeout=PATIENCE_SECONDS,
        reconnect_timeout=1.0,
        open=False,
        configure=configure,
        check=ConnectionPool.check_connection,
        kwargs={**connection_options(settings, application=application), "autocommit": True, "connect_timeout": 2},
        name=application,
    )
