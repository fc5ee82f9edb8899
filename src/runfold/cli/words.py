"""The words that options take: the statuses of the machines, and the values that a field of an event allows.

They are read from the vocabulary when an option is given, so that a command's help does not wait for its import.
"""

from __future__ import annotations

from typing import Any, get_args


def statuses_of(machine: str) -> tuple[str, ...]:
    """Return the statuses of a machine: of an execution, an interaction, a response or a deployment."""
    from runfold.events.machines import MACHINES

    return MACHINES[machine].statuses


def modes() -> tuple[str, ...]:
    """Return the modes in which an execution runs."""
    from runfold.events import fields

    return get_args(fields.Mode)


def trigger_kinds() -> tuple[Any, ...]:
    """Return the kinds of triggers."""
    from runfold.events import fields

    return get_args(fields.TriggerSubtype)
