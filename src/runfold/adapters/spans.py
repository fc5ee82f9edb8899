"""Spans of any library as executions and nodes: what the adapters of tracing libraries share.

A trace is an execution, named after the trace; each span is an activation of a node, named for people. A span whose
parent is not open here (it is in another process, was not recorded, or its execution has ended) begins an execution of
its own, `<trace>-<span>`, whose parent is the trace's. So no two processes write one execution, and nothing comes
after an end. Ids of events are functions of trace and span: the same span recorded twice is one event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import UUID, uuid5

from runfold.adapters import attributes as table
from runfold.adapters.emitting import Emits, Quiet
from runfold.adapters.events_of_spans import (
    SpanEnd,
    SpanEvent,
    SpanStart,
    datetime_of,
    error_of,
    is_cancelation,
    line_of,
    milliseconds,
    model_call,
    output_of,
)
from runfold.adapters.storable import MOST_BYTES, fitting, name, numbered, text
from runfold.events import (
    Event,
    ExecutionCanceled,
    ExecutionCreated,
    ExecutionFailed,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeCanceled,
    NodeFailed,
    NodeStarted,
    NodeSucceeded,
)
from runfold.events.ids import event_id
from runfold.events.streams import stream_id

WORKFLOWS = UUID("6a3f4e52-7d0c-5c1b-9a55-0a6d4f54454c")

_Key = tuple[str, str]


def workflow_of(service: str, root: str) -> UUID:
    """Return the id of the workflow for a service and the name of its root span; the same in every database."""
    return uuid5(WORKFLOWS, f"{service}\x1f{root}")


@dataclass(slots=True)
class _Execution:
    id: str
    stream: str
    root: SpanStart
    workflow_id: UUID
    ended: bool = False
    told: bool = False  # ExecutionCreated and ExecutionStarted are with the emitter
    names: Counter[str] = field(default_factory=Counter)
    failed_node: str | None = None


@dataclass(slots=True)
class _Node:
    execution: _Execution
    start: SpanStart
    node_id: str
    activation: str
    node_type: str
    parent: _Node | None
    said_input: bool = False
    told: bool = False
    model_counted: bool = False  # a span below has recorded the call of a model


class SpanRecorder:
    """Records spans that begin and end, from any thread; it never raises and never waits."""

    def __init__(
        self,
        emitter: Emits,
        *,
        workflow_id: UUID | None = None,
        user_id: UUID | None = None,
        source: str = "opentelemetry",
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._quiet = Quiet(emitter, f"a part of a trace ({source})", user_id=user_id)
        self._workflow_id = workflow_id
        self._source = source
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._open: dict[_Key, _Node] = {}

    @property
    def dropped(self) -> dict[str, int]:
        """How many events the emitter has not taken, by the code of its error."""
        return self._quiet.dropped

    def begin(self, start: SpanStart) -> None:
        """Record that a span begins."""
        try:
            with self._lock:
                self._begin(start)
        except Exception as error:  # a program must not fail because it is traced
            self._quiet.count(error)

    def end(self, trace_id: str, span_id: str, end: SpanEnd) -> None:
        """Record that a span has ended; one whose begin is unknown is not recorded."""
        try:
            with self._lock:
                if (node := self._open.pop((trace_id, span_id), None)) is not None:
                    self._end(node, end)
        except Exception as error:  # a program must not fail because it is traced
            self._quiet.count(error)

    def forget(self) -> None:
        """Forget the spans that are open: their ends are recorded no more."""
        with self._lock:
            self._open.clear()

    def _begin(self, start: SpanStart) -> None:
        key = (start.trace_id, start.span_id)
        if key in self._open:
            return
        parent = self._open.get((start.trace_id, start.parent_id)) if start.parent_id is not None else None
        if parent is not None and parent.execution.ended:
            parent = None
        execution = self._execution(start) if parent is None else parent.execution
        kind = table.node_type(start.attributes)
        label = _label(start, kind)
        node = _Node(execution, start, label, numbered(execution.names, label), kind, parent)
        self._open[key] = node
        self._tell(node)

    def _execution(self, root: SpanStart) -> _Execution:
        execution_id = root.trace_id if root.parent_id is None else f"{root.trace_id}-{root.span_id}"
        service = text(root.about.get("service.name", self._source))
        workflow_id = self._workflow_id or workflow_of(service, root.name)
        return _Execution(execution_id, stream_id("execution", execution_id), root, workflow_id)

    def _tell(self, node: _Node) -> bool:
        """Emit what begins a node, and its execution, unless it was; return whether the emitter has all of it."""
        execution, start = node.execution, node.start
        if not execution.told:
            execution.told = self._tell_execution(execution)
        if not node.told and execution.told:
            given, _ = table.content(start.attributes, "input")
            node.said_input = given is not None
            began = NodeStarted(
                activation=node.activation,
                node_id=node.node_id,
                node_type=node.node_type,
                node_name=name(start.name),
                node_subtype=start.kind,
                parent_activation=None if node.parent is None else node.parent.activation,
                attempt=1,
                start_time=milliseconds(start.start_ns),
                input_data=fitting({"input": given}, self._most_bytes) if node.said_input else None,
            )
            node.told = self._emit(execution, start, began, start.start_ns)
        return node.told

    def _tell_execution(self, execution: _Execution) -> bool:
        root = execution.root
        service = text(root.about.get("service.name", self._source))
        about = {"source": self._source, "trace_id": root.trace_id, "root": root.name, "resource": dict(root.about)}
        if root.parent_id is not None:
            about["parent_span"] = root.parent_id
        created = ExecutionCreated(
            execution_id=execution.id,
            workflow_id=execution.workflow_id,
            mode="TRIGGER",
            trigger_subtype="TRACE",
            triggered_by=name(service),
            parent_execution_id=None if execution.id == root.trace_id else root.trace_id,
            metadata=fitting(about, self._most_bytes),
        )
        started = ExecutionStarted(start_time=milliseconds(root.start_ns))
        return self._emit(execution, root, created, root.start_ns) and self._emit(
            execution, root, started, root.start_ns
        )

    def _end(self, node: _Node, end: SpanEnd) -> None:
        execution = node.execution
        end_ns = max(end.end_ns, node.start.start_ns)
        is_root = node.start is execution.root
        if not self._tell(node):
            execution.ended = execution.ended or is_root
            return
        attributes = {**node.start.attributes, **end.attributes}
        for number, event in enumerate(end.events):
            self._line(node, number, event, failed=end.failed)
        kind = table.node_type(attributes)
        if kind in table.MODELS:
            self._model_called(node, attributes, end_ns)
        error = error_of(end, attributes)
        output = output_of(attributes, end, said_input=node.said_input, most_bytes=self._most_bytes)
        if error is not None:
            error = fitting({**error, **output}, self._most_bytes)
        self._emit(execution, node.start, _node_end(node, kind, end_ns, error, output), end_ns)
        if error is not None and execution.failed_node is None:
            execution.failed_node = node.node_id
        if is_root:
            execution.ended = True
            self._emit(execution, node.start, _execution_end(execution, end_ns, error, output), end_ns)

    def _model_called(self, node: _Node, attributes: Mapping[str, Any], end_ns: int) -> None:
        above = node.parent
        while above is not None and above.node_type in table.MODELS:
            above.model_counted = True
            above = above.parent
        called = model_call(attributes, node.activation, latency_ns=end_ns - node.start.start_ns)
        if called is not None and not node.model_counted:
            self._emit(node.execution, node.start, called, end_ns)

    def _line(self, node: _Node, number: int, event: SpanEvent, *, failed: bool) -> None:
        if failed and event.name == "exception":
            return  # it is the error of the node
        line = line_of(event, node.node_id, node.node_type, most_bytes=self._most_bytes)
        stream = stream_id("log", node.execution.id)
        self._quiet.emit(
            stream,
            line,
            event_id=event_id(stream, f"{node.start.span_id}/event/{number}"),
            at=datetime_of(event.at_ns),
            metadata={"span_id": node.start.span_id},
        )

    def _emit(self, execution: _Execution, span: SpanStart, event: Event, at_ns: int) -> bool:
        return self._quiet.emit(
            execution.stream,
            event,
            event_id=event_id(execution.stream, f"{span.span_id}/{event.event_type()}"),
            at=datetime_of(at_ns),
            metadata={"span_id": span.span_id},
        )


def _label(start: SpanStart, kind: str) -> str:
    """Return the name of the node for people: the span's, with the model, tool or agent that it leaves out."""
    label = name(start.name, 200, default="span")
    what = {"LLM": "model", "EMBEDDING": "model", "TOOL": "tool", "AI_AGENT": "agent"}.get(kind)
    if what is not None and isinstance(said := table.taken(start.attributes, what), str) and said not in label:
        label = name(f"{label} {said}", 240)
    return label


def _node_end(node: _Node, kind: str, end_ns: int, error: Any, output: dict[str, Any]) -> Event:
    at = milliseconds(end_ns)
    if error is None:
        return NodeSucceeded(
            activation=node.activation, node_id=node.node_id, node_type=kind, end_time=at, output_data=output or None
        )
    if is_cancelation(error):
        return NodeCanceled(
            activation=node.activation, node_id=node.node_id, node_type=kind, end_time=at, reason=error["type"]
        )
    return NodeFailed(activation=node.activation, node_id=node.node_id, end_time=at, error_data=error)


def _execution_end(execution: _Execution, end_ns: int, error: Any, output: dict[str, Any]) -> Event:
    at = milliseconds(end_ns)
    if error is None:
        return ExecutionSucceeded(end_time=at, run_data=output.get("output"))
    if is_cancelation(error):
        return ExecutionCanceled(end_time=at, reason=error["type"])
    message = f"{error.get('type', 'Error')}: {error.get('message', '')}"
    return ExecutionFailed(
        end_time=at,
        error_message=message[:2_000],
        error_details={key: error[key] for key in ("type", "message", "traceback") if key in error},
        node_id=execution.failed_node,
    )


__all__ = ["SpanEnd", "SpanEvent", "SpanRecorder", "SpanStart", "workflow_of"]
