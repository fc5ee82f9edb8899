"""Lines of an execution's log. They have a stream of their own, so that writing them never conflicts with anything."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from runfold.events import LogAppended
from runfold.events.envelope import Append, NewEvent
from runfold.events.fields import LogCategory, LogEventType, LogLevel


def log_line(
    message: str,
    *,
    level: LogLevel = "INFO",
    event_type: LogEventType = "workflow_progress",
    log_category: LogCategory | None = None,
    data: dict[str, Any] | None = None,
    node_id: str | None = None,
    node_name: str | None = None,
    node_type: str | None = None,
    step_number: int | None = None,
    total_steps: int | None = None,
    progress_percentage: float | None = None,
    duration_seconds: int | None = None,
    user_friendly_message: str | None = None,
    display_priority: int | None = None,
    is_milestone: bool | None = None,
    technical_details: dict[str, Any] | None = None,
    stack_trace: str | None = None,
    performance_metrics: dict[str, Any] | None = None,
) -> LogAppended:
    """Write a line for people into the execution's log; it never conflicts with another writer."""
    return LogAppended(
        message=message,
        level=level,
        event_type=event_type,
        log_category=log_category,
        data=data,
        node_id=node_id,
        node_name=node_name,
        node_type=node_type,
        step_number=step_number,
        total_steps=total_steps,
        progress_percentage=progress_percentage,
        duration_seconds=duration_seconds,
        user_friendly_message=user_friendly_message,
        display_priority=display_priority,
        is_milestone=is_milestone,
        technical_details=technical_details,
        stack_trace=stack_trace,
        performance_metrics=performance_metrics,
    )


def append_of_line(execution_id: str, line: LogAppended, *, user_id: UUID | None, metadata: dict[str, Any]) -> Append:
    """The append of a line to its execution's log, at whatever version that is."""
    return Append(stream_id=f"log-{execution_id}", events=[NewEvent.of(line, metadata=metadata)], user_id=user_id)
