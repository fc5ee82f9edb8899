"""Import IEEE 1849 (XES) logs of recorded processes; each trace becomes an execution.

An import may run again, after an interruption or when the log has grown at its end: present events are repeated, new
ones appended, none twice. Traces are appended in calls whose size is counted from the start of the file, so that a
second run makes the same calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

from runfold.errors import InvalidInput
from runfold.events.envelope import EncodedCall
from runfold.interop.xes_mapping import Tally, TraceMapping, workflow_id
from runfold.interop.xes_options import PLACES_SHOWN, Skipped, Skips, XesOptions
from runfold.interop.xes_parts import TracePart
from runfold.interop.xes_reading import read_traces
from runfold.interop.xes_sending import Ahead, Call, MappedPart, Sender

if TYPE_CHECKING:
    from runfold.client.sync.log import Log

TRACES_PER_CALL = 40
EVENTS_PER_CALL = 2000
TRANSITIONS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """The result of an import.

    `events_read` counts the file's events and `events_mapped` those for runfold's log: `events_appended` are new,
    `events_repeated` were there before. `nodes` counts the activations that the file's events open, `events_logged` the
    events that only became log lines; `transitions_logged` has the most frequent of their transitions.
    `traces_changed` counts traces that were imported before with other events and that are not changed; `changed` names
    the first of them. `events_skipped` and `traces_skipped` count what was left out, events of such traces included;
    `skipped` has the first places.
    """

    log_name: str | None
    workflow_id: UUID | None
    traces: int
    nodes: int
    events_read: int
    events_mapped: int
    events_appended: int
    events_repeated: int
    events_logged: int
    transitions_logged: dict[str, int]
    traces_changed: int
    changed: tuple[str, ...]
    events_skipped: int
    traces_skipped: int
    skipped: tuple[Skipped, ...]
    dry_run: bool
    seconds: float


def import_xes(
    store: Log | None,
    path: Path,
    *,
    options: XesOptions | None = None,
    dry_run: bool = False,
    on_bytes: Callable[[int], None] | None = None,
) -> ImportSummary:
    """Import a log into the store, or only read and count it (`dry_run`, which needs no store).

    `path` is a file or a pipe, or `-` for standard input. `on_bytes` gets the number of bytes that have been read.
    Raises ImportFailed with the line and the trace that cannot be imported; the calls before it remain, and another run
    continues after them.
    """
    options, skips = options or XesOptions(), Skips()
    parts = read_traces(path, options=options, skips=skips, on_bytes=on_bytes)
    return import_traces(store, parts, options=options, skips=skips, dry_run=dry_run)


def import_traces(
    store: Log | None,
    traces_of_log: Iterator[TracePart],
    *,
    options: XesOptions,
    skips: Skips,
    dry_run: bool = False,
) -> ImportSummary:
    """Import the traces of a log that is read; as `import_xes`. `skips` has what reading has left out by then."""
    if store is None and not dry_run:
        raise ValueError("an import needs a store: pass one, or dry_run=True")
    began = monotonic()
    tally = Tally()
    sender = Sender(None if dry_run else store, skip_bad=options.skip_bad)
    traces = read = mapped = 0
    log_name: str | None = None
    with Ahead(sender) as ahead:
        for parts in calls_of(traces_of_log, options, tally):
            if log_name is None:
                log_name = parts[0].part.log_name
                sender.make_workflow(log_name)
            traces += sum(mapped_part.part.ends for mapped_part in parts)
            read += sum(len(mapped_part.part.events) for mapped_part in parts)
            mapped += sum(mapped_part.events for mapped_part in parts)
            for call in _encoded(parts):
                ahead.submit(call)
    most_frequent = sorted(tally.logged.items(), key=lambda counted: -counted[1])[:TRANSITIONS_SHOWN]
    return ImportSummary(
        log_name=log_name,
        workflow_id=None if log_name is None else workflow_id(log_name),
        traces=traces,
        nodes=tally.activations,
        events_read=read + skips.events,
        events_mapped=mapped,
        events_appended=sender.appended,
        events_repeated=sender.repeated,
        events_logged=tally.logged_events,
        transitions_logged=dict(most_frequent),
        traces_changed=sender.traces_changed,
        changed=tuple(sender.changed),
        events_skipped=skips.events + sender.skips.events,
        traces_skipped=skips.traces + sender.skips.traces,
        skipped=tuple((skips.places + sender.skips.places)[:PLACES_SHOWN]),
        dry_run=dry_run,
        seconds=round(monotonic() - began, 3),
    )


def _encoded(parts: list[MappedPart]) -> list[Call]:
    """Encode the parts as one call, or as several where that would be larger than a call may be."""
    try:
        return [Call(parts, EncodedCall.of([append for part in parts for append in part.appends]))]
    except InvalidInput as invalid:
        if invalid.code != "call_too_large" or len(parts) == 1:
            raise
    half = len(parts) // 2
    return _encoded(parts[:half]) + _encoded(parts[half:])


def calls(
    path: Path, options: XesOptions, skips: Skips, tally: Tally, on_bytes: Callable[[int], None] | None = None
) -> Iterator[list[MappedPart]]:
    """Yield the traces of a file as calls to append."""
    return calls_of(read_traces(path, options=options, skips=skips, on_bytes=on_bytes), options, tally)


def calls_of(traces_of_log: Iterator[TracePart], options: XesOptions, tally: Tally) -> Iterator[list[MappedPart]]:
    """Yield the traces as calls to append, divided by their number in the file, so that every run divides alike."""
    call: list[MappedPart] = []
    events = 0
    mapping: TraceMapping | None = None
    for part in traces_of_log:
        if mapping is None or part.offset == 0:
            mapping = TraceMapping(part, options, tally)
        mapped = MappedPart(part, mapping.appends(part))
        alone = part.offset > 0 or not part.ends
        full = call and (
            call[0].part.trace_index // TRACES_PER_CALL != part.trace_index // TRACES_PER_CALL
            or events + mapped.events > EVENTS_PER_CALL
        )
        if call and (alone or full):
            yield call
            call, events = [], 0
        call.append(mapped)
        events += mapped.events
        if alone:
            yield call
            call, events = [], 0
    if call:
        yield call
