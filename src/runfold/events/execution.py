"""The execution stream `execution-<execution_id>`: executions, their nodes and their pauses."""

from __future__ import annotations

from typing import Any, ClassVar, Required, TypedDict
from uuid import UUID

from pydantic import ConfigDict

from runfold.events.base import Event
from runfold.events.claims import Claim
from runfold.events.fields import (
    Attempt,
    Count,
    EpochMs,
    Flag,
    GivenJson,
    Json,
    Mode,
    Name,
    Name50,
    Name100,
    Object,
    PauseReason,
    Text,
    Text50,
    Text100,
    Text255,
    Timestamp,
    Uuid,
)
from runfold.events.machines import EXECUTION, NODE, PAUSE


class ExecutionEvent(Event, abstract=True):
    """An event of an execution's stream."""

    stream_category: ClassVar[str] = "execution"


class ExecutionCreated(ExecutionEvent, moves=EXECUTION.to("NEW", by="create")):
    """An execution was created. Its stream is named after it."""

    execution_id: Name
    workflow_id: Uuid
    mode: Mode
    workflow_version: Text50 | None = None
    deployment_version: Count | None = None
    trigger_subtype: Text100 | None = None
    trigger_data: Object | None = None
    triggered_by: Text255 | None = None
    parent_execution_id: Name | None = None
    retry_of: Name | None = None
    metadata: Object | None = None


class NewExecution(TypedDict, total=False):
    """What an execution is created with: the fields of ExecutionCreated, but for the id."""

    workflow_id: Required[UUID]
    """The workflow that it runs."""
    mode: Required[Mode]
    """What began it: MANUAL, TRIGGER, WEBHOOK or RETRY."""
    workflow_version: str | None
    """The version of the workflow's definition."""
    deployment_version: int | None
    """The deployment that put the workflow into service."""
    trigger_subtype: str | None
    """The kind of trigger, CRON for instance."""
    trigger_data: dict[str, Any] | None
    """What the trigger passed on: the body of a webhook's call, the time of a cron."""
    triggered_by: str | None
    """The person or system that began it."""
    parent_execution_id: str | None
    """The execution that this one is a part of."""
    retry_of: str | None
    """The execution that this one does again."""
    metadata: dict[str, Any] | None
    """The first metadata; `set_metadata` sets more."""


class ExecutionStarted(ExecutionEvent, moves=EXECUTION.to("RUNNING", by="start")):
    """The execution began to run; the first start_time stays."""

    start_time: EpochMs


class ExecutionPaused(ExecutionEvent, moves=EXECUTION.to("PAUSED", by="pause")):
    """A person or system paused the execution."""

    by: Text | None = None
    reason: Text | None = None


class ExecutionResumed(ExecutionEvent, moves=EXECUTION.to("RUNNING", by="resume")):
    """A person or system resumed the execution."""

    by: Text | None = None
    reason: Text | None = None


class ExecutionSucceeded(ExecutionEvent, moves=EXECUTION.to("SUCCESS", by="succeed")):
    """The execution ended well."""

    end_time: EpochMs
    run_data: Json | None = None


class ExecutionFailed(ExecutionEvent, moves=EXECUTION.to("ERROR", by="fail")):
    """The execution ended with an error."""

    end_time: EpochMs
    error_message: Text
    error_details: Json | None = None
    node_id: Name | None = None


class ExecutionCanceled(ExecutionEvent, moves=EXECUTION.to("CANCELED", by="cancel")):
    """A person or system ended the execution."""

    end_time: EpochMs
    by: Text | None = None
    reason: Text | None = None


class ExecutionTimedOut(ExecutionEvent, moves=EXECUTION.to("TIMEOUT", by="time_out")):
    """The execution ran out of time."""

    end_time: EpochMs


class ExecutionDeclaredLost(ExecutionEvent, moves=EXECUTION.to("ERROR", by="declare_lost")):
    """A detector declared the execution lost: its engine was last seen at last_seen."""

    end_time: EpochMs
    detector: Text
    last_seen: Timestamp


class ExecutionMetadataSet(ExecutionEvent):
    """Keys of the execution's metadata were set; the merge is shallow."""

    metadata: Object


class ExecutionTakenOver(ExecutionEvent):
    """An engine took the execution over from one that is gone; what the former one still does is refused.

    It is history only: no row changes by it. It moves the stream's version, and so fences whoever expects the old one.
    """

    engine: Name
    epoch: Attempt
    from_engine: Name | None = None


class ExecutionSignaled(ExecutionEvent):
    """Somebody sent the execution a signal, for whichever part of it waits for one of that name. History only."""

    signal: Name
    data: Json | None = None
    by: Text | None = None


class SignalTaken(ExecutionEvent):
    """The execution took a signal, so that nothing else of it takes the same one. History only.

    `version` is that of the ExecutionSignaled in the stream. `key` names who took it, and gets the same one again.
    """

    signal: Name
    version: Attempt
    key: Name | None = None


class ModelCalled(ExecutionEvent):
    """A model was called, for one activation of a node or for the execution as a whole.

    `input_tokens` counts the whole input; `cached_tokens` of them came from the provider's cache.
    """

    model_config = ConfigDict(protected_namespaces=())  # pydantic keeps names in `model_` for itself

    activation: Name | None = None
    provider: Name50
    model_id: Name100
    version: Name50 | None = None
    input_tokens: Count
    cached_tokens: Count
    output_tokens: Count
    latency_ms: Count | None = None


class ModelUse(TypedDict, total=False):
    """What a call of a model used: the fields of ModelCalled, but for the activation."""

    provider: Required[str]
    """Who runs the model, `openai` for instance, as ai_models names it."""
    model_id: Required[str]
    """The model, as the provider names it."""
    version: str | None
    """The version of the model, where the registry tells versions apart."""
    input_tokens: Required[int]
    """The tokens of the whole input, those from the cache as well."""
    cached_tokens: int
    """How many of them came from the provider's cache; 0 if it is not given."""
    output_tokens: Required[int]
    """The tokens of the output."""
    latency_ms: int | None
    """How long the call took, in milliseconds."""


class NodeEvent(ExecutionEvent, abstract=True):
    """Something happened to one activation of a node.

    An event that names a lower `attempt` than its activation has reached changes nothing. Without an attempt it speaks
    for the one that runs.
    """

    activation: Name
    node_id: Name


class NodeScheduled(NodeEvent, moves=NODE.to("PENDING", by="schedule")):
    """An activation of a node was planned; it has not begun."""

    node_type: Text100
    node_name: Text255 | None = None
    node_subtype: Text100 | None = None
    max_retries: Count | None = None
    iteration: Count | None = None
    parent_activation: Name | None = None


class NodeDetails(TypedDict, total=False):
    """What describes an activation of a node beside its type: fields of NodeScheduled and NodeStarted."""

    node_name: str | None
    """The name that people read."""
    node_subtype: str | None
    """What the node does more exactly than its type says."""
    max_retries: int | None
    """How many attempts may follow the first."""
    iteration: int | None
    """Which round of a loop it is, from 0."""


class NodeStarted(NodeScheduled, moves=NODE.to("RUNNING", by="start")):
    """An attempt of an activation began."""

    attempt: Attempt
    start_time: EpochMs
    input_data: Json | None = None


class NodeAttemptFailed(NodeEvent, moves=NODE.to("RETRYING", by="fail_attempt")):
    """An attempt failed; the activation has not ended."""

    attempt: Attempt
    error_data: GivenJson
    will_retry: Flag
    next_retry_at: Timestamp | None = None


class NodeWaiting(NodeEvent, moves=NODE.to("WAITING_INPUT", by="wait")):
    """The activation began to wait for input."""

    attempt: Attempt | None = None
    pause: Name | None = None


class NodeContinued(NodeEvent, moves=NODE.to("RUNNING", by="continue_")):
    """The activation continued after waiting."""

    attempt: Attempt | None = None
    pause: Name | None = None


class NodeSucceeded(NodeEvent, moves=NODE.to("SUCCESS", by="succeed")):
    """The activation ended well."""

    node_type: Text100 | None = None
    attempt: Attempt | None = None
    end_time: EpochMs
    output_data: Json | None = None


class NodeFailed(NodeEvent, moves=NODE.to("ERROR", by="fail")):
    """The activation ended with an error."""

    attempt: Attempt | None = None
    end_time: EpochMs
    error_data: GivenJson


class NodeSkipped(NodeEvent, moves=NODE.to("SKIPPED", by="skip")):
    """The activation was skipped: there was nothing to do."""

    node_type: Text100 | None = None
    end_time: EpochMs
    reason: Text | None = None


class NodeCanceled(NodeEvent, moves=NODE.to("CANCELED", by="cancel")):
    """The activation was ended from outside."""

    node_type: Text100 | None = None
    end_time: EpochMs
    reason: Text | None = None


class PauseOpened(
    ExecutionEvent,
    moves=PAUSE.to("active", by="open_pause"),
    claims=Claim(
        "pause", key="paused_node_id", finer_key="activation", name="pause", within=EXECUTION, refusal="node_paused"
    ),
):
    """The execution began to wait at a node, or at one activation of it: each has one open pause."""

    pause: Name
    paused_node_id: Name
    activation: Name | None = None
    pause_reason: PauseReason
    paused_at: Timestamp
    resume_conditions: Object
    interaction_id: Uuid | None = None
    timeout_at: Timestamp | None = None


class PauseResumed(ExecutionEvent, moves=PAUSE.to("resumed", by="resume_pause")):
    """The pause ended because what it waited for came."""

    pause: Name
    resumed_at: Timestamp
    resume_trigger: Text100
    data: Json | None = None


class PauseTimedOut(ExecutionEvent, moves=PAUSE.to("timeout", by="time_out_pause")):
    """The pause ended because its time ran out."""

    pause: Name
    at: Timestamp
    action: Text


class PauseCanceled(ExecutionEvent, moves=PAUSE.to("cancelled", by="cancel_pause")):
    """The pause was canceled."""

    pause: Name
    at: Timestamp
