"""Connections for the recorders, with the store's pool and retries, and with the library's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from eventsourcing import persistence
from runfold import errors
from runfold.client.sync.log import Log
from runfold.database.connections import resolve_url
from runfold.settings import Settings

T = TypeVar("T")


class _RecordersStore(Log):
    """The store, which runs the recorders' statements."""

    def once(self, query: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run one statement in its own transaction; results come in binary format, because most are bytes."""
        with self._connection() as connection:
            rows = connection.execute(query, parameters, binary=True).fetchall()
            self._sessions.require_confirmed(connection)
            return rows

    def until_it_helps_no_more(self, attempt: Callable[[], T]) -> T:
        """Repeat an attempt as long and as often as the store repeats its attempts."""
        retrying = Retrying(
            retry=retry_if_exception(is_worth_another_try),
            stop=stop_after_delay(self._settings.retry_seconds),
            wait=wait_random_exponential(multiplier=0.01, max=1),
            reraise=True,
        )
        return retrying(attempt)

    @contextmanager
    def pooled(self) -> Iterator[psycopg.Connection[Any]]:
        with self._connection() as connection:
            yield connection

    def open(self) -> None:
        self._open()


class Datastore:
    """A pool of connections for the recorders of one application; threads may share it.

    Raises SchemaOutdated if the database is not migrated (`runfold migrate`), and DatabaseUnavailable if it cannot be
    reached. Its methods raise the library's errors (IntegrityError, OperationalError, …), with runfold's error as
    their cause.
    """

    schema = "public"
    """The schema for the tables of an application's own recorders."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = _RecordersStore(resolve_url(settings), settings)
        self.store.open()

    def run(self, query: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run one statement in its own transaction, and retry it while that can help; it must be safe to repeat."""
        return self.attempt(lambda _: self.store.once(query, parameters))

    def attempt(self, work: Callable[[bool], T]) -> T:
        """Do work that is safe to repeat, and retry it while that can help; its argument is true for a retry."""
        with translated_errors():
            try:
                return work(False)
            except (errors.RunfoldError, persistence.PersistenceError) as exc:
                if not is_worth_another_try(exc):
                    raise
            return self.store.until_it_helps_no_more(lambda: work(True))

    @contextmanager
    def get_connection(self) -> Iterator[psycopg.Connection[DictRow]]:
        """Yield a connection of the pool, in autocommit, whose rows are dicts."""
        with translated_errors(), self.store.pooled() as connection:
            before = connection.row_factory
            connection.row_factory = dict_row
            try:
                yield connection
            finally:
                connection.row_factory = before

    @contextmanager
    def cursor(self) -> Iterator[psycopg.Cursor[DictRow]]:
        """Yield a cursor in autocommit."""
        with self.get_connection() as connection, connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def transaction(self, *, commit: bool = False) -> Iterator[psycopg.Cursor[DictRow]]:
        """Yield a cursor in a transaction, which is rolled back unless `commit` is true."""
        with (
            self.get_connection() as connection,
            connection.transaction(force_rollback=not commit),
            connection.cursor() as cursor,
        ):
            yield cursor

    def close(self) -> None:
        self.store.close()

    def __del__(self) -> None:
        # Applications that nobody closed must not leave connections behind.
        with contextlib.suppress(Exception):
            self.close()


def is_worth_another_try(exc: BaseException) -> bool:
    """Return whether the same call can succeed soon."""
    reason = exc.__cause__ if isinstance(exc, persistence.PersistenceError) else exc
    callers = ("pool_exhausted", "replication_unconfirmed")
    return isinstance(reason, errors.RunfoldError) and reason.retryable and reason.code not in callers


_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], type[persistence.PersistenceError]], ...] = (
    ((errors.VersionConflict, errors.EventIdConflict, errors.AlreadyTracked), persistence.IntegrityError),
    ((errors.InvalidInput,), persistence.DataError),
    (
        (errors.SchemaOutdated, errors.CategoryTaken, errors.PermissionDenied, errors.StreamUnavailable),
        persistence.ProgrammingError,
    ),
    ((errors.UnsupportedIsolation,), persistence.NotSupportedError),
    ((errors.RunfoldError,), persistence.OperationalError),
    ((UnicodeEncodeError,), persistence.DataError),  # a lone surrogate
    ((psycopg.InterfaceError,), persistence.InterfaceError),
    ((psycopg.OperationalError,), persistence.OperationalError),
    ((psycopg.DataError,), persistence.DataError),
    ((psycopg.IntegrityError,), persistence.IntegrityError),
    ((psycopg.InternalError,), persistence.InternalError),
    ((psycopg.ProgrammingError,), persistence.ProgrammingError),
    ((psycopg.NotSupportedError,), persistence.NotSupportedError),
    ((psycopg.DatabaseError,), persistence.DatabaseError),
    ((psycopg.Error,), persistence.PersistenceError),
)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the library's errors instead of runfold's and psycopg's."""
    try:
        yield
    except (errors.RunfoldError, psycopg.Error, UnicodeEncodeError) as exc:
        for kinds, translated in _TRANSLATIONS:
            if isinstance(exc, kinds):
                raise translated(str(exc)) from exc
        raise
