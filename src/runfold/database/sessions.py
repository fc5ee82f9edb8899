"""What a session of runfold's needs: settings that no role or database changes, and a backend of its own.

`ALTER ROLE … SET` and `ALTER DATABASE … SET` give every new session their values, and a managed PostgreSQL has some of
them from the start: a `statement_timeout` that no fold meets, an isolation level that the log cannot be read under.
So each session sets what it needs, in one statement after it was opened.

Behind a pooler a session is shared: what one client sets or locks stays for the next. A pooler shows itself, because
the backend that it names to its clients is not the one that runs their statements. Nothing is set then, and who needs
a session of its own is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg

from runfold.errors import BehindPooler, DatabaseReadOnly, SettingRefused
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.database")

_Connection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]

SHARED_SESSION: Final[Mapping[str, str]] = {
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "idle_session_timeout": "0",
    "row_security": "on",
    "TimeZone": "UTC",
    # psycopg reads no other forms.
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
}
"""What a session needs that the caller's own statements may use too: it keeps the caller's names and time limits."""

OWN_SESSION: Final[Mapping[str, str]] = {
    **SHARED_SESSION,
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "search_path": "pg_catalog, public",
    "DateStyle": "ISO, YMD",
    "bytea_output": "hex",
}
"""What a session needs that runs runfold's statements only: a worker's, a command's, a look at the past."""

# What a migration needs of them; the others have no effect on what it does.
_MIGRATING = (
    "statement_timeout",
    "lock_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "search_path",
)

_TRANSACTION_POOLER = (
    "give RUNFOLD_DATABASE_URL the address of PostgreSQL itself; if the pooler keeps a session for each connection"
    " (session mode), set RUNFOLD_SESSION_POOLER=true"
)


def parameters(connection: _Connection, wanted: Mapping[str, str], *, trusted: bool = False) -> dict[str, Any]:
    """Return the parameters of the statement `session_settings`; `trusted` sets also what a pooler may keep."""
    return {
        "backend": connection.info.backend_pid,
        "trusted": trusted,
        "names": list(wanted),
        "values": list(wanted.values()),
    }


def startup_options(connection: psycopg.Connection[Any], given: str = "") -> str:
    """Return libpq's `options` for a program that migrates in a session of its own, behind those that were given."""
    known = [name for name in _MIGRATING if name != "transaction_timeout" or connection.info.server_version >= 170000]
    return " ".join(filter(None, [given, *(f"-c {name}={OWN_SESSION[name].replace(' ', '')}" for name in known)]))


def is_direct(row: tuple[Any, ...] | None) -> bool:
    """Whether the answer to `session_settings` came from the backend that the connection knows.

    Raises SettingRefused for a setting that only a superuser can take back.
    """
    direct, replication_role, _ = row or (False, "origin", 0)
    if replication_role != "origin":
        raise SettingRefused(
            f"session_replication_role is {replication_role} for this role or database: triggers and foreign keys that"
            " protect the log and the read tables are off",
            hint="ALTER ROLE or ALTER DATABASE … RESET session_replication_role",
            setting="session_replication_role",
            found=replication_role,
        )
    return bool(direct)


def set_up(connection: psycopg.Connection[Any], *, needed_by: str | None = None, session_pooler: bool = False) -> None:
    """Set what a session of runfold's own needs; nothing is set behind a pooler.

    `needed_by` says who cannot share it: behind a pooler it raises BehindPooler. `session_pooler` takes the operator's
    word that a pooler in between keeps a session for each connection.
    """
    asked = parameters(connection, OWN_SESSION, trusted=session_pooler)
    if not is_direct(connection.execute(statement("session_settings"), asked).fetchone()):
        connection.prepare_threshold = None
        if needed_by is not None and not session_pooler:
            raise behind_pooler(needed_by)


def backend_pid(connection: psycopg.Connection[Any]) -> int:
    """Return the backend that runs the session's statements, which a pooler does not name."""
    (pid,) = connection.execute(statement("backend_pid")).fetchone() or (0,)
    return int(pid)


def behind_pooler(who: str) -> BehindPooler:
    """Return the refusal of a pooler by somebody who needs a session of its own."""
    return BehindPooler(
        f"{who} needs a direct connection, and a pooler is between it and PostgreSQL: its settings and locks would"
        " stay on the pooler's sessions",
        hint=_TRANSACTION_POOLER,
    )


def is_standby(connection: _Connection) -> bool:
    """Whether the server is a standby; the server itself says so, without being asked."""
    return _status(connection, b"in_hot_standby") == b"on"


def is_read_only(connection: _Connection) -> bool:
    """Whether the session cannot write, as far as the server has said so."""
    return is_standby(connection) or _status(connection, b"default_transaction_read_only") == b"on"


def may_be_read_only(connection: _Connection) -> bool:
    """Whether the session may be one that cannot write: opened on a standby, or in read-only times.

    A pooler does not hand on what the server says: then it may be.
    """
    said = (_status(connection, b"in_hot_standby"), _status(connection, b"default_transaction_read_only"))
    return said != (b"off", b"off")


def refuse_standby(connection: _Connection, why: str) -> None:
    """Raise DatabaseReadOnly on a standby, and say what works there."""
    if is_standby(connection):
        raise DatabaseReadOnly(
            f"this server is a standby, and {why}",
            hint="run it on the primary; lists, `show`, `tail`, `status` and plain SQL work on a standby",
        )


def refuse_read_only(connection: _Connection, who: str) -> None:
    """Raise DatabaseReadOnly where the session cannot write, with the reason."""
    refuse_standby(connection, f"{who} writes")
    if is_read_only(connection):
        raise DatabaseReadOnly(
            f"default_transaction_read_only is on for this role or database, and {who} writes",
            hint="once writing is wanted again (it is set while a disk is full, or around a fail-over),"
            " ALTER ROLE or ALTER DATABASE … RESET default_transaction_read_only",
            setting="default_transaction_read_only",
        )


def _status(connection: _Connection, name: bytes) -> bytes | None:
    return connection.pgconn.parameter_status(name)
