"""The state of an execution's stream, and the fold of each of its events, as docs/decisions/002 defines them."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from immutables import Map

from runfold.domain.aggregate import NAME, Aggregate, Changes, Data, Fold, folds_of
from runfold.events.machines import EXECUTION, NODE, PAUSE, Move
from runfold.events.rules import Rule


class Node(NamedTuple):
    """One activation."""

    node_id: str
    status: str | None = None
    attempt: int = 0
    """The last attempt that was started; 0 before the first."""
    node_type: str | None = None
    pause: str | None = None
    """The pause it waits at."""
    was_scheduled: bool = False
    """Whether it was scheduled, so that any worker may take it."""
    goes_on: bool = False
    """Whether it waited and may go on, and no worker has entered it since."""
    closed_from: str | None = None
    """The status in which the end of its execution closed it; None if it is open or has ended by itself."""

    @property
    def is_open(self) -> bool:
        """Whether it exists and has not ended."""
        return self.status is not None and not NODE.has_ended(self.status)

    @property
    def has_ended_itself(self) -> bool:
        """Whether an event of its own has ended it, and not the end of its execution."""
        return not self.is_open and self.closed_from is None


class Pause(NamedTuple):
    """One pause, open or closed."""

    node_id: str
    reason: str
    status: str
    interaction_id: UUID | None = None
    activation: str | None = None
    """The activation that waits; None where the pause is the node's."""

    @property
    def holds(self) -> str:
        """What has this pause and no other: the activation, or else the node."""
        return self.node_id if self.activation is None else self.activation


class Signal(NamedTuple):
    """A signal that was sent to an execution."""

    name: str
    version: int
    """The version of its event in the execution's stream: its place among all signals."""
    data: Any = None


class ExecutionState(Aggregate):
    """The state of an execution, its nodes and its pauses. `Execution` has the commands."""

    category: ClassVar[str] = "execution"
    _name_field: ClassVar[str] = "execution_id"
    _name_rule: ClassVar[Rule] = NAME

    status: str | None = None
    workflow_id: UUID | None = None
    paused: bool = False
    """Whether it was paused by a command and not resumed since."""
    nodes: Map[str, Node] = Map()
    """Every activation by its name."""
    activations: Map[str, int] = Map()
    """How many activations each node_id has had."""
    scheduled: Map[str, tuple[str, ...]] = Map()
    """The activations of each node_id that are scheduled and have not begun, in their order."""
    taken: Map[str, tuple[str, ...]] = Map()
    """The activations of each node_id that were scheduled, have begun and not ended, in their order."""
    pauses: Map[str, Pause] = Map()
    """Every pause by its name, closed ones included."""
    open_pauses: Map[str, str] = Map()
    """The reason of each open pause."""
    epoch: int = 0
    """How often it was taken over."""
    engine: str | None = None
    """The engine that took it over last."""
    signals: Map[str, tuple[Signal, ...]] = Map()
    """The signals of each name that nothing has taken yet, in their order."""
    taken_signals: Map[tuple[str, str], Signal] = Map()
    """The signals that were taken under a key, by name and key."""

    @property
    def has_ended(self) -> bool:
        """Whether it has succeeded, failed, timed out or was canceled."""
        return self.status is not None and EXECUTION.has_ended(self.status)


def _created(state: ExecutionState, data: Data) -> Changes:
    if state.status is not None:
        return {}
    return {"status": "NEW", "workflow_id": UUID(data["workflow_id"])}


def _status(open_pauses: Map[str, str], *, paused: bool) -> str:
    if "human_interaction" in open_pauses.values():
        return "WAITING_FOR_HUMAN"
    return "PAUSED" if open_pauses or paused else "RUNNING"


def _goes_on(*, paused: bool | None) -> Fold:
    """Return the fold of an event that does not end the execution; `paused` is None where that stays as it was."""

    def fold(state: ExecutionState, _: Data) -> Changes:
        if state.status is None or EXECUTION.has_ended(state.status):
            return {}
        held = state.paused if paused is None else paused
        return {"status": _status(state.open_pauses, paused=held), "paused": held}

    return fold


def _ends(status: str) -> Fold:
    def fold(state: ExecutionState, _: Data) -> Changes:
        if state.status is None or EXECUTION.has_ended(state.status):
            return {}
        closed = {name: state.pauses[name]._replace(status="cancelled") for name in state.open_pauses}
        nodes = {name: _closed(node) for name, node in state.nodes.items() if node.is_open}
        return {
            "status": status,
            "paused": False,
            "open_pauses": Map(),
            "pauses": state.pauses.update(closed),
            "nodes": state.nodes.update(nodes),
            "scheduled": Map(),
            "taken": Map(),
        }

    return fold


def _closed(node: Node) -> Node:
    """Return a node as the end of its execution leaves it."""
    return node._replace(status="CANCELED", pause=None, goes_on=False, closed_from=node.status)


def _node_moves_to(status: str, *, starts: bool = False) -> Fold:
    """Return the fold of an event that moves an activation; `starts` if it begins an attempt."""
    ends = NODE.has_ended(status)

    def fold(state: ExecutionState, data: Data) -> Changes:
        if state.status is None:
            return {}
        activation = data["activation"]
        before = state.nodes.get(activation)
        changes: dict[str, Any] = {}
        if before is None:
            node_id = data["node_id"]
            changes["activations"] = state.activations.set(node_id, state.activations.get(node_id, 0) + 1)
            before = Node(node_id)
        elif (data.get("attempt") or before.attempt) < before.attempt or before.has_ended_itself:
            return {}
        node = Node(
            before.node_id,
            status,
            data["attempt"] if starts else before.attempt,
            before.node_type if (given := data.get("node_type")) is None else given,
            data.get("pause") if status == "WAITING_INPUT" else None,
            before.was_scheduled or status == "PENDING",
            # Who enters it says the same once more.
            status == "RUNNING" and not starts and before.status == "WAITING_INPUT",
        )
        if EXECUTION.has_ended(state.status):
            node = node if ends else _closed(node)
        elif node.was_scheduled:
            changes |= _lists_with(state, activation, node)
        changes["nodes"] = state.nodes.set(activation, node)
        return changes

    return fold


def _lists_with(state: ExecutionState, activation: str, node: Node) -> Changes:
    """Return the lists of scheduled and of taken activations after a scheduled activation has moved."""
    changes: dict[str, Any] = {}
    for name, lists, belongs in (
        ("scheduled", state.scheduled, node.status == "PENDING"),
        ("taken", state.taken, node.is_open and node.status != "PENDING"),
    ):
        listed = lists.get(node.node_id, ())
        if belongs != (activation in listed):
            listed = (*listed, activation) if belongs else tuple(one for one in listed if one != activation)
            changes[name] = lists.set(node.node_id, listed)
    return changes


def _pause_opened(state: ExecutionState, data: Data) -> Changes:
    name = data["pause"]
    if state.status is None or EXECUTION.has_ended(state.status) or name in state.pauses:
        return {}
    interaction = data.get("interaction_id")
    pause = Pause(
        data["paused_node_id"],
        data["pause_reason"],
        "active",
        None if interaction is None else UUID(interaction),
        data.get("activation"),
    )
    open_pauses = state.open_pauses.set(name, pause.reason)
    return {
        "pauses": state.pauses.set(name, pause),
        "open_pauses": open_pauses,
        "status": _status(open_pauses, paused=state.paused),
    }


def _pause_moves_to(status: str) -> Fold:
    def fold(state: ExecutionState, data: Data) -> Changes:
        name = data["pause"]
        if name not in state.open_pauses:
            return {}
        open_pauses = state.open_pauses.delete(name)
        return {
            "pauses": state.pauses.set(name, state.pauses[name]._replace(status=status)),
            "open_pauses": open_pauses,
            "status": _status(open_pauses, paused=state.paused),
        }

    return fold


def _taken_over(state: ExecutionState, data: Data) -> Changes:
    return {} if data["epoch"] <= state.epoch else {"epoch": data["epoch"], "engine": data["engine"]}


def _signaled(state: ExecutionState, data: Data) -> Changes:
    name = data["signal"]
    signal = Signal(name, state.version + 1, data.get("data"))
    return {"signals": state.signals.set(name, (*state.signals.get(name, ()), signal))}


def _signal_taken(state: ExecutionState, data: Data) -> Changes:
    name, version, key = data["signal"], data["version"], data.get("key")
    waiting = state.signals.get(name, ())
    changes: dict[str, Any] = {
        "signals": state.signals.set(name, tuple(one for one in waiting if one.version != version))
    }
    taken = next((one for one in waiting if one.version == version), None)
    if key is not None and taken is not None and (name, key) not in state.taken_signals:
        changes["taken_signals"] = state.taken_signals.set((name, key), taken)
    return changes


def _fold_of(move: Move) -> Fold:
    """Return the fold of an event that does no more than to move an execution, a node or a pause."""
    target = str(move.target)
    if move.machine is NODE:
        return _node_moves_to(target)
    if move.machine is PAUSE:
        return _pause_moves_to(target)
    return _ends(target) if move.ends else _goes_on(paused=None)


FOLDS: dict[str, Fold] = folds_of(
    "execution",
    _fold_of,
    {
        "ExecutionCreated": _created,
        "ExecutionPaused": _goes_on(paused=True),
        "ExecutionResumed": _goes_on(paused=False),
        "NodeStarted": _node_moves_to("RUNNING", starts=True),
        "PauseOpened": _pause_opened,
        "ExecutionTakenOver": _taken_over,
        "ExecutionSignaled": _signaled,
        "SignalTaken": _signal_taken,
    },
)
"""By event type. ExecutionMetadataSet changes nothing that a command looks at."""

ExecutionState._folds = FOLDS
