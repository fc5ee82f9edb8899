"""What most commands need: a connection to a migrated database, and the projections there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runfold.cli.invocation import settings

if TYPE_CHECKING:
    import psycopg

    from runfold.projections.catalogue import Catalogue


@contextmanager
def open_database() -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit to the database that was named, migrated or refused; psycopg's errors become ours."""
    from runfold.database.connections import connect, mapped_errors, resolve_url
    from runfold.database.migrations import ensure_migrated

    chosen = settings()
    with (
        mapped_errors(),
        connect(resolve_url(chosen), chosen, application="runfold cli", autocommit=True) as connection,
    ):
        ensure_migrated(connection)
        yield connection


@contextmanager
def opener(application: str) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """Opens connections as `open_database` does, as many as are wanted; psycopg's errors become ours."""
    from runfold.database.connections import connect, mapped_errors, resolve_url
    from runfold.database.migrations import ensure_migrated

    chosen = settings()
    with mapped_errors():
        url = resolve_url(chosen)
        with connect(url, chosen, application=f"runfold {application}", autocommit=True) as connection:
            ensure_migrated(connection)
        yield lambda: connect(url, chosen, application=f"runfold {application}", autocommit=True)


def catalogue() -> Catalogue:
    """runfold's projections and the user's, of RUNFOLD_PROJECTIONS."""
    from runfold.projections.catalogue import load_catalogue

    folder = settings().projections
    return load_catalogue(*([folder] if folder is not None else []))
