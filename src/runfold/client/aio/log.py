"""The log: appends to it, reads of it, and waiting for its folds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Literal, LiteralString, Self, TypeVar
from uuid import UUID

import orjson
import psycopg
from psycopg.types.json import set_json_loads
from psycopg_pool import PoolTimeout

from runfold.client.aio.encryption import AsyncEncryption
from runfold.client.aio.retries import retried
from runfold.client.batches import answers_to
from runfold.client.encrypting import SentCall
from runfold.client.pages import page_of, page_parameters
from runfold.client.pools import AsyncPool, PoolNumbers, numbers_of
from runfold.database import sessions
from runfold.database.connections import checked_values, connection_options, mapped_errors, resolve_url
from runfold.database.forks import is_inherited, renew, watch
from runfold.database.migrations import check_stamp
from runfold.database.pooled_sessions import PooledSessions
from runfold.database.urls import checked_url
from runfold.errors import (
    BehindPooler,
    DatabaseReadOnly,
    DatabaseUnavailable,
    EventIdConflict,
    InheritedConnection,
    StreamParked,
    UnknownProjection,
    WaitTimeout,
    WrongAnswer,
)
from runfold.events import Event
from runfold.events.encoding import Default
from runfold.events.envelope import Append, Appended, Bookmark, LogPage, NewEvent, RecordedEvent
from runfold.keys.masters import MasterKeySource
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings, load_settings
from runfold.tracing import appending, carried

statement = runtime_sql("runfold.client")
database_statement = runtime_sql("runfold.database")

_T = TypeVar("_T")
_Connection = psycopg.AsyncConnection[Any]
_Rows = list[tuple[Any, ...]]
_Fits = Callable[[_Rows], bool] | None

# The pool doubles its pauses between attempts up to this long, then starts again: so a returning server is found soon.
_RECONNECT_SECONDS = 8.0


class AsyncLog:
    """Appends to the log and reads it; safe to share between threads or tasks. Close it, or use it in `with`.

    It survives fork(): a child process uses connections of its own, and leaves the parent's alone.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        user_id: UUID | None = None,
        default: Default | None = None,
        master_keys: MasterKeySource | None = None,
    ) -> None:
        self.url = checked_url(url)
        self.user_id = user_id
        self.default = default
        self.encryption = AsyncEncryption(self, master_keys)
        self._settings = settings
        self._held: set[_Connection] = set()
        self._sessions = PooledSessions()
        self._prepares = settings.prepared_statements
        self._pool = self._new_pool()
        self._inherited_pool: AsyncPool | None = None
        self._opens_at_use = False
        renew(self)

    def _new_pool(self) -> AsyncPool:
        settings = self._settings
        return AsyncPool(
            self.url,
            kwargs={**connection_options(settings), "autocommit": True},
            configure=self._configure,
            min_size=settings.pool_min_size,
            max_size=settings.pool_max_size,
            timeout=settings.pool_timeout,
            reconnect_timeout=_RECONNECT_SECONDS,
            open=False,
            name="runfold",
        )

    def _after_fork(self) -> None:
        """Take a new pool in a child process, to be opened at its first use. A store that was closed stays closed."""
        self._held = set()
        if self._opens_at_use or not self._pool.closed:
            # Kept, because its end would wait for locks and threads that only the parent has.
            self._inherited_pool = self._pool
            self._pool = self._new_pool()
            self._opens_at_use = True

    @classmethod
    async def connected(
        cls,
        url: str | None = None,
        *,
        user_id: UUID | None = None,
        settings: Settings | None = None,
        default: Default | None = None,
        master_keys: MasterKeySource | None = None,
    ) -> Self:
        """Return an open one, on the database of `url`, of RUNFOLD_DATABASE_URL, or the embedded one, which starts."""
        settings = settings or load_settings()
        if not url:
            url = await asyncio.to_thread(resolve_url, settings)  # a server that starts blocks for seconds
        store = cls(url, settings, user_id=user_id, default=default, master_keys=master_keys)
        await store._open()
        return store

    async def _open(self) -> None:
        """Open the pool, if the database is reached and at our version: a pool alone would retry without end."""
        with mapped_errors():
            async with await self._new_connection() as connection:
                cursor = await connection.execute(database_statement("migrations_state"))
                row = await cursor.fetchone()
            check_stamp(row[0] if row else None)
            await self._pool.open()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except Exception as unclosed:
            if error is None:
                raise
            error.add_note(f"runfold could not close its connections: {unclosed}")

    async def close(self) -> None:
        """Close the connections."""
        self._opens_at_use = False
        await self._pool.close()
        await self.encryption.close()

    def pool_numbers(self) -> PoolNumbers:
        """Return how much of the store's pool is in use; nothing is waited for."""
        return numbers_of(self._pool)

    @property
    def retry_seconds(self) -> float:
        """For how many seconds an append or a read is retried."""
        return self._settings.retry_seconds

    async def append(
        self,
        stream_id: str,
        events: Sequence[Event | NewEvent],
        *,
        expected_version: int | None = None,
        user_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        command_id: UUID | None = None,
        repeats: Literal["skip"] | None = None,
        connection: _Connection | None = None,
    ) -> Appended:
        """Record events at the end of a stream, durably and all or nothing, and return where they went.

        `expected_version`: the version the stream must be at, 0 for "no stream", None for any. `metadata` is put under
        each event's own, and inside of a span of OpenTelemetry also `traceparent`. Sent again with the same event ids,
        or the same `command_id`, it returns the original result:
        so it may be after an interruption, which leaves it unknown whether it was recorded.
        `repeats`: see `append_many`. `connection` joins the caller's transaction: then nothing is retried, and
        nothing is durable before its commit.

        Raises InvalidInput, VersionConflict, StreamUnavailable, EventIdConflict, InheritedConnection for a transaction
        of the process that forked this one, KeyUnavailable where values are to be encrypted and the key is not here,
        and DatabaseUnavailable or TransactionFailed when retrying did not help.
        """
        append = Append(stream_id=stream_id, events=events, expected_version=expected_version, user_id=user_id)
        (appended,) = await self.append_many(
            [append], metadata=metadata, command_id=command_id, repeats=repeats, connection=connection
        )
        return appended

    async def append_many(
        self,
        appends: Sequence[Append],
        *,
        metadata: Mapping[str, Any] | None = None,
        command_id: UUID | None = None,
        repeats: Literal["skip"] | None = None,
        connection: _Connection | None = None,
    ) -> list[Appended]:
        """Record appends to several streams, all or nothing; one result an append, in their order. As `append`.

        With `repeats="skip"`, the first events of each append may be stored already, and only the others are recorded:
        so events may be sent again in other calls. Raises InvalidInput with a command id, claims or releases, and
        EventIdConflict for an id that is stored behind a new one, in another stream or with another body.
        """
        if connection is not None and is_inherited(connection):
            raise InheritedConnection
        with appending(len(appends), sum(len(append.events) for append in appends)):
            return await self._append(appends, carried(metadata) or {}, command_id, repeats, connection)

    async def _append(
        self,
        appends: Sequence[Append],
        metadata: Mapping[str, Any],
        command_id: UUID | None,
        repeats: str | None,
        connection: _Connection | None,
    ) -> list[Appended]:
        fits = answers_to([append.stream_id for append in appends])
        call = await self.encryption.call_of(appends, metadata, command_id, connection)
        try:
            return await self._sent(call, fits, connection, repeats)
        except EventIdConflict as conflict:
            if (again := await self.encryption.as_recorded(call, conflict, connection)) is None:
                raise
            return await self._sent(again, fits, connection, repeats)

    async def _sent(
        self, call: SentCall, fits: Callable[[_Rows], bool], connection: _Connection | None, repeats: str | None
    ) -> list[Appended]:
        """Send a call. A refusal of one with encrypted values leaves the caller's transaction as it was."""
        parameters = {"appends": call.text, "command_id": call.command_id, "repeats": repeats}
        query = statement("append_events" if repeats is None else "append_events_once")
        if connection is None:
            return [Appended.of(*row) for row in await self._retried(query, parameters, fits)]
        async with AsyncExitStack() as stack:
            stack.enter_context(mapped_errors("runfold_engine", url=self.url))
            if call.plain is not None:
                await stack.enter_async_context(connection.transaction())
            cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
            rows = await (await cursor.execute(query, parameters)).fetchall()
        if not fits(rows):
            raise WrongAnswer
        return [Appended.of(*row) for row in rows]

    async def read_stream(self, stream_id: str, after: int = 0, *, limit: int | None = None) -> list[RecordedEvent]:
        """Return a stream's events after a version, in order, upcast; none for a stream that does not exist.

        Raises StreamArchived where some of them are archived.
        """
        parameters = {"stream": stream_id, "after": after, "limit": limit}

        def fits(rows: _Rows) -> bool:
            return all(row[1] == stream_id for row in rows)

        return await self.encryption.opened(await self._retried(statement("read_stream"), parameters, fits))

    async def read_all(
        self,
        after: int | Bookmark = 0,
        *,
        limit: int = 1000,
        types: Sequence[str] | None = None,
        streams: Sequence[str] | None = None,
        category: str | None = None,
        archived: Literal["skip"] | None = None,
    ) -> LogPage:
        """Return events after a position or bookmark, in order, upcast: at most `limit`, never past the safe head.

        The page's `bookmark` is where to read on: behind the last event of any type that was looked past, so a rare
        type is looked for once in each part of the log. An empty page: there is no more of them yet. Raises
        CheckpointAhead for a position that the log never issued, and for a bookmark whose event it does not have, as
        after an older dump was restored; LogArchived or StreamArchived where some of them are archived, unless
        `archived="skip"` leaves these out.
        """
        parameters = page_parameters(
            after, limit=limit, types=types, streams=streams, category=category, archived=archived
        )
        while True:
            rows, page = page_of(await self._retried(statement("read_all"), parameters), parameters)
            if rows or page.at_end:
                return LogPage(await self.encryption.opened(rows), page.bookmark, at_end=page.at_end)
            parameters |= {"after": page.bookmark.position, "event_id": page.bookmark.event_id}

    async def wait_for(self, position: int, projections: Sequence[str] | None = None, *, timeout: float = 10.0) -> None:
        """Return when the named projections, or all, have folded the log up to a position.

        Raises WaitTimeout after `timeout` seconds, StreamParked when the event at that position belongs to a stream
        that is parked in one of them, UnknownProjection.
        """
        deadline = time.monotonic() + timeout
        pause = 0.001
        parameters = {"position": position, "projections": None if projections is None else list(projections)}
        while True:
            ((reached, parked, unknown),) = await self._retried(statement("wait_state"), parameters)
            if unknown is not None and time.monotonic() >= deadline:
                raise UnknownProjection(f"there is no projection {unknown!r}, or no worker has run with it yet")
            if parked is not None:
                raise StreamParked(
                    f"{parked} is parked", hint="see `runfold status`", stream_id=parked, position=position
                )
            if reached and unknown is None:
                return
            if time.monotonic() >= deadline:
                raise WaitTimeout(
                    f"position {position} was not reached in {timeout:g} s",
                    hint="is a worker running?",
                    position=position,
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)

    async def register_event_types(
        self, category: str, types: Sequence[str] = ("*",), *, schema_version: int = 1
    ) -> None:
        """Let the streams `<category>-<name>` of a category that you choose take these event types; '*' for any."""
        named = {"category": category, "types": list(types), "schema_version": schema_version}
        with mapped_errors("runfold_operator", url=self.url):
            await self._retried(statement("register_event_types"), named)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Connection]:
        """Return a connection of the pool in a transaction, to pass as `connection` and to write your tables beside."""
        async with self._connection(writes=True) as connection:
            async with connection.transaction():
                yield connection
            self._sessions.require_confirmed(connection)

    async def _retried(self, query: LiteralString, parameters: Mapping[str, Any], fits: _Fits = None) -> _Rows:
        """Run one statement in its own transaction, and retry while that can help.

        `fits` says whether rows can be the answer to this call. A lost connection leaves it unknown whether the commit
        was done, and so does another call's answer; the same event ids make it safe to try again.
        """
        return await self._again(self._once, query, parameters, fits)

    async def _again(self, call: Callable[..., Awaitable[_T]], *arguments: Any) -> _T:
        """Call until it succeeds, while that can help."""
        return await retried(self._settings.retry_seconds, call, *arguments)

    async def _once(self, query: LiteralString, parameters: Mapping[str, Any], fits: _Fits) -> _Rows:
        try:
            return await self._try(query, parameters, fits)
        except DatabaseReadOnly:
            pass  # after a fail-over a new session may write where the pool's old ones do not
        except BehindPooler:
            self._prepares = False  # the pooler did not show itself, and nothing was executed
        return await self._try(query, parameters, fits)

    async def _try(self, query: LiteralString, parameters: Mapping[str, Any], fits: _Fits) -> _Rows:
        async with self._connection() as connection:
            with checked_values():
                cursor = await connection.execute(query, parameters)
            rows = await cursor.fetchall()
            self._sessions.require_confirmed(connection)
            if fits is not None and not fits(rows):
                await connection.close()  # what it answers next may be another call's as well
                raise WrongAnswer
            return rows

    @asynccontextmanager
    async def _connection(
        self, *, writes: bool = False, role: str | None = "runfold_engine"
    ) -> AsyncIterator[_Connection]:
        """Return a connection of the pool; psycopg's errors become ours, and name the role that may do what is done.

        `writes` takes a new session for one that cannot write: a caller's statements, of unknown needs, run once.
        """
        with mapped_errors(None if writes else role, url=self.url):
            if self._opens_at_use:
                await self._pool.open()
                self._opens_at_use = False
            connection = await self._free_connection()
            if writes and sessions.is_read_only(connection):
                self._sessions.refused_to_write(connection)
            while self._sessions.is_outdated(connection):
                await connection.close()
                await self._pool.putconn(connection)
                connection = await self._free_connection()
            if not self._prepares:
                connection.prepare_threshold = None
            self._held.add(connection)
            try:
                async with connection:
                    yield connection
            except (psycopg.Error, DatabaseReadOnly) as exc:
                if is_inherited(connection):
                    raise InheritedConnection from exc
                if isinstance(exc, psycopg.errors.ReadOnlySqlTransaction | DatabaseReadOnly):
                    self._sessions.refused_to_write(connection)
                raise
            finally:
                self._held.discard(connection)
                if not is_inherited(connection):
                    # A second interruption, during the return, would lose the pool a connection for good.
                    await asyncio.shield(self._pool.putconn(connection))

    async def _free_connection(self) -> _Connection:
        """Take a connection from the pool."""
        try:
            return await self._pool.getconn(min(self._settings.pool_timeout, self._settings.retry_seconds))
        except PoolTimeout:
            # A pool whose server is away has no free connection either: try to reach the server itself.
            probe = await self._new_connection()
            await probe.close()
            if len(self._held) < self._settings.pool_max_size:
                # The pool, which waits longer each time it is refused, has not tried a returned server again.
                raise DatabaseUnavailable("the pool has not found the database again yet") from None
            raise

    async def _new_connection(self) -> _Connection:
        """Return a connection beside the pool."""
        options = connection_options(self._settings)
        connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True, **options)
        try:
            await self._configure(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _configure(self, connection: _Connection) -> None:
        """Set what the store's sessions need, and prepare no statements behind a pooler."""
        watch(connection)
        self._sessions.opened(connection)
        # jsonb keeps 1e30 as digits: it is read as a double, and not as an integer beyond 64 bits.
        set_json_loads(orjson.loads, connection)
        asked = sessions.parameters(connection, sessions.SHARED_SESSION)
        cursor = await connection.execute(database_statement("session_settings"), asked)
        if not sessions.is_direct(await cursor.fetchone()):
            connection.prepare_threshold = None
