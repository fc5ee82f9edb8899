"""Map a trace of an XES file to the events of an execution, its nodes' activations and its log lines.

The mapping is fixed, so that counts can be compared with any other reading of the same file. All events and their ids
are a function of the log's name, the trace, its events and the options: the same trace always gives the same events.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha1, sha256
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from runfold.events.envelope import Append, NewEvent
from runfold.events.ids import uuid_of
from runfold.events.streams import stream_id
from runfold.interop.xes_document import LONGEST_NAME
from runfold.interop.xes_options import Step, XesOptions
from runfold.interop.xes_parts import TracePart, XesEvent
from runfold.interop.xes_times import EPOCH

XES_IDS = UUID("5f0d3d0e-5b0c-5b0e-9d6a-6c6f67786573")
MILLISECOND = timedelta(milliseconds=1)

NODE_TYPE = "ACTION"
TRANSITIONS_COUNTED = 100

# Of a UUID's 128 bits, four say its version and two its variant.
_NOT_VERSION = ~((0xF << 76) | (0x3 << 62))
_VERSION_8 = (8 << 76) | (0x2 << 62)


@cache
def workflow_id(log_name: str) -> UUID:
    """Return the id of the workflow for a log's name; it is the same in every database."""
    return uuid5(XES_IDS, log_name)


class _Activation:
    """An open activation: its name, whether it runs, and which attempt that is."""

    __slots__ = ("attempt", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.attempt = 0  # 0: it is scheduled, and has not started


class Tally:
    """Counts, over the traces of a log, the activations opened and the events that only became log lines.

    `logged` has these by their transition as it is written; of a log with very many transitions, by the first of them.
    """

    __slots__ = ("activations", "logged", "logged_events")

    def __init__(self) -> None:
        self.activations = 0
        self.logged_events = 0
        self.logged: dict[str, int] = {}

    def log(self, transition: str) -> None:
        """Count an event that became a log line."""
        self.logged_events += 1
        if transition in self.logged or len(self.logged) < TRANSITIONS_COUNTED:
            self.logged[transition] = self.logged.get(transition, 0) + 1


class _Emitted(NamedTuple):
    type: str
    data: dict[str, Any]


class TraceMapping:
    """Maps the parts of one trace, in their order, to appends to its execution stream and its log stream.

    A node's current activation is the one opened last; where events carry a `concept:instance`, that of the node and
    the instance. Only open ones are kept: what has ended is as if it had not been.
    """

    def __init__(self, first: TracePart, options: XesOptions | None = None, tally: Tally | None = None) -> None:
        self.execution_id = first.execution_id
        self.workflow_id = workflow_id(first.log_name)
        self._step_of = (options or XesOptions()).step
        self._tally = tally or Tally()
        self._ids = uuid5(self.workflow_id, self.execution_id).bytes
        self._open: dict[tuple[str, str | None], _Activation] = {}
        self._opened: dict[str, int] = {}
        self._execution_stream = stream_id("execution", self.execution_id)
        self._log_stream = stream_id("log", self.execution_id)
        self._versions = {self._execution_stream: 0, self._log_stream: 0}

    def appends(self, part: TracePart) -> list[Append]:
        """Return the appends of a part, with the expected versions of their streams."""
        execution: list[NewEvent] = []
        log: list[NewEvent] = []
        last = len(part.events) - 1
        if not part.events and part.offset == 0:
            self._open_and_end_at_once(part, execution)
        for number, event in enumerate(part.events):
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
        for stream, events in ((self._execution_stream, execution), (self._log_stream, log)):
            if events:
                yield Append(stream_id=stream, events=events, expected_version=self._versions[stream])
                self._versions[stream] += len(events)

    def _open_and_end_at_once(self, part: TracePart, execution: list[NewEvent]) -> None:
        at = part.date or EPOCH
        execution.extend(self._envelope(e, 0, at, {}) for e in (*self._beginning(at), self._ending(at)))

    def _envelope(self, emitted: _Emitted, index: int, at: datetime, metadata: dict[str, Any]) -> NewEvent:
        return NewEvent(
            type=emitted.type,
            data=emitted.data,
            event_id=_id_of(self._ids, f"{index}/{emitted.type}"),
            metadata=metadata,
            occurred_at=at,
        )

    def _beginning(self, at: datetime) -> tuple[_Emitted, _Emitted]:
        created = {"execution_id": self.execution_id, "workflow_id": str(self.workflow_id), "mode": "TRIGGER"}
        return _Emitted("ExecutionCreated", created), _Emitted("ExecutionStarted", {"start_time": _milliseconds(at)})

    def _ending(self, at: datetime) -> _Emitted:
        return _Emitted("ExecutionSucceeded", {"end_time": _milliseconds(at)})

    def _step(self, event: XesEvent) -> _Emitted:
        step = self._step_of(event.transition)
        if step is Step.LOG:
            transition = event.transition or "COMPLETE"
            self._tally.log(transition)
            message = f"{event.name}: {transition}"
            data = {"level": "INFO", "event_type": "workflow_progress", "message": message, "node_id": event.name}
            return _Emitted("LogAppended", data)
        key = (event.name, event.instance)
        if step is Step.SCHEDULE:
            self._open[key] = current = self._activate(event.name)
            return _Emitted("NodeScheduled", _names(event.name, current))
        if step is Step.START:
            if (opened := self._open.get(key)) is None:
                opened = self._open[key] = self._activate(event.name)
            opened.attempt += 1
            started = {"attempt": opened.attempt, "start_time": _milliseconds(event.time)}
            return _Emitted("NodeStarted", _names(event.name, opened) | started)
        ended = self._open.pop(key) if key in self._open else self._activate(event.name)
        return _Emitted("NodeSucceeded", _names(event.name, ended) | {"end_time": _milliseconds(event.time)})

    def _activate(self, node: str) -> _Activation:
        number = self._opened[node] = self._opened.get(node, 0) + 1
        self._tally.activations += 1
        return _Activation(_activation_name(node, number))


def _names(node: str, activation: _Activation) -> dict[str, Any]:
    return {"activation": activation.name, "node_id": node, "node_type": NODE_TYPE}


def _activation_name(node: str, number: int) -> str:
    name = f"{node}#{number}"
    if len(name) <= LONGEST_NAME:
        return name
    # Two long names that begin alike must not get the same activations.
    tail = f"~{sha256(node.encode()).hexdigest()[:16]}#{number}"
    return node[: LONGEST_NAME - len(tail)] + tail


def _id_of(execution: bytes, name: str) -> UUID:
    """Return the id of an event: the same in each import, and a neighbour of the other ids of its execution."""
    digest = sha1(execution + name.encode(), usedforsecurity=False).digest()
    return uuid_of(int.from_bytes(execution[:6] + digest[6:16]) & _NOT_VERSION | _VERSION_8)


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND
