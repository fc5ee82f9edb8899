"""Sends the calls of an import: in their order, one at a time, while the next is read and encoded.

Event ids and the cut of the calls are the same in every run. So what is there is a repeat, a call whose traces have
grown is sent trace by trace, and a trace that is there with other events is left as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, Queue
from threading import Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from runfold.errors import EventIdConflict, ImportFailed, InvalidInput, VersionConflict
from runfold.events.envelope import Append, EncodedCall
from runfold.interop.xes_mapping import workflow_id
from runfold.interop.xes_options import PLACES_SHOWN, Skips
from runfold.interop.xes_parts import TracePart
from runfold.runtime_sql import runtime_sql

if TYPE_CHECKING:
    from types import TracebackType

    from runfold.client.sync.log import Log

_statement = runtime_sql(__package__)

# Calls that are read and wait, beside the one on its way: enough to even out the pauses of both sides.
CALLS_AHEAD = 4
# How long an interrupted import waits for the call on its way. It is carried out whole or not at all, and either way
# the next import goes on from there.
SECONDS_FOR_THE_LAST_CALL = 5.0
# The thread that sends does little, and holds the database up while it waits its turn: not Python's 5 ms a time.
SECONDS_BETWEEN_THREADS = 0.0005


class MappedPart(NamedTuple):
    """A trace, or a part of one, with its appends."""

    part: TracePart
    appends: list[Append]

    @property
    def events(self) -> int:
        return sum(len(append.events) for append in self.appends)


class Call(NamedTuple):
    """Parts that are appended together, and the call as it is sent."""

    parts: list[MappedPart]
    encoded: EncodedCall


class Sender:
    """Appends calls in their order and counts their events; without a store it does nothing."""

    def __init__(self, store: Log | None, *, skip_bad: bool) -> None:
        self.skips = Skips()
        self.appended = 0
        self.repeated = 0
        self.traces_changed = 0
        self.changed: list[str] = []
        self._store = store
        self._skip_bad = skip_bad
        self._left_alone: str | None = None  # the trace whose later parts are not sent
        self._is_left_out = False

    def make_workflow(self, log_name: str) -> None:
        """Make the workflow of the log, unless it is there."""
        if self._store is None:
            return
        row = {"id": workflow_id(log_name), "name": log_name[:255]}
        with self._store.transaction() as connection:
            connection.execute(_statement("insert_workflow"), row)

    def send(self, call: Call) -> None:
        """Append the call; raises ImportFailed where its events are refused, and what `append_many` raises."""
        if self._store is None:
            return
        first = call.parts[0].part
        if first.offset and first.trace == self._left_alone:
            if self._is_left_out:
                self.skips.events += len(first.events)
            return
        try:
            self._append(self._store, call.encoded)
        except (EventIdConflict, VersionConflict):
            # The log, and so this call, has grown since the last import: append its traces one by one.
            self._append_one_by_one(self._store, call)
        except InvalidInput as invalid:
            if not self._skip_bad:
                raise _refused(call, invalid) from invalid
            self._append_one_by_one(self._store, call)

    def _append_one_by_one(self, store: Log, call: Call) -> None:
        for mapped in call.parts:
            try:
                self._append(store, mapped.appends)
            except EventIdConflict:
                self._left_alone, self._is_left_out = mapped.part.trace, False
                self.traces_changed += 1
                if len(self.changed) < PLACES_SHOWN:
                    self.changed.append(mapped.part.execution_id)
            except VersionConflict as conflict:
                raise _taken(mapped.part, conflict) from conflict
            except InvalidInput as invalid:
                if not self._skip_bad:
                    raise _refused(Call([mapped], call.encoded), invalid) from invalid
                self._leave_out(mapped.part, invalid)

    def _leave_out(self, part: TracePart, invalid: InvalidInput) -> None:
        self._left_alone, self._is_left_out = part.trace, True
        self.skips.events += len(part.events)
        self.skips.traces += part.offset == 0
        since = f" from its event {part.offset + 1:,} on" if part.offset else ""
        self.skips.note(part.line, part.trace, f"the trace is refused{since}: {invalid.message}")

    def _append(self, store: Log, appends: Sequence[Append]) -> None:
        for append, result in zip(appends, store.append_many(appends), strict=True):
            if result.repeated:
                self.repeated += len(append.events)
            else:
                self.appended += len(append.events)


class Ahead:
    """Sends calls in another thread while the next one is read, so that parsing and PostgreSQL each have a core.

    The error of a call is raised at a later call or at the end; after it nothing is sent. An interruption drops the
    calls that wait, and waits for the one on its way.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._calls: Queue[Call | None] = Queue(CALLS_AHEAD)
        self._failure: BaseException | None = None
        self._dropping = False
        self._thread = Thread(target=self._send_all, name="import", daemon=True)

    def __enter__(self) -> Ahead:
        _QUICKLY.begin()
        self._thread.start()
        return self

    def __exit__(
        self, failed: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        interrupted = failed is not None and not issubclass(failed, Exception)
        try:
            if interrupted:
                self._dropping = True
                with suppress(Empty):
                    while True:
                        self._calls.get_nowait()
            self._calls.put(None)  # send what was read before a failure
            self._thread.join(SECONDS_FOR_THE_LAST_CALL if interrupted else None)
        except BaseException:
            self._dropping = True
            raise
        finally:
            _QUICKLY.end()
        if failed is None:
            self._raise_failure()

    def submit(self, call: Call) -> None:
        """Send the call after those before it; raises what one of these has raised."""
        self._calls.put(call)
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _send_all(self) -> None:
        while (call := self._calls.get()) is not None:
            if self._dropping:
                continue
            try:
                self._sender.send(call)
            except BaseException as failure:  # raised where calls are submitted
                self._failure = failure
                self._dropping = True


class _QuickSwitches:
    """Sets how often Python changes between threads while an import runs; one setting for the whole process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running = 0
        self._usual = 0.0

    def begin(self) -> None:
        """Change quickly, from the first import on."""
        with self._lock:
            if self._running == 0:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, SECONDS_BETWEEN_THREADS))
            self._running += 1

    def end(self) -> None:
        """Change as usual, after the last import."""
        with self._lock:
            self._running -= 1
            if self._running == 0:
                sys.setswitchinterval(self._usual)


_QUICKLY = _QuickSwitches()


def _refused(call: Call, invalid: InvalidInput) -> ImportFailed:
    first, last = call.parts[0].part, call.parts[-1].part
    return ImportFailed(
        f"{first.file}, traces {first.trace!r} (line {first.line}) to {last.trace!r} (line {last.line}): "
        f"{invalid.message}",
        hint=f"{invalid.hint or 'shorten what is too large'} Or leave out what is refused by --skip-bad",
        line=first.line,
        trace=first.trace,
    )


def _taken(part: TracePart, conflict: VersionConflict) -> ImportFailed:
    return ImportFailed(
        f"{part.file}, line {part.line}, trace {part.trace!r}: {conflict.stream_id} has events from another source",
        hint="give this log's executions a prefix, as in --prefix orders/, because trace names become execution ids",
        line=part.line,
        trace=part.trace,
    )
