"""Open a connection to the migrated database and load the projections, as most commands need them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from runfold.cli.invocation import override, settings
from runfold.cli.output import print_text

if TYPE_CHECKING:
    import psycopg

    from runfold.projections.definition.catalogue import Catalogue
    from runfold.projections.folding.user_session import UserLogin

_T = TypeVar("_T")


@contextmanager
def open_database(
    *,
    shared: bool = False,
    folds: bool = False,
    exact: bool = False,
    may_wait: bool = False,
    role: str = "runfold_engine",
) -> Iterator[psycopg.Connection[Any]]:
    """Open an autocommit connection to the chosen database; refuse one that is not migrated; map psycopg's errors.

    `shared` is for commands that only read the present: they work through a pooler, too. `folds` is for commands that
    write the read tables, which the worker's role may: not where a newer runfold migrated the database, unless the
    command `may_wait` for the newer one. What compares rows with its own folds needs that version too: `exact`.
    `role` is the one that a login without a permission needs.
    """
    from runfold.database.connections import connect, mapped_errors, resolve_url
    from runfold.database.migrations import ensure_migrated

    chosen = settings()
    url = resolve_url(chosen, create=False)
    with (
        mapped_errors("runfold_projector" if folds else role, url=url),
        connect(url, chosen, application="runfold cli", autocommit=True, shared=shared) as connection,
    ):
        ensure_migrated(connection, folds=(folds or exact) and not may_wait)
        if folds:
            require_folder(connection)
        yield connection


@contextmanager
def opener(application: str) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """Yield a function that opens connections of a command that folds, as many as it needs; map psycopg's errors."""
    from runfold.database.connections import connect, mapped_errors, resolve_url

    with open_database(folds=True):
        pass
    chosen = settings()
    url = resolve_url(chosen, create=False)
    with mapped_errors("runfold_projector", url=url):
        yield lambda: connect(url, chosen, application=f"runfold {application}", autocommit=True)


def require_folder(connection: psycopg.Connection[Any]) -> None:
    """Raise where the session cannot write the read tables: before anything is tried, and with the reason."""
    from runfold.database.sessions import refuse_read_only
    from runfold.projections.folding.ledger import require_folding_role

    refuse_read_only(connection, "this command")
    require_folding_role(connection)


def when_it_answers(action: Callable[[], _T]) -> _T:
    """Return the action's result; while no server answers at the URL, say so and wait, as a running worker does.

    A server that answers and refuses is not waited for: neither a wrong password nor a missing database passes.
    """
    from runfold.database.connections import is_away
    from runfold.database.urls import checked_url
    from runfold.errors import DatabaseUnavailable

    url = settings().database_url
    pause = 0.1
    while True:
        try:
            return action()
        except DatabaseUnavailable as exc:
            if url is None or not is_away(checked_url(url)):
                raise
            print_text(f"waiting for the database: {exc.message}; stop with Ctrl-C", err=True)
        time.sleep(pause)
        pause = min(2 * pause, 5.0)


def workflow_of(connection: psycopg.Connection[Any], text: str | None) -> UUID | None:
    """Return the workflow of `--workflow`, of whose id a beginning does; raises AmbiguousId, IdTooShort, UnknownId."""
    from runfold.reading.ids import find_id

    return None if text is None else UUID(find_id(connection, "workflow", text))


def _take(folder: Path | None) -> Path | None:
    if folder is not None:
        override(projections=folder)
    return folder


Projections = Annotated[
    Path | None,
    typer.Option(
        "--projections",
        help="Your projections, instead of RUNFOLD_PROJECTIONS: a folder, or the name of a Python module.",
        callback=_take,
        metavar="DIR",
    ),
]
"""The type of the parameter `projections`; its callback puts the value into the settings."""


def catalogue() -> Catalogue:
    """Load runfold's projections and the user's, from `--projections` or RUNFOLD_PROJECTIONS."""
    from runfold.projections.definition.catalogue import load_catalogue

    chosen = settings()
    return load_catalogue(*([chosen.projections] if chosen.projections is not None else []))


def user_login(catalogue: Catalogue) -> UserLogin:
    """How to log in to fold the user's projections of a catalogue."""
    from runfold.projections.folding.user_session import UserLogin

    return UserLogin.of(catalogue, settings())


def check_user_login(catalogue: Catalogue) -> None:
    """Raise an error that tells the operator what to do, if no safe login can fold the user's projections."""
    if any(group.of_user for group in catalogue.groups.values()):
        user_login(catalogue).open().close()
