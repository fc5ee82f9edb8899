"""Exports events of the log into a file that another system, or another log, reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Literal, Protocol

from runfold.events.streams import stream_id
from runfold.interop import cloud_events, jsonl
from runfold.interop.ocel_writing import OcelWriter
from runfold.interop.xes_writing import LOG_NAME, XesWriter

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
    name: str = LOG_NAME,
    archived: Literal["skip"] | None = None,
    on_events: Callable[[int], None] | None = None,
) -> ExportSummary:
    """Write the events after a position, up to the safe head, in one of FORMATS; return what was done.

    Values of encrypted fields are opened where their keys are. `source` is that of CloudEvents, `name` that of a log
    of XES, which has the executions that were created after the position. Raises LogArchived where some of the events
    are archived, unless `archived="skip"` leaves these out.
    """
    began = monotonic()
    if format == "xes":
        return _export_traces(store, output, after, name, archived, on_events)
    events = 0
    last: int | None = None
    writer = OcelWriter(output.write) if format == "ocel" else None
    for event in _read(store, after, archived=archived):
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


def _export_traces(
    store: Log,
    output: Output,
    after: int,
    name: str,
    archived: Literal["skip"] | None,
    on_events: Callable[[int], None] | None,
) -> ExportSummary:
    began = monotonic()
    events = 0
    last: int | None = None
    writer = XesWriter(output.write, name)
    for created in _read(store, after, types=["ExecutionCreated"], archived=archived):
        execution = created.stream_id.partition("-")[2]
        lines = store.read_stream(stream_id("log", execution))
        events += writer.add(created, [*store.read_stream(created.stream_id), *lines])
        last = created.position
        if on_events is not None:
            on_events(events)
    writer.end()
    return ExportSummary(format="xes", events=events, last_position=last, seconds=round(monotonic() - began, 3))


def _read(
    store: Log, after: int, *, types: list[str] | None = None, archived: Literal["skip"] | None
) -> Iterator[RecordedEvent]:
    while batch := store.read_all(after, limit=EVENTS_PER_READ, types=types, archived=archived):
        yield from batch
        after = batch[-1].position
