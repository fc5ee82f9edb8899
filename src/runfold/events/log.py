"""The log stream `log-<execution_id>`: what an execution writes for people to read."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runfold.events.base import Event
from runfold.events.fields import (
    Count,
    Flag,
    LogCategory,
    LogEventType,
    LogLevel,
    Name,
    Object,
    Percentage,
    Priority,
    Text,
    Text100,
    Text255,
)


class LogAppended(Event):
    """One line of an execution's log."""

    stream_category: ClassVar[str] = "log"

    level: LogLevel
    # The class has an event_type() as every event has: the field's value is read as log_event_type.
    log_event_type: LogEventType = Field(alias="event_type")
    message: Text
    log_category: LogCategory | None = None
    data: Object | None = None
    node_id: Name | None = None
    node_name: Text255 | None = None
    node_type: Text100 | None = None
    step_number: Count | None = None
    total_steps: Count | None = None
    progress_percentage: Percentage | None = None
    duration_seconds: Count | None = None
    user_friendly_message: Text | None = None
    display_priority: Priority | None = None
    is_milestone: Flag | None = None
    technical_details: Object | None = None
    stack_trace: Text | None = None
    performance_metrics: Object | None = None
