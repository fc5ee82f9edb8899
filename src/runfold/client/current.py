"""The execution and node that the code at hand works for: `with run` and `with node` name it.

A context variable, so each thread and each task has its own; a new task has that of the one that made it, a new thread
has none.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Working:
    """What code works for: an execution, and in `with node` an activation of it."""

    owner: object
    """The handle, or another object, that named it and that leaves it."""
    execution_id: str
    user_id: UUID | None = None
    node_id: str | None = None
    node_type: str | None = None
    activation: str | None = None
    outer: Working | None = None


_current: ContextVar[Working | None] = ContextVar("runfold_working", default=None)


def working() -> Working | None:
    """Return what the code at hand works for; None outside of `with run`."""
    return _current.get()


def enter(
    owner: object,
    execution_id: str,
    *,
    user_id: UUID | None = None,
    node_id: str | None = None,
    node_type: str | None = None,
    activation: str | None = None,
) -> None:
    """Name what the code at hand works for from now on."""
    outer = _current.get()
    _current.set(Working(owner, execution_id, user_id, node_id, node_type, activation, outer))


def leave(owner: object) -> None:
    """Name again what it worked for before its owner was entered; nothing happens if it was not, in this context."""
    found = _current.get()
    while found is not None and found.owner is not owner:
        found = found.outer
    if found is not None:
        _current.set(found.outer)
