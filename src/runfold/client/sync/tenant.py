# Generated from ../aio/tenant.py by `make sync`: edit that file, never this one.
"""What one tenant may see and write: `store.as_user`, one transaction a call, under the policies of the tables.

The transaction begins with the role `authenticated` and the tenant's claims, in the round trip of its first statement.
Both are local to the transaction, so that nothing of a tenant stays in a session that others use next: a pool's, or a
pooler's. It guards against a mistaken query, not against hostile SQL, which can RESET ROLE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, tuple_row

from runfold.client.sync.encryption import Encryption
from runfold.client.sync.log import Log, statement
from runfold.client.sync.tenant_reads import (
    TenantDeployments,
    TenantExecutions,
    TenantInteractions,
    TenantResponses,
)
from runfold.client.sync.triggers import Triggers
from runfold.client.sync.vectors import Vectors
from runfold.client.sync.workflows import Workflows
from runfold.database.tenants import TENANT, becoming, not_a_gateway
from runfold.errors import (
    BehindPooler,
    DatabaseReadOnly,
    InvalidInput,
    PermissionDenied,
    TenantCannotAppend,
    TransactionEnded,
    TransactionFailed,
)
from runfold.events.envelope import RecordedEvent

if TYPE_CHECKING:
    from runfold.client.sync.agent_memory import AgentMemory
    from runfold.reading.past.as_of import AsOf

_Row = dict[str, Any]
_Connection = psycopg.Connection[Any]


class TenantCursor(psycopg.Cursor[_Row]):
    """A cursor in the transaction of a tenant; it refuses to go on when a statement has ended that transaction."""

    def execute(self, *args: Any, **kwargs: Any) -> TenantCursor:
        """Run a statement as the tenant; as psycopg's."""
        self.refuse_outside()
        super().execute(*args, **kwargs)
        return self

    def executemany(self, *args: Any, **kwargs: Any) -> None:
        """Run a statement for each set of parameters, as the tenant; as psycopg's."""
        self.refuse_outside()
        super().executemany(*args, **kwargs)

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[_Row]:
        """Return the rows one by one; as psycopg's."""
        self.refuse_outside()
        return super().stream(*args, **kwargs)

    def copy(self, *args: Any, **kwargs: Any) -> Any:
        """Copy as the tenant; as psycopg's."""
        self.refuse_outside()
        return super().copy(*args, **kwargs)

    def refuse_outside(self) -> None:
        """Raise TransactionEnded outside the transaction, where a statement would have the login's rights."""
        if self.connection.info.transaction_status not in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            raise TransactionEnded


class Tenant:
    """The tables as one tenant sees them, by row security; made by `store.as_user`, and shared like the store.

    The login of the store must be a member of `runfold_gateway`, or of `authenticated`.
    """

    def __init__(self, store: Log, user_id: UUID | str) -> None:
        self.user_id = _as_uuid(user_id)
        self._store = store
        self._become = becoming(self.user_id)

    @cached_property
    def workflows(self) -> Workflows:
        """Definitions of the tenant's workflows, and their versions."""
        return Workflows(self)

    @property
    def encryption(self) -> Encryption:
        """What opens the tenant's values: the store's, with the keys of this process."""
        return self._store.encryption

    @cached_property
    def executions(self) -> TenantExecutions:
        """The tenant's executions, to list and to show."""
        return TenantExecutions(self)

    @cached_property
    def interactions(self) -> TenantInteractions:
        """The tenant's interactions, to list and to show."""
        return TenantInteractions(self)

    @cached_property
    def responses(self) -> TenantResponses:
        """The responses that came in for the tenant, to list."""
        return TenantResponses(self)

    @cached_property
    def deployments(self) -> TenantDeployments:
        """The deployments of the tenant's workflows, to list."""
        return TenantDeployments(self)

    @cached_property
    def memory(self) -> AgentMemory:
        """What agents remember of the tenant."""
        from runfold.client.sync.agent_memory import AgentMemory  # who reads the tables does without

        return AgentMemory(self, self.user_id, service=False)

    @cached_property
    def triggers(self) -> Triggers:
        """The tenant's active triggers by their keys."""
        return Triggers(self)

    @cached_property
    def vectors(self) -> Vectors:
        """The tenant's collections of vectors."""
        return Vectors(self, self.user_id)

    def fetch(self, query: Any, params: Mapping[str, Any] | Sequence[Any] | None = None) -> list[_Row]:
        """Run one statement as the tenant, in a transaction of its own and one round trip, and return its rows.

        A row is a dict by column; a statement without rows gives none. Nothing is retried. Raises PermissionDenied for
        what a tenant may not do, and for a login that may not act for tenants.
        """
        return self._once(query, params, None)

    @contextmanager
    def transaction(self) -> Iterator[TenantCursor]:
        """Return a cursor in a transaction of the tenant's, which is committed when the block ends without an error.

        Rows are dicts. Raises as `fetch`, and TransactionEnded when a statement of the block commits or rolls back.
        """
        with self._store._connection(writes=True) as connection:
            with self._begun(connection):
                pass
            try:
                yield TenantCursor(connection, row_factory=dict_row)
            except psycopg.errors.InsufficientPrivilege as exc:
                raise _refused(exc) from exc
            if (status := connection.info.transaction_status) == TransactionStatus.INERROR:
                raise TransactionFailed(_SWALLOWED, hint=_SAVEPOINT, retryable=False)
            if status != TransactionStatus.INTRANS:
                raise TransactionEnded
            connection.commit()
            self._store._sessions.require_confirmed(connection)

    def read_stream(self, stream_id: str, after: int = 0, *, limit: int | None = None) -> list[RecordedEvent]:
        """Return a stream's events after a version, in order and in the shape in which they were recorded.

        None for a stream of another tenant, as for one that does not exist.
        """
        parameters = {"stream": stream_id, "after": after, "limit": limit}
        return self.encryption.opened(self._retried(statement("read_own_stream"), parameters))

    def as_of(
        self,
        *,
        position: int | None = None,
        time: datetime | None = None,
        tables: Iterable[str] | None = None,
        streams: Iterable[str] | None = None,
        execution: str | None = None,
        archived: Literal["skip"] | None = None,
    ) -> AsOf:
        """Return the tenant's rows as they were at a position or a time, to query in `with`; as `store.as_of`.

        The tenant's own events alone are folded, as `runfold_reader`; the queries run as the tenant. All of it is one
        transaction on a connection of its own, which a transaction pooler may be in front of; it is rolled back.
        """
        from runfold.reading.past.as_of import AsOf  # and with it the projections, which a writer does without

        return AsOf(
            self._store.url,
            self._store._settings,
            position=position,
            time=time,
            tables=tables,
            streams=streams,
            execution=execution,
            tenant=self.user_id,
            archived=archived,
        )

    def get_blob(self, reference: Mapping[str, Any]) -> bytes:
        """Return a large value of the tenant that a reference names; as `store.get_blob`."""
        from runfold.client.sync.blobs import Blobs

        blobs = getattr(self._store, "blobs", None) or Blobs(self._store, self._store._settings.blob_folder)
        return blobs.get(reference, self.user_id, self)

    def append(self, *_: Any, **__: Any) -> NoReturn:
        """Raise TenantCannotAppend: events are appended by services, with `user_id` of the tenant."""
        raise TenantCannotAppend(hint=_APPEND)

    append_many = append

    def _retried(self, query: Any, parameters: Mapping[str, Any], _: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement that only reads, as the tenant, and retry while that can help; rows are tuples."""
        return [tuple(row.values()) for row in self.read(query, parameters)]

    def read(self, query: Any, parameters: Mapping[str, Any], *, prepare: bool | None = None) -> list[_Row]:
        """Run a statement that only reads, as `fetch`, but retry while that can help; rows are dicts."""
        return self._store._again(self._once, query, parameters, prepare)

    def _once(self, query: Any, params: Any, prepare: bool | None) -> list[_Row]:
        try:
            return self._try(query, params, prepare)
        except DatabaseReadOnly:
            pass  # after a fail-over a new session may write where the pool's old ones do not; nothing was executed
        except BehindPooler:
            self._store._prepares = False  # the pooler did not show itself, and nothing was executed
        return self._try(query, params, prepare)

    def _try(self, query: Any, params: Any, prepare: bool | None) -> list[_Row]:
        with self._store._connection(role=None) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            with self._begun(connection):
                cursor.execute(query, params, prepare=prepare)
                connection.execute(_COMMIT)
            self._store._sessions.require_confirmed(connection)
            return [] if cursor.description is None else cursor.fetchall()

    @contextmanager
    def _begun(self, connection: _Connection) -> Iterator[None]:
        """Begin the tenant's transaction, together with the statements of the block: they go in one round trip.

        When one of them fails, the server skips all that follow.
        """
        became = connection.cursor(row_factory=tuple_row)
        try:
            with connection.pipeline():
                connection.execute(_BEGIN)
                became.execute(*self._become)
                yield
        except psycopg.errors.InsufficientPrivilege as exc:
            if became.description is not None:
                raise _refused(exc) from exc
            raise not_a_gateway(connection.info.user, exc) from exc


_BEGIN = "BEGIN"
_COMMIT = "COMMIT"

_SWALLOWED = "a statement of the block failed, and the block went on: all of it was rolled back"
_SAVEPOINT = "let the error leave the block, or put what may fail into `with cursor.connection.transaction()`"
_APPEND = "use the store of a service: store.append(…, user_id=…), or a handle of store.executions"


def _refused(exc: psycopg.Error) -> PermissionDenied:
    """Return the error for what grants and policies refuse to a tenant: it says what a tenant may do."""
    return PermissionDenied(
        f"a tenant may not do this: {exc.diag.message_primary}",
        hint="a tenant reads its own rows, and writes its own rows of the tables that users edit; to append, "
        + _APPEND,
        role=TENANT,
        postgres_sqlstate=exc.sqlstate,
    )


def _as_uuid(user_id: UUID | str) -> UUID:
    try:
        return user_id if isinstance(user_id, UUID) else UUID(user_id)
    except (ValueError, TypeError, AttributeError):
        raise InvalidInput(
            f"{user_id!r} is not the id of a user",
            hint="give the UUID of auth.users",
            code="invalid_user_id",
            pointer="/user_id",
            found=str(user_id),
        ) from None
