# Generated from ../aio/interactions.py by `make sync`: edit that file, never this one.
"""Questions to people: asking, reminding, answering. The execution's pause follows in the same append."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Unpack
from uuid import UUID

from runfold.client.sync.executions import Executions
from runfold.client.sync.interaction import InteractionHandle
from runfold.client.sync.log import Log, statement
from runfold.client.sync.writer import Writer, change_streams
from runfold.domain.aggregate import Aggregate
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.waiting_pause import answered, cancel_pause, folded
from runfold.errors import UnknownInteraction
from runfold.events.ids import new_id
from runfold.events.interaction import InteractionRequest


class Interactions:
    """Questions to people, each with the pause that waits for it.

    Raises UnknownInteraction, and IllegalTransition for what the question's state does not allow: one that has timed
    out is not answered any more.
    """

    def __init__(self, store: Log) -> None:
        self._store = store

    def request(
        self,
        *,
        workflow_id: UUID,
        execution_id: str,
        node_id: str,
        interaction_id: UUID | None = None,
        user_id: UUID | None = None,
        event_metadata: dict[str, Any] | None = None,
        **request: Unpack[InteractionRequest],
    ) -> InteractionHandle:
        """Ask a person without a pause of the execution; `pause_for_human` of an execution does both.

        `runfold.events.interaction.InteractionRequest` says what is asked, and how.
        """
        writer = Writer(
            self._store,
            Interaction.named(new_id() if interaction_id is None else interaction_id),
            user_id=user_id,
            event_metadata=event_metadata,
            is_known=True,
        )
        writer.do(Interaction.request, workflow_id=workflow_id, execution_id=execution_id, node_id=node_id, **request)
        return InteractionHandle(writer)

    def get(self, interaction_id: UUID, *, event_metadata: dict[str, Any] | None = None) -> InteractionHandle:
        """Return the handle of an interaction; raises UnknownInteraction."""
        writer = Writer(self._store, Interaction.named(interaction_id), event_metadata=event_metadata)
        if (writer.refreshed()).status is None:
            raise UnknownInteraction(f"there is no interaction {interaction_id}", interaction_id=str(interaction_id))
        return InteractionHandle(writer)

    def ask(
        self,
        *,
        execution_id: str,
        node_id: str,
        activation: str | None = None,
        interaction_id: UUID | None = None,
        event_metadata: dict[str, Any] | None = None,
        **request: Unpack[InteractionRequest],
    ) -> InteractionHandle:
        """Pause an execution at a node and ask, in one append; both wait until `timeout_at`, or for ever.

        Does what `pause_for_human` of an execution's handle does, without the handle.
        `runfold.events.interaction.InteractionRequest` says what is asked, and how; `request_data["timeout_action"]` is
        recorded as the action when time runs out, `fail` without it. Sent again with the same `interaction_id`, it
        returns what was asked first. Raises UnknownExecution, and IllegalTransition when the execution does not run or
        the node is paused already.
        """
        if interaction_id is not None:
            try:
                return self.get(interaction_id, event_metadata=event_metadata)
            except UnknownInteraction:
                pass
        execution = Executions(self._store).get(execution_id, event_metadata=event_metadata)
        return execution.pause_for_human(node_id, activation=activation, interaction_id=interaction_id, **request)

    def notified(
        self, interaction_id: UUID, *, message_id: str | None = None, at: datetime | None = None
    ) -> Interaction:
        """Record that the question was sent through its channel.

        `message_id` is the channel's name of what was sent, a Slack message's `ts` or an email's Message-ID: a reply to
        it is found by that.
        """
        return self._change(interaction_id, lambda interaction: [interaction.mark_notified(at=at)], message_id)

    def reminded(
        self, interaction_id: UUID, *, message_id: str | None = None, at: datetime | None = None
    ) -> Interaction:
        """Record that a reminder was sent. When time runs short the worker records one by itself."""
        return self._change(interaction_id, lambda interaction: [interaction.mark_reminded(at=at)], message_id)

    def answer(
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

        return self._change_with_execution(interaction_id, change)

    def withdraw(self, interaction_id: UUID, *, by: str | None = None) -> Interaction:
        """Withdraw a question: the interaction is canceled, and its pause with it, in one append."""

        def change(interaction: Interaction, *executions: Execution) -> Iterable[Aggregate]:
            yield interaction.cancel(by=by)
            yield from cancel_pause(executions, interaction)

        return self._change_with_execution(interaction_id, change)

    def _change(
        self, interaction_id: UUID, change: Callable[[Interaction], Iterable[Aggregate]], message_id: str | None
    ) -> Interaction:
        metadata = {} if message_id is None else {"message_id": message_id}
        interaction = self._read(interaction_id)
        return _first(change_streams(self._store, change, interaction, event_metadata=metadata))

    def _change_with_execution(self, interaction_id: UUID, change: Callable[..., Iterable[Aggregate]]) -> Interaction:
        interaction = self._read(interaction_id)
        execution = read_waiting(self._store, interaction.execution_id or "")
        return _first(change_streams(self._store, change, interaction, execution))

    def _read(self, interaction_id: UUID) -> Interaction:
        interaction = Interaction.named(interaction_id)
        interaction = interaction.after(self._store.read_stream(interaction.id))
        if interaction.status is None:
            raise UnknownInteraction(f"there is no interaction {interaction_id}", interaction_id=str(interaction_id))
        return interaction


def _first(changed: list[Aggregate]) -> Interaction:
    interaction = changed[0]
    assert isinstance(interaction, Interaction)
    return interaction


def read_waiting(store: Log, execution_id: str) -> Execution:
    """Return the execution with its status, its pauses and the activations that ever waited, but without other nodes.

    Its version is the stream's, so that it can be changed: `change_streams` reads all events that come later.
    """
    execution = Execution.named(execution_id)
    return folded(execution, store._retried(statement("waiting_events"), {"stream": execution.id}))
