# Generated from ../aio/service.py by `make sync`: edit that file, never this one.
"""A store's statements for one tenant that it names, as a service: policies let services see every row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.client.sync.log import Log
from runfold.database.connections import mapped_errors


class Service:
    """Runs statements with the store's login; who calls it names the tenant in each."""

    def __init__(self, store: Log) -> None:
        self._store = store

    def fetch(self, query: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one statement in a transaction of its own, and return its rows as dicts. Nothing is retried."""
        with self._store._connection(writes=True) as connection:
            with mapped_errors("runfold_engine", url=self._store.url):
                cursor = connection.cursor(row_factory=dict_row).execute(query, params)
                rows = cursor.fetchall()
            self._store._sessions.require_confirmed(connection)
            return rows

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
        """Return a cursor in a transaction; its rows are dicts."""
        with self._store.transaction() as connection:
            yield connection.cursor(row_factory=dict_row)
