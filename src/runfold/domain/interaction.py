"""The aggregate of an interaction's stream: a question to a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self, Unpack
from uuid import UUID

from runfold import events
from runfold.domain.aggregate import Aggregate, Changes, Data, Folds, folds_of, moves_status, or_now
from runfold.errors import ExecutionEnded
from runfold.events.interaction import InteractionRequest
from runfold.events.machines import INTERACTION

EXECUTION_ENDED = "execution_ended"
"""The reason of a question that was closed because its execution has ended."""


def _requested(state: Interaction, data: Data) -> Changes:
    if state.status is not None:
        return {}
    return {
        "status": "pending",
        "workflow_id": UUID(data["workflow_id"]),
        **{name: data.get(name) for name in ("execution_id", "node_id", "pause", "correlation_id", "timeout_at")},
    }


def _canceled(state: Interaction, data: Data) -> Changes:
    if state.status is None or state.has_ended:
        return {}
    return {"status": "cancelled", "reason": data.get("reason")}


class Interaction(Aggregate):
    """A question to a person: pending until it is answered, timed out, canceled, or failed."""

    category: ClassVar[str] = "interaction"
    _name_field: ClassVar[str] = "interaction_id"

    status: str | None = None
    workflow_id: UUID | None = None
    execution_id: str | None = None
    node_id: str | None = None
    pause: str | None = None
    """The name of the execution's pause that waits for the answer."""
    correlation_id: str | None = None
    timeout_at: str | None = None
    """RFC 3339."""
    reason: str | None = None
    """Why it was canceled."""

    _folds: ClassVar[Folds] = folds_of(
        "interaction", moves_status, {"InteractionRequested": _requested, "InteractionCanceled": _canceled}
    )

    @property
    def has_ended(self) -> bool:
        """Whether nothing changes it any more."""
        return self.status is not None and INTERACTION.has_ended(self.status)

    def request(
        self,
        *,
        workflow_id: UUID,
        execution_id: str,
        node_id: str,
        pause: str | None = None,
        **request: Unpack[InteractionRequest],
    ) -> Self:
        """Ask a person; `runfold.events.interaction.InteractionRequest` says what and how."""
        self._check(INTERACTION, self.status, "request", "pending")
        request.setdefault("priority", "normal")
        return self._with(
            events.InteractionRequested(
                workflow_id=workflow_id,
                execution_id=execution_id,
                node_id=node_id,
                pause=pause,
                **request,
            )
        )

    def mark_notified(self, *, at: datetime | None = None) -> Self:
        """Record that the question was sent through its channel."""
        self._check_open("mark_notified")
        return self._with(events.InteractionNotified(at=or_now(at)))

    def mark_reminded(self, *, at: datetime | None = None) -> Self:
        """Record that a reminder was sent."""
        self._check_open("mark_reminded")
        return self._with(events.InteractionReminderSent(at=or_now(at)))

    def respond(
        self,
        response_data: Any,
        *,
        responder: str | None = None,
        response_id: UUID | None = None,
        responded_at: datetime | None = None,
    ) -> Self:
        """Record the answer; raises ExecutionEnded where the question was closed by its execution's end."""
        if self.reason == EXECUTION_ENDED:
            raise self.execution_ended(None)
        self._check(INTERACTION, self.status, "respond", "responded")
        return self._with(
            events.InteractionResponded(
                response_id=response_id,
                response_data=response_data,
                responded_at=or_now(responded_at),
                responder=responder,
            )
        )

    def time_out(self, action: str, *, at: datetime | None = None) -> Self:
        """End the question because its time ran out; `action` says what is done instead."""
        self._check(INTERACTION, self.status, "time_out", "timeout")
        return self._with(events.InteractionTimedOut(at=or_now(at), action=action))

    def fail(self, error: str, *, at: datetime | None = None) -> Self:
        """Record that the question could not be sent."""
        self._check(INTERACTION, self.status, "fail", "error")
        return self._with(events.InteractionFailed(at=or_now(at), error=error))

    def reopen(self, by: str, *, at: datetime | None = None) -> Self:
        """Ask again after a failure."""
        self._check(INTERACTION, self.status, "reopen", "pending")
        return self._with(events.InteractionReopened(at=or_now(at), by=by))

    def cancel(self, *, by: str | None = None, reason: str | None = None, at: datetime | None = None) -> Self:
        """Withdraw the question."""
        self._check(INTERACTION, self.status, "cancel", "cancelled")
        return self._with(events.InteractionCanceled(at=or_now(at), by=by, reason=reason))

    def execution_ended(self, status: str | None) -> ExecutionEnded:
        """Return the error of an answer that comes after the execution's end; `status` is the execution's, if known."""
        return ExecutionEnded(
            f"{self.id} cannot be answered, because execution {self.execution_id} has ended"
            + ("" if status is None else f": it is {status}"),
            hint="ask again in an execution that runs",
            stream_id=self.id,
            execution_id=self.execution_id,
            machine="execution",
            state=status,
            command="respond",
            allowed=(),
        )

    def _check_open(self, command: str) -> None:
        if self.status is None or self.has_ended:
            raise self._illegal(INTERACTION, self.status, command)
