"""What a store has to know of its pool's sessions: which may be outdated, and what a standby has not confirmed.

- A session that was opened on a standby, or in read-only times, stays read-only after the fail-over. When one refuses
  to write, all that were opened before are outdated, and none of them is used again.
- A commit that waits for a synchronous standby can be canceled. PostgreSQL then acknowledges it with a warning,
  although nothing was replicated: the warning is all that tells it from a commit that was confirmed.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet, ref

import psycopg

from runfold.database.sessions import may_be_read_only
from runfold.errors import ReplicationUnconfirmed

_Connection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]

# The function of PostgreSQL that warns: the text of the warning is in the server's language.
_WAITS_FOR_STANDBY = "SyncRepWaitForLSN"


class PooledSessions:
    """The sessions that a pool has opened, as far as they need watching."""

    def __init__(self) -> None:
        self._opened: WeakSet[_Connection] = WeakSet()
        self._outdated: WeakSet[_Connection] = WeakSet()
        self._unconfirmed: WeakSet[_Connection] = WeakSet()

    def opened(self, connection: _Connection) -> None:
        """Watch a new session."""
        self._opened.add(connection)
        unconfirmed, session = self._unconfirmed, ref(connection)

        def note(warning: psycopg.errors.Diagnostic) -> None:
            if warning.source_function == _WAITS_FOR_STANDBY and (found := session()) is not None:
                unconfirmed.add(found)

        connection.add_notice_handler(note)

    def is_outdated(self, connection: _Connection) -> bool:
        """Whether the session may be read-only although a new one is not."""
        return connection in self._outdated

    def refused_to_write(self, connection: _Connection) -> None:
        """Outdate all sessions so far, unless this one was refused for the caller's own read-only transaction."""
        if may_be_read_only(connection):
            self._outdated.update(self._opened)

    def require_confirmed(self, connection: _Connection) -> None:
        """Raise ReplicationUnconfirmed if the wait for a standby was canceled since the last call."""
        if connection in self._unconfirmed:
            self._unconfirmed.discard(connection)
            raise ReplicationUnconfirmed
