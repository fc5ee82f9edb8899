"""The handle of an interaction: a question to a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from runfold.client.aio.log import AsyncLog, statement
from runfold.client.aio.writer import AsyncWriter
from runfold.domain.interaction import Interaction

P = ParamSpec("P")


def _command(
    command: Callable[Concatenate[Interaction, P], Interaction],
) -> Callable[Concatenate[AsyncInteractionHandle, P], Awaitable[None]]:
    """Return the method that decides a command of the aggregate and records it."""

    @wraps(command)
    async def method(self: AsyncInteractionHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        await self.writer.do(command, *args, **kwargs)

    return method


class AsyncInteractionHandle:
    """One interaction; safe to share between threads or tasks. Its methods are the commands of `Interaction`."""

    def __init__(self, writer: AsyncWriter[Interaction]) -> None:
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

    async def refresh(self) -> Interaction:
        """Read what other writers appended, and return the state."""
        return await self.writer.refreshed()

    mark_notified = _command(Interaction.mark_notified)
    mark_reminded = _command(Interaction.mark_reminded)
    respond = _command(Interaction.respond)
    time_out = _command(Interaction.time_out)
    fail = _command(Interaction.fail)
    reopen = _command(Interaction.reopen)
    cancel = _command(Interaction.cancel)


async def read_interactions(store: AsyncLog, interaction_ids: Iterable[UUID]) -> list[Interaction]:
    """Return the states of some interactions by one look at the log."""
    states = {state.id: state for state in map(Interaction.named, interaction_ids)}
    if states:
        for stream_id, kind, data in await store._retried(statement("read_interactions"), {"streams": list(states)}):
            states[stream_id] = states[stream_id].folded(kind, data)
    return list(states.values())
