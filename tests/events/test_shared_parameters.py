"""The parameters that several signatures share are the fields of their event."""

from __future__ import annotations

from typing import Any, Required, get_origin, get_type_hints

import pytest

from runfold.client.aio.execution import AsyncExecutionHandle
from runfold.client.aio.executions import AsyncExecutions
from runfold.client.aio.interactions import AsyncInteractions
from runfold.client.aio.node import AsyncNodeHandle
from runfold.client.sync.node import NodeHandle
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.events import Event, ExecutionCreated, InteractionRequested, LogAppended, NodeScheduled
from runfold.events.execution import NewExecution, NodeDetails
from runfold.events.interaction import InteractionRequest
from runfold.events.log import LogLine

NAMED_BESIDE: list[tuple[Any, type[Event], set[str]]] = [
    (NewExecution, ExecutionCreated, {"execution_id"}),
    (NodeDetails, NodeScheduled, {"activation", "node_id", "node_type", "parent_activation"}),
    (InteractionRequest, InteractionRequested, {"workflow_id", "execution_id", "node_id", "pause"}),
    (LogLine, LogAppended, {"message"}),
]


@pytest.mark.parametrize(("shared", "event", "beside"), NAMED_BESIDE, ids=lambda value: getattr(value, "__name__", ""))
def test_the_keys_are_the_fields_of_the_event(shared: Any, event: type[Event], beside: set[str]) -> None:
    assert set(get_type_hints(shared)) | beside == {at.field for at in event.rules()}
    with_defaults = {"priority", "level", "event_type"}
    required = {at.field for at in event.rules() if at.required and at.field not in beside | with_defaults}
    hints = get_type_hints(shared, include_extras=True)
    assert {name for name, hint in hints.items() if get_origin(hint) is Required} == required


@pytest.mark.parametrize(
    ("method", "where"),
    [
        (Execution.create, "runfold.events.execution.NewExecution"),
        (AsyncExecutions.create, "runfold.events.execution.NewExecution"),
        (Execution.schedule_node, "runfold.events.execution.NodeDetails"),
        (Execution.start_node, "runfold.events.execution.NodeDetails"),
        (AsyncExecutionHandle.schedule, "runfold.events.execution.NodeDetails"),
        (AsyncExecutionHandle.node, "runfold.events.execution.NodeDetails"),
        (Interaction.request, "runfold.events.interaction.InteractionRequest"),
        (AsyncInteractions.request, "runfold.events.interaction.InteractionRequest"),
        (AsyncInteractions.ask, "runfold.events.interaction.InteractionRequest"),
        (AsyncExecutionHandle.pause_for_human, "runfold.events.interaction.InteractionRequest"),
        (AsyncNodeHandle.pause_for_human, "runfold.events.interaction.InteractionRequest"),
        (NodeHandle.pause_for_human, "runfold.events.interaction.InteractionRequest"),
        (AsyncExecutionHandle.log, "runfold.events.log.LogLine"),
        (AsyncNodeHandle.log, "runfold.events.log.LogLine"),
    ],
    ids=lambda value: getattr(value, "__qualname__", value.rpartition(".")[2] if isinstance(value, str) else ""),
)
def test_help_says_where_the_parameters_are_described(method: Any, where: str) -> None:
    assert where in method.__doc__
