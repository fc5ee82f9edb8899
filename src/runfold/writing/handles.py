# Generated from async_handles.py by `make sync`: edit that file, never this one.
"""The handles of a store: of executions, interactions and deployments, new ones and those that are there."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from runfold.errors import UnknownExecution, UnknownInteraction
from runfold.events.fields import Channel, InteractionPriority, InteractionType, Mode
from runfold.log.store import Store
from runfold.writing.deployment import Deployment
from runfold.writing.deployment_handle import DeploymentHandle
from runfold.writing.execution import Execution
from runfold.writing.execution_handle import ExecutionHandle
from runfold.writing.interaction import Interaction
from runfold.writing.interaction_handle import InteractionHandle
from runfold.writing.writer import Writer


class Executions:
    """The executions of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
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
    ) -> ExecutionHandle:
        """Create an execution and return its handle; in the same append start it, if asked to.

        `execution_id` is a new UUID if none is given. `user_id` is the tenant, that of the store if none is given.
        `event_metadata` (actor, correlation_id …) goes with each event of the handle. Raises IllegalTransition when
        the execution exists, InvalidInput.
        """
        writer = Writer(
            self._store,
            Execution.named(uuid4() if execution_id is None else execution_id),
            user_id=user_id,
            event_metadata=event_metadata,
            is_known=True,
        )
        writer.do(
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
        return ExecutionHandle(writer)

    def get(self, execution_id: str, *, event_metadata: dict[str, Any] | None = None) -> ExecutionHandle:
        """The handle of an execution; raises UnknownExecution."""
        writer = Writer(self._store, Execution.named(execution_id), event_metadata=event_metadata)
        if (writer.refreshed()).status is None:
            raise UnknownExecution(f"there is no execution {execution_id}", execution_id=execution_id)
        return ExecutionHandle(writer)


class Interactions:
    """The interactions of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def request(
        self,
        *,
        workflow_id: UUID,
        execution_id: str,
        node_id: str,
        interaction_type: InteractionType,
        channel_type: Channel,
        request_data: dict[str, Any],
        interaction_id: UUID | None = None,
        user_id: UUID | None = None,
        priority: InteractionPriority = "normal",
        timeout_at: Any = None,
        correlation_id: str | None = None,
        tags: list[str] | None = None,
        event_metadata: dict[str, Any] | None = None,
    ) -> InteractionHandle:
        """Ask a person without a pause of the execution; `pause_for_human` of an execution does both."""
        writer = Writer(
            self._store,
            Interaction.named(uuid4() if interaction_id is None else interaction_id),
            user_id=user_id,
            event_metadata=event_metadata,
            is_known=True,
        )
        writer.do(
            Interaction.request,
            workflow_id=workflow_id,
            execution_id=execution_id,
            node_id=node_id,
            interaction_type=interaction_type,
            channel_type=channel_type,
            request_data=request_data,
            priority=priority,
            timeout_at=timeout_at,
            correlation_id=correlation_id,
            tags=tags,
        )
        return InteractionHandle(writer)

    def get(self, interaction_id: UUID, *, event_metadata: dict[str, Any] | None = None) -> InteractionHandle:
        """The handle of an interaction; raises UnknownInteraction."""
        writer = Writer(self._store, Interaction.named(interaction_id), event_metadata=event_metadata)
        if (writer.refreshed()).status is None:
            raise UnknownInteraction(f"there is no interaction {interaction_id}", interaction_id=str(interaction_id))
        return InteractionHandle(writer)


class Deployments:
    """The deployments of a store, by their workflows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(
        self, workflow_id: UUID, *, user_id: UUID | None = None, event_metadata: dict[str, Any] | None = None
    ) -> DeploymentHandle:
        """The handle of a workflow's deployments; a workflow without any is IDLE."""
        writer = Writer(self._store, Deployment.named(workflow_id), user_id=user_id, event_metadata=event_metadata)
        writer.refreshed()
        return DeploymentHandle(writer)


def _created_and_started(state: Execution, **about: Any) -> Execution:
    return state.create(**about).start()
