"""What an execution and an interaction do together: asking a person, and taking the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from runfold.writing.aggregate import Aggregate
from runfold.writing.commands import Also
from runfold.writing.execution import Execution
from runfold.writing.interaction import Interaction


def opening(
    state: Execution,
    node_id: str,
    pause: str,
    *,
    activation: str | None,
    resume_conditions: dict[str, Any] | None,
    interaction_id: UUID,
    timeout_at: datetime | None,
) -> Execution:
    """The execution waits for a person at a node, and the activation with it, if one is named."""
    if activation is not None:
        state = state.wait_node(activation, pause=pause)
    return state.open_pause(
        pause,
        paused_node_id=node_id,
        pause_reason="human_interaction",
        resume_conditions={"interaction_id": str(interaction_id)} if resume_conditions is None else resume_conditions,
        interaction_id=interaction_id,
        timeout_at=timeout_at,
    )


def asking(interaction: Interaction, **request: Any) -> Also:
    """The request that belongs to the pause, for the workflow that the execution is of."""

    def request_of(state: Interaction, execution: Execution) -> Aggregate:
        return state.request(workflow_id=execution.workflow_id, execution_id=execution.name, **request)  # type: ignore[arg-type]

    return interaction, request_of


def responding(interaction: Interaction, response_data: Any, **answer: Any) -> Also:
    """The answer that ends the pause."""

    def respond_to(state: Interaction, _: Execution) -> Aggregate:
        return state.respond(response_data, **answer)

    return interaction, respond_to


def answered(state: Execution, pause: str, response_data: Any, *, resume_trigger: str) -> Execution:
    """The pause is over, and what waits at it goes on."""
    state = state.resume_pause(pause, resume_trigger=resume_trigger, data=response_data)
    for activation, node in state.nodes.items():
        if node.pause == pause and node.status == "WAITING_INPUT":
            state = state.continue_node(activation, pause=pause)
    return state
