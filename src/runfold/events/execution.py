"""The execution stream `execution-<execution_id>`: executions, their nodes and their pauses."""

from __future__ import annotations

from typing import ClassVar

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


class ExecutionCreated(ExecutionEvent, moves=EXECUTION.to("NEW")):
    """An execution exists. Its stream is named after it."""

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


class ExecutionStarted(ExecutionEvent, moves=EXECUTION.to("RUNNING")):
    """The execution runs; the first start_time stays."""

    start_time: EpochMs


class ExecutionPaused(ExecutionEvent, moves=EXECUTION.to("PAUSED")):
    """Somebody paused the execution."""

    by: Text | None = None
    reason: Text | None = None


class ExecutionResumed(ExecutionEvent, moves=EXECUTION.to("RUNNING")):
    """Somebody resumed the execution."""

    by: Text | None = None
    reason: Text | None = None


class ExecutionSucceeded(ExecutionEvent, moves=EXECUTION.to("SUCCESS")):
    """The execution ended well."""

    end_time: EpochMs
    run_data: Json | None = None


class ExecutionFailed(ExecutionEvent, moves=EXECUTION.to("ERROR")):
    """The execution ended with an error."""

    end_time: EpochMs
    error_message: Text
    error_details: Json | None = None
    node_id: Name | None = None


class ExecutionCanceled(ExecutionEvent, moves=EXECUTION.to("CANCELED")):
    """Somebody ended the execution."""

    end_time: EpochMs
    by: Text | None = None
    reason: Text | None = None


class ExecutionTimedOut(ExecutionEvent, moves=EXECUTION.to("TIMEOUT")):
    """The execution ran out of time."""

    end_time: EpochMs


class ExecutionDeclaredLost(ExecutionEvent, moves=EXECUTION.to("ERROR")):
    """A detector gave the execution up: its engine was last seen at last_seen."""

    end_time: EpochMs
    detector: Text
    last_seen: Timestamp


class ExecutionMetadataSet(ExecutionEvent):
    """Keys of the execution's metadata were set; the merge is shallow."""

    metadata: Object


class NodeEvent(ExecutionEvent, abstract=True):
    """Something happened to one activation of a node."""

    activation: Name
    node_id: Name


class NodeScheduled(NodeEvent, moves=NODE.to("PENDING")):
    """An activation waits for its turn."""

    node_type: Text100
    node_name: Text255 | None = None
    node_subtype: Text100 | None = None
    max_retries: Count | None = None
    iteration: Count | None = None
    parent_activation: Name | None = None


class NodeStarted(NodeScheduled, moves=NODE.to("RUNNING")):
    """An attempt of an activation runs."""

    attempt: Attempt
    start_time: EpochMs
    input_data: Json | None = None


class NodeAttemptFailed(NodeEvent, moves=NODE.to("RETRYING")):
    """An attempt failed; the activation has not ended."""

    attempt: Attempt
    error_data: GivenJson
    will_retry: Flag
    next_retry_at: Timestamp | None = None


class NodeWaiting(NodeEvent, moves=NODE.to("WAITING_INPUT")):
    """The activation waits for input."""

    pause: Name | None = None


class NodeContinued(NodeEvent, moves=NODE.to("RUNNING")):
    """The activation goes on after waiting."""

    pause: Name | None = None


class NodeSucceeded(NodeEvent, moves=NODE.to("SUCCESS")):
    """The activation ended well."""

    node_type: Text100 | None = None
    end_time: EpochMs
    output_data: Json | None = None


class NodeFailed(NodeEvent, moves=NODE.to("ERROR")):
    """The activation ended with an error."""

    end_time: EpochMs
    error_data: GivenJson


class NodeSkipped(NodeEvent, moves=NODE.to("SKIPPED")):
    """The activation did not run."""

    node_type: Text100 | None = None
    end_time: EpochMs
    reason: Text | None = None


class NodeCanceled(NodeEvent, moves=NODE.to("CANCELED")):
    """The activation was ended from outside."""

    node_type: Text100 | None = None
    end_time: EpochMs
    reason: Text | None = None


class PauseOpened(
    ExecutionEvent,
    moves=PAUSE.to("active"),
    claims=Claim("pause", key="paused_node_id", name="pause", within=EXECUTION, refusal="node_paused"),
):
    """The execution waits at a node, which has one open pause."""

    pause: Name
    paused_node_id: Name
    pause_reason: PauseReason
    paused_at: Timestamp
    resume_conditions: Object
    interaction_id: Uuid | None = None
    timeout_at: Timestamp | None = None


class PauseResumed(ExecutionEvent, moves=PAUSE.to("resumed")):
    """What the pause waited for came."""

    pause: Name
    resumed_at: Timestamp
    resume_trigger: Text100
    data: Json | None = None


class PauseTimedOut(ExecutionEvent, moves=PAUSE.to("timeout")):
    """What the pause waited for did not come in time."""

    pause: Name
    at: Timestamp
    action: Text


class PauseCanceled(ExecutionEvent, moves=PAUSE.to("cancelled")):
    """The pause is not waited for any more."""

    pause: Name
    at: Timestamp
