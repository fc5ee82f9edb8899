"""What commands that write need: a store on the database that was named, and JSON that was given."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from runfold.cli.invocation import settings

if TYPE_CHECKING:
    from runfold.client.sync.store import Store

Data = Annotated[str, typer.Option("--data", help="The answer, as JSON.", metavar="JSON")]


@contextmanager
def open_store() -> Iterator[Store]:
    """A store on the database that was named, which must be migrated."""
    from runfold.client.sync.store import Store
    from runfold.database.connections import resolve_url

    chosen = settings()
    with Store.connected(resolve_url(chosen), settings=chosen) as store:
        yield store


def parse_json(text: str, option: str) -> Any:
    """The value of a JSON text; refuses anything else as wrong usage."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise typer.BadParameter(
            f"{text!r} is not JSON ({exc}): give a JSON value, a text in double quotes", param_hint=option
        ) from None


def operator() -> str:
    """Who gives this command, as the log will say."""
    try:
        return getpass.getuser()
    except OSError:
        return "an operator"
