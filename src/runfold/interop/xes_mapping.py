"""Map a trace of an XES file to the events of an execution, its nodes' activations and its log lines.

The mapping is fixed, so that counts can be compared with any other reading of the same file. All events and their ids
are a function of the log's name, the trace and its events: the same trace always gives the same events.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache, lru_cache
from hashlib import sha1, sha256
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from runfold.errors import ImportFailed, InvalidInput
from runfold.events.envelope import Append, NewEvent
from runfold.events.rules import name_fault
from runfold.interop.xes_reading import EPOCH, TracePart, XesEvent

XES_IDS = UUID("5f0d3d0e-5b0c-5b0e-9d6a-6c6f67786573")
MILLISECOND = timedelta(milliseconds=1)

LONGEST_NAME = 255
LONGEST_STREAM_ID = 300
NODE_TYPE = "ACTION"


@cache
def workflow_id(log_name: str) -> UUID:
    """Return the id of the workflow for a log's name; it is the same in every database."""
    return uuid5(XES_IDS, log_name)


class _Activation:
    """A node's last opened activation; `status` is None if none was opened."""

    __slots__ = ("attempt", "opened", "status")

    def __init__(self) -> None:
        self.opened = 0
        self.status: str | None = None
        self.attempt = 0


class _Emitted(NamedTuple):
    type: str
    data: dict[str, Any]


class TraceMapping:
    """Maps the parts of one trace, in their order, to appends to its execution stream and its log stream."""

    def __init__(self, first: TracePart) -> None:
        self.file = first.file
        self.trace = first.trace
        self.line = first.line
        self.workflow_id = workflow_id(first.log_name)
        self._ids = uuid5(self.workflow_id, first.trace).bytes
        self._activations: dict[str, _Activation] = {}
        self._execution_stream = f"execution-{self.trace}"
        self._log_stream = f"log-{self.trace}"
        self._versions = {self._execution_stream: 0, self._log_stream: 0}
        if fault := name_fault(self.trace, f"the trace name {_shown(self.trace)}", LONGEST_NAME):
            raise self._refused(fault.message, self.line)
        if (size := len(self._execution_stream.encode())) > LONGEST_STREAM_ID:
            what = (
                f"the trace name {_shown(self.trace)} makes a stream id of {size} bytes, more than {LONGEST_STREAM_ID}"
            )
            raise self._refused(what, self.line)

    def appends(self, part: TracePart) -> list[Append]:
        """Return the appends of a part, with the expected versions of their streams; raises ImportFailed."""
        execution: list[NewEvent] = []
        log: list[NewEvent] = []
        last = len(part.events) - 1
        if not part.events and part.offset == 0:
            self._open_and_end_at_once(part, execution)
        for number, event in enumerate(part.events):
            self._check_node(event)
            index = part.offset + number
            actor = {} if event.resource is None else {"actor": event.resource}
            if index == 0:
                execution.extend(self._envelope(e, 0, event.time, actor) for e in self._beginning(event.time))
            emitted = self._step(event)
            target = log if emitted.type == "LogAppended" else execution
            target.append(self._envelope(emitted, index, event.time, actor))
            if part.ends and number == last:
                execution.append(self._envelope(self._ending(event.time), index, event.time, actor))
        return list(self._in_streams(execution, log))

    def _in_streams(self, execution: list[NewEvent], log: list[NewEvent]) -> Iterator[Append]:
        for stream_id, events in ((self._execution_stream, execution), (self._log_stream, log)):
            if events:
                yield Append(stream_id=stream_id, events=events, expected_version=self._versions[stream_id])
                self._versions[stream_id] += len(events)

    def _open_and_end_at_once(self, part: TracePart, execution: list[NewEvent]) -> None:
        at = part.date or EPOCH
        execution.extend(self._envelope(e, 0, at, {}) for e in (*self._beginning(at), self._ending(at)))

    def _envelope(self, emitted: _Emitted, index: int, at: datetime, metadata: dict[str, Any]) -> NewEvent:
        return NewEvent(
            type=emitted.type,
            data=emitted.data,
            event_id=_uuid5(self._ids, f"{index}/{emitted.type}"),
            metadata=metadata,
            occurred_at=at,
        )

    def _beginning(self, at: datetime) -> tuple[_Emitted, _Emitted]:
        created = {"execution_id": self.trace, "workflow_id": str(self.workflow_id), "mode": "TRIGGER"}
        return _Emitted("ExecutionCreated", created), _Emitted("ExecutionStarted", {"start_time": _milliseconds(at)})

    def _ending(self, at: datetime) -> _Emitted:
        return _Emitted("ExecutionSucceeded", {"end_time": _milliseconds(at)})

    def _step(self, event: XesEvent) -> _Emitted:
        transition = "COMPLETE" if event.transition is None else event.transition.upper()
        if transition not in {"SCHEDULE", "START", "COMPLETE"}:
            message = f"{event.name}: {event.transition}"
            data = {"level": "INFO", "event_type": "workflow_progress", "message": message, "node_id": event.name}
            return _Emitted("LogAppended", data)
        if (current := self._activations.get(event.name)) is None:
            current = self._activations[event.name] = _Activation()
        if transition == "SCHEDULE":
            _open(current, "PENDING")
            return _Emitted("NodeScheduled", _names(event.name, current))
        if transition == "START":
            if current.status == "RUNNING":
                current.attempt += 1
            else:
                if current.status != "PENDING":
                    _open(current, "RUNNING")
                current.status, current.attempt = "RUNNING", 1
            started = {"attempt": current.attempt, "start_time": _milliseconds(event.time)}
            return _Emitted("NodeStarted", _names(event.name, current) | started)
        if current.status not in {"PENDING", "RUNNING"}:
            _open(current, "SUCCESS")
        current.status = "SUCCESS"
        return _Emitted("NodeSucceeded", _names(event.name, current) | {"end_time": _milliseconds(event.time)})

    def _check_node(self, event: XesEvent) -> None:
        if fault := _node_fault(event.name):
            raise self._refused(fault.message, event.line)

    def _refused(self, what: str, line: int) -> ImportFailed:
        return ImportFailed(
            f"{self.file}, line {line}, trace {_shown(self.trace)}: {what}",
            hint="shorten or rename it, because it becomes an id",
            line=line,
            trace=self.trace,
        )


def _open(activation: _Activation, status: str) -> None:
    activation.opened += 1
    activation.status = status
    activation.attempt = 0


def _names(node: str, activation: _Activation) -> dict[str, Any]:
    return {"activation": _activation_name(node, activation.opened), "node_id": node, "node_type": NODE_TYPE}


def _activation_name(node: str, number: int) -> str:
    name = f"{node}#{number}"
    if len(name) <= LONGEST_NAME:
        return name
    # Two long names that begin alike must not get the same activations.
    tail = f"~{sha256(node.encode()).hexdigest()[:16]}#{number}"
    return node[: LONGEST_NAME - len(tail)] + tail


def _uuid5(namespace: bytes, name: str) -> UUID:
    # The same as uuid.uuid5 in half the time, because it is called for every event.
    return UUID(bytes=sha1(namespace + name.encode(), usedforsecurity=False).digest()[:16], version=5)


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND


@lru_cache(maxsize=1024)
def _node_fault(name: str) -> InvalidInput | None:
    return name_fault(name, f"the event name {_shown(name)}", LONGEST_NAME)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:40]}…")
