"""Exports events of the log into a file that another system, or another log, reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from runfold.interop import cloud_events, jsonl
from runfold.interop.ocel_writing import OcelWriter

if TYPE_CHECKING:
    from runfold.client.sync.log import Log
    from runfold.events.envelope import RecordedEvent

EVENTS_PER_READ = 1000


class Output(Protocol):
    """What takes the bytes of an export."""

    def write(self, content: bytes, /) -> object:
        """Take bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSummary:
    """The result of an export. `last_position` is what `after` takes to export what comes later; None for no event."""

    format: str
    events: int
    last_position: int | None
    seconds: float


def export_events(
    store: Log,
    output: Output,
    format: str,  # noqa: A002  the option's name
    *,
    after: int = 0,
    source: str = cloud_events.SOURCE,
    on_events: Callable[[int], None] | None = None,
) -> ExportSummary:
    """Write the events after a position, up to the safe head, in one of FORMATS; return what was done.

    Values of encrypted fields are opened where their keys are. `source` is that of CloudEvents.
    """
    began = monotonic()
    events = 0
    last: int | None = None
    writer = OcelWriter(output.write) if format == "ocel" else None
    for event in _read(store, after):
        if writer is not None:
            writer.add(event)
        else:
            output.write(jsonl.encode(event) if format == "jsonl" else cloud_events.encode(event, source))
        events, last = events + 1, event.position
        if on_events is not None and events % EVENTS_PER_READ == 0:
            on_events(events)
    if writer is not None:
        writer.end()
    return ExportSummary(format=format, events=events, last_position=last, seconds=round(monotonic() - began, 3))


def _read(store: Log, after: int) -> Iterator[RecordedEvent]:
    while batch := store.read_all(after, limit=EVENTS_PER_READ):
        yield from batch
        after = batch[-1].position
