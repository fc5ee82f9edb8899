"""The session that folds a user's projections: logged in as a role that may write its own tables and nothing else.

SET ROLE could be undone from inside a statement; a login can not. What a fold did to its session is looked at after it:
one that left its transaction, changed a setting or took a lock is refused, and nothing of it stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg import pq, sql
from psycopg.types.json import set_json_loads

from runfold.database.connections import connection_options, embedded_server, mapped_errors
from runfold.errors import ProjectionEscaped, ProjectionRoleMissing, ProjectionRoleUnsafe
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings

statement = runtime_sql("runfold.projections")


class OwnConnection(psycopg.Connection[Any]):
    """A connection of a login that was found harmless: users' projections are folded on no other."""


@dataclass(frozen=True)
class OwnLogin:
    """How to log in to fold a user's projections. `tables` are runfold's, which that login must not write."""

    settings: Settings
    tables: tuple[str, ...] = ()

    def url(self) -> str:
        """RUNFOLD_PROJECTIONS_URL, or the login of the embedded server, made where it is not there yet.

        Raises ProjectionRoleMissing where the server is another and no login was named.
        """
        if self.settings.projections_url is not None:
            return self.settings.projections_url
        if self.settings.database_url is not None:
            raise ProjectionRoleMissing(
                "projections of your own are folded by a login of their own, and none is named",
                hint="CREATE ROLE my_projections LOGIN PASSWORD '…' IN ROLE runfold_projections,"
                " and set RUNFOLD_PROJECTIONS_URL to its URL",
            )
        return embedded_server(self.settings).projections_url()

    def open(self) -> OwnConnection:
        """A new connection in autocommit; raises ProjectionRoleUnsafe where the login may do more than fold.

        Its statements end after RUNFOLD_PROJECTIONS_TIMEOUT. FOLD_SESSION is left to the caller.
        """
        options = connection_options(self.settings, application="runfold projections")
        with mapped_errors():
            connection = OwnConnection.connect(self.url(), autocommit=True, **options)
            try:
                self._check_login(connection)
                connection.execute(
                    sql.SQL(
                        "SET statement_timeout = {0}; SET idle_in_transaction_session_timeout = {0};"
                        " SET lock_timeout = {0}; SET synchronous_commit = off;"
                        " SET client_connection_check_interval = '250ms'"
                    ).format(sql.Literal(round(self.settings.projections_timeout * 1000)))
                )
                set_json_loads(orjson.loads, connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _check_login(self, connection: OwnConnection) -> None:
        rows = connection.execute(statement("own_role_faults"), {"tables": list(self.tables)}).fetchall()
        if rows:
            faults = "; ".join(fault for (fault,) in rows)
            raise ProjectionRoleUnsafe(
                f"{connection.info.user} is no login for projections of your own: {faults}",
                hint="give RUNFOLD_PROJECTIONS_URL a login that is a member of runfold_projections only",
            )


@contextmanager
def unchanged(cursor: psycopg.Cursor[Any], group: str) -> Iterator[None]:
    """Raise ProjectionEscaped when the block leaves its transaction, or the session in another state.

    The caller rolls back, and closes the session: what it is now, nobody knows.
    """
    before = _state(cursor)
    yield
    status = cursor.connection.info.transaction_status
    if status is not pq.TransactionStatus.INTRANS:
        why = "failed and went on" if status is pq.TransactionStatus.INERROR else "ended its transaction"
        raise ProjectionEscaped(
            f"a projection of the group {group} {why}",
            hint="it neither commits nor rolls back; a savepoint is `with connection.transaction()`",
        )
    after = _state(cursor)
    if changed := sorted(name for name in before if before[name] != after[name]):
        raise ProjectionEscaped(
            f"a projection of the group {group} changed its session: {', '.join(changed)}",
            hint="a fold writes its table and nothing else",
        )


@contextmanager
def one_transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """What a fold executes after it ended the transaction begins another, which is rolled back.

    In the block `connection.transaction()` begins the one that commits.
    """
    connection.autocommit = False
    try:
        yield
    except Exception:
        # Locks of the session outlive a rollback.
        if not connection.closed:
            connection.rollback()
            connection.execute("SELECT pg_advisory_unlock_all()")
        raise
    finally:
        if not connection.closed:
            connection.rollback()
            connection.autocommit = True


def _state(cursor: psycopg.Cursor[Any]) -> dict[str, Any]:
    row = cursor.execute(statement("own_session_state"), prepare=True).fetchone()
    return dict(row[0]) if row is not None else {}
