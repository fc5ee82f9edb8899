"""The pause that waits for an interaction: it ends with it, in the same append."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from runfold.writing.execution import Execution
from runfold.writing.human import answered
from runfold.writing.interaction import Interaction


class _Told(NamedTuple):
    """An event as the statement waiting_events gives it."""

    type: str
    data: dict[str, Any]


def told(execution: Execution, rows: Sequence[tuple[Any, ...]]) -> Execution:
    """The execution after some events of its stream, at the version that the stream has."""
    if not rows:
        return execution
    state = execution.after(_Told(kind, data) for _, kind, data in rows)
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
