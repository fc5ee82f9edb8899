"""The machines of the vocabulary: their statuses, the legal moves between them, and the commands that move them.

A machine is one thing with a status: an execution, a node's activation, a pause. `None` is the status of what does not
exist yet; a status that nothing leaves is an end. An event's class names its machine and the status that it moves it to
(`moves=NODE.to("SKIPPED")`). The aggregates' folds and PostgreSQL's functions (`runfold.events.sql`) follow from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Status = str | None


@dataclass(frozen=True)
class Move:
    """What an event does to its machine: it moves it to `target`, or to the status that its field `given_in` holds."""

    machine: Machine
    target: Status
    given_in: str | None = None

    @property
    def ends(self) -> bool:
        """Whether nothing moves the machine any more after this move."""
        return self.target is not None and self.machine.has_ended(self.target)


@dataclass(frozen=True)
class Machine:
    """One kind of thing with a status: the moves that are legal, and the statuses that each command moves it to.

    A command is named as the handle's method that gives it, and so is printed by IllegalTransition. `makes` names the
    commands that make the thing where it does not exist; if it is made `once`, they do nothing else. `stays` names the
    commands that move nothing and are legal until the thing has ended.
    """

    name: str
    moves: Mapping[Status, frozenset[str]]
    commands: Mapping[str, frozenset[str]]
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

    def to(self, status: str) -> Move:
        """Return the move to a status, for the class of an event; raises ValueError for a status that it has not."""
        if status not in self.statuses:
            raise ValueError(f"{self.name} has no status {status!r}: it has {', '.join(self.statuses)}")
        return Move(self, status)

    def to_the_status_in(self, field: str) -> Move:
        """Return the move to the status that a field of the event holds."""
        return Move(self, None, field)

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
    commands: Mapping[str, str],
    *,
    makes: str = "",
    once: bool = True,
    stays: str = "",
) -> Machine:
    return Machine(
        name,
        {status: frozenset(targets.split()) for status, targets in moves.items()},
        {command: frozenset(targets.split()) for command, targets in commands.items()},
        frozenset(makes.split()),
        once,
        frozenset(stays.split()),
    )


EXECUTION = _machine(
    "execution",
    {
        None: "NEW",
        "NEW": "RUNNING CANCELED ERROR",
        "RUNNING": "SUCCESS ERROR CANCELED TIMEOUT PAUSED WAITING_FOR_HUMAN",
        "PAUSED": "RUNNING WAITING_FOR_HUMAN CANCELED TIMEOUT ERROR",
        "WAITING_FOR_HUMAN": "RUNNING PAUSED CANCELED TIMEOUT ERROR",
        "SUCCESS": "",
        "ERROR": "",
        "CANCELED": "",
        "TIMEOUT": "",
    },
    {
        "create": "NEW",
        "start": "RUNNING",
        "pause": "PAUSED",
        "resume": "RUNNING",
        "open_pause": "PAUSED WAITING_FOR_HUMAN",
        "succeed": "SUCCESS",
        "fail": "ERROR",
        "cancel": "CANCELED",
        "time_out": "TIMEOUT",
        "declare_lost": "ERROR",
    },
    makes="create",
)

NODE = _machine(
    "node",
    {
        None: "PENDING RUNNING SUCCESS SKIPPED",
        "PENDING": "RUNNING SKIPPED CANCELED SUCCESS",
        "RUNNING": "RUNNING SUCCESS ERROR RETRYING WAITING_INPUT CANCELED",
        "RETRYING": "RUNNING ERROR CANCELED",
        "WAITING_INPUT": "RUNNING SUCCESS ERROR CANCELED",
        "SUCCESS": "",
        "ERROR": "",
        "SKIPPED": "",
        "CANCELED": "",
    },
    {
        "schedule": "PENDING",
        "start": "RUNNING",
        "fail_attempt": "RETRYING",
        "wait": "WAITING_INPUT",
        "continue_": "RUNNING",
        "succeed": "SUCCESS",
        "fail": "ERROR",
        "skip": "SKIPPED",
        "cancel": "CANCELED",
    },
    makes="schedule start succeed skip",
    once=False,
)

PAUSE = _machine(
    "pause",
    {None: "active", "active": "resumed timeout cancelled", "resumed": "", "timeout": "", "cancelled": ""},
    {
        "open_pause": "active",
        "resume_pause": "resumed",
        "time_out_pause": "timeout",
        "cancel_pause": "cancelled",
    },
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
    {
        "request": "pending",
        "respond": "responded",
        "time_out": "timeout",
        "fail": "error",
        "reopen": "pending",
        "cancel": "cancelled",
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
    {
        "receive": "unprocessed",
        "match": "matched",
        "filter_out": "filtered_out",
        "fail": "error",
        "reopen": "unprocessed",
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
    {
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
    {
        "register_trigger": "pending",
        "activate_trigger": "active",
        "deactivate_trigger": "inactive",
        "fail_trigger": "failed",
    },
    makes="register_trigger",
    once=False,
    stays="remove_trigger",
)

MACHINES = {machine.name: machine for machine in (EXECUTION, NODE, PAUSE, INTERACTION, RESPONSE, DEPLOYMENT, TRIGGER)}
"""Every machine by its name."""
