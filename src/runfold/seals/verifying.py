"""Verify the log: every sealed range is digested again, and compared with what was sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import psycopg

from runfold.database.safe_head import safe_head
from runfold.errors import InvalidInput
from runfold.runtime_sql import runtime_sql
from runfold.seals.archived import UNREADABLE, Archives
from runfold.seals.marks import Difference, Kind, Mark, compare_marks, read_marks
from runfold.seals.sealing import read_sealed_position

statement = runtime_sql("runfold.seals")

SHOWN = 20
"""How many ranges, and how many events of a range, are named."""
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class DifferentEvent:
    """An event that is not as it was sealed.

    `moved_from` is the position at which it was sealed. What is missing has a position alone.
    """

    position: int
    kind: Kind
    moved_from: int | None = None
    stream_id: str | None = None
    stream_version: int | None = None
    event_id: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class DifferentRange:
    """A range that is not as it was sealed.

    `kind` is `events` where its events differ, `seal` where its seal does not follow from the one before, and `gap`
    where the range before is missing. `sealed` and `found` are numbers of events. `events` are the first that differ;
    it is empty where that cannot be told. `differing` is how many differ, None where that cannot be told.
    """

    first_position: int
    last_position: int
    kind: Literal["events", "seal", "gap"]
    sealed: int
    found: int
    differing: int | None = None
    events: list[DifferentEvent] = field(default_factory=list)


@dataclass(slots=True)
class LogVerification:
    """What was verified of the log, what differs, and what was not checked.

    `ranges` and `events` were checked. `differing` counts ranges; `differences` holds the first of them. Not checked
    are `unsealed_events`, behind the last seal, and the `archived_events` of `archived_ranges` that could not be read;
    `unread` says why the first of them could not.
    """

    from_position: int
    to_position: int
    sealed_position: int
    ranges: int = 0
    events: int = 0
    differing: int = 0
    differences: list[DifferentRange] = field(default_factory=list)
    unsealed_events: int = 0
    archived_ranges: int = 0
    archived_events: int = 0
    unread: str | None = None

    @property
    def unchecked_events(self) -> int:
        """How many events were not checked."""
        return self.unsealed_events + self.archived_events


class Digest(NamedTuple):
    """The number of a range's events, their digest, and their marks."""

    events: int
    digest: bytes
    marks: bytes


class _Range(NamedTuple):
    first: int
    last: int
    events: int
    digest: bytes
    adjoins: bool
    follows: bool


def verify_log(
    connection: psycopg.Connection[Any],
    *,
    from_position: int = 1,
    to_position: int | None = None,
    archive: Path | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> LogVerification:
    """Return how the log compares with its seals, for the ranges that hold a part of these positions.

    `to_position` None: up to the safe head. `archive` is the folder of the archive, whose files are read where events
    have left the log. `progress` is called with the position reached and the last one. The
    connection is in autocommit: each range has a snapshot of its own, so nothing is held for long. Raises InvalidInput
    for positions out of order.
    """
    if not 1 <= from_position <= (from_position if to_position is None else to_position):
        raise InvalidInput(
            f"the positions {from_position} to {to_position} are no range",
            hint="begin at 1 or later, and end there or behind it",
            code="invalid_range",
            found=from_position,
        )
    upto = safe_head(connection)
    if to_position is not None:
        upto = min(upto, to_position)
    found = LogVerification(from_position, upto, read_sealed_position(connection))
    look = _Look(connection, Archives(connection, archive), found)
    for sealed in _ranges(connection, from_position - 1, upto):
        look.at(sealed)
        progress(min(sealed.last, upto), upto)
    (found.unsealed_events,) = connection.execute(
        statement("unsealed_events"), {"after": max(found.sealed_position, from_position - 1), "upto": upto}
    ).fetchone() or (0,)
    return found


def _ranges(connection: psycopg.Connection[Any], after: int, upto: int) -> Iterator[_Range]:
    while True:
        rows = connection.execute(statement("ranges"), {"after": after, "upto": upto, "most": _AT_ONCE}).fetchall()
        yield from map(_Range._make, rows)
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1][1]


class _Look:
    """Looks at one range after the other."""

    def __init__(self, connection: psycopg.Connection[Any], archives: Archives, into: LogVerification) -> None:
        self._connection = connection
        self._archives = archives
        self._into = into

    def at(self, sealed: _Range) -> None:
        """Verify one range, and note what was found."""
        digest = self._digest(sealed)
        count = digest.events
        different: list[Difference] | None = None  # None: the events are as they were sealed
        about: dict[int, tuple[Any, ...]] = {}
        if not _same(digest, sealed):
            archive = self._archives.of(sealed.first)
            if archive is None:
                # It may have come back from the archive since.
                digest = self._digest(sealed)
                count = digest.events
                if not _same(digest, sealed):
                    marks = self._marks(sealed)
                    found = read_marks(digest.marks, sealed.first)
                    different = [] if marks is None else list(compare_marks(marks, found))
            else:
                try:
                    records = self._archives.read(archive, sealed.first, sealed.last)
                except UNREADABLE as exc:
                    self._into.archived_ranges += 1
                    self._into.archived_events += sealed.events
                    self._into.unread = self._into.unread or str(exc)
                    return
                compared = self._archives.compare(
                    records,
                    sealed=(sealed.digest, self._marks(sealed)),
                    remaining=(digest.digest, read_marks(digest.marks, sealed.first)),
                )
                count = len(records)
                about = {one.position: (one.stream_id, one.stream_version, one.event_id, one.type) for one in records}
                different = compared.differences if compared.differs else None
        self._into.ranges += 1
        self._into.events += count
        self._note(sealed, count, different, about)

    def _note(
        self, sealed: _Range, count: int, different: list[Difference] | None, about: dict[int, tuple[Any, ...]]
    ) -> None:
        kind: Literal["events", "seal", "gap"]
        if different is not None:
            kind = "events"
        elif not sealed.adjoins:
            kind = "gap"
        elif not sealed.follows:
            kind = "seal"
        else:
            return
        self._into.differing += 1
        if len(self._into.differences) < SHOWN:
            shown = (different or [])[:SHOWN]
            about |= self._about(shown)
            events = [
                DifferentEvent(*one, *(about.get(one.position, ()) if one.kind != "missing" else ())) for one in shown
            ]
            self._into.differences.append(
                DifferentRange(
                    sealed.first, sealed.last, kind, sealed.events, count, len(different or []) or None, events
                )
            )

    def _digest(self, sealed: _Range) -> Digest:
        row = self._connection.execute(
            statement("range_digest"), {"first": sealed.first, "last": sealed.last}
        ).fetchone()
        assert row is not None
        return Digest._make(row)

    def _marks(self, sealed: _Range) -> dict[int, Mark] | None:
        """The marks of a range as it was sealed; None where they are not there."""
        row = self._connection.execute(statement("marks"), {"first": sealed.first}).fetchone()
        if row is None:
            return None if sealed.events else {}
        return read_marks(row[0], sealed.first)

    def _about(self, shown: list[Difference]) -> dict[int, tuple[Any, ...]]:
        rows = self._connection.execute(statement("events_at"), {"positions": [one.position for one in shown]})
        return {position: tuple(facts) for position, *facts in rows.fetchall()}


def _same(digest: Digest, sealed: _Range) -> bool:
    return digest.digest == sealed.digest and digest.events == sealed.events
