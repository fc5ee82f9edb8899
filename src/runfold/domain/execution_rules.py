"""What an execution's commands may do: the legal moves, and what else a command must respect.

Beyond the table of legal moves, a command must say something new: only what was paused is resumed, a node has one open
pause, and no node begins before the execution has started or after it has ended. What has begun may end later. An
attempt that is over says nothing more, and what one worker runs no other starts by accident.
"""

from __future__ import annotations

from runfold.domain.aggregate import NAME, check_value
from runfold.domain.execution_state import ExecutionState, Node
from runfold.errors import IllegalTransition, OldAttempt
from runfold.events import NodeStarted
from runfold.events.machines import EXECUTION, NODE, PAUSE, Machine, Status

STARTED = ("RUNNING", "PAUSED", "WAITING_FOR_HUMAN")
"""The statuses in which nodes of an execution may begin."""

_ATTEMPT = next(at.rule for at in NodeStarted.rules() if at.field == "attempt")
_ENDING = tuple(command for command, targets in NODE.commands.items() if targets <= frozenset(NODE.ends))


class ExecutionRules(ExecutionState):
    """The state of an execution, with the checks of its commands. `Execution` has the commands."""

    def free_activation(self, node_id: str) -> str:
        """Return a name that no activation has: the node_id at first, then `<node_id>#2` and so on."""
        if type(node_id) is not str or node_id not in self.activations:
            check_value(NAME, node_id, "/node_id")
        number = self.activations.get(node_id, 0) + 1
        name = node_id if number == 1 else _numbered(node_id, number)
        while name in self.nodes:
            number += 1
            name = _numbered(node_id, number)
        return name

    def next_activation(self, node_id: str) -> str:
        """Return the activation of a node to start next: one that is scheduled, or else a new one."""
        name = self.free_activation(node_id)
        return scheduled[0] if (scheduled := self.scheduled.get(node_id)) else name

    def activation_to_start(self, node_id: str, *, takeover: bool | None) -> str:
        """Return the activation of a node to start: no new one while workers run those that were scheduled."""
        name = self.next_activation(node_id)
        if self.status in STARTED and name not in self.nodes and (taken := self.taken.get(node_id)):
            if not takeover:
                raise self._is_run(taken[0], self.nodes[taken[0]])
            return taken[0]
        return name

    def _check_execution(self, command: str, target: str) -> None:
        if command not in self._allowed(EXECUTION, self.status) or not EXECUTION.is_legal(self.status, target):
            raise self._illegal(EXECUTION, self.status, command)

    def _node(self, activation: str) -> Node | None:
        """Return an activation, if there is one; raises InvalidInput for what cannot be the name of one."""
        node = self.nodes.get(activation) if type(activation) is str else None
        if node is None:
            check_value(NAME, activation, "/activation")
        return node

    def _check_node(self, activation: str, command: str, target: str, attempt: int | None = None) -> Node:
        """Return an activation that the command may move; `attempt` is the one that gives the command."""
        node = self._node(activation)
        if attempt is not None:
            check_value(_ATTEMPT, attempt, "/attempt")
        if self.status is None:
            raise self._illegal(EXECUTION, None, command)
        if node is not None:
            self._check_attempt(activation, node, command, attempt)
        if node is not None and node.closed_from is not None:
            # The execution's end has closed it: what it says of its own end still counts.
            if not NODE.has_ended(target):
                raise self._illegal(NODE, node.status, command, activation, allowed=_ENDING)
        else:
            self._check(NODE, None if node is None else node.status, command, target, activation)
        return node or Node(activation)

    def _check_attempt(self, activation: str, node: Node, command: str, attempt: int | None) -> None:
        if attempt is not None and attempt < node.attempt:
            raise OldAttempt(
                f"attempt {attempt} of node {activation} of {self.id} is over, attempt {node.attempt} has begun:"
                f" {command}() is not possible",
                hint="another worker does this work now, so stop it",
                stream_id=self.id,
                machine=NODE.name,
                name=activation,
                state=node.status,
                command=command,
                allowed=(),
                attempt=attempt,
                reached=node.attempt,
            )

    def _check_start(self, activation: str, *, takeover: bool | None, attempt: int | None, known: Node | None) -> None:
        """Raise IllegalTransition where no attempt may begin, above all because another worker runs the activation."""
        node = self._node(activation)
        if self.status not in STARTED:
            raise self._illegal(EXECUTION, self.status, "node")
        self._check(NODE, None if node is None else node.status, "start", "RUNNING", activation)
        if node is None or takeover:
            return
        self._check_attempt(activation, node, "start", attempt)
        if node.status == "RUNNING" and not node.goes_on:
            was_faster = known is not None and known != node
            if takeover is False or node.was_scheduled or was_faster:
                raise self._is_run(activation, node)

    def _is_run(self, activation: str, node: Node) -> IllegalTransition:
        """Return the refusal to start what another worker may be running."""
        allowed = tuple(one for one in self._allowed(NODE, node.status) if one != "start")
        return self._illegal(
            NODE,
            node.status,
            "start",
            activation,
            allowed=allowed,
            hint="start(takeover=True) begins its next attempt, if the worker that runs it was given up",
        )

    def _check_pause(self, pause: str, command: str, target: str) -> None:
        check_value(NAME, pause, "/pause")
        before = self.pauses.get(pause)
        self._check(PAUSE, None if before is None else before.status, command, target, pause)

    def _allowed(self, machine: Machine, status: Status) -> tuple[str, ...]:
        """Return what the machine allows, without the commands that would change nothing."""
        allowed = machine.allowed(status)
        idle: set[str] = set()
        if machine is EXECUTION:
            idle = {"resume"} if not self.paused else {"pause"}
            if status != "NEW":
                idle.add("start")
            if self.open_pauses:
                allowed = (*allowed, "resume_pause", "time_out_pause", "cancel_pause")
        elif machine is NODE and status != "WAITING_INPUT":
            idle = {"continue_"}
        return tuple(command for command in allowed if command not in idle)


def _numbered(node_id: str, number: int) -> str:
    """Return the name of a later activation. A long node_id is cut: both have the same limit of length."""
    suffix = f"#{number}"
    return node_id[: 255 - len(suffix)] + suffix
