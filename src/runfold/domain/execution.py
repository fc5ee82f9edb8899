"""The aggregate of an execution's stream: the execution, its nodes and its pauses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self, Unpack
from uuid import UUID

from runfold import events
from runfold.domain.aggregate import NAME, Recorded, check_value, or_now, or_now_ms
from runfold.domain.execution_rules import STARTED, ExecutionRules
from runfold.domain.execution_state import Node
from runfold.domain.signatures import spells_out
from runfold.events.execution import ModelUse, NewExecution, NodeDetails
from runfold.events.fields import PauseReason
from runfold.events.machines import EXECUTION, NODE, PAUSE

ENGINE_GONE = {
    "type": "EngineGone",
    "message": "the engine of this attempt is gone, and another one has taken the execution over",
}


@spells_out
class Execution(ExecutionRules):
    """One run of a workflow. Its commands of nodes take the `attempt` that gives them; one that is over is refused."""

    def create(self, **about: Unpack[NewExecution]) -> Self:
        """Create the execution. It does not run before it is started.

        `runfold.events.execution.NewExecution` says what it is created with.
        """
        self._check(EXECUTION, self.status, "create", "NEW")
        return self._with(events.ExecutionCreated(execution_id=self.name, **about))

    def start(self, *, start_time: int | None = None) -> Self:
        """Start the execution. `start_time` in epoch milliseconds."""
        self._check_execution("start", "RUNNING")
        return self._with(events.ExecutionStarted(start_time=or_now_ms(start_time)))

    def pause(self, *, by: str | None = None, reason: str | None = None) -> Self:
        """Pause the execution until it is resumed."""
        self._check_execution("pause", "PAUSED")
        return self._with(events.ExecutionPaused(by=by, reason=reason))

    def resume(self, *, by: str | None = None, reason: str | None = None) -> Self:
        """Resume the execution after `pause`. The pauses of nodes stay open: they are closed by their names."""
        self._check_execution("resume", "RUNNING")
        return self._with(events.ExecutionResumed(by=by, reason=reason))

    def succeed(self, run_data: Any = None, *, end_time: int | None = None) -> Self:
        """End the execution with success."""
        self._check_execution("succeed", "SUCCESS")
        return self._with(events.ExecutionSucceeded(end_time=or_now_ms(end_time), run_data=run_data))

    def fail(
        self,
        error_message: str,
        *,
        error_details: Any = None,
        node_id: str | None = None,
        end_time: int | None = None,
    ) -> Self:
        """End the execution with an error, of a node if one is named."""
        self._check_execution("fail", "ERROR")
        return self._with(
            events.ExecutionFailed(
                end_time=or_now_ms(end_time), error_message=error_message, error_details=error_details, node_id=node_id
            )
        )

    def cancel(self, *, by: str | None = None, reason: str | None = None, end_time: int | None = None) -> Self:
        """End the execution from outside."""
        self._check_execution("cancel", "CANCELED")
        return self._with(events.ExecutionCanceled(end_time=or_now_ms(end_time), by=by, reason=reason))

    def time_out(self, *, end_time: int | None = None) -> Self:
        """End the execution because its time is over."""
        self._check_execution("time_out", "TIMEOUT")
        return self._with(events.ExecutionTimedOut(end_time=or_now_ms(end_time)))

    def declare_lost(self, *, detector: str, last_seen: datetime, end_time: int | None = None) -> Self:
        """Declare the execution lost: its engine was last seen at `last_seen`."""
        self._check_execution("declare_lost", "ERROR")
        return self._with(
            events.ExecutionDeclaredLost(end_time=or_now_ms(end_time), detector=detector, last_seen=last_seen)
        )

    def set_metadata(self, metadata: dict[str, Any]) -> Self:
        """Set keys of the metadata, also after the end; the merge is shallow."""
        if self.status is None:
            raise self._illegal(EXECUTION, None, "set_metadata")
        return self._with(events.ExecutionMetadataSet(metadata=metadata))

    def model_called(self, *, activation: str | None = None, **use: Unpack[ModelUse]) -> Self:
        """Record that a model was called, also after the end: what was used is paid for.

        `activation` is the one that called it. `runfold.events.execution.ModelUse` says what was used.
        """
        if self.status is None:
            raise self._illegal(EXECUTION, None, "model_called")
        use.setdefault("cached_tokens", 0)
        return self._with(events.ModelCalled(activation=activation, **use))

    def take_over(self, engine: str, *, from_engine: str | None = None) -> Self:
        """Take the execution over from an engine that is gone, and give up the attempts that it ran."""
        if self.status is None or self.has_ended:
            raise self._illegal(EXECUTION, self.status, "take_over")
        taken = events.ExecutionTakenOver(engine=engine, epoch=self.epoch + 1, from_engine=from_engine)
        return self._with(taken).give_up_attempts(ENGINE_GONE)

    def send_signal(self, signal: str, data: Any = None, *, by: str | None = None) -> Self:
        """Send the execution a signal, which `take_signal` takes once."""
        check_value(NAME, signal, "/signal")
        if self.status is None or self.has_ended:
            raise self._illegal(EXECUTION, self.status, "signal")
        return self._with(events.ExecutionSignaled(signal=signal, data=data, by=by))

    def take_signal(self, signal: str, version: int, *, key: str | None = None) -> Self:
        """Take a signal that nothing has taken yet; `key` names who takes it."""
        taken = events.SignalTaken(signal=signal, version=version, key=key)
        is_waiting = any(one.version == version for one in self.signals.get(signal, ()))
        if self.status is None or self.has_ended or not is_waiting or (signal, key) in self.taken_signals:
            raise self._illegal(EXECUTION, self.status, "take_signal")
        return self._with(taken)

    # Nodes

    def schedule_node(
        self,
        node_id: str,
        *,
        node_type: str,
        activation: str | None = None,
        parent_activation: str | None = None,
        **details: Unpack[NodeDetails],
    ) -> Self:
        """Schedule an activation of a node.

        `parent_activation` is the one that it is a part of; `runfold.events.execution.NodeDetails` says what else
        describes it.
        """
        activation = self.free_activation(node_id) if activation is None else activation
        if self.status is None or self.has_ended:
            raise self._illegal(EXECUTION, self.status, "schedule")
        self._check_node(activation, "schedule", "PENDING")
        return self._with(
            events.NodeScheduled(
                activation=activation,
                node_id=node_id,
                node_type=node_type,
                parent_activation=parent_activation,
                **details,
            )
        )

    def start_node(
        self,
        node_id: str,
        *,
        node_type: str | None = None,
        activation: str | None = None,
        input_data: Any = None,
        parent_activation: str | None = None,
        start_time: int | None = None,
        takeover: bool | None = None,
        attempt: int | None = None,
        known: Node | None = None,
        **details: Unpack[NodeDetails],
    ) -> Self:
        """Start an attempt of an activation: the first, or the next after one that failed.

        Without `activation` it is the one of this node that is scheduled, or a new one. `node_type` may be left out
        where the activation has one. `runfold.events.execution.NodeDetails` says what else describes it.

        An activation that has waited and goes on is entered in the attempt that it has. `takeover` says whether to
        begin the next attempt of one that is RUNNING: False refuses it; without it one that was scheduled is refused,
        because any worker may have taken it, and so is one that has moved since the caller knew it as `known`.
        """
        if activation is None:
            activation = self.activation_to_start(node_id, takeover=takeover)
        self._check_start(activation, takeover=takeover, attempt=attempt, known=known)
        node = self.nodes.get(activation)
        if node is not None and node.goes_on and not takeover:
            return self._with(
                events.NodeContinued(activation=activation, node_id=node.node_id, attempt=_named(node.attempt))
            )
        return self._with(
            events.NodeStarted(
                activation=activation,
                node_id=node.node_id if node is not None else node_id,
                # None is refused by the event.
                node_type=node.node_type if node_type is None and node is not None else node_type,  # type: ignore[arg-type]
                parent_activation=parent_activation,
                attempt=1 if node is None else node.attempt + 1,
                start_time=or_now_ms(start_time),
                input_data=input_data,
                **details,
            )
        )

    def fail_attempt(
        self,
        activation: str,
        error_data: Any,
        *,
        will_retry: bool,
        next_retry_at: datetime | None = None,
        attempt: int | None = None,
    ) -> Self:
        """Record that an attempt failed. The activation has not ended: start it again, or fail it."""
        node = self._check_node(activation, "fail_attempt", "RETRYING", attempt)
        return self._with(
            events.NodeAttemptFailed(
                activation=activation,
                node_id=node.node_id,
                attempt=max(node.attempt, 1),
                error_data=error_data,
                will_retry=will_retry,
                next_retry_at=next_retry_at,
            )
        )

    def wait_node(self, activation: str, *, pause: str | None = None, attempt: int | None = None) -> Self:
        """Let the activation wait for input, at a pause if one is named."""
        node = self._check_node(activation, "wait", "WAITING_INPUT", attempt)
        return self._with(
            events.NodeWaiting(activation=activation, node_id=node.node_id, attempt=_named(node.attempt), pause=pause)
        )

    def continue_node(self, activation: str, *, pause: str | None = None, attempt: int | None = None) -> Self:
        """Continue the activation after it waited."""
        node = self._check_node(activation, "continue_", "RUNNING", attempt)
        if node.status != "WAITING_INPUT":
            raise self._illegal(NODE, node.status, "continue_", activation)
        return self._with(
            events.NodeContinued(
                activation=activation,
                node_id=node.node_id,
                attempt=_named(node.attempt),
                pause=node.pause if pause is None else pause,
            )
        )

    def succeed_node(
        self,
        activation: str,
        output_data: Any = None,
        *,
        node_id: str | None = None,
        node_type: str | None = None,
        end_time: int | None = None,
        attempt: int | None = None,
    ) -> Self:
        """End the activation with success. One that did not begin, as a trigger's, needs `node_id` and `node_type`."""
        node = self._check_node(activation, "succeed", "SUCCESS", attempt)
        return self._with(
            events.NodeSucceeded(
                activation=activation,
                node_id=node.node_id if node_id is None else node_id,
                node_type=node_type,
                attempt=_named(node.attempt),
                end_time=or_now_ms(end_time),
                output_data=output_data,
            )
        )

    def fail_node(
        self, activation: str, error_data: Any, *, end_time: int | None = None, attempt: int | None = None
    ) -> Self:
        """End the activation with an error."""
        node = self._check_node(activation, "fail", "ERROR", attempt)
        return self._with(
            events.NodeFailed(
                activation=activation,
                node_id=node.node_id,
                attempt=_named(node.attempt),
                end_time=or_now_ms(end_time),
                error_data=error_data,
            )
        )

    def skip_node(
        self,
        node_id: str,
        *,
        activation: str | None = None,
        node_type: str | None = None,
        reason: str | None = None,
        end_time: int | None = None,
        attempt: int | None = None,
    ) -> Self:
        """Skip an activation, because there is nothing to do: a named one, or else one that is scheduled or new."""
        activation = self.next_activation(node_id) if activation is None else activation
        node = self._check_node(activation, "skip", "SKIPPED", attempt)
        return self._with(
            events.NodeSkipped(
                activation=activation,
                node_id=node.node_id if activation in self.nodes else node_id,
                node_type=node_type,
                end_time=or_now_ms(end_time),
                reason=reason,
            )
        )

    def cancel_node(
        self,
        activation: str,
        *,
        reason: str | None = None,
        end_time: int | None = None,
        attempt: int | None = None,
    ) -> Self:
        """End the activation from outside."""
        node = self._check_node(activation, "cancel", "CANCELED", attempt)
        return self._with(
            events.NodeCanceled(
                activation=activation, node_id=node.node_id, end_time=or_now_ms(end_time), reason=reason
            )
        )

    def give_up_attempts(self, error_data: Any) -> Self:
        """Record that each attempt that runs has failed, because its engine is gone, and that the next one may begin.

        What has waited and goes on is not run by anybody, and stays as it is.
        """
        if self.status is None or self.has_ended:
            raise self._illegal(EXECUTION, self.status, "resume")
        state = self
        for activation, node in self.nodes.items():
            if node.status == "RUNNING" and not node.goes_on:
                state = state.fail_attempt(activation, error_data, will_retry=True)
        return state

    # Pauses

    def open_pause(
        self,
        pause: str,
        *,
        paused_node_id: str,
        pause_reason: PauseReason,
        activation: str | None = None,
        resume_conditions: dict[str, Any] | None = None,
        interaction_id: UUID | None = None,
        timeout_at: datetime | None = None,
        paused_at: datetime | None = None,
    ) -> Self:
        """Open a pause at a node, or at one activation of it, which may be one of many that run at once.

        The name of a pause is used once. An activation has one open pause, and so has a node by itself.
        """
        check_value(NAME, pause, "/pause")
        if self.status not in STARTED:
            raise self._illegal(EXECUTION, self.status, "open_pause")
        if (before := self.pauses.get(pause)) is not None:
            raise self._illegal(PAUSE, before.status, "open_pause", pause)
        for name in self.open_pauses:
            if self.pauses[name].holds == (paused_node_id if activation is None else activation):
                raise self._illegal(PAUSE, "active", "open_pause", name)
        return self._with(
            events.PauseOpened(
                pause=pause,
                paused_node_id=paused_node_id,
                activation=activation,
                pause_reason=pause_reason,
                paused_at=or_now(paused_at),
                resume_conditions={} if resume_conditions is None else resume_conditions,
                interaction_id=interaction_id,
                timeout_at=timeout_at,
            )
        )

    def resume_pause(
        self, pause: str, *, resume_trigger: str = "manual", data: Any = None, resumed_at: datetime | None = None
    ) -> Self:
        """Close the pause: what it waited for came."""
        self._check_pause(pause, "resume_pause", "resumed")
        return self._with(
            events.PauseResumed(pause=pause, resumed_at=or_now(resumed_at), resume_trigger=resume_trigger, data=data)
        )

    def time_out_pause(self, pause: str, action: str, *, at: datetime | None = None) -> Self:
        """Close the pause because its time ran out; `action` says what is done instead."""
        self._check_pause(pause, "time_out_pause", "timeout")
        return self._with(events.PauseTimedOut(pause=pause, at=or_now(at), action=action))

    def cancel_pause(self, pause: str, *, at: datetime | None = None) -> Self:
        """Cancel the pause."""
        self._check_pause(pause, "cancel_pause", "cancelled")
        return self._with(events.PauseCanceled(pause=pause, at=or_now(at)))


def outputs_of(stream_id: str, events: Iterable[Recorded]) -> dict[str, Any]:
    """Return the output of each activation that the events let succeed, by its name."""
    outputs: dict[str, Any] = {}
    state = Execution(id=stream_id)
    for event in events:
        before, state = state, state.after([event])
        if event.type == "NodeSucceeded" and event.data is not None and state.nodes is not before.nodes:
            outputs[event.data["activation"]] = event.data.get("output_data")
    return outputs


def _named(attempt: int) -> int | None:
    """Return the attempt as an event names it: not before the first."""
    return attempt or None
