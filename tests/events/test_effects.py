"""The class of an event defines its effect, and nothing else names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest

from runfold import events
from runfold.events import VOCABULARY, fields, types_that_end, types_that_move
from runfold.events.machines import (
    DEPLOYMENT,
    EXECUTION,
    INTERACTION,
    MACHINES,
    NODE,
    PAUSE,
    RESPONSE,
    TRIGGER,
    Machine,
)
from tests.model import executions, interactions, nodes, pauses, responses, triggers

MOVE_NOTHING = {
    "ExecutionMetadataSet",
    "LogAppended",
    "ModelCalled",
    "ExecutionTakenOver",
    "ExecutionSignaled",
    "SignalTaken",
    "InteractionNotified",
    "InteractionReminderSent",
    "DeploymentLogAppended",
    "TriggerRemoved",
    "WorkflowDeleted",
    "DefinitionSaved",
    "TenantErased",
}


def moves_of(machine: Machine) -> dict[str, str | None]:
    moves = {name: VOCABULARY[name].moves for name in types_that_move(machine)}
    return {name: move.target for name, move in moves.items() if move is not None}


def test_every_event_moves_a_machine_but_those_that_are_listed_here() -> None:
    assert {name for name, event in VOCABULARY.items() if event.moves is None} == MOVE_NOTHING


@pytest.mark.parametrize(
    ("machine", "targets"),
    [
        (EXECUTION, {"ExecutionCreated": "NEW", **executions.TARGETS}),
        (NODE, nodes.TARGETS),
        (PAUSE, pauses.TARGETS),
        (INTERACTION, {"InteractionRequested": "pending", **interactions.TARGETS}),
        (RESPONSE, {"ResponseReceived": "unprocessed", **responses.TARGETS}),
        (TRIGGER, triggers.TARGETS),
    ],
    ids=lambda value: value.name if isinstance(value, Machine) else "",
)
def test_events_move_machines_as_the_reference_model_says(machine: Machine, targets: Mapping[str, str]) -> None:
    assert moves_of(machine) == targets


def test_the_ends_are_those_of_the_reference_model() -> None:
    assert set(EXECUTION.ends) == executions.ENDED
    assert set(NODE.ends) == nodes.ENDED
    assert set(INTERACTION.ends) == interactions.ENDED
    assert set(types_that_end(EXECUTION)) == {
        name for name, target in executions.TARGETS.items() if target in executions.ENDED
    }


def test_a_machine_is_moved_to_each_status_that_a_command_reaches() -> None:
    for machine in MACHINES.values():
        reached = {target for targets in machine.commands.values() for target in targets}
        if machine is DEPLOYMENT:
            assert set(moves_of(machine).values()) == {None}
            assert set(machine.statuses) == set(get_args(fields.DeploymentStatus))
        else:
            # That an execution waits for a person follows from its pauses.
            assert reached - {"WAITING_FOR_HUMAN"} == set(moves_of(machine).values()), machine.name


def test_a_class_that_is_defined_elsewhere_is_no_event_of_the_vocabulary() -> None:
    class SomethingElse(events.ExecutionEvent, moves=EXECUTION.to("SUCCESS")):
        """An event from outside the package."""

    assert SomethingElse.moves is not None
    assert "SomethingElse" not in VOCABULARY
    assert "__all__" not in globals()


def test_a_move_is_not_inherited() -> None:
    class StartedSomehow(events.NodeStarted):
        """A subclass without an effect."""

    assert StartedSomehow.moves is None


def test_control_a_status_that_the_machine_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="node has no status 'GONE': it has PENDING"):
        NODE.to("GONE")


def test_each_class_of_events_is_exported_and_nothing_else_of_its_module() -> None:
    for event in VOCABULARY.values():
        assert getattr(events, event.event_type()) is event
    assert not hasattr(events, "Text")
    assert not hasattr(events, "ClassVar")
