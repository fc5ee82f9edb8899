"""The session that folds users' projections, and all that is different in it.

- Login: it is logged in as a role that may write its own tables and nothing else. SET ROLE could be undone from inside
  a statement, a login cannot.
- Escape checks: what a fold did to its session is examined after it. One that left its transaction, changed a setting
  or took a lock is refused, and nothing of it is kept.
- One transaction: what a fold executes after it ended its transaction begins another one, which is rolled back.
- Lock watch: appends wait for advisory locks, so a fold that goes on and holds one is cancelled by the worker.
- Its statements have a time limit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg import pq, sql
from psycopg.types.json import set_json_loads

from runfold.database.connections import connection_options, embedded_server, mapped_errors
from runfold.database.sessions import backend_pid, set_up
from runfold.database.urls import checked_url
from runfold.errors import LeadershipLost, ProjectionEscaped, ProjectionRoleMissing, ProjectionRoleUnsafe
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.folding.ledger import Begun, Ledger
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)


class UserConnection(psycopg.Connection[Any]):
    """A connection of a login that was found harmless: users' projections are folded on no other."""


@dataclass(frozen=True)
class UserLogin:
    """How to log in to fold users' projections. `tables` are runfold's, which that login must not write."""

    settings: Settings
    tables: tuple[str, ...] = ()

    @classmethod
    def of(cls, catalogue: Catalogue, settings: Settings) -> UserLogin:
        """The login that these settings name, for the users' projections of a catalogue."""
        ours = [group for group in catalogue.groups.values() if not group.of_user]
        return cls(settings, tuple(sorted(f"{item.schema}.{item.table}" for one in ours for item in one.projections)))

    def url(self) -> str:
        """RUNFOLD_PROJECTIONS_URL, or the login of the embedded server, made where it is not there yet.

        Raises ProjectionRoleMissing where the server is another and no login was named.
        """
        if self.settings.projections_url is not None:
            return checked_url(self.settings.projections_url, "RUNFOLD_PROJECTIONS_URL")
        if self.settings.database_url is not None:
            raise ProjectionRoleMissing(
                "your projections are folded by a login that may do nothing else, and none is named",
                hint="CREATE ROLE my_projections LOGIN PASSWORD '…' IN ROLE runfold_projections,"
                " and set RUNFOLD_PROJECTIONS_URL to its URL",
            )
        return embedded_server(self.settings).projections_url()

    def open(self) -> UserConnection:
        """A new connection in autocommit; raises ProjectionRoleUnsafe where the login may do more than fold.

        Its statements end after RUNFOLD_PROJECTIONS_TIMEOUT. FOLD_SESSION is left to the caller.
        """
        options = connection_options(self.settings, application="runfold projections")
        with mapped_errors():
            connection = UserConnection.connect(self.url(), autocommit=True, **options)
            try:
                needed_by = "the login that folds your projections"
                set_up(connection, needed_by=needed_by, session_pooler=self.settings.session_pooler)
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

    def _check_login(self, connection: UserConnection) -> None:
        rows = connection.execute(statement("user_role_faults"), {"tables": list(self.tables)}).fetchall()
        if rows:
            faults = "; ".join(fault for (fault,) in rows)
            raise ProjectionRoleUnsafe(
                f"{connection.info.user} must not fold your projections: {faults}",
                hint="set RUNFOLD_PROJECTIONS_URL to a login that is a member of runfold_projections only",
            )


class UserLedger(Ledger):
    """The ledger in a session of the users' login.

    `note` is called with the group, an SQLSTATE and the error of a group that cannot be folded: the login itself may
    not write that down. After ProjectionEscaped the connection is closed: nobody knows the state of its session.
    """

    connection: UserConnection

    def __init__(
        self,
        connection: UserConnection,
        *,
        epoch: int = 0,
        note: Callable[[str, str, str], None] = lambda *_: None,
    ) -> None:
        super().__init__(connection, epoch=epoch)
        self._note = note
        self._pid = backend_pid(connection)
        self._ending = threading.Event()
        self._took_lock = threading.Event()
        self._group = ""

    @property
    def has_time_limit(self) -> bool:
        """Whether a statement that was cancelled took too long, and was not cancelled because the worker ends."""
        return not self._ending.is_set()

    @contextmanager
    def transaction(self, *, force_rollback: bool = False) -> Iterator[None]:
        """As Ledger.transaction; what a fold executes after it ended this one is rolled back."""
        self._took_lock.clear()
        try:
            with one_transaction(self.connection), self.connection.transaction(force_rollback=force_rollback):
                yield
        except ProjectionEscaped:
            self.connection.close()
            raise
        except psycopg.errors.QueryCanceled as exc:
            if self._took_lock.is_set() and not self._ending.is_set():
                self.connection.close()
                raise ProjectionEscaped(f"a projection of the group {self._group} took an advisory lock") from exc
            raise

    def begin(self, group: Group) -> Begun:
        """As Ledger.begin."""
        self._group = group.name
        return super().begin(group)

    def move(self, group: Group, after: int, upto: int) -> None:
        """As Ledger.move; raises ProjectionEscaped where a projection moved the checkpoint itself."""
        try:
            super().move(group, after, upto)
        except LeadershipLost:
            row = self.connection.execute(statement("checkpoint"), {"group": group.name}).fetchone()
            if row != (after,):
                # This transaction has held it since the batch began: no other session moved it.
                raise ProjectionEscaped(f"a projection of the group {group.name} moved its checkpoint itself") from None
            raise

    def check_constraints(self, group: Group) -> None:
        """Check those of the group's tables only: the one that holds the batch together is checked at commit."""
        tables = [f"{projection.schema}.{projection.table}" for projection in group.projections]
        rows = self.connection.execute(statement("deferrable_constraints"), {"tables": tables}).fetchall()
        names = [sql.Identifier(schema, name) for schema, name in rows]
        if names:
            self.connection.execute(sql.SQL("SET CONSTRAINTS {} IMMEDIATE").format(sql.SQL(", ").join(names)))

    def note_stopped(self, group: Group, sqlstate: str, error: str) -> None:
        """Have it noted why the group cannot be folded."""
        self._note(group.name, sqlstate, error)

    def is_locking(self, looking: psycopg.Connection[Any]) -> bool:
        """Whether the session holds or waits for an advisory lock, seen from another one."""
        asked = {"pid": self._pid}
        return looking.execute(statement("user_advisory_locks"), asked).fetchone() is not None

    def cancel_for_lock(self, *, within: float) -> None:
        """Cancel the fold that runs, because it took an advisory lock: runfold's appends wait for such locks."""
        self._took_lock.set()
        self.connection.cancel_safe(timeout=within)

    def cancel(self, *, within: float) -> None:
        """Cancel the fold that runs, because the worker ends: it is not tried again."""
        self._ending.set()
        with suppress(psycopg.Error):
            self.connection.cancel_safe(timeout=within)


@contextmanager
def unchanged(cursor: psycopg.Cursor[Any], group: str) -> Iterator[None]:
    """Raise ProjectionEscaped when the block leaves its transaction, or the session in another state."""
    before = _state(cursor)
    yield
    status = cursor.connection.info.transaction_status
    if status is not pq.TransactionStatus.INTRANS:
        why = "failed and went on" if status is pq.TransactionStatus.INERROR else "ended its transaction"
        raise ProjectionEscaped(
            f"a projection of the group {group} {why}",
            hint="remove its commits and rollbacks; for a savepoint use `with connection.transaction()`",
        )
    after = _state(cursor)
    if changed := sorted(name for name in before if before[name] != after[name]):
        raise ProjectionEscaped(
            f"a projection of the group {group} changed its session: {', '.join(changed)}",
            hint="remove what does that: a fold writes its table and nothing else",
        )


@contextmanager
def one_transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """In the block `connection.transaction()` begins the transaction that commits; any other one is rolled back."""
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
    row = cursor.execute(statement("user_session_state"), prepare=True).fetchone()
    return dict(row[0]) if row is not None else {}
