"""The log stream `log-<execution_id>`: what an execution writes for people to read."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypedDict

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


class LogLine(TypedDict, total=False):
    """What a line of an execution's log says beside its message: fields of LogAppended."""

    level: LogLevel | Literal["CRITICAL"]
    """DEBUG, INFO, WARNING or ERROR; INFO if it is not given. CRITICAL is written as ERROR, and `data` says so."""
    event_type: LogEventType
    """What the line reports; workflow_progress if it is not given."""
    log_category: LogCategory | None
    """TECHNICAL or BUSINESS."""
    data: dict[str, Any] | None
    """Anything that belongs to the message."""
    node_id: str | None
    """The node that writes."""
    node_name: str | None
    """Its name that people read."""
    node_type: str | None
    """Its type."""
    step_number: int | None
    """Which step of the workflow this is, from 1."""
    total_steps: int | None
    """How many steps there are."""
    progress_percentage: float | None
    """How much is done, 0 to 100."""
    duration_seconds: int | None
    """How long it took."""
    user_friendly_message: str | None
    """The message for people who do not know the workflow."""
    display_priority: int | None
    """How much the line matters, 1 to 10."""
    is_milestone: bool | None
    """Whether a short view shows the line."""
    technical_details: dict[str, Any] | None
    """What helps to find an error."""
    stack_trace: str | None
    """Where an error came from."""
    performance_metrics: dict[str, Any] | None
    """What was measured."""
