"""workflow_execution_logs: one row for each event."""

from __future__ import annotations

from typing import Any

from tests.model.tables import Recorded, Row, Tables, given, row_id, two_places

EVENTS = frozenset({"LogAppended"})

DEFAULTS: dict[str, Any] = {
    "log_category": "TECHNICAL",
    "event_type": None,
    "level": "INFO",
    "message": None,
    "data": {},
    "node_id": None,
    "node_name": None,
    "node_type": None,
    "step_number": None,
    "total_steps": None,
    "progress_percentage": None,
    "duration_seconds": None,
    "user_friendly_message": None,
    "display_priority": 5,
    "is_milestone": False,
    "technical_details": {},
    "stack_trace": None,
    "performance_metrics": {},
}


def apply(tables: Tables, event: Recorded) -> None:
    """Make the event's row, which nothing changes later."""
    log_id = row_id(event.stream_id, "log", str(event.event_id).lower())
    row: Row = {
        "id": log_id,
        "execution_id": event.stream_id.removeprefix("log-"),
        "user_id": event.user_id,
        "created_at": event.occurred_at,
        "last_event_position": event.position,
    }
    for column, default in DEFAULTS.items():
        row[column] = event.data[column] if given(event, column) else default
    row["progress_percentage"] = two_places(row["progress_percentage"])
    tables.workflow_execution_logs[log_id] = row
