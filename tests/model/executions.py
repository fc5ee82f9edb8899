"""workflow_executions: the effects of an execution's events, and of its pauses, on its row."""

from __future__ import annotations

from tests.model import nodes
from tests.model.tables import Recorded, Row, Tables, instant_of_ms, row_id, touch, uuid_of

PROJECTION = "workflow_executions"

TARGETS = {
    "ExecutionStarted": "RUNNING",
    "ExecutionPaused": "PAUSED",
    "ExecutionResumed": "RUNNING",
    "ExecutionSucceeded": "SUCCESS",
    "ExecutionFailed": "ERROR",
    "ExecutionCanceled": "CANCELED",
    "ExecutionTimedOut": "TIMEOUT",
    "ExecutionDeclaredLost": "ERROR",
}
"""The status of each status-setting event, before the open pauses change it."""

EVENTS = frozenset({"ExecutionCreated", "ExecutionMetadataSet", *TARGETS})
ENDED = frozenset({"SUCCESS", "ERROR", "CANCELED", "TIMEOUT"})

LEGAL = {
    "NEW": {"RUNNING", "CANCELED", "ERROR", "TIMEOUT"},
    "RUNNING": {"SUCCESS", "ERROR", "CANCELED", "TIMEOUT", "PAUSED", "WAITING_FOR_HUMAN"},
    "PAUSED": {"RUNNING", "WAITING_FOR_HUMAN", "CANCELED", "TIMEOUT", "ERROR"},
    "WAITING_FOR_HUMAN": {"RUNNING", "PAUSED", "CANCELED", "TIMEOUT", "ERROR"},
}


def apply(tables: Tables, event: Recorded) -> bool:
    """Apply an event of the execution itself; return True if it ended the execution."""
    row = tables.execution(event)
    if event.type == "ExecutionCreated":
        if row is None:
            create(tables, event)
        else:
            tables.anomaly(event, PROJECTION, "already_exists")
        return False
    if row is None:
        tables.anomaly(event, PROJECTION, "missing_row")
        return False
    if event.type == "ExecutionMetadataSet":
        row["metadata"] = {**row["metadata"], **event.data["metadata"]}
        touch(row, event)
        return False
    if row["status"] in ENDED:
        tables.anomaly(event, PROJECTION, "after_end", {"status": row["status"]})
        return False

    target = TARGETS[event.type]
    judge(tables, event, row["status"], target)
    if target in ENDED:
        if target in LEGAL[row["status"]] and nodes.ends_before_it_starts(row, event):
            about = {"start_time": row["start_time"], "end_time": event.data["end_time"]}
            tables.anomaly(event, PROJECTION, "clock_went_back", about)
        end(row, event, target)
    elif event.type == "ExecutionStarted":
        if row["start_time"] is None:
            row["start_time"] = event.data["start_time"]
            row["order_time"] = min(instant_of_ms(row["start_time"]), event.recorded_at)
        row["status"] = status_by_pauses(row)
    else:
        row["paused"] = event.type == "ExecutionPaused"
        row["status"] = status_by_pauses(row)
    touch(row, event)
    return target in ENDED


def create(tables: Tables, event: Recorded) -> None:
    data = event.data
    metadata = data.get("metadata")
    row: Row = {
        "id": row_id(event.stream_id, "execution", data["execution_id"]),
        "execution_id": data["execution_id"],
        "workflow_id": uuid_of(data["workflow_id"]),
        "user_id": event.user_id,
        "status": "NEW",
        "mode": data["mode"],
        "triggered_by": data.get("triggered_by"),
        "parent_execution_id": data.get("parent_execution_id"),
        "order_time": min(event.occurred_at, event.recorded_at),
        "start_time": None,
        "end_time": None,
        "duration_ms": None,
        "run_data": None,
        "metadata": {} if metadata is None else metadata,
        "error_message": None,
        "error_details": None,
        "trigger_data": data.get("trigger_data"),
        "trigger_subtype": data.get("trigger_subtype"),
        "workflow_version": data.get("workflow_version"),
        "deployment_version": data.get("deployment_version"),
        "retry_of": data.get("retry_of"),
        "open_pauses": {},
        "closed_pauses": {},
        "paused": False,
        "first_event_position": event.position,
        "end_position": None,
        "created_at": event.occurred_at,
    }
    touch(row, event)
    tables.workflow_executions[row["id"]] = row
    tables.execution_of[event.stream_id] = row["id"]
    tables.created_for.setdefault(row["workflow_id"], set()).add(row["execution_id"])


def end(row: Row, event: Recorded, status: str) -> None:
    row["status"] = status
    row["end_time"] = event.data["end_time"]
    if row["start_time"] is not None:
        row["end_time"] = max(row["end_time"], row["start_time"])
    row["end_position"] = event.position
    if row["start_time"] is not None:
        row["duration_ms"] = row["end_time"] - row["start_time"]
    if event.type == "ExecutionSucceeded":
        row["run_data"] = event.data.get("run_data")
    if event.type == "ExecutionFailed":
        row["error_message"] = event.data["error_message"]
        row["error_details"] = event.data.get("error_details")
    if event.type == "ExecutionDeclaredLost":
        row["error_details"] = {
            "code": "LOST",
            "detector": event.data["detector"],
            "last_seen": event.data["last_seen"],
        }
    row["closed_pauses"] = {**row["closed_pauses"], **dict.fromkeys(row["open_pauses"], "cancelled")}
    row["open_pauses"] = {}
    row["paused"] = False


def pause_opened(tables: Tables, event: Recorded, row: Row) -> None:
    """Apply the opening of a pause of this execution."""
    row["open_pauses"] = {**row["open_pauses"], event.data["pause"]: event.data["pause_reason"]}
    move_by_pauses(tables, event, row)


def pause_closed(tables: Tables, event: Recorded, row: Row, status: str) -> None:
    """Apply the end of a pause of this execution, with this status: resumed, timeout or cancelled."""
    name = event.data["pause"]
    row["open_pauses"] = {pause: reason for pause, reason in row["open_pauses"].items() if pause != name}
    row["closed_pauses"] = {**row["closed_pauses"], name: status}
    move_by_pauses(tables, event, row)


def move_by_pauses(tables: Tables, event: Recorded, row: Row) -> None:
    status = status_by_pauses(row)
    if status != row["status"]:
        judge(tables, event, row["status"], status)
    row["status"] = status
    touch(row, event)


def status_by_pauses(row: Row) -> str:
    if "human_interaction" in row["open_pauses"].values():
        return "WAITING_FOR_HUMAN"
    if row["open_pauses"] or row["paused"]:
        return "PAUSED"
    return "RUNNING"


def judge(tables: Tables, event: Recorded, status: str, target: str) -> None:
    if target not in LEGAL[status]:
        tables.anomaly(event, PROJECTION, "illegal_transition", {"from": status, "to": target})
