# Generated from ../aio/bell.py by `make sync`: edit that file, never this one.
"""How who waits for the log is woken by appends: a handshake, so that a log without anybody waiting pays nothing.

Who waits holds a lock, shared with all others who wait. An append tries that lock exclusively, for a moment, and
notifies only if it does not get it. So one takes the lock, reads the log once more, up to the last position that had
been handed out, and only then sleeps: an append that tried the lock before has been read then, and a later one rings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg.types.json import set_json_loads

from runfold.client.sync.log import Log, database_statement, statement
from runfold.database import sessions
from runfold.database.connections import connection_options, mapped_errors
from runfold.database.forks import watch

_Connection = psycopg.Connection[Any]


class Bell:
    """A session of its own that listens. Closed, it is opened again by the next call.

    Behind a pooler, and on a standby, nobody can listen: `why_silent` says so then, and who waits looks by itself.
    """

    def __init__(self, store: Log, application: str) -> None:
        self._store = store
        self._application = application
        self._connection: _Connection | None = None
        self.armed = False
        self.why_silent: str | None = None
        self.is_shared = False

    @property
    def pid(self) -> int | None:
        """The backend that listens, or None."""
        return self._connection.info.backend_pid if self.is_open and self._connection is not None else None

    @property
    def is_open(self) -> bool:
        """Whether there is a session, as far as is known."""
        return self._connection is not None and not self._connection.closed

    def open(self) -> None:
        """Open the session and listen, unless it is open. Raises DatabaseUnavailable."""
        if self.is_open:
            return
        self.armed = False
        with mapped_errors("runfold_engine", url=self._store.url):
            options = connection_options(self._store._settings, application=self._application)
            connection = psycopg.Connection.connect(self._store.url, autocommit=True, **options)
            try:
                self._set_up(connection)
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    def _set_up(self, connection: _Connection) -> None:
        watch(connection)
        set_json_loads(orjson.loads, connection)
        trusted = self._store._settings.session_pooler
        asked = sessions.parameters(connection, sessions.OWN_SESSION, trusted=trusted)
        cursor = connection.execute(database_statement("session_settings"), asked)
        direct = sessions.is_direct(cursor.fetchone())
        self.is_shared = not (direct or trusted)
        if self.is_shared:
            connection.prepare_threshold = None
            self.why_silent = "a pooler is between this process and PostgreSQL, and its sessions hear nothing"
        elif sessions.is_standby(connection):
            self.why_silent = "this server is a standby, where nobody hears of appends"
        else:
            self.why_silent = None
            connection.execute(statement("listen_events"))

    def refuse_standby(self, why: str) -> None:
        """Raise DatabaseReadOnly on a standby."""
        if self._connection is not None:
            sessions.refuse_standby(self._connection, why)

    def ask(self, query: LiteralString, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement in the session that listens. Raises DatabaseUnavailable where it is lost, and closes it."""
        self.open()
        assert self._connection is not None
        try:
            with mapped_errors("runfold_engine", url=self._store.url):
                cursor = self._connection.execute(query, parameters)
                return cursor.fetchall()
        except BaseException:
            if self._connection.closed or self._connection.broken:
                self.close()
            raise

    def arm(self) -> bool:
        """Make appends ring; False while an append tries the lock, and where nothing can be heard."""
        self.open()
        if not self.armed and self.why_silent is None:
            self.armed = bool((self.ask(statement("arm_bell")))[0][0])
        return self.armed

    def disarm(self) -> None:
        """Appends need not ring."""
        if self.armed:
            self.armed = False
            self.ask(statement("disarm_bell"))

    def wait(self, seconds: float) -> bool:
        """Sleep until an append rings, for so many seconds at most; return whether one did, or the session is lost."""
        self.open()
        assert self._connection is not None
        try:
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                return True
        except psycopg.Error:
            self.close()
            return True
        return False

    def close(self) -> None:
        """Close the session, and let go of what it holds."""
        self.armed = False
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
