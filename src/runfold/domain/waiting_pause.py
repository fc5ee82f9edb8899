"""The pause that waits for an interaction: it opens with the request and ends with the answer, in the same append."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from runfold.domain.aggregate import Aggregate
from runfold.domain.commands import OtherStream
from runfold.domain.execution import Execution
from runfold.domain.interaction import EXECUTION_ENDED, Interaction
from runfold.errors import ExecutionEnded


class _Recorded(NamedTuple):
    """An event as the statement waiting_events gives it."""

    type: str
    data: dict[str, Any]


def folded(execution: Execution, rows: Sequence[tuple[Any, ...]]) -> Execution:
    """Return the execution after some events of its stream, at the version that the stream has."""
    if not rows:
        return execution
    state = execution.after(_Recorded(kind, data) for _, kind, data in rows)
    return state.model_copy(update={"version": rows[0][0]})


def waiting_pause(execution: Execution, interaction: Interaction) -> str | None:
    """Return the open pause that names this interaction, or is named by it and names no other; None without one."""
    for name in execution.open_pauses:
        waits_for = execution.pauses[name].interaction_id
        if str(waits_for) == interaction.name or (waits_for is None and name == interaction.pause):
            return name
    return None


def refuse_late_answer(interaction: Interaction, execution: Execution) -> None:
    """Raise ExecutionEnded for an open question of an execution that has ended."""
    if execution.has_ended and interaction.status == "pending":
        raise interaction.execution_ended(execution.status)


def answered(
    interaction: Interaction,
    executions: Iterable[Execution],
    response_data: Any,
    *,
    responder: str | None = None,
    response_id: UUID | None = None,
    resume_trigger: str = "human_response",
) -> Iterable[Aggregate]:
    """Return the interaction with its answer, and each execution whose pause waits for it, resumed.

    An execution that was resumed already stays as it is; one that has ended raises ExecutionEnded, for nobody goes on
    with the answer.
    """
    executions = list(executions)
    for execution in executions:
        refuse_late_answer(interaction, execution)
    yield interaction.respond(response_data, responder=responder, response_id=response_id)
    for execution in executions:
        if (pause := waiting_pause(execution, interaction)) is not None:
            yield resumed(execution, pause, response_data, resume_trigger=resume_trigger)


def cancel_pause(executions: Iterable[Execution], interaction: Interaction) -> Iterable[Execution]:
    """Return each execution whose pause waits for the interaction, with that pause canceled."""
    for execution in executions:
        if (pause := waiting_pause(execution, interaction)) is not None:
            yield execution.cancel_pause(pause)


def opening(
    state: Execution,
    node_id: str,
    pause: str,
    *,
    activation: str | None,
    attempt: int | None,
    resume_conditions: dict[str, Any] | None,
    interaction_id: UUID,
    timeout_at: datetime | None,
) -> Execution:
    """Return the execution with a pause for a person at a node, and the activation waiting there, if one is named."""
    if activation is not None:
        state = state.wait_node(activation, pause=pause, attempt=attempt)
    return state.open_pause(
        pause,
        paused_node_id=node_id,
        activation=activation,
        pause_reason="human_interaction",
        resume_conditions={"interaction_id": str(interaction_id)} if resume_conditions is None else resume_conditions,
        interaction_id=interaction_id,
        timeout_at=timeout_at,
    )


def asking(interaction: Interaction, **request: Any) -> OtherStream:
    """Return the change of the interaction's stream that asks for the answer, for the execution's workflow."""

    def request_of(state: Interaction, execution: Execution) -> Aggregate:
        return state.request(workflow_id=execution.workflow_id, execution_id=execution.name, **request)  # type: ignore[arg-type]

    return interaction, request_of


def closing(interaction: Interaction) -> OtherStream:
    """Return the change of the interaction's stream that closes the question, if the execution has ended."""

    def close(state: Interaction, execution: Execution) -> Aggregate:
        if execution.has_ended and state.status == "pending":
            return state.cancel(reason=EXECUTION_ENDED)
        return state

    return interaction, close


def responding(interaction: Interaction, response_data: Any, **answer: Any) -> OtherStream:
    """Return the change of the interaction's stream that records the answer."""

    def respond_to(state: Interaction, execution: Execution) -> Aggregate:
        refuse_late_answer(state, execution)
        return state.respond(response_data, **answer)

    return interaction, respond_to


def resumed(state: Execution, pause: str, response_data: Any, *, resume_trigger: str) -> Execution:
    """Return the execution with a pause resumed, and the activations that waited at it continued.

    Raises ExecutionEnded for a pause that the execution's end has closed.
    """
    if state.has_ended and pause in state.pauses and state.pauses[pause].status == "cancelled":
        raise ExecutionEnded(
            f"pause {pause} of {state.id} cannot be answered, because the execution has ended: it is {state.status}",
            hint="ask again in an execution that runs",
            stream_id=state.id,
            execution_id=state.name,
            machine="execution",
            state=state.status,
            command="answer",
            allowed=(),
        )
    state = state.resume_pause(pause, resume_trigger=resume_trigger, data=response_data)
    for activation, node in state.nodes.items():
        if node.pause == pause and node.status == "WAITING_INPUT":
            state = state.continue_node(activation, pause=pause)
    return state
