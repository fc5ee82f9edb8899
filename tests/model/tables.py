"""The model's input and output: a recorded event, and read tables as plain dictionaries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

Row = dict[str, Any]
Table = dict[Any, Row]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "workflow_executions": (
        "id", "execution_id", "workflow_id", "user_id", "status", "mode", "triggered_by", "parent_execution_id",
        "start_time", "end_time", "duration_ms", "run_data", "metadata", "error_message", "error_details",
        "trigger_data", "trigger_subtype", "workflow_version", "deployment_version", "retry_of", "open_pauses",
        "closed_pauses", "paused", "first_event_position", "end_position", "last_event_position", "created_at",
        "updated_at",
    ),
    "node_executions": (
        "id", "execution_id", "user_id", "activation", "node_id", "node_type", "node_subtype", "node_name", "status",
        "start_time", "end_time", "duration_ms", "input_data", "output_data", "error_data", "attempt", "retry_count",
        "max_retries", "iteration", "parent_id", "last_event_position", "created_at",
    ),
    "workflow_execution_pauses": (
        "id", "execution_id", "user_id", "name", "paused_at", "paused_node_id", "pause_reason", "resume_conditions",
        "resumed_at", "resume_trigger", "interaction_id", "timeout_at", "status", "last_event_position", "created_at",
        "updated_at",
    ),
    "workflow_execution_logs": (
        "id", "execution_id", "user_id", "log_category", "event_type", "level", "message", "data", "node_id",
        "node_name", "node_type", "step_number", "total_steps", "progress_percentage", "duration_seconds",
        "user_friendly_message", "display_priority", "is_milestone", "technical_details", "stack_trace",
        "performance_metrics", "created_at", "last_event_position",
    ),
    "workflow_status": (
        "workflow_id", "user_id", "latest_execution_id", "latest_execution_status", "latest_execution_time",
        "deployment_status", "deployed_at", "deployed_by", "undeployed_at", "deployment_version", "deployment_config",
        "deployment_position", "last_event_position", "updated_at",
    ),
    "human_interactions": (
        "id", "workflow_id", "execution_id", "user_id", "node_id", "interaction_type", "channel_type", "status",
        "priority", "request_data", "response_data", "responder", "error", "responded_at", "timeout_at",
        "correlation_id", "tags", "first_event_position", "last_event_position", "created_at", "updated_at",
    ),
    "hil_responses": (
        "id", "workflow_id", "user_id", "source_channel", "raw_payload", "headers", "status", "processed_at",
        "matched_interaction_id", "ai_relevance_score", "ai_reasoning", "error", "received_at", "last_event_position",
        "created_at", "updated_at",
    ),
    "workflow_deployment_history": (
        "id", "workflow_id", "user_id", "deployment_id", "deployment_action", "from_status", "to_status",
        "deployment_version", "deployment_config", "triggered_by", "started_at", "completed_at", "error_message",
        "deployment_logs", "last_event_position", "created_at", "updated_at",
    ),
    "trigger_index": (
        "id", "workflow_id", "user_id", "name", "node_id", "trigger_type", "trigger_subtype", "trigger_config",
        "index_key", "deployment_status", "is_active", "last_event_position", "created_at", "updated_at",
    ),
    "anomalies": ("position", "projection", "code", "stream_id", "user_id", "detail"),
}  # fmt: skip
"""The columns of each read table that the events decide."""

JSON_COLUMNS = frozenset({
    "run_data", "metadata", "error_details", "trigger_data", "open_pauses", "closed_pauses", "input_data",
    "output_data", "error_data", "resume_conditions", "data", "technical_details", "performance_metrics", "detail",
    "request_data", "response_data", "raw_payload", "headers", "deployment_config", "deployment_logs",
    "trigger_config",
})  # fmt: skip
"""The columns that hold JSON, which is compared as JSON (1 is not 1.0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event as it is in the log."""

    position: int
    stream_id: str
    stream_version: int
    event_id: UUID
    type: str
    schema_version: int = 1
    user_id: UUID | None = None
    data: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    occurred_at: datetime


@dataclass(slots=True)
class Tables:
    """The read tables so far.

    `execution_of` names each stream's execution row, `created_for` the executions that were ever created for a
    workflow, and `deployed` holds each workflow's status by its deployments.
    """

    workflow_executions: Table = field(default_factory=dict)
    node_executions: Table = field(default_factory=dict)
    workflow_execution_pauses: Table = field(default_factory=dict)
    workflow_execution_logs: Table = field(default_factory=dict)
    human_interactions: Table = field(default_factory=dict)
    hil_responses: Table = field(default_factory=dict)
    workflow_deployment_history: Table = field(default_factory=dict)
    trigger_index: Table = field(default_factory=dict)
    anomalies: Table = field(default_factory=dict)
    execution_of: dict[str, UUID] = field(default_factory=dict)
    created_for: dict[UUID, set[str]] = field(default_factory=dict)
    deployed: Table = field(default_factory=dict)

    def execution(self, event: Recorded) -> Row | None:
        """Return the execution row of the event's stream, or None."""
        row = self.execution_of.get(event.stream_id)
        return None if row is None else self.workflow_executions[row]

    def anomaly(self, event: Recorded, projection: str, code: str, detail: Row | None = None) -> None:
        """Note that the event did not do what its type says, or should not have."""
        self.anomalies[event.position, projection] = {
            "position": event.position,
            "projection": projection,
            "code": code,
            "stream_id": event.stream_id,
            "user_id": event.user_id,
            "detail": detail or {},
        }


def row_id(stream_id: str, kind: str, name: str) -> UUID:
    """Return the row's id, written here a second time, from the decision's words."""
    digest = sha256(f"{stream_id}\x1f{kind}\x1f{name}".encode()).hexdigest()[:32]
    version_nibble = "8"
    variant_nibble = "89ab"[int(digest[16], 16) % 4]  # binary 10, then the two bits that were there
    return UUID(digest[:12] + version_nibble + digest[13:16] + variant_nibble + digest[17:])


def stream_uuid(event: Recorded) -> UUID:
    """Return the UUID in the name of the event's stream: an interaction's, a response's, or a workflow's."""
    return UUID(event.stream_id.partition("-")[2])


def touch(row: Row, event: Recorded) -> None:
    """Note that the event applied to the row."""
    row["updated_at"] = event.occurred_at
    row["last_event_position"] = event.position


def given(event: Recorded, field_name: str) -> bool:
    """Return whether the field is present and not null."""
    return event.data.get(field_name) is not None


def uuid_of(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


def two_places(value: float | None) -> Decimal | None:
    """Return a JSON number as a NUMERIC with two places: rounded half away from zero."""
    return None if value is None else Decimal(json.dumps(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def instant_of(value: str | None) -> datetime | None:
    """Return the instant of an RFC 3339 text."""
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


def instant_of_ms(milliseconds: int) -> datetime:
    """Return the instant of epoch milliseconds, exactly, without a float."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
