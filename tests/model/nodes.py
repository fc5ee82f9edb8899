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
    "PENDING": {"RUNNING", "SKIPPED", "CANCELED", "SUCCESS"},
    "RUNNING": {"RUNNING", "SUCCESS", "ERROR", "RETRYING", "WAITING_INPUT", "CANCELED"},
    "RETRYING": {"RUNNING", "ERROR", "CANCELED"},
    "WAITING_INPUT": {"RUNNING", "SUCCESS", "ERROR", "CANCELED"},
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
    """Apply a node's event to its activation, even if the execution has ended."""
    execution = tables.execution(event)
    if execution is None:
        tables.anomaly(event, PROJECTION, "missing_row")
        return
    node_id = row_id(event.stream_id, "node", event.data["activation"])
    row = tables.node_executions.get(node_id)
    status = None if row is None else row["status"]
    if status in ENDED:
        tables.anomaly(event, PROJECTION, "after_end", {"status": status})
        return

    target = TARGETS[event.type]
    if target not in LEGAL[status]:
        tables.anomaly(event, PROJECTION, "illegal_transition", {"from": status, "to": target})
    if row is None:
        row = first_seen(event, node_id, execution)
        tables.node_executions[node_id] = row

    row["status"] = target
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
    if target in ENDED:
        row["end_time"] = event.data["end_time"]
        if row["start_time"] is not None:
            row["duration_ms"] = row["end_time"] - row["start_time"]
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
        "created_at": event.occurred_at,
    }
