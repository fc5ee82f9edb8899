"""The options that every list by keyset has, and what it prints under a full page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from runfold.reading.pages import Cursor

Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]
After = Annotated[
    str | None,
    typer.Option(
        "--after", help="Go on after this row: the cursor under a page, or of a row in JSON.", metavar="CURSOR"
    ),
]


def parse_after(text: str | None) -> Cursor | None:
    """The cursor that was given; raises InvalidInput."""
    from runfold.reading.pages import Cursor

    return None if text is None else Cursor.parse(text)


def print_next(rows: Sequence[dict[str, Any]], limit: int) -> None:
    """Say how the list goes on, on stderr, when the page is full."""
    if len(rows) == limit:
        typer.echo(f"more: --after {rows[-1]['cursor']}", err=True)


def one_of(value: str | None, allowed: Sequence[str], option: str) -> str | None:
    """The value in the case that is stored; refuses what is not among the allowed ones as wrong usage."""
    if value is None:
        return None
    for name in allowed:
        if value.lower() == name.lower():
            return name
    raise typer.BadParameter(f"{value!r} is not known: give one of {', '.join(allowed)}", param_hint=option)
