"""The asyncio interactions: people are asked, told, and answer; the execution's pause follows, in the same append."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from runfold.errors import VersionConflict
from runfold.events.fields import Channel, InteractionPriority, InteractionType
from runfold.human.pauses import cancel_pause, resume
from runfold.log.async_store import AsyncStore
from runfold.writing.aggregate import Aggregate
from runfold.writing.async_changes import change_streams
from runfold.writing.commands import append_of, pause_before
from runfold.writing.execution import Execution
from runfold.writing.interaction import Interaction


class AsyncInteractions:
    """What people are asked, on a store. Every command returns the interaction as it is after it.

    Raises IllegalTransition for what is not possible in its state: an interaction that has timed out is not answered.
    """

    def __init__(self, store: AsyncStore) -> None:
        self._store = store

    async def request(
        self,
        *,
        execution_id: str,
        node_id: str,
        interaction_type: InteractionType,
        channel_type: Channel,
        request_data: Mapping[str, Any],
        timeout_at: datetime | None = None,
        priority: InteractionPriority = "normal",
        correlation_id: str | None = None,
        tags: list[str] | None = None,
        interaction_id: UUID | None = None,
        resume_conditions: Mapping[str, Any] | None = None,
    ) -> Interaction:
        """Pause the execution at a node and ask, in one append; both wait until `timeout_at`, or for ever.

        The pause has the interaction's id for its name. `request_data["timeout_action"]` is what is recorded as the
        action when time runs out, `fail` without it. Sent again with the same `interaction_id`, it returns what was
        requested first. Raises IllegalTransition when the execution does not run, or its node is paused already.
        """
        asked = Interaction.named(interaction_id or uuid4())
        pause = asked.name
        conditions = {"interaction_id": asked.name, **(resume_conditions or {})}
        if isinstance(action := request_data.get("timeout_action"), str):
            conditions.setdefault("timeout_action", action)
        deadline = time.monotonic() + self._store.retry_seconds
        tries = 0
        while True:
            stands = asked if interaction_id is None else await self.get(interaction_id)
            if stands.execution_id == execution_id:
                return stands
            events = await self._store.read_stream(f"execution-{execution_id}")
            execution = (
                Execution.named(execution_id)
                .after(events)
                .open_pause(
                    pause,
                    paused_node_id=node_id,
                    pause_reason="human_interaction",
                    resume_conditions=conditions,
                    interaction_id=UUID(asked.name),
                    timeout_at=timeout_at,
                )
            )
            requested = stands.request(
                workflow_id=execution.workflow_id or UUID(int=0),
                execution_id=execution_id,
                node_id=node_id,
                interaction_type=interaction_type,
                channel_type=channel_type,
                request_data=request_data,
                priority=priority,
                timeout_at=timeout_at,
                correlation_id=correlation_id,
                tags=tags,
                pause=pause,
            )
            tenant = events[0].user_id if events else None
            try:
                await self._store.append_many(
                    [append_of(state, user_id=tenant, metadata={}) for state in (execution, requested)]
                )
                return requested.recorded()
            except VersionConflict:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(pause_before(tries))
            tries += 1

    async def get(self, interaction_id: UUID) -> Interaction:
        """The interaction as the log has it; its status is None where nobody was asked."""
        stream = Interaction.named(interaction_id)
        return stream.after(await self._store.read_stream(stream.id))

    async def notified(
        self, interaction_id: UUID, *, message_id: str | None = None, at: datetime | None = None
    ) -> Interaction:
        """The request was sent through its channel.

        `message_id` is the channel's name of what was sent, a Slack message's `ts` or an email's Message-ID: a reply to
        it is found by that.
        """

        def change(interaction: Interaction) -> Iterable[Aggregate]:
            yield interaction.mark_notified(at=at)

        return await self._changed(interaction_id, change, message_id)

    async def reminded(
        self, interaction_id: UUID, *, message_id: str | None = None, at: datetime | None = None
    ) -> Interaction:
        """A reminder was sent. The worker says so by itself when time runs short."""

        def change(interaction: Interaction) -> Iterable[Aggregate]:
            yield interaction.mark_reminded(at=at)

        return await self._changed(interaction_id, change, message_id)

    async def failed(self, interaction_id: UUID, error: str, *, at: datetime | None = None) -> Interaction:
        """The request could not be sent. Its pause waits on, until it is reopened, canceled, or out of time."""

        def change(interaction: Interaction) -> Iterable[Aggregate]:
            yield interaction.fail(error, at=at)

        return await self._changed(interaction_id, change)

    async def reopen(self, interaction_id: UUID, *, by: str, at: datetime | None = None) -> Interaction:
        """Ask again after a failure."""

        def change(interaction: Interaction) -> Iterable[Aggregate]:
            yield interaction.reopen(by, at=at)

        return await self._changed(interaction_id, change)

    async def respond(
        self,
        interaction_id: UUID,
        response_data: Any,
        *,
        responder: str | None = None,
        resume_trigger: str = "human_response",
    ) -> Interaction:
        """Answer directly, without a channel's message, and resume the pause that waits, in one append."""

        def change(interaction: Interaction, *executions: Execution) -> Iterable[Aggregate]:
            yield interaction.respond(response_data, responder=responder)
            yield from resume(executions, interaction, response_data, resume_trigger)

        return await self._changed_with_execution(interaction_id, change)

    async def cancel(self, interaction_id: UUID, *, by: str | None = None) -> Interaction:
        """The answer is not needed any more: neither is the pause that waits for it, in one append."""

        def change(interaction: Interaction, *executions: Execution) -> Iterable[Aggregate]:
            yield interaction.cancel(by=by)
            yield from cancel_pause(executions, interaction)

        return await self._changed_with_execution(interaction_id, change)

    async def _changed(self, interaction_id: UUID, change: Any, message_id: str | None = None) -> Interaction:
        metadata = {} if message_id is None else {"message_id": message_id}
        (changed,) = await change_streams(
            self._store, change, Interaction.named(interaction_id), event_metadata=metadata
        )
        return _interaction(changed)

    async def _changed_with_execution(self, interaction_id: UUID, change: Any) -> Interaction:
        asked = await self.get(interaction_id)
        executions = [] if asked.execution_id is None else [Execution.named(asked.execution_id)]
        changed = await change_streams(self._store, change, asked, *executions)
        return _interaction(changed[0])


def _interaction(state: Aggregate) -> Interaction:
    assert isinstance(state, Interaction)
    return state
