"""Open a connection to the migrated database and load the projections, as most commands need them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from runfold.cli.invocation import override, settings

if TYPE_CHECKING:
    import psycopg

    from runfold.projections.definition.catalogue import Catalogue
    from runfold.projections.folding.user_session import UserLogin


@contextmanager
def open_database() -> Iterator[psycopg.Connection[Any]]:
    """Open an autocommit connection to the chosen database; refuse one that is not migrated; map psycopg's errors."""
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
    """Yield a function that opens such connections, as many as the caller needs; map psycopg's errors."""
    from runfold.database.connections import connect, mapped_errors, resolve_url
    from runfold.database.migrations import ensure_migrated

    chosen = settings()
    with mapped_errors():
        url = resolve_url(chosen)
        with connect(url, chosen, application=f"runfold {application}", autocommit=True) as connection:
            ensure_migrated(connection)
        yield lambda: connect(url, chosen, application=f"runfold {application}", autocommit=True)


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
