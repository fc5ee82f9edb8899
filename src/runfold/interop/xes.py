"""Import IEEE 1849 (XES) logs of recorded processes; each trace becomes an execution.

An import may run again, after an interruption or when the log has grown at its end: present events are repeated, new
ones appended, none twice. Traces are appended in calls whose size is counted from the start of the file, so that a
second run makes the same calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from runfold.errors import EventIdConflict, ImportFailed, InvalidInput, VersionConflict
from runfold.events.envelope import Append
from runfold.interop.xes_mapping import TraceMapping, workflow_id
from runfold.interop.xes_reading import TracePart, read_traces
from runfold.runtime_sql import runtime_sql

if TYPE_CHECKING:
    from runfold.client.sync.log import Log

_statement = runtime_sql(__package__)

TRACES_PER_CALL = 40
EVENTS_PER_CALL = 2000
# Calls that wait to be sent while the next one is read; more would only take memory.
CALLS_AHEAD = 2
NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """The result of an import.

    `events_read` counts the file's events and `events_mapped` those for runfold's log: `events_appended` are new,
    `events_repeated` were there before. `traces_changed` counts traces that were imported before with other events and
    that are not changed; `changed` names the first of them.
    """

    log_name: str | None
    workflow_id: UUID | None
    traces: int
    events_read: int
    events_mapped: int
    events_appended: int
    events_repeated: int
    traces_changed: int
    changed: tuple[str, ...]
    dry_run: bool
    seconds: float


class _MappedPart(NamedTuple):
    """A trace, or a part of one, with its appends."""

    part: TracePart
    appends: list[Append]

    @property
    def events(self) -> int:
        return sum(len(append.events) for append in self.appends)


def import_xes(
    store: Log | None,
    path: Path,
    *,
    dry_run: bool = False,
    on_bytes: Callable[[int], None] | None = None,
) -> ImportSummary:
    """Import a log into the store, or only read and count it (`dry_run`, which needs no store).

    `on_bytes` is called with the number of bytes of the file that have been read. Raises ImportFailed with the line
    and the trace that cannot be imported; the calls before it remain, and another run continues after them.
    """
    if store is None and not dry_run:
        raise ValueError("an import needs a store: pass one, or dry_run=True")
    began = monotonic()
    sender = _Sender(None if dry_run else store)
    traces = read = mapped = 0
    log_name: str | None = None
    with _Ahead(sender.send) as submit:
        for call in _calls(path, on_bytes):
            if log_name is None:
                log_name = call[0].part.log_name
                sender.make_workflow(log_name)
            traces += sum(mapped_part.part.ends for mapped_part in call)
            read += sum(len(mapped_part.part.events) for mapped_part in call)
            mapped += sum(mapped_part.events for mapped_part in call)
            submit(call)
    return ImportSummary(
        log_name=log_name,
        workflow_id=None if log_name is None else workflow_id(log_name),
        traces=traces,
        events_read=read,
        events_mapped=mapped,
        events_appended=sender.appended,
        events_repeated=sender.repeated,
        traces_changed=sender.traces_changed,
        changed=tuple(sender.changed),
        dry_run=dry_run,
        seconds=round(monotonic() - began, 3),
    )


def _calls(path: Path, on_bytes: Callable[[int], None] | None) -> Iterator[list[_MappedPart]]:
    """Yield the traces as calls to append, divided by their number in the file, so that every run divides alike."""
    call: list[_MappedPart] = []
    events = 0
    mapping: TraceMapping | None = None
    for part in read_traces(path, on_bytes=on_bytes):
        if mapping is None or part.offset == 0:
            mapping = TraceMapping(part)
        mapped = _MappedPart(part, mapping.appends(part))
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


class _Sender:
    """Appends calls in their order and counts their events; without a store it does nothing."""

    def __init__(self, store: Log | None) -> None:
        self.appended = 0
        self.repeated = 0
        self.traces_changed = 0
        self.changed: list[str] = []
        self._store = store
        self._failed = False
        self._left_alone: str | None = None

    def make_workflow(self, log_name: str) -> None:
        if self._store is None:
            return
        row = {"id": workflow_id(log_name), "name": log_name[:255]}
        with self._store.transaction() as connection:
            connection.execute(_statement("insert_workflow"), row)

    def send(self, call: list[_MappedPart]) -> None:
        if self._store is None or self._failed:
            return
        try:
            try:
                self._append(self._store, call)
            except (EventIdConflict, VersionConflict):
                # The log, and so this call, has grown since the last import: append its traces one by one.
                for mapped in call:
                    self._append_one(self._store, mapped)
        except BaseException:
            self._failed = True
            raise

    def _append_one(self, store: Log, mapped: _MappedPart) -> None:
        part = mapped.part
        if part.offset and part.trace == self._left_alone:
            return
        try:
            self._append(store, [mapped])
        except EventIdConflict:
            self._left_alone = part.trace
            self.traces_changed += 1
            if len(self.changed) < NAMES_SHOWN:
                self.changed.append(part.trace)
        except VersionConflict as conflict:
            raise ImportFailed(
                f"{part.file}, line {part.line}, trace {part.trace!r}: "
                f"{conflict.stream_id} has events from another source",
                hint="rename the traces, because their names become execution ids, or import into another database",
                line=part.line,
                trace=part.trace,
            ) from conflict

    def _append(self, store: Log, call: Sequence[_MappedPart]) -> None:
        appends = [append for mapped in call for append in mapped.appends]
        try:
            results = store.append_many(appends)
        except InvalidInput as invalid:
            first, last = call[0].part, call[-1].part
            raise ImportFailed(
                f"{first.file}, traces {first.trace!r} (line {first.line}) to {last.trace!r} (line {last.line}): "
                f"{invalid.message}",
                hint=invalid.hint,
                line=first.line,
                trace=first.trace,
            ) from invalid
        for append, result in zip(appends, results, strict=True):
            if result.repeated:
                self.repeated += len(append.events)
            else:
                self.appended += len(append.events)


class _Ahead:
    """Sends calls in another thread while the next one is read, so that parsing and PostgreSQL each have a core.

    The error of a call is raised at a later call or at the end; after it nothing is sent.
    """

    def __init__(self, send: Callable[[list[_MappedPart]], None]) -> None:
        self._send = send
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="import")
        self._on_their_way: deque[Future[None]] = deque()

    def __enter__(self) -> Callable[[list[_MappedPart]], None]:
        return self._submit

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self._thread.shutdown(wait=True)  # send what was read before a failure
        if failed is None:
            for sent in self._on_their_way:
                sent.result()

    def _submit(self, call: list[_MappedPart]) -> None:
        self._on_their_way.append(self._thread.submit(self._send, call))
        if len(self._on_their_way) > CALLS_AHEAD:
            self._on_their_way.popleft().result()
