"""The results of `store.as_of`: the past on its own connection, for `with` and for `async with`.

Both forms are written by hand, unlike the client, whose synchronous form is generated. A generated pair would need an
asynchronous copy of everything that folds (`projections.folding`, `reconciling`, `reading.past`), which is long code
that runs in one transaction. Instead the asynchronous form runs the synchronous one in a thread, so it has code that
the other form does not need: it cancels a statement in progress and waits for the thread to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar
from uuid import UUID

import orjson
import psycopg
from psycopg.types.json import set_json_loads

from runfold.database.connections import connect, mapped_errors
from runfold.projections.definition.catalogue import Catalogue, load_catalogue
from runfold.projections.folding.user_session import UserLogin
from runfold.reading.past.reader import Past, open_past
from runfold.reading.status import Row
from runfold.settings import Settings

_T = TypeVar("_T")


class AsOf:
    """Opens the past in `with` and closes it; for its parameters and errors see `open_past`."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        position: int | None = None,
        time: datetime | None = None,
        tables: Iterable[str] | None = None,
        streams: Iterable[str] | None = None,
        execution: str | None = None,
        tenant: UUID | None = None,
        archived: Literal["skip"] | None = None,
    ) -> None:
        self._url = url
        self._settings = settings
        self._wanted: dict[str, Any] = {
            "position": position, "time": time, "tables": tables, "streams": streams, "execution": execution,
            "tenant": tenant, "archived": archived,
        }  # fmt: skip
        self._open = ExitStack()
        self.connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Past:
        with ExitStack() as opening:
            opening.enter_context(mapped_errors())
            for_tenant = self._wanted["tenant"] is not None
            self.connection = connect(
                self._url, self._settings, application="runfold past", autocommit=True, shared=for_tenant
            )
            opening.enter_context(self.connection)
            if not for_tenant:
                # The session cannot write, even if a statement ends the transaction of the past. A tenant's may be a
                # pooler's, and its login has no rights outside of a transaction.
                self.connection.execute("SET default_transaction_read_only = on")
            # jsonb writes 1e30 as digits; read it as a double again, as the store does.
            set_json_loads(orjson.loads, self.connection)
            catalogue = _catalogue(self._settings)
            login = UserLogin.of(catalogue, self._settings)
            past = opening.enter_context(open_past(self.connection, catalogue, **self._wanted, login=login))
            self._open = opening.pop_all()
        return past

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, traceback)


_Stamp = tuple[tuple[str, int, int], ...]
_catalogues: dict[Path | None, tuple[_Stamp | None, Catalogue]] = {}


def _catalogue(settings: Settings) -> Catalogue:
    """Return the projections; read them again only if a file of the user's folder has changed.

    The projections of a Python module are read once a process, because Python imports it once.
    """
    source = settings.projections
    stamp = None if source is None or not source.is_dir() else _stamp(source)
    known = _catalogues.get(source)
    if known is None or known[0] != stamp:
        known = _catalogues[source] = (
            stamp,
            load_catalogue(*([source] if source is not None else [])),
        )
    return known[1]


def _stamp(folder: Path) -> _Stamp:
    files = [(path, path.stat()) for path in sorted(folder.iterdir()) if path.suffix in (".sql", ".py")]
    return tuple((path.name, found.st_mtime_ns, found.st_size) for path, found in files)


class AsyncAsOf:
    """`AsOf` for `async with`: folds and queries run in a thread, so the event loop continues."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        position: int | None = None,
        time: datetime | None = None,
        tables: Iterable[str] | None = None,
        streams: Iterable[str] | None = None,
        execution: str | None = None,
        tenant: UUID | None = None,
        archived: Literal["skip"] | None = None,
    ) -> None:
        self._as_of = AsOf(
            url,
            settings,
            position=position,
            time=time,
            tables=tables,
            streams=streams,
            execution=execution,
            tenant=tenant,
            archived=archived,
        )

    async def __aenter__(self) -> AsyncPast:
        return AsyncPast(await _in_thread(self._as_of, self._as_of.__enter__), self._as_of)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self._as_of.__exit__, kind, error, traceback))


class AsyncPast:
    """`Past` for tasks."""

    def __init__(self, past: Past, as_of: AsOf) -> None:
        self.position = past.position
        self._past = past
        self._as_of = as_of

    async def execute(self, query: Any, params: Any = None, *, row_factory: Any = None) -> AsyncRows:
        """Run `Past.execute`; the result is complete, and is read like an asynchronous cursor."""
        return AsyncRows(
            await _in_thread(self._as_of, lambda: self._past.execute(query, params, row_factory=row_factory))
        )

    async def parked(self) -> list[Row]:
        """Run `Past.parked`."""
        return await _in_thread(self._as_of, self._past.parked)

    async def discarded(self) -> list[Row]:
        """Run `Past.discarded`."""
        return await _in_thread(self._as_of, self._past.discarded)


class AsyncRows:
    """A complete result, read like an asynchronous cursor."""

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    @property
    def description(self) -> list[psycopg.Column] | None:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()

    async def fetchmany(self, size: int = 0) -> list[Any]:
        return self._cursor.fetchmany(size)

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for row in self._cursor:
            yield row


async def _in_thread(as_of: AsOf, work: Callable[[], _T]) -> _T:
    """Work in a thread; if the task is canceled, cancel the statement and wait until the thread has ended."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            if as_of.connection is not None and not as_of.connection.closed:
                await asyncio.to_thread(as_of.connection.cancel_safe, timeout=5)
            await asyncio.wait([running], timeout=0.5)
        if not running.cancelled() and running.exception() is None and work == as_of.__enter__:
            as_of.__exit__(None, None, None)
        raise
