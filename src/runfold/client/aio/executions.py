"""The handles of a store: of executions, interactions and deployments, new ones and those that are there."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from runfold.client.aio.execution import AsyncExecutionHandle
from runfold.client.aio.log import AsyncLog
from runfold.client.aio.writer import AsyncWriter
from runfold.domain.execution import Execution
from runfold.errors import UnknownExecution
from runfold.events.fields import Mode


class AsyncExecutions:
    """The executions of a store."""

    def __init__(self, store: AsyncLog) -> None:
        self._store = store

    async def create(
        self,
        *,
        workflow_id: UUID,
        mode: Mode,
        execution_id: str | None = None,
        user_id: UUID | None = None,
        workflow_version: str | None = None,
        deployment_version: int | None = None,
        trigger_subtype: str | None = None,
        trigger_data: dict[str, Any] | None = None,
        triggered_by: str | None = None,
        parent_execution_id: str | None = None,
        retry_of: str | None = None,
        metadata: dict[str, Any] | None = None,
        event_metadata: dict[str, Any] | None = None,
        start: bool = False,
    ) -> AsyncExecutionHandle:
        """Create an execution and return its handle; in the same append start it, if asked to.

        `execution_id` is a new UUID if none is given. `user_id` is the tenant, that of the store if none is given.
        `event_metadata` (actor, correlation_id …) goes with each event of the handle. Raises IllegalTransition when
        the execution exists, InvalidInput.
        """
        writer = AsyncWriter(
            self._store,
            Execution.named(uuid4() if execution_id is None else execution_id),
            user_id=user_id,
            event_metadata=event_metadata,
            is_known=True,
        )
        await writer.do(
            _created_and_started if start else Execution.create,
            workflow_id=workflow_id,
            mode=mode,
            workflow_version=workflow_version,
            deployment_version=deployment_version,
            trigger_subtype=trigger_subtype,
            trigger_data=trigger_data,
            triggered_by=triggered_by,
            parent_execution_id=parent_execution_id,
            retry_of=retry_of,
            metadata=metadata,
        )
        return AsyncExecutionHandle(writer)

    async def get(self, execution_id: str, *, event_metadata: dict[str, Any] | None = None) -> AsyncExecutionHandle:
        """The handle of an execution; raises UnknownExecution."""
        writer = AsyncWriter(self._store, Execution.named(execution_id), event_metadata=event_metadata)
        if (await writer.refreshed()).status is None:
            raise UnknownExecution(f"there is no execution {execution_id}", execution_id=execution_id)
        return AsyncExecutionHandle(writer)


def _created_and_started(state: Execution, **about: Any) -> Execution:
    return state.create(**about).start()
