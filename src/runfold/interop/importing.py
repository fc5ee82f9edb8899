"""Imports events of a file into the log: same streams, same order, same ids.

The calls are cut by the file alone, so that an import that runs again makes the same calls; a file that has grown at
its end is continued. In a call a stream occurs once: so the events keep their order in the log, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from runfold.errors import EventIdConflict, ImportFailed, InvalidInput, RunfoldError, VersionConflict
from runfold.events import VOCABULARY
from runfold.events.envelope import Append
from runfold.interop.portable import Portable

if TYPE_CHECKING:
    from uuid import UUID

    from runfold.client.sync.log import Log

EVENTS_PER_CALL = 1000
BYTES_PER_CALL = 4 * 1024 * 1024

_POINTER = re.compile(r"/(\d+)(?:/events/(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsSummary:
    """The result of an import: of `events_read`, those that are new, were there before, or that only runfold appends.

    The last ones are left out: ends of tenants, deletions and versions of workflows.
    """

    events_read: int
    events_appended: int
    events_repeated: int
    events_left_out: int
    streams: int
    dry_run: bool
    seconds: float


@dataclass(slots=True)
class _Group:
    """Adjacent events of one stream."""

    stream_id: str
    user_id: UUID | None
    expected_version: int | None
    events: list[Portable] = field(default_factory=list)

    def append(self) -> Append:
        return Append(
            stream_id=self.stream_id,
            events=[one.event for one in self.events],
            expected_version=self.expected_version,
            user_id=self.user_id,
        )


def import_events(
    store: Log | None,
    events: Iterable[Portable],
    *,
    dry_run: bool = False,
    on_events: Callable[[int], None] | None = None,
) -> EventsSummary:
    """Append the events to the store, or only check them (`dry_run`, which needs no store); return what was done.

    Raises ImportFailed with the place of the event that is refused; the calls before it remain, and another run
    continues after them.
    """
    if store is None and not dry_run:
        raise ValueError("an import needs a store: pass one, or dry_run=True")
    began = monotonic()
    importer = _Importer(None if dry_run else store)
    read = 0
    for one in events:
        importer.add(one)
        read += 1
        if on_events is not None and read % EVENTS_PER_CALL == 0:
            on_events(read)
    importer.flush()
    return EventsSummary(
        events_read=read,
        events_appended=importer.appended,
        events_repeated=importer.repeated,
        events_left_out=importer.left_out,
        streams=len(importer.streams),
        dry_run=dry_run,
        seconds=round(monotonic() - began, 3),
    )


class _Importer:
    """Collects events into calls and sends these; without a store it checks them by their classes."""

    def __init__(self, store: Log | None) -> None:
        self.appended = self.repeated = self.left_out = 0
        self.streams: set[str] = set()
        self._store = store
        self._missing: dict[str, int] = {}
        self._call: dict[str, _Group] = {}
        self._last: _Group | None = None
        self._events = self._bytes = 0

    def add(self, one: Portable) -> None:
        """Take the next event of the file."""
        known = VOCABULARY.get(one.event.type)
        if known is not None and known.reserved:
            self.left_out += 1
            self._missing[one.stream_id] = self._missing.get(one.stream_id, 0) + 1
            return
        self.streams.add(one.stream_id)
        if self._store is None:
            _check(one)
            return
        if self._events and (self._events >= EVENTS_PER_CALL or self._bytes + one.size > BYTES_PER_CALL):
            self.flush()
        last = self._last
        if last is None or (last.stream_id, last.user_id) != (one.stream_id, one.user_id):
            if one.stream_id in self._call:
                self.flush()
            version = None if one.version is None else one.version - 1 - self._missing.get(one.stream_id, 0)
            last = self._last = self._call[one.stream_id] = _Group(one.stream_id, one.user_id, version)
        last.events.append(one)
        self._events += 1
        self._bytes += one.size

    def flush(self) -> None:
        """Send what was collected."""
        groups = list(self._call.values())
        self._call, self._last, self._events, self._bytes = {}, None, 0, 0
        if groups and self._store is not None:
            self._send(self._store, groups)

    def _send(self, store: Log, groups: list[_Group]) -> None:
        try:
            results = store.append_many([group.append() for group in groups])
        except (EventIdConflict, VersionConflict) as conflict:
            # Some of it is there already: the file, and so this call, has grown since the last import.
            parts = _parts(groups)
            if len(parts) == 1:
                raise _conflicting(groups[0], conflict) from conflict
            for part in parts:
                self._send(store, [part])
            return
        except RunfoldError as refused:
            if isinstance(refused, InvalidInput) or getattr(refused, "pointer", None):
                raise _refused(groups, refused) from refused
            raise
        for group, result in zip(groups, results, strict=True):
            if result.repeated:
                self.repeated += len(group.events)
            else:
                self.appended += len(group.events)


def _parts(groups: list[_Group]) -> list[_Group]:
    """Divide a call into its streams, or one stream into its events."""
    if len(groups) > 1:
        return groups
    (group,) = groups
    first = group.expected_version
    return [
        _Group(group.stream_id, group.user_id, None if first is None else first + n, [one])
        for n, one in enumerate(group.events)
    ]


def _check(one: Portable) -> None:
    known = VOCABULARY.get(one.event.type)
    if known is not None and one.event.data is not None and known.category() == one.stream_id.partition("-")[0]:
        try:
            known.from_data(one.event.data)
        except InvalidInput as invalid:
            raise _failed(one.place, invalid) from invalid


def _refused(groups: list[_Group], refused: RunfoldError) -> ImportFailed:
    found = _POINTER.match(getattr(refused, "pointer", None) or "")
    if found is None:
        return _failed(groups[0].events[0].place, refused)
    events = groups[int(found[1])].events
    return _failed(events[int(found[2] or 0)].place, refused)


def _failed(place: str, error: RunfoldError) -> ImportFailed:
    return ImportFailed(f"{place}: {error.message}", hint=error.hint or "correct the event, or leave it out")


def _conflicting(group: _Group, conflict: RunfoldError) -> ImportFailed:
    place = group.events[0].place
    if isinstance(conflict, VersionConflict):
        return ImportFailed(
            f"{place}: {group.stream_id} is at version {conflict.version}, and the file has it from version "
            f"{(group.expected_version or 0) + 1} on",
            hint="import what comes before it, or import into a database that has no such stream",
        )
    return ImportFailed(
        f"{place}: event {group.events[0].event.event_id} is in the log already, with other content",
        hint="import into another database, or leave the event out",
    )
