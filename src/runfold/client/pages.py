"""What a look at the log is asked for, and how its rows say how far it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from runfold.errors import InvalidInput
from runfold.events.envelope import Bookmark

_Rows = list[tuple[Any, ...]]


class Look(NamedTuple):
    """How far a look went; `settled`: up to the last position that had been handed out."""

    bookmark: Bookmark
    at_end: bool
    settled: bool


def page_parameters(
    after: int | Bookmark,
    *,
    limit: int,
    types: Sequence[str] | None,
    streams: Sequence[str] | None,
    category: str | None,
    archived: str | None = None,
) -> dict[str, Any]:
    """Return the parameters of the statement `read_all`. Raises InvalidInput for a text in place of a list.

    `archived` is "skip" or None.
    """
    if archived not in (None, "skip"):
        raise InvalidInput(
            f"archived is {archived!r}",
            hint='give "skip" to leave out what is archived, or nothing',
            pointer="/archived",
            found=archived,
        )
    begins = after if isinstance(after, Bookmark) else Bookmark(after)
    return {
        "after": begins.position,
        "event_id": begins.event_id,
        "limit": limit,
        "types": names("types", types),
        "streams": names("streams", streams),
        "categories": None if category is None else [category],
        "archived": archived,
    }


def names(of: str, given: Sequence[str] | None) -> list[str] | None:
    """Return the names as a list. Raises InvalidInput for a text, whose letters would be names."""
    if isinstance(given, str):
        raise InvalidInput(f"{of} is one text", hint=f"give a list: {of}=[{given!r}]", pointer=f"/{of}", found=given)
    return None if given is None else list(given)


def page_of(rows: _Rows, asked: dict[str, Any]) -> tuple[_Rows, Look]:
    """Return the rows of events, and how far the look went that was asked so."""
    if rows and rows[-1][1] is None:
        position, *_, said, _, _ = rows[-1]
        look = Look(Bookmark(position, rows[-1][3]), bool(said["at_end"]), bool(said["settled"]))
        return rows[:-1], look
    if rows:
        return rows, Look(Bookmark(rows[-1][0], rows[-1][3]), False, False)
    return [], Look(Bookmark(asked["after"], asked["event_id"]), True, False)
