"""The machines of the vocabulary: their statuses, and the legal moves between them.

A machine is one thing with a status: an execution, a node's activation, a pause. `None` is the status of what does not
exist yet; a status that nothing leaves is an end. An event's class names its machine, the status that it moves it to,
and the command that makes it: `moves=NODE.to("SKIPPED", by="skip")`. From both follow the aggregates' folds, what a
command may do, and PostgreSQL's functions (`runfold.events.machines_sql`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Status = str | None


@dataclass(frozen=True)
class Move:
    """What an event does to its machine: it moves it to `target`, or to the status that its field `given_in` holds.

    `command` makes the event; None where a command of another machine does.
    """

    machine: Machine
    target: Status
    command: str | None = None
    given_in: str | None = None

    @property
    def ends(self) -> bool:
        """Whether nothing moves the machine any more after this move."""
        return self.target is not None and self.machine.has_ended(self.target)


@dataclass(frozen=True)
class Machine:
    """One kind of thing with a status: the moves that are legal, and the statuses that each command moves it to.

    A command is named as the handle's method that gives it, and so is printed by IllegalTransition; the classes of the
    events add theirs. `makes` names the commands that make the thing where it does not exist; if it is made `once`,
    they do nothing else. `stays` names the commands that move nothing and are legal until the thing has ended.
    """

    name: str
    moves: Mapping[Status, frozenset[str]]
    commands: dict[str, frozenset[str]]
    makes: frozenset[str] = frozenset()
    once: bool = True
    stays: frozenset[str] = frozenset()

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status, in the order of the table."""
        return tuple(status for status in self.moves if status is not None)

    @property
    def ends(self) -> tuple[str, ...]:
        """The statuses that nothing leaves."""
        return tuple(status for status in self.statuses if self.has_ended(status))

    def to(self, status: str, *, by: str | None = None) -> Move:
        """Return the move to a status by a command, for an event's class; raises ValueError for an unknown status."""
        if status not in self.statuses:
            raise ValueError(f"{self.name} has no status {status!r}: it has {', '.join(self.statuses)}")
        return Move(self, status, by)

    def to_the_status_in(self, field: str) -> Move:
        """Return the move to the status that a field of the event holds."""
        return Move(self, None, given_in=field)

    def add(self, move: Move) -> None:
        """Let the move's command move the machine: a class of events that joins the vocabulary has it."""
        if move.command is not None and move.target is not None:
            self.commands[move.command] = self.commands.get(move.command, frozenset()) | {move.target}

    def is_legal(self, status: Status, target: str) -> bool:
        """Return whether the vocabulary lets the machine move so."""
        return target in self.moves.get(status, frozenset())

    def has_ended(self, status: Status) -> bool:
        """Return whether nothing moves the machine any more."""
        return not self.moves.get(status)

    def may(self, command: str, status: Status) -> bool:
        """Return whether a command is legal in a status."""
        if command in self.stays:
            return status is not None and not self.has_ended(status)
        if (status is None) != (command in self.makes) and (status is None or self.once):
            return False
        return not self.commands[command].isdisjoint(self.moves.get(status, ()))

    def allowed(self, status: Status) -> tuple[str, ...]:
        """Return the commands that are legal in a status."""
        return tuple(command for command in (*self.commands, *sorted(self.stays)) if self.may(command, status))


def _machine(
    name: str,
    moves: Mapping[Status, str],
    *,
    commands: Mapping[str, str] | None = None,
    makes: str = "",
    once: bool = True,
    stays: str = "",
) -> Machine:
    return Machine(
        name,
        {status: frozenset(targets.split()) for status, targets in moves.items()},
        {command: frozenset(targets.split()) for command, targets in (commands or {}).items()},
        frozenset(makes.split()),
        once,
        frozenset(stays.split()),
    )


EXECUTION = _machine(
    "execution",
    {
        None: "NEW",
        "NEW": "RUNNING CANCELED ERROR TIMEOUT",
        "RUNNING": "SUCCESS ERROR CANCELED TIMEOUT PAUSED WAITING_FOR_HUMAN",
        "PAUSED": "RUNNING WAITING_FOR_HUMAN CANCELED TIMEOUT ERROR",
        "WAITING_FOR_HUMAN": "RUNNING PAUSED CANCELED TIMEOUT ERROR",
        "SUCCESS": "",
        "ERROR": "",
        "CANCELED": "",
        "TIMEOUT": "",
    },
    # That it waits for a person, or is paused, also follows from its pauses.
    commands={"open_pause": "PAUSED WAITING_FOR_HUMAN"},
    makes="create",
)

NODE = _machine(
    "node",
    {
        None: "PENDING RUNNING SUCCESS SKIPPED",
        "PENDING": "RUNNING SKIPPED CANCELED SUCCESS ERROR",
        "RUNNING": "RUNNING SUCCESS ERROR RETRYING WAITING_INPUT SKIPPED CANCELED",
        "RETRYING": "RUNNING SUCCESS ERROR CANCELED",
        "WAITING_INPUT": "RUNNING SUCCESS ERROR RETRYING CANCELED",
        "SUCCESS": "",
        "ERROR": "",
        "SKIPPED": "",
        "CANCELED": "",
    },
    makes="schedule start succeed skip",
    once=False,
)

PAUSE = _machine(
    "pause",
    {None: "active", "active": "resumed timeout cancelled", "resumed": "", "timeout": "", "cancelled": ""},
    makes="open_pause",
)

INTERACTION = _machine(
    "interaction",
    {
        None: "pending",
        "pending": "responded timeout error cancelled",
        "error": "pending",
        "responded": "",
        "timeout": "",
        "cancelled": "",
    },
    makes="request",
    stays="mark_notified mark_reminded",
)

RESPONSE = _machine(
    "response",
    {
        None: "unprocessed",
        "unprocessed": "matched filtered_out error",
        "error": "unprocessed",
        "filtered_out": "unprocessed",
        "matched": "",
    },
    makes="receive",
)

DEPLOYMENT = _machine(
    "deployment",
    {
        "IDLE": "DEPLOYING",
        "UNDEPLOYED": "DEPLOYING",
        "DEPLOYMENT_FAILED": "DEPLOYING UNDEPLOYING",
        "DEPLOYING": "DEPLOYED DEPLOYMENT_FAILED",
        "DEPLOYED": "DEPLOYING UNDEPLOYING",
        "UNDEPLOYING": "UNDEPLOYED DEPLOYMENT_FAILED",
    },
    # An event of a deployment holds the status that it leads to.
    commands={
        "deploy": "DEPLOYING",
        "update": "DEPLOYING",
        "roll_back": "DEPLOYING",
        "undeploy": "UNDEPLOYING",
        "complete": "DEPLOYED UNDEPLOYED",
        "fail": "DEPLOYMENT_FAILED",
    },
)

TRIGGER = _machine(
    "trigger",
    {
        None: "pending",
        "pending": "active failed",
        "active": "inactive",
        "inactive": "active",
        "failed": "pending",
    },
    makes="register_trigger",
    once=False,
    stays="remove_trigger",
)

MACHINES = {machine.name: machine for machine in (EXECUTION, NODE, PAUSE, INTERACTION, RESPONSE, DEPLOYMENT, TRIGGER)}
"""Every machine by its name."""
