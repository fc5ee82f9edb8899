"""Connect to PostgreSQL, and map PostgreSQL's errors to runfold's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from runfold import errors
from runfold.database import sessions
from runfold.database.forks import watch
from runfold.database.urls import checked_url
from runfold.errors import ServerFailed
from runfold.settings import Settings

Connect = Callable[[], "psycopg.Connection[Any]"]
"""Opens a connection."""

if TYPE_CHECKING:
    from runfold.database.server import EmbeddedServer


def resolve_url(settings: Settings, *, create: bool = True) -> str:
    """Return RUNFOLD_DATABASE_URL, or the URL of the embedded server, which is started if it does not run.

    Without `create`, a server that was never started is not made: raises ServerFailed. InvalidInput for a wrong URL.
    """
    if settings.database_url:
        return checked_url(settings.database_url, "RUNFOLD_DATABASE_URL")
    server = embedded_server(settings)
    if not create and not server.data.exists():
        raise ServerFailed(
            f"there is no database in {settings.home} yet",
            hint="make one with `runfold up`, or set RUNFOLD_DATABASE_URL or RUNFOLD_HOME to the one that you mean",
        )
    return server.start()


def embedded_server(settings: Settings) -> EmbeddedServer:
    """Return the embedded server of the settings' folder; it may run or not."""
    from runfold.database.server import EmbeddedServer  # a command with a URL does without it

    return EmbeddedServer(settings.home, settings.binaries)


def connection_options(settings: Settings, *, application: str = "runfold") -> dict[str, Any]:
    """Return the options of every connection, for psycopg's connect and for a pool's `kwargs`."""
    return {
        "application_name": application,
        "connect_timeout": settings.connect_timeout,
        "prepare_threshold": 5 if settings.prepared_statements else None,
    }


def connect(
    url: str, settings: Settings, *, application: str = "runfold", autocommit: bool = False, shared: bool = False
) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a new connection, set up as runfold's sessions are.

    `shared` is for who sets and locks nothing: a pooler may be in between. Raises BehindPooler without it,
    DatabaseUnavailable if the database cannot be reached, and SettingRefused.
    """
    url = checked_url(url)
    with mapped_errors():
        connection = psycopg.connect(url, autocommit=True, **connection_options(settings, application=application))
        try:
            watch(connection)
            needed_by = None if shared else "this"
            sessions.set_up(connection, needed_by=needed_by, session_pooler=settings.session_pooler)
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
    return connection


def is_away(url: str) -> bool:
    """Whether no server answers at the URL, or one that starts or stops; one that refuses the login is there."""
    return pq.Ping(pq.PGconn.ping(url.encode())) in (pq.Ping.NO_RESPONSE, pq.Ping.REJECT)


@contextmanager
def mapped_errors(role: str | None = None, *, url: str | None = None) -> Iterator[None]:
    """Raise runfold's errors instead of psycopg's; an error without a class in runfold passes unchanged.

    `role` is the documented role that may do what is in the block, and `url` has the login: PermissionDenied says what
    to grant to whom. The outermost block that knows it decides.
    """
    try:
        yield
    except psycopg.Error as exc:  # the pool's errors are psycopg's
        mapped = map_error(exc)
        if mapped is None:
            raise
        raise _with_role(mapped, role, url) from exc
    except errors.PermissionDenied as denied:
        if role is None:
            raise
        raise _with_role(denied, role, url) from denied


@contextmanager
def checked_values() -> Iterator[None]:
    """Raise InvalidInput for a caller's value that PostgreSQL cannot take: U+0000, half a character, another type."""
    try:
        yield
    except (psycopg.DataError, psycopg.ProgrammingError, UnicodeEncodeError) as exc:
        state = getattr(exc, "sqlstate", None)
        if state is not None and state not in _OF_VALUES:
            raise
        said = getattr(getattr(exc, "diag", None), "message_primary", None) or str(exc)
        raise errors.InvalidInput(
            f"a value cannot be sent to PostgreSQL: {said.splitlines()[0]}",
            hint="correct it, and call again",
            code="invalid_value",
        ) from exc


# Texts of types, times, numbers out of range, limits: the statements are ours, so the value is the caller's.
_OF_VALUES = ("22P02", "22007", "22008", "22003", "22021", "2201W", "2201X", "42846")


def _with_role(error: errors.RunfoldError, role: str | None, url: str | None) -> errors.RunfoldError:
    if role is None or not isinstance(error, errors.PermissionDenied) or _is_of_policies(error):
        return error
    login = (url and conninfo_to_dict(url).get("user")) or "your login"
    facts = {**error.facts, "role": role}
    return type(error)(error.message, hint=f"this needs {role}: GRANT {role} TO {login}", **facts)


def _is_of_policies(error: errors.PermissionDenied) -> bool:
    """Whether a policy, and no missing membership, refused what a fold wrote."""
    return isinstance(error, errors.FoldDenied) and error.by_policy


_BY_OWN_SQLSTATE: dict[str, type[errors.RunfoldError]] = {
    state: kind
    for kind in vars(errors).values()
    # Its own, not its parent's: a subclass without one is raised in Python alone.
    if isinstance(kind, type) and issubclass(kind, errors.RunfoldError) and (state := vars(kind).get("sqlstate"))
}

_BY_SQLSTATE: dict[str, type[errors.RunfoldError]] = {
    "25006": errors.DatabaseReadOnly,
    "53100": errors.DiskFull,
    "40001": errors.TransactionFailed,
    "40P01": errors.TransactionFailed,
    "42501": errors.PermissionDenied,
    "42P05": errors.BehindPooler,
    "26000": errors.BehindPooler,
    "57014": errors.TimeLimitReached,
    "55P03": errors.TimeLimitReached,
    "25P03": errors.TimeLimitReached,
    "25P04": errors.TimeLimitReached,
    # A schema, table or function of runfold is missing; the migrations create all of them.
    "3F000": errors.SchemaOutdated,
    "42P01": errors.SchemaOutdated,
    "42883": errors.SchemaOutdated,
    "53300": errors.DatabaseUnavailable,  # too many connections
    "57P01": errors.DatabaseUnavailable,
    "57P02": errors.DatabaseUnavailable,
    "57P03": errors.DatabaseUnavailable,
    "57P04": errors.DatabaseUnavailable,
    "57P05": errors.DatabaseUnavailable,
}


# A time limit of the role or the database by the SQLSTATE of what it does, and whether the same call may end in time.
_TIME_LIMITS = {
    "57014": ("statement_timeout", False),
    "55P03": ("lock_timeout", True),
    "25P03": ("idle_in_transaction_session_timeout", False),
    "25P04": ("transaction_timeout", False),
}


def map_error(exc: BaseException) -> errors.RunfoldError | None:
    """Return runfold's error for a psycopg error by its SQLSTATE, never by its text, or None."""
    # A command opens no pool: where the module was not imported, no pool raised this.
    pool: Any = sys.modules.get("psycopg_pool")
    if pool is not None and isinstance(exc, pool.PoolTimeout):
        return errors.PoolExhausted(hint="raise RUNFOLD_POOL_MAX_SIZE, or give connections back earlier")
    if pool is not None and isinstance(exc, pool.PoolClosed):
        return errors.DatabaseUnavailable("the connection pool is closed", hint="open a new store", retryable=False)
    if not isinstance(exc, psycopg.Error):
        return None
    state = exc.sqlstate
    if state is None:
        # The connection failed or broke, so the server sent no SQLSTATE. An InterfaceError is a use after that.
        if isinstance(exc, psycopg.OperationalError):
            # A time limit may have broken it; what was to clean up after that found it broken.
            before = exc.__context__
            if isinstance(before, psycopg.Error) and before.sqlstate in _TIME_LIMITS:
                return map_error(before)
            return errors.DatabaseUnavailable(
                f"the database cannot be reached: {_first_line(exc)}",
                hint="check RUNFOLD_DATABASE_URL, and that the server runs",
            )
        return None
    diagnostic = exc.diag
    message = diagnostic.message_primary or _first_line(exc)
    if (own := _BY_OWN_SQLSTATE.get(state)) is not None:
        return own(message, hint=diagnostic.message_hint, **_facts(diagnostic.message_detail))
    if (kind := _BY_SQLSTATE.get(state)) is None and state.startswith("08"):
        kind = errors.DatabaseUnavailable
    if kind is None:
        return None
    if kind is errors.TimeLimitReached:
        return _time_limit(state, message)
    return kind(message, hint=_HINTS.get(kind, diagnostic.message_hint), postgres_sqlstate=state)


_HINTS: dict[type[errors.RunfoldError], str] = {
    errors.SchemaOutdated: "run `runfold migrate`",
    errors.BehindPooler: "a pooler hands each transaction to another session: set RUNFOLD_PREPARED_STATEMENTS=false",
    errors.DatabaseReadOnly: "write to the primary; if this is the primary, default_transaction_read_only is on for the"
    " role or the database",
}


def _time_limit(state: str, message: str) -> errors.TimeLimitReached:
    setting, passing = _TIME_LIMITS[state]
    return errors.TimeLimitReached(
        message,
        hint=f"set a longer {setting} for the role or the database (ALTER ROLE … SET {setting} = …)"
        + (", unless somebody canceled the statement" if state == "57014" else ""),
        setting=setting,
        retryable=passing,
        postgres_sqlstate=state,
    )


def _facts(detail: str | None) -> dict[str, Any]:
    """Return the facts that runfold's SQL functions put into DETAIL as a JSON object."""
    try:
        facts = orjson.loads(detail or "{}")
    except orjson.JSONDecodeError:
        return {"detail": detail}
    if not isinstance(facts, dict):
        return {"detail": detail}
    return {name: value for name, value in facts.items() if name not in ("message", "hint")}


def _first_line(exc: psycopg.Error) -> str:
    return (str(exc).strip().splitlines() or ["no reason given"])[0]
