"""Open a store and parse JSON options, as commands that write need them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import orjson
import typer

from runfold.cli.invocation import settings

if TYPE_CHECKING:
    from runfold.client.sync.store import Store
    from runfold.reading.ids import Kind

Data = Annotated[str, typer.Option("--data", help="The answer, as JSON.", metavar="JSON")]


@contextmanager
def open_store() -> Iterator[Store]:
    """Open a store on the chosen database, which must be migrated."""
    from runfold.client.sync.store import Store
    from runfold.database.connections import mapped_errors, resolve_url

    chosen = settings()
    url = resolve_url(chosen, create=False)
    with mapped_errors("runfold_engine", url=url), Store.connected(url, settings=chosen) as store:
        yield store


def whole_id(store: Store, kind: Kind, text: str) -> UUID:
    """Return the id of which a person gave the beginning; raises AmbiguousId, IdTooShort, UnknownId."""
    from runfold.reading.ids import as_uuid, find_id

    if (whole := as_uuid(text)) is not None:
        return whole
    with store.transaction() as connection:
        return UUID(find_id(connection, kind, text))


def parse_json(text: str, option: str) -> Any:
    """Parse a JSON text; a text that is not JSON is wrong usage."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise typer.BadParameter(
            f"{text!r} is not JSON ({exc}): give a JSON value, a text in double quotes", param_hint=option
        ) from None


def operator() -> str:
    """Return the name under which the log records who gave this command."""
    try:
        return getpass.getuser()
    except OSError:
        return "an operator"
