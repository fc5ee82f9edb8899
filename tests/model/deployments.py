"""workflow_deployment_history: one row for each deployment, which outlives its workflow."""

from __future__ import annotations

from tests.model.tables import Recorded, Row, Tables, given, instant_of, row_id, stream_uuid, touch, uuid_of

PROJECTION = "workflow_deployment_history"

ENDS = frozenset({"DeploymentCompleted", "DeploymentFailed"})
EVENTS = frozenset({"DeploymentStarted", "DeploymentLogAppended", *ENDS})


def apply(tables: Tables, event: Recorded) -> None:
    """Apply an event of a deployment to its row in the history."""
    deployment_id = row_id(event.stream_id, "deployment", event.data["deployment_id"].lower())
    row = tables.workflow_deployment_history.get(deployment_id)
    if event.type == "DeploymentStarted":
        if row is None:
            tables.workflow_deployment_history[deployment_id] = started(event, deployment_id)
        else:
            tables.anomaly(event, PROJECTION, "already_exists")
        return
    if row is None:
        tables.anomaly(event, PROJECTION, "missing_row")
        return
    if event.type in ENDS:
        if row["completed_at"] is not None:
            tables.anomaly(event, PROJECTION, "after_end", {"status": row["to_status"]})
            return
        end(row, event)
    else:
        line = {name: event.data[name] for name in ("level", "message", "at")}
        row["deployment_logs"] = [*row["deployment_logs"], line]
    touch(row, event)


def started(event: Recorded, deployment_id: object) -> Row:
    data = event.data
    row: Row = {
        "id": deployment_id,
        "workflow_id": stream_uuid(event),
        "user_id": event.user_id,
        "deployment_id": uuid_of(data["deployment_id"]),
        "deployment_action": data["deployment_action"],
        "from_status": data["from_status"],
        "to_status": data["to_status"],
        "deployment_version": data["deployment_version"],
        "deployment_config": data["deployment_config"],
        "triggered_by": uuid_of(data.get("triggered_by")),
        "started_at": instant_of(data["started_at"]),
        "completed_at": None,
        "error_message": None,
        "deployment_logs": [],
        "created_at": event.occurred_at,
    }
    touch(row, event)
    return row


def end(row: Row, event: Recorded) -> None:
    data = event.data
    for column in ("deployment_action", "to_status", "deployment_version", "deployment_config"):
        row[column] = data[column]
    if given(event, "triggered_by"):
        row["triggered_by"] = uuid_of(data["triggered_by"])
    row["completed_at"] = instant_of(data["completed_at"])
    row["error_message"] = data.get("error_message")
