# Generated from ../aio/executions.py by `make sync`: edit that file, never this one.
"""Executions: creating one, and the handle of one that exists."""

from __future__ import annotations

from typing import Any, Unpack
from uuid import UUID

from runfold.client.sync.execution import ExecutionHandle
from runfold.client.sync.log import Log
from runfold.client.sync.writer import Writer
from runfold.domain.execution import Execution
from runfold.domain.signatures import spells_out
from runfold.errors import UnknownExecution
from runfold.events.execution import NewExecution
from runfold.events.ids import new_id


@spells_out
class Executions:
    """The executions of a store."""

    def __init__(self, store: Log) -> None:
        self._store = store

    def create(
        self,
        *,
        execution_id: str | None = None,
        user_id: UUID | None = None,
        event_metadata: dict[str, Any] | None = None,
        start: bool = False,
        **about: Unpack[NewExecution],
    ) -> ExecutionHandle:
        """Create an execution and return its handle; in the same append start it, if asked to.

        `execution_id` is a new UUID if none is given. `user_id` is the tenant, that of the store if none is given.
        `event_metadata` (actor, correlation_id …) goes with each event of the handle.
        `runfold.events.execution.NewExecution` says what an execution is created with. Raises IllegalTransition when
        the execution exists, InvalidInput.
        """
        writer = Writer(
            self._store,
            Execution.named(new_id() if execution_id is None else execution_id),
            user_id=user_id,
            event_metadata=event_metadata,
            is_known=True,
        )
        writer.do(_created_and_started if start else Execution.create, **about)
        return ExecutionHandle(writer)

    def get(self, execution_id: str, *, event_metadata: dict[str, Any] | None = None) -> ExecutionHandle:
        """Return the handle of an execution; raises UnknownExecution."""
        writer = Writer(self._store, Execution.named(execution_id), event_metadata=event_metadata)
        if (writer.refreshed()).status is None:
            raise UnknownExecution(f"there is no execution {execution_id}", execution_id=execution_id)
        return ExecutionHandle(writer)

    def resume(
        self, execution_id: str, *, event_metadata: dict[str, Any] | None = None, force: bool = False
    ) -> ExecutionHandle:
        """Return the handle of an execution whose engine is gone, ready to go on: `get`, and `take_over` of it.

        The attempts that ran are recorded as failed, so that `start` begins the next ones; the old engine is refused
        from now on. `outputs` of the handle says what is done, and `step` skips it. Raises UnknownExecution,
        IllegalTransition when the execution has ended, ExecutionHeld while its engine beats, unless `force`, and
        VersionConflict where another engine resumes it at the same time.
        """
        handle = self.get(execution_id, event_metadata=event_metadata)
        handle.take_over(force=force)
        return handle


def _created_and_started(state: Execution, **about: Unpack[NewExecution]) -> Execution:
    return state.create(**about).start()
