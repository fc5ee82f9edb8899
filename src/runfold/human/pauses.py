"""The pause that waits for an interaction: it ends with it, in the same append."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runfold.writing.execution import Execution
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
    """Resume what waits with the answer; nothing where the execution goes on already, or has ended."""
    for execution in executions:
        if (pause := waiting_pause(execution, interaction)) is not None:
            yield execution.resume_pause(pause, resume_trigger=trigger, data=response_data)


def cancel_pause(executions: Iterable[Execution], interaction: Interaction) -> Iterable[Execution]:
    """Cancel the pause that waits."""
    for execution in executions:
        if (pause := waiting_pause(execution, interaction)) is not None:
            yield execution.cancel_pause(pause)
