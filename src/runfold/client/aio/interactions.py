"""Questions to people: asking, reminding, answering. The execution's pause follows in the same append."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Unpack
from uuid import UUID

from runfold.client.aio.executions import AsyncExecutions
from runfold.client.aio.interaction import AsyncInteractionHandle
from runfold.client.aio.log import AsyncLog, statement
from runfold.client.aio.writer import AsyncWriter, change_streams
from runfold.domain.aggregate import Aggregate
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.waiting_pause import answered, cancel_pause, folded
from runfold.errors import UnknownInteraction
from runfold.events.ids import new_id
from runfold.events.interaction import InteractionRequest


class AsyncInteractions:
    """Questions to people, each with the pause that waits for it.

    Raises UnknownInteraction, and IllegalTransition for what the question's state does not allow: one that has timed
    out is not answered any more.
    """

    def __init__(self, store: AsyncLog) -> None:
        self._store = store

    async def request(
        self,
        *,
        workflow_id: UUID,
        execution_id: str,
        node_id: str,
        interaction_id: UUID | None = None,
        user_id: UUID | None = None,
        event_metadata: dict[str, Any] | None = None,
        **request: Unpack[InteractionRequest],
    ) -> AsyncInteractionHandle:
        """Ask a person without a pause of the execution; `pause_for_human` of an execution does both.

        `runfold.events.interaction.InteractionRequest` says what is asked, and how.
        """
        writer = AsyncWriter(
            self._store,
            Interaction.named(new_id() if interaction_id is None else interaction_id),
            user_id=user_id,
            event_metadata=event_metadata,
            is_known=True,
        )
        await writer.do(
            Interaction.request, workflow_id=workflow_id, execution_id=execution_id, node_id=node_id, **request
        )
        return AsyncInteractionHandle(writer)

    async def get(
        self, interaction_id: UUID, *, event_metadata: dict[str, Any] | None = None
    ) -> AsyncInteractionHandle:
        """Return the handle of an interaction; raises UnknownInteraction."""
        writer = AsyncWriter(self._store, Interaction.named(interaction_id), event_metadata=event_metadata)
        if (await writer.refreshed()).status is None:
            raise UnknownInteraction(f"there is no interaction {interaction_id}", interaction_id=str(interaction_id))
        return AsyncInteractionHandle(writer)

    async def ask(
        self,
        *,
        execution_id: str,
        node_id: str,
        activation: str | None = None,
        interaction_id: UUID | None = None,
        event_metadata: dict[str, Any] | None = None,
        **request: Unpack[InteractionRequest],
    ) -> AsyncInteractionHandle:
        """Pause an execution at a node and ask, in one append; both wait until `timeout_at`, or for ever.

        Does what `pause_for_human` of an execution's handle does, without the handle.
        `runfold.events.interaction.InteractionRequest` says what is asked, and how; `request_data["timeout_action"]` is
        recorded as the action when time runs out, `fail` without it. Sent again with the same `interaction_id`, it
        returns what was asked first. Raises UnknownExecution, and IllegalTransition when the execution does not run or
        the node is paused already.
        """
        if interaction_id is not None:
            try:
                return await self.get(interaction_id, event_metadata=event_metadata)
            except UnknownInteraction:
                pass
        execution = await AsyncExecutions(self._store).get(execution_id, event_metadata=event_metadata)
        return await execution.pause_for_human(node_id, activation=activation, interaction_id=interaction_id, **request)

    async def notified(
        self, interaction_id: UUID, *, message_id: str | None = None, at: datetime | None = None
    ) -> Interaction:
        """Record that the question was sent through its channel.

        `message_id` is the channel's name of what was sent, a Slack message's `ts` or an email's Message-ID: a reply to
        it is found by that.
        """
        return await self._change(interaction_id, lambda interaction: [interaction.mark_notified(at=at)], message_id)

    async def reminded(
        self, interaction_id: UUID, *, message_id: str | None = None, at: datetime | None = None
    ) -> Interaction:
        """Record that a reminder was sent. When time runs short the worker records one by itself."""
        return await self._change(interaction_id, lambda interaction: [interaction.mark_reminded(at=at)], message_id)

    async def answer(
        self,
        interaction_id: UUID,
        response_data: Any,
        *,
        responder: str | None = None,
        resume_trigger: str = "human_response",
    ) -> Interaction:
        """Answer directly, without a channel's message, and resume the pause that waits, in one append.

        Raises ExecutionEnded when the execution that asked has ended.
        """

        def change(interaction: Interaction, *executions: Execution) -> Iterable[Aggregate]:
            return answered(interaction, executions, response_data, responder=responder, resume_trigger=resume_trigger)

        return await self._change_with_execution(interaction_id, change)

    async def withdraw(self, interaction_id: UUID, *, by: str | None = None) -> Interaction:
        """Withdraw a question: the interaction is canceled, and its pause with it, in one append."""

        def change(interaction: Interaction, *executions: Execution) -> Iterable[Aggregate]:
            yield interaction.cancel(by=by)
            yield from cancel_pause(executions, interaction)

        return await self._change_with_execution(interaction_id, change)

    async def _change(
        self, interaction_id: UUID, change: Callable[[Interaction], Iterable[Aggregate]], message_id: str | None
    ) -> Interaction:
        metadata = {} if message_id is None else {"message_id": message_id}
        interaction = await self._read(interaction_id)
        return _first(await change_streams(self._store, change, interaction, event_metadata=metadata))

    async def _change_with_execution(
        self, interaction_id: UUID, change: Callable[..., Iterable[Aggregate]]
    ) -> Interaction:
        interaction = await self._read(interaction_id)
        execution = await read_waiting(self._store, interaction.execution_id or "")
        return _first(await change_streams(self._store, change, interaction, execution))

    async def _read(self, interaction_id: UUID) -> Interaction:
        interaction = Interaction.named(interaction_id)
        interaction = interaction.after(await self._store.read_stream(interaction.id))
        if interaction.status is None:
            raise UnknownInteraction(f"there is no interaction {interaction_id}", interaction_id=str(interaction_id))
        return interaction


def _first(changed: list[Aggregate]) -> Interaction:
    interaction = changed[0]
    assert isinstance(interaction, Interaction)
    return interaction


async def read_waiting(store: AsyncLog, execution_id: str) -> Execution:
    """Return the execution with its status, its pauses and the activations that ever waited, but without other nodes.

    Its version is the stream's, so that it can be changed: `change_streams` reads all events that come later.
    """
    execution = Execution.named(execution_id)
    return folded(execution, await store._retried(statement("waiting_events"), {"stream": execution.id}))
