"""The options of lists that are read in pages, and the line under a full page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli.output import print_text

if TYPE_CHECKING:
    from runfold.reading.pages import PageToken

Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Show at most this many.")]
After = Annotated[
    str | None,
    typer.Option(
        "--after",
        help="Continue after this page token: printed under a page, or `page_token` in JSON.",
        metavar="TOKEN",
    ),
]


def parse_id(text: str) -> str:
    """Return the text of a UUID or of its beginning; another text is wrong usage, before a database is asked."""
    if not text or text.lower().replace("-", "").strip("0123456789abcdef"):
        raise typer.BadParameter(f"{text!r} is not a valid UUID, nor the beginning of one")
    return text


InteractionId = Annotated[
    str, typer.Argument(parser=parse_id, metavar="ID", help="The interaction's id, or its beginning.")
]
ResponseId = Annotated[str, typer.Argument(parser=parse_id, metavar="ID", help="The response's id, or its beginning.")]
Workflow = Annotated[
    str | None,
    typer.Option(
        "--workflow", parser=parse_id, help="Only of this workflow: its id, or the beginning of it.", metavar="ID"
    ),
]


def parse_after(text: str | None) -> PageToken | None:
    """Parse the page token of `--after`; raises InvalidInput."""
    from runfold.reading.pages import PageToken

    return None if text is None else PageToken.parse(text)


def print_next(rows: Sequence[dict[str, Any]], limit: int) -> None:
    """Print the option for the next page on stderr, if this page is full."""
    if len(rows) == limit:
        print_text(f"more: --after {rows[-1]['page_token']}", err=True)


def one_of(value: str | None, allowed: Callable[[], Sequence[str]], option: str) -> str | None:
    """Return the allowed value that equals this one in any case; another value is wrong usage."""
    if value is None:
        return None
    names = allowed()
    for name in names:
        if value.lower() == name.lower():
            return name
    raise typer.BadParameter(f"{value!r} is not known: give one of {', '.join(names)}", param_hint=option)
