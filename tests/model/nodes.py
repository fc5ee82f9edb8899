"""node_executions: one row for each activation, made by its first event."""

from __future__ import annotations

from tests.model.tables import Recorded, Row, Tables, given, row_id

PROJECTION = "node_executions"

TARGETS = {
    "NodeScheduled": "PENDING",
    "NodeStarted": "RUNNING",
    "NodeAttemptFailed": "RETRYING",
    "NodeWaiting": "WAITING_INPUT",
    "NodeContinued": "RUNNING",
    "NodeSucceeded": "SUCCESS",
    "NodeFailed": "ERROR",
    "NodeSkipped": "SKIPPED",
    "NodeCanceled": "CANCELED",
}

EVENTS = frozenset(TARGETS)
ENDED = frozenset({"SUCCESS", "ERROR", "SKIPPED", "CANCELED"})

LEGAL: dict[str | None, set[str]] = {
    None: {"PENDING", "RUNNING", "SUCCESS", "SKIPPED"},
    "PENDING": {"RUNNING", "SKIPPED", "CANCELED", "SUCCESS", "ERROR"},
    "RUNNING": {"RUNNING", "SUCCESS", "ERROR", "RETRYING", "WAITING_INPUT", "SKIPPED", "CANCELED"},
    "RETRYING": {"RUNNING", "SUCCESS", "ERROR", "CANCELED"},
    "WAITING_INPUT": {"RUNNING", "SUCCESS", "ERROR", "RETRYING", "CANCELED"},
}

LAST_GIVEN = (
    "node_type",
    "node_name",
    "node_subtype",
    "max_retries",
    "iteration",
    "input_data",
    "output_data",
    "error_data",
)


def apply(tables: Tables, event: Recorded) -> None:
    """Apply a node's event to its activation; after the execution's end only its own end moves it."""
    execution = tables.execution(event)
    if execution is None:
        tables.anomaly(event, PROJECTION, "missing_row")
        return
    node_id = row_id(event.stream_id, "node", event.data["activation"])
    row = tables.node_executions.get(node_id)
    if row is not None and is_old(row, event):
        tables.anomaly(event, PROJECTION, "old_attempt", {"attempt": event.data["attempt"], "reached": row["attempt"]})
        return
    status = None if row is None else row["status"]
    if row is not None and status in ENDED and row["closed_by"] is None:
        tables.anomaly(event, PROJECTION, "after_end", {"status": status})
        return

    target = TARGETS[event.type]
    execution_ended = execution["end_position"] is not None
    if execution_ended and target not in ENDED:
        tables.anomaly(event, PROJECTION, "execution_ended")
    elif not execution_ended and target not in LEGAL[status]:
        tables.anomaly(event, PROJECTION, "illegal_transition", {"from": status, "to": target})
    elif target in ENDED and row is not None and ends_before_it_starts(row, event):
        about = {"start_time": row["start_time"], "end_time": event.data["end_time"]}
        tables.anomaly(event, PROJECTION, "clock_went_back", about)
    if row is None:
        row = first_seen(event, node_id, execution)
        tables.node_executions[node_id] = row

    set_fields(row, event)
    if target in ENDED:
        end(row, target, event.data["end_time"], closed_by=None)
    elif execution_ended:
        end(row, "CANCELED", execution["end_time"], closed_by=execution["end_position"])
    else:
        row["status"] = target
    row["last_event_position"] = event.position


def is_old(row: Row, event: Recorded) -> bool:
    """Return whether the event names a lower attempt than the activation has reached."""
    return given(event, "attempt") and row["attempt"] is not None and event.data["attempt"] < row["attempt"]


def ends_before_it_starts(row: Row, event: Recorded) -> bool:
    """Return whether the clock of the end is behind that of the start."""
    return row["start_time"] is not None and bool(event.data["end_time"] < row["start_time"])


def set_fields(row: Row, event: Recorded) -> None:
    for column in LAST_GIVEN:
        if given(event, column):
            row[column] = event.data[column]
    if given(event, "parent_activation"):
        row["parent_id"] = row_id(event.stream_id, "node", event.data["parent_activation"])
    if event.type == "NodeStarted":
        if row["start_time"] is None:
            row["start_time"] = event.data["start_time"]
        row["attempt"] = event.data["attempt"]
        row["retry_count"] = event.data["attempt"] - 1


def end(row: Row, status: str, end_time: int, *, closed_by: int | None) -> None:
    """End an activation, by its own event or, `closed_by` an execution's end; never before it started."""
    row["status"] = status
    row["closed_by"] = closed_by
    if row["start_time"] is not None:
        end_time = max(end_time, row["start_time"])
    row["end_time"] = end_time
    if row["start_time"] is not None:
        row["duration_ms"] = end_time - row["start_time"]


def close_the_open_ones(tables: Tables, event: Recorded) -> None:
    """Close the activations that are still open, because the event ended their execution."""
    execution = tables.execution(event)
    assert execution is not None
    for row in tables.node_executions.values():
        if row["execution_id"] == execution["execution_id"] and row["status"] not in ENDED:
            end(row, "CANCELED", execution["end_time"], closed_by=event.position)
            row["last_event_position"] = event.position


def first_seen(event: Recorded, node_id: object, execution: Row) -> Row:
    return {
        "id": node_id,
        "execution_id": execution["execution_id"],
        "user_id": event.user_id,
        "activation": event.data["activation"],
        "node_id": event.data["node_id"],
        "node_type": "UNKNOWN",
        "node_subtype": None,
        "node_name": None,
        "status": None,
        "start_time": None,
        "end_time": None,
        "duration_ms": None,
        "input_data": None,
        "output_data": None,
        "error_data": None,
        "attempt": None,
        "retry_count": 0,
        "max_retries": 3,
        "iteration": None,
        "parent_id": None,
        "closed_by": None,
        "created_at": event.occurred_at,
    }
