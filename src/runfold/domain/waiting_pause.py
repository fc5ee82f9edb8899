"""The pause that waits for an interaction: it opens with the request and ends with the answer, in the same append."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from runfold.domain.aggregate import Aggregate
from runfold.domain.commands import Also
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction


class _Recorded(NamedTuple):
    """An event as the statement waiting_events gives it."""

    type: str
    data: dict[str, Any]


def folded(execution: Execution, rows: Sequence[tuple[Any, ...]]) -> Execution:
    """The execution after some events of its stream, at the version that the stream has."""
    if not rows:
        return execution
    state = execution.after(_Recorded(kind, data) for _, kind, data in rows)
    return state.model_copy(update={"version": rows[0][0]})


def waiting_pause(execution: Execution, interaction: Interaction) -> str | None:
    """The open pause that names this interaction, or is named by it and names no other; None where none waits."""
    for name in execution.open_pauses:
        waits_for = execution.pauses[name].interaction_id
        if str(waits_for) == interaction.name or (waits_for is None and name == interaction.pause):
            return name
    return None


def resume(
    executions: Iterable[Execution], interaction: Interaction, response_data: Any, trigger: str
) -> Iterable[Execution]:
    """Go on with what waits: its pause and its activation; nothing where it goes on already, or has ended."""
    for execution in executions:
        if (pause := waiting_pause(execution, interaction)) is not None:
            yield answered(execution, pause, response_data, resume_trigger=trigger)


def cancel_pause(executions: Iterable[Execution], interaction: Interaction) -> Iterable[Execution]:
    """Cancel the pause that waits."""
    for execution in executions:
        if (pause := waiting_pause(execution, interaction)) is not None:
            yield execution.cancel_pause(pause)


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
