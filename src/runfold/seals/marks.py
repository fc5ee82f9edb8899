"""The marks of a range, compared: which of its events differ from those that were sealed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["changed", "missing", "added", "moved"]

_SIZE = 12


class Mark(NamedTuple):
    """A part of an event's leaf, and a part of its id."""

    leaf: bytes
    event_id: bytes


class Difference(NamedTuple):
    """What differs at a position; `moved_from` is where the event was that is there now."""

    position: int
    kind: Kind
    moved_from: int | None = None


def read_marks(marks: bytes, first: int) -> dict[int, Mark]:
    """Return the marks of a range by position; `first` is the range's first position."""
    return {
        first + int.from_bytes(marks[at : at + 4], "big"): Mark(marks[at + 4 : at + 8], marks[at + 8 : at + _SIZE])
        for at in range(0, len(marks) - _SIZE + 1, _SIZE)
    }


def compare_marks(sealed: dict[int, Mark], found: dict[int, Mark]) -> Iterator[Difference]:
    """Yield what differs, in the order of the positions.

    An event that changed places with another one is `moved`, at the position where it is now. One that was put in the
    place of another one, with an id of its own, is `changed`.
    """
    sealed_at = {mark.event_id: position for position, mark in sealed.items()}
    moved = {
        position: origin
        for position, mark in found.items()
        if (origin := sealed_at.get(mark.event_id, position)) != position
        and sealed.get(position) != mark
        and found.get(origin) != sealed[origin]
    }
    named_elsewhere = set(moved.values())
    for position in sorted(sealed.keys() | found.keys()):
        was, now = sealed.get(position), found.get(position)
        if was == now:
            continue
        if position in moved:
            yield Difference(position, "moved", moved[position])
        elif now is None:
            if position not in named_elsewhere:
                yield Difference(position, "missing")
        else:
            yield Difference(position, "added" if was is None else "changed")
