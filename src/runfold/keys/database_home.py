"""Keys in a table: of another database, whose backups are its own, or of the store's database.

In the store's database, in `runfold.tenant_keys`, a backup holds the wrapped keys too: there the erasure ledger is
required. In another one, in `runfold_keys.tenant_keys`, which is made at its first use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import RLock
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row

from runfold.database.connections import connection_options, mapped_errors
from runfold.database.forks import is_inherited, renew, watch
from runfold.database.urls import checked_url
from runfold.errors import DatabaseUnavailable, KeyDestroyed
from runfold.keys.home import StoredKey
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings

_T = TypeVar("_T")

statement = runtime_sql("runfold.keys")


def database_name(url: str) -> str:
    """Return a database of a URL for people: without user and password."""
    parts = conninfo_to_dict(url)
    return f"the database {parts.get('dbname') or ''} at {parts.get('host') or 'the local server'}"


class KeptConnection:
    """One connection that threads take in turns; it is opened again where it was lost, and in a child process."""

    def __init__(self, url: str, settings: Settings, *, set_up: LiteralString | None = None) -> None:
        self.url = checked_url(url)
        self._settings = settings
        self._set_up = set_up
        self._lock = RLock()
        self._connection: psycopg.Connection[Any] | None = None
        renew(self)

    def _after_fork(self) -> None:
        self._lock = RLock()
        self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """Return the connection in a transaction; errors of PostgreSQL become runfold's."""
        with self._lock, mapped_errors("runfold_engine", url=self.url):
            connection = self._opened()
            with connection.transaction():
                yield connection

    def _opened(self) -> psycopg.Connection[Any]:
        kept = self._connection
        if kept is not None and not kept.closed and not is_inherited(kept):
            try:
                kept.execute("")
                return kept
            except psycopg.OperationalError:
                kept.close()
        options = {**connection_options(self._settings, application="runfold keys"), "prepare_threshold": None}
        self._connection = made = psycopg.connect(self.url, autocommit=True, **options)
        watch(made)
        if self._set_up is not None:
            made.execute(self._set_up)
        return made

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None and not is_inherited(self._connection):
                self._connection.close()
            self._connection = None


class DatabaseKeyHome:
    """Keys in a table of a database."""

    def __init__(self, url: str, settings: Settings, *, own: bool) -> None:
        self.needs_ledger = own
        self._kept = KeptConnection(url, settings, set_up=None if own else statement("create_key_store"))
        self.description = "this database, table runfold.tenant_keys" if own else database_name(url)

    def get(self, user_id: UUID) -> list[StoredKey]:
        """Return a tenant's keys, the oldest first."""
        return self._asked("keys_of_tenant", {"user_id": user_id})

    def page(self, after: UUID | None = None, limit: int = 1000) -> list[StoredKey]:
        """Return a page of keys by tenant."""
        return self._asked("keys_of_tenants", {"after": after, "limit": limit})

    def add(self, key: StoredKey) -> None:
        """Add a tenant's new key, and retire its others."""
        parameters = {"key_id": key.key_id, "user_id": key.user_id, "wrapped": key.wrapped, "at": key.created_at}
        if not self._counted("add_key", parameters):
            raise KeyDestroyed(user_id=key.user_id)

    def reserve(self, key: StoredKey, count: int) -> int:
        """Reserve values under a key."""
        return self._counted("reserve_values", {"key_id": key.key_id, "count": count})

    def rewrap(self, keys: Sequence[tuple[StoredKey, bytes]]) -> int:
        """Replace wrapped keys that are still as given."""
        return self._counted(
            "rewrap_keys",
            {
                "key_ids": [key.key_id for key, _ in keys],
                "old": [key.wrapped for key, _ in keys],
                "new": [wrapped for _, wrapped in keys],
            },
        )

    def destroy(self, user_id: UUID, at: datetime) -> list[StoredKey]:
        """Destroy a tenant's keys for good."""
        return self._asked("destroy_keys", {"user_id": user_id, "at": at})

    def close(self) -> None:
        """Close the connection."""
        self._kept.close()

    def _asked(self, name: str, parameters: Mapping[str, Any]) -> list[StoredKey]:
        def ask(connection: psycopg.Connection[Any]) -> list[StoredKey]:
            self._lock(connection, name, parameters)
            with connection.cursor(row_factory=class_row(StoredKey)) as cursor:
                return cursor.execute(self._statement(name), parameters).fetchall()

        return self._done(ask)

    def _counted(self, name: str, parameters: Mapping[str, Any]) -> int:
        def ask(connection: psycopg.Connection[Any]) -> int:
            self._lock(connection, name, parameters)
            row = connection.execute(self._statement(name), parameters).fetchone()
            return int(row[0]) if row is not None and row[0] is not None else 0

        return self._done(ask)

    def _lock(self, connection: psycopg.Connection[Any], name: str, parameters: Mapping[str, Any]) -> None:
        """Wait for who adds or destroys keys of the same tenant, in a statement before the one that looks."""
        if name in ("add_key", "destroy_keys"):
            connection.execute(statement("lock_tenant"), {"user_id": parameters["user_id"]})

    def _done(self, ask: Callable[[psycopg.Connection[Any]], _T]) -> _T:
        try:
            with self._kept.transaction() as connection:
                return ask(connection)
        except DatabaseUnavailable:
            # The session may have been ended while nobody used it; every statement here may be given again.
            with self._kept.transaction() as connection:
                return ask(connection)

    def _statement(self, name: str) -> LiteralString:
        return statement(name).replace("{schema}", "runfold" if self.needs_ledger else "runfold_keys")
