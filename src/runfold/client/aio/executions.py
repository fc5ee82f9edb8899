"""Executions: creating one, and the handle of one that exists."""

from __future__ import annotations

from typing import Any, Unpack
from uuid import UUID

from runfold.client.aio.execution import AsyncExecutionHandle
from runfold.client.aio.log import AsyncLog
from runfold.client.aio.writer import AsyncWriter
from runfold.domain.execution import Execution
from runfold.domain.signatures import spells_out
from runfold.errors import UnknownExecution
from runfold.events.execution import NewExecution
from runfold.events.ids import new_id


@spells_out
class AsyncExecutions:
    """The executions of a store."""

    def __init__(self, store: AsyncLog) -> None:
        self._store = store

    async def create(
        self,
        *,
        execution_id: str | None = None,
        user_id: UUID | None = None,
        event_metadata: dict[str, Any] | None = None,
        start: bool = False,
        **about: Unpack[NewExecution],
    ) -> AsyncExecutionHandle:
        """Create an execution and return its handle; in the same append start it, if asked to.

        `execution_id` is a new UUID if none is given. `user_id` is the tenant, that of the store if none is given.
        `event_metadata` (actor, correlation_id …) goes with each event of the handle.
        `runfold.events.execution.NewExecution` says what an execution is created with. Raises IllegalTransition when
        the execution exists, InvalidInput.
        """
        writer = AsyncWriter(
            self._store,
            Execution.named(new_id() if execution_id is None else execution_id),
            user_id=user_id,
            event_metadata=event_metadata,
            is_known=True,
        )
        await writer.do(_created_and_started if start else Execution.create, **about)
        return AsyncExecutionHandle(writer)

    async def get(self, execution_id: str, *, event_metadata: dict[str, Any] | None = None) -> AsyncExecutionHandle:
        """Return the handle of an execution; raises UnknownExecution."""
        writer = AsyncWriter(self._store, Execution.named(execution_id), event_metadata=event_metadata)
        if (await writer.refreshed()).status is None:
            raise UnknownExecution(f"there is no execution {execution_id}", execution_id=execution_id)
        return AsyncExecutionHandle(writer)

    async def resume(
        self, execution_id: str, *, event_metadata: dict[str, Any] | None = None, force: bool = False
    ) -> AsyncExecutionHandle:
        """Return the handle of an execution whose engine is gone, ready to go on: `get`, and `take_over` of it.

        The attempts that ran are recorded as failed, so that `start` begins the next ones; the old engine is refused
        from now on. `outputs` of the handle says what is done, and `step` skips it. Raises UnknownExecution,
        IllegalTransition when the execution has ended, ExecutionHeld while its engine beats, unless `force`, and
        VersionConflict where another engine resumes it at the same time.
        """
        handle = await self.get(execution_id, event_metadata=event_metadata)
        await handle.take_over(force=force)
        return handle


def _created_and_started(state: Execution, **about: Unpack[NewExecution]) -> Execution:
    return state.create(**about).start()
