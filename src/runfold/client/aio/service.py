"""A store's statements for one tenant that it names, as a service: policies let services see every row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.client.aio.log import AsyncLog
from runfold.database.connections import mapped_errors


class AsyncService:
    """Runs statements with the store's login; who calls it names the tenant in each."""

    def __init__(self, store: AsyncLog) -> None:
        self._store = store

    async def fetch(self, query: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one statement in a transaction of its own, and return its rows as dicts. Nothing is retried."""
        async with self._store._connection(writes=True) as connection:
            with mapped_errors("runfold_engine", url=self._store.url):
                cursor = await connection.cursor(row_factory=dict_row).execute(query, params)
                rows = await cursor.fetchall()
            self._store._sessions.require_confirmed(connection)
            return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncCursor[dict[str, Any]]]:
        """Return a cursor in a transaction; its rows are dicts."""
        async with self._store.transaction() as connection:
            yield connection.cursor(row_factory=dict_row)
