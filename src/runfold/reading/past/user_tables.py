"""Users' tables as they were: folded in a session of the users' login, and copied from there to the reader's.

A user's file never runs in the reader's session, which may read everything. The login's session writes nothing but
temporary tables: its transaction is read-only from the first fold on, and is rolled back. The reader's copies are plain
tables: no default, check or trigger of a user's table is evaluated there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql

from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.hidden import require_visible_log
from runfold.projections.folding.user_session import UserLedger, UserLogin
from runfold.projections.reconciling.shadows import make_shadows


@contextmanager
def users_session(login: UserLogin, group: Group) -> Iterator[psycopg.Cursor[Any]]:
    """A session of the login with empty temporary tables of the group, in a transaction that is rolled back."""
    with login.open() as connection:
        connection.execute(FOLD_SESSION)
        require_visible_log(connection)
        # A transaction that a file begins writes nothing, either.
        connection.execute("SET default_transaction_read_only = on")
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with UserLedger(connection).transaction(force_rollback=True), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ WRITE")
            make_shadows(cursor, group)
            # It cannot be taken back: PostgreSQL makes no read-only transaction a writing one.
            cursor.execute("SET LOCAL transaction_read_only = on")
            yield cursor


def fold_and_copy(
    reader: psycopg.Cursor[Any], login: UserLogin, group: Group, fold: Callable[[psycopg.Cursor[Any]], None]
) -> None:
    """Fold the group in a session of the login, and copy its tables to temporary tables of the reader's session."""
    with users_session(login, group) as cursor:
        fold(cursor)
        for projection in group.projections:
            table = sql.Identifier("pg_temp", projection.table)
            live = sql.Identifier(projection.schema, projection.table)
            reader.execute(sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT * FROM {} WITH NO DATA").format(table, live))
            columns = sql.SQL(", ").join(
                sql.Identifier(column.name) for column in reader.execute(_nothing_of(table)).description or ()
            )
            rows = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)").format(columns, table)
            into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, columns)
            with cursor.copy(rows) as read, reader.copy(into) as written:
                for part in read:
                    written.write(part)


def _nothing_of(table: sql.Identifier) -> sql.Composed:
    return sql.SQL("SELECT * FROM {} LIMIT 0").format(table)
