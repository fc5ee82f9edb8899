# Generated from ../aio/interaction.py by `make sync`: edit that file, never this one.
"""The handle of an interaction: a question to a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from runfold.client.sync.log import Log, statement
from runfold.client.sync.writer import Writer
from runfold.domain.interaction import Interaction

P = ParamSpec("P")


def _command(
    command: Callable[Concatenate[Interaction, P], Interaction],
) -> Callable[Concatenate[InteractionHandle, P], None]:
    """Return the method that decides a command of the aggregate and records it."""

    @wraps(command)
    def method(self: InteractionHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        self.writer.do(command, *args, **kwargs)

    return method


class InteractionHandle:
    """One interaction; safe to share between threads or tasks. Its methods are the commands of `Interaction`."""

    def __init__(self, writer: Writer[Interaction]) -> None:
        self.writer = writer

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.interaction_id}: {self.status} at version {self.writer.state.version}>"

    @property
    def interaction_id(self) -> UUID:
        """The id that names its stream."""
        return UUID(self.writer.state.name)

    @property
    def state(self) -> Interaction:
        """The state that this handle knows, which may be behind the log."""
        return self.writer.state

    @property
    def status(self) -> str | None:
        """The status that this handle knows, which may be behind the log."""
        return self.writer.state.status

    @property
    def last_position(self) -> int:
        """The position of the last event that was recorded here, for `wait_for`."""
        return self.writer.last_position

    def refresh(self) -> Interaction:
        """Read what other writers appended, and return the state."""
        return self.writer.refreshed()

    mark_notified = _command(Interaction.mark_notified)
    mark_reminded = _command(Interaction.mark_reminded)
    respond = _command(Interaction.respond)
    time_out = _command(Interaction.time_out)
    fail = _command(Interaction.fail)
    reopen = _command(Interaction.reopen)
    cancel = _command(Interaction.cancel)


def read_interactions(store: Log, interaction_ids: Iterable[UUID]) -> list[Interaction]:
    """Return the states of some interactions by one look at the log."""
    states = {state.id: state for state in map(Interaction.named, interaction_ids)}
    if states:
        for stream_id, kind, data in store._retried(statement("read_interactions"), {"streams": list(states)}):
            states[stream_id] = states[stream_id].folded(kind, data)
    return list(states.values())
