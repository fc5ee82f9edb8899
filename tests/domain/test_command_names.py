"""A command has one name: in its machine, on the aggregate, on the handle, and in IllegalTransition."""

from __future__ import annotations

import pytest

from runfold.client.aio.deployment import AsyncDeploymentHandle
from runfold.client.aio.execution import AsyncExecutionHandle
from runfold.client.aio.interaction import AsyncInteractionHandle
from runfold.client.aio.node import AsyncNodeHandle
from runfold.domain.aggregate import Aggregate
from runfold.domain.deployment import Deployment
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.response import Response
from runfold.events.machines import DEPLOYMENT, EXECUTION, INTERACTION, NODE, PAUSE, RESPONSE, TRIGGER, Machine


@pytest.mark.parametrize(
    ("machine", "aggregate", "handles"),
    [
        (EXECUTION, Execution, [AsyncExecutionHandle]),
        (PAUSE, Execution, [AsyncExecutionHandle]),
        (INTERACTION, Interaction, [AsyncInteractionHandle]),
        (RESPONSE, Response, []),
        (DEPLOYMENT, Deployment, [AsyncDeploymentHandle]),
        (TRIGGER, Deployment, [AsyncDeploymentHandle]),
    ],
    ids=lambda value: value.name if isinstance(value, Machine) else "",
)
def test_a_command_is_a_method_of_its_name(machine: Machine, aggregate: type[Aggregate], handles: list[type]) -> None:
    # An execution is created, and a question asked, before there is a handle of it.
    without_handle = {"create", "request"}
    for command in {*machine.commands, *machine.stays}:
        assert callable(getattr(aggregate, command))
        assert command in without_handle or all(callable(getattr(handle, command)) for handle in handles), command


def test_a_command_of_a_node_is_a_method_of_its_handle_and_of_the_execution_for_the_node() -> None:
    for command in NODE.commands:
        # An activation is scheduled before there is a handle of it.
        handle = AsyncExecutionHandle if command == "schedule" else AsyncNodeHandle
        assert callable(getattr(handle, command))
        of_the_execution = command if command == "fail_attempt" else f"{command.rstrip('_')}_node"
        assert callable(getattr(Execution, of_the_execution))
