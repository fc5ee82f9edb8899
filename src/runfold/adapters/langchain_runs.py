"""One execution as callbacks tell it: its activations, named for people, and what they wait for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from runfold.adapters.emitting import Quiet
from runfold.adapters.langchain_values import interrupts_of, is_cancelation, shown
from runfold.adapters.storable import name, numbered
from runfold.domain.error_data import error_data_of
from runfold.events import (
    Event,
    ExecutionCanceled,
    ExecutionCreated,
    ExecutionFailed,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeAttemptFailed,
    NodeCanceled,
    NodeContinued,
    NodeFailed,
    NodeStarted,
    NodeSucceeded,
    NodeWaiting,
    PauseOpened,
    PauseResumed,
)
from runfold.events.base import types_that_end
from runfold.events.envelope import RecordedEvent
from runfold.events.ids import new_id
from runfold.events.machines import EXECUTION, NODE, PAUSE
from runfold.events.streams import stream_id

_ENDS = types_that_end(EXECUTION)
_ENDS_OF_NODES = types_that_end(NODE)
_ENDS_OF_PAUSES = types_that_end(PAUSE)


def now_ms() -> int:
    """Return the present in milliseconds."""
    return int(datetime.now(UTC).timestamp() * 1000)


@dataclass(slots=True)
class Node:
    """An activation that has begun; `task` is LangGraph's name for it, which a retry and a resume keep."""

    activation: str
    node_id: str
    node_type: str
    task: str | None = None
    parent: str | None = None
    attempt: int = 1
    started_ms: int = 0
    failed: BaseException | None = None
    """What the last attempt failed with, until it is known whether another one follows."""
    failed_ms: int = 0
    is_waiting: bool = False
    has_ended: bool = False
    pauses: dict[str, str] = field(default_factory=dict)
    """The open pauses, by the id of the interrupt."""


@dataclass(slots=True)
class Run:
    """An execution and its activations."""

    execution_id: str
    quiet: Quiet
    most_bytes: int
    thread: str | None = None
    has_ended: bool = False
    by_task: dict[str, Node] = field(default_factory=dict)
    _nodes: list[Node] = field(default_factory=list)
    _names: Counter[str] = field(default_factory=Counter)
    _pauses: Counter[str] = field(default_factory=Counter)

    def emit(self, event: Event, **metadata: Any) -> None:
        """Emit an event of the execution."""
        self.quiet.emit(
            stream_id("execution", self.execution_id),
            event,
            event_id=new_id(),
            at=datetime.now(UTC),
            metadata=metadata or None,
        )

    def begin(self, workflow_id: UUID, mode: Any, inputs: Any, triggered_by: str | None, label: str) -> None:
        """Emit that the execution was created and runs."""
        about: dict[str, Any] = {"graph": name(label)}
        if self.thread is not None:
            about["thread_id"] = name(self.thread)
        self.emit(
            ExecutionCreated(
                execution_id=self.execution_id,
                workflow_id=workflow_id,
                mode=mode,
                trigger_data=shown(inputs, self.most_bytes),
                triggered_by=triggered_by,
                metadata=about,
            )
        )
        self.emit(ExecutionStarted(start_time=now_ms()))

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a person."""
        return any(node.pauses for node in self._nodes)

    def start(
        self,
        label: str,
        node_type: str,
        inputs: Any,
        *,
        task: str | None = None,
        parent: str | None = None,
    ) -> Node:
        """Emit that a node begins, again after it failed, or goes on after it waited; return its activation."""
        node = self.by_task.get(task) if task is not None else None
        if node is not None and not node.has_ended:
            if node.is_waiting:
                node.is_waiting = False
                self.emit(NodeContinued(activation=node.activation, node_id=node.node_id, attempt=node.attempt))
                return node
            if node.failed is not None:
                self._attempt_failed(node)
                node.attempt += 1
        else:
            node_id = name(label, 200)
            node = Node(numbered(self._names, node_id), node_id, node_type, task, parent)
            self._nodes.append(node)
            if task is not None:
                self.by_task[task] = node
        node.started_ms = now_ms()
        node.failed = None
        self.emit(
            NodeStarted(
                activation=node.activation,
                node_id=node.node_id,
                node_type=node.node_type,
                node_name=node.node_id,
                parent_activation=node.parent,
                attempt=node.attempt,
                start_time=node.started_ms,
                input_data=shown(inputs, self.most_bytes),
            ),
            **({"langgraph_task": name(task)} if task is not None else {}),
        )
        return node

    def succeed(self, node: Node, output: Any) -> None:
        """Emit that an activation ended well."""
        node.has_ended = True
        self._close_pauses(node, None)
        self.emit(
            NodeSucceeded(
                activation=node.activation,
                node_id=node.node_id,
                attempt=node.attempt,
                end_time=max(now_ms(), node.started_ms),
                output_data=output,
            )
        )

    def fail(self, node: Node, error: BaseException) -> None:
        """Take in that an attempt failed. A graph may try its node again, so of such a one it is not emitted yet."""
        if is_cancelation(error):
            node.has_ended = True
            reason = name(f"{type(error).__name__} {error}".strip())
            self.emit(NodeCanceled(activation=node.activation, node_id=node.node_id, end_time=now_ms(), reason=reason))
            return
        node.failed, node.failed_ms = error, now_ms()
        if node.task is None:
            self.end_failed(node)

    def _attempt_failed(self, node: Node) -> None:
        if node.failed is not None:
            self.emit(
                NodeAttemptFailed(
                    activation=node.activation,
                    node_id=node.node_id,
                    attempt=node.attempt,
                    error_data=error_data_of(node.failed),
                    will_retry=True,
                )
            )

    def end_failed(self, node: Node) -> None:
        """Emit that an activation failed for good."""
        if node.failed is None or node.has_ended:
            return
        node.has_ended = True
        self.emit(
            NodeFailed(
                activation=node.activation,
                node_id=node.node_id,
                attempt=node.attempt,
                end_time=max(node.failed_ms, node.started_ms),
                error_data=error_data_of(node.failed),
            )
        )

    def end_failed_below(self, parent: str | None) -> None:
        """Emit which activations below another one failed for good: nobody can try them again."""
        for node in self._nodes:
            if parent is None or node.parent == parent:
                self.end_failed(node)

    def wait(self, node: Node, interrupts: Sequence[tuple[str, Any]]) -> None:
        """Emit that an activation waits for a person; one around it waits with it."""
        node.is_waiting = True
        pause = None
        for interrupt, question in interrupts:
            known = next((one.pauses[interrupt] for one in self._nodes if interrupt in one.pauses), None)
            if known is None and not node.pauses:
                known = numbered(self._pauses, node.activation, "/")
                node.pauses[interrupt] = known
                self.emit(
                    PauseOpened(
                        pause=known,
                        paused_node_id=node.node_id,
                        activation=node.activation,
                        pause_reason="human_interaction",
                        paused_at=datetime.now(UTC),
                        resume_conditions=shown({"interrupt": interrupt, "question": question}, self.most_bytes),
                    ),
                    langgraph_interrupt=name(interrupt),
                )
            pause = pause or known
        self.emit(NodeWaiting(activation=node.activation, node_id=node.node_id, attempt=node.attempt, pause=pause))

    def resume(self, answers: Any) -> None:
        """Emit which pauses end by an answer: all, or those whose interrupts the answers name."""
        named = isinstance(answers, dict) and any(one in answers for node in self._nodes for one in node.pauses)
        for node in self._nodes:
            for interrupt in [*node.pauses]:
                if named and interrupt not in answers:
                    continue
                self._close_pauses(node, answers[interrupt] if named else answers, interrupt)

    def _close_pauses(self, node: Node, answer: Any, only: str | None = None) -> None:
        for interrupt, pause in [*node.pauses.items()]:
            if only in (None, interrupt):
                del node.pauses[interrupt]
                data = None if answer is None else shown(answer, self.most_bytes)
                self.emit(
                    PauseResumed(pause=pause, resumed_at=datetime.now(UTC), resume_trigger="human_response", data=data)
                )

    def end(self, output: Any) -> None:
        """Emit that the execution ended well; where it waits for a person it has not."""
        self.end_failed_below(None)
        if self.is_waiting or self.has_ended:
            return
        self.has_ended = True
        self.emit(ExecutionSucceeded(end_time=now_ms(), run_data=shown(output, self.most_bytes)))

    def end_with(self, error: BaseException) -> None:
        """Emit that the execution failed, or was canceled."""
        if interrupts_of(error) is not None and self.is_waiting:
            return
        self.end_failed_below(None)
        self.has_ended = True
        if is_cancelation(error):
            self.emit(ExecutionCanceled(end_time=now_ms(), reason=name(type(error).__name__)))
            return
        data = error_data_of(error)
        self.emit(ExecutionFailed(end_time=now_ms(), error_message=data["message"], error_details=data))

    def give_up(self, reason: str) -> None:
        """Emit that the execution was canceled while it waited."""
        self.has_ended = True
        self.emit(ExecutionCanceled(end_time=now_ms(), reason=reason))

    def take_in(self, events: Sequence[RecordedEvent]) -> None:
        """Take in what is recorded of the execution, as another process left it."""
        by_activation: dict[str, Node] = {}
        interrupts: dict[str, tuple[str, str]] = {}
        for recorded in events:
            kind, data, metadata = recorded.type, dict(recorded.data or {}), dict(recorded.metadata or {})
            activation = data.get("activation")
            node = by_activation.get(activation) if activation else None
            if kind == "ExecutionCreated":
                self.thread = (data.get("metadata") or {}).get("thread_id")
            elif kind == "NodeStarted":
                if node is None:
                    node = Node(activation or "", data["node_id"], data["node_type"], metadata.get("langgraph_task"))
                    by_activation[node.activation] = node
                    self._nodes.append(node)
                    self._names[node.node_id] += 1
                    if node.task is not None:
                        self.by_task[node.task] = node
                node.attempt, node.started_ms = data["attempt"], data["start_time"]
            elif kind == "PauseOpened":
                self._pauses[str(activation)] += 1
                interrupts[data["pause"]] = (str(activation), metadata.get("langgraph_interrupt", ""))
                if node is not None:
                    node.pauses[metadata.get("langgraph_interrupt", "")] = data["pause"]
            elif kind in _ENDS_OF_PAUSES and data["pause"] in interrupts:
                of, interrupt = interrupts[data["pause"]]
                by_activation[of].pauses.pop(interrupt, None)
            elif node is not None:
                node.is_waiting = kind == "NodeWaiting"
                node.has_ended = kind in _ENDS_OF_NODES
            self.has_ended = self.has_ended or kind in _ENDS
