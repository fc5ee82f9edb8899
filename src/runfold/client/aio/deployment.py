"""The handle of a workflow's deployments and triggers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from runfold.client.aio.writer import AsyncWriter
from runfold.domain.deployment import Deployment

P = ParamSpec("P")


def _command(
    command: Callable[Concatenate[Deployment, P], Deployment],
) -> Callable[Concatenate[AsyncDeploymentHandle, P], Awaitable[None]]:
    """Return the method that decides a command of the aggregate and records it."""

    @wraps(command)
    async def method(self: AsyncDeploymentHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        await self.writer.do(command, *args, **kwargs)

    return method


class AsyncDeploymentHandle:
    """One workflow's deployments; safe to share between threads or tasks.

    Its methods are the commands of `Deployment`.
    """

    def __init__(self, writer: AsyncWriter[Deployment]) -> None:
        self.writer = writer

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.workflow_id}: {self.status} at version {self.writer.state.version}>"

    @property
    def workflow_id(self) -> UUID:
        """The workflow's id, which names the stream."""
        return UUID(self.writer.state.name)

    @property
    def state(self) -> Deployment:
        """The state that this handle knows, which may be behind the log."""
        return self.writer.state

    @property
    def status(self) -> str:
        """The status that this handle knows, which may be behind the log."""
        return self.writer.state.status

    @property
    def last_position(self) -> int:
        """The position of the last event that was recorded here, for `wait_for`."""
        return self.writer.last_position

    async def refresh(self) -> Deployment:
        """Read what other writers appended, and return the state."""
        return await self.writer.refreshed()

    async def change(self, command: Callable[[Deployment], Deployment]) -> None:
        """Record several commands in one append: the function gives them to the state and returns the last state.

        It must do nothing but decide: it is called again when another writer was faster.
        """
        await self.writer.do(command)

    deploy = _command(Deployment.deploy)
    update = _command(Deployment.update)
    roll_back = _command(Deployment.roll_back)
    undeploy = _command(Deployment.undeploy)
    complete = _command(Deployment.complete)
    fail = _command(Deployment.fail)
    log = _command(Deployment.log)
    register_trigger = _command(Deployment.register_trigger)
    activate_trigger = _command(Deployment.activate_trigger)
    deactivate_trigger = _command(Deployment.deactivate_trigger)
    fail_trigger = _command(Deployment.fail_trigger)
    remove_trigger = _command(Deployment.remove_trigger)
