"""The pause that waits for an interaction: it ends with it, in the same append."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runfold.writing.execution import Execution
from runfold.writing.human import answered
from runfold.writing.interaction import Interaction


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
