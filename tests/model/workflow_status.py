"""workflow_status: each workflow's latest execution, and its status by deployments."""

from __future__ import annotations

from datetime import datetime

from tests.model.tables import Recorded, Row, Table, Tables, instant_of, stream_uuid, touch, uuid_of

PROJECTION = "workflow_status"

EVENTS = frozenset({"DeploymentStarted", "DeploymentCompleted", "DeploymentFailed"})

LEGAL = {
    "IDLE": {"DEPLOYING"},
    "UNDEPLOYED": {"DEPLOYING"},
    "DEPLOYMENT_FAILED": {"DEPLOYING", "UNDEPLOYING"},
    "DEPLOYING": {"DEPLOYED", "DEPLOYMENT_FAILED"},
    "DEPLOYED": {"DEPLOYING", "UNDEPLOYING"},
    "UNDEPLOYING": {"UNDEPLOYED", "DEPLOYMENT_FAILED"},
}

NEVER_EXECUTED: Row = {
    "latest_execution_id": None,
    "latest_execution_status": "IDLE",
    "latest_execution_time": None,
}

NEVER_DEPLOYED: Row = {
    "deployment_status": "IDLE",
    "deployed_at": None,
    "deployed_by": None,
    "undeployed_at": None,
    "deployment_version": 1,
    "deployment_config": {},
    "deployment_position": None,
}


def apply(tables: Tables, event: Recorded) -> None:
    """Apply a deployment's event to the workflow, even if the history ignored it."""
    data = event.data
    workflow_id = stream_uuid(event)
    row = tables.deployed.get(workflow_id)
    status = deployment_status(row)
    target = data["to_status"]
    if target not in LEGAL[status]:
        tables.anomaly(event, PROJECTION, "illegal_transition", {"from": status, "to": target})
    if row is None:
        row = {**NEVER_DEPLOYED}
        tables.deployed[workflow_id] = row

    row["user_id"] = event.user_id
    row["deployment_status"] = target
    row["deployment_version"] = data["deployment_version"]
    row["deployment_config"] = data["deployment_config"]
    at = instant_of(data["started_at"] if event.type == "DeploymentStarted" else data["completed_at"])
    if target == "DEPLOYED":
        row["deployed_at"] = at
        row["deployed_by"] = uuid_of(data.get("triggered_by"))
    if target == "UNDEPLOYED":
        row["undeployed_at"] = at
    row["deployment_position"] = event.position
    touch(row, event)


def deployment_status(row: Row | None) -> str:
    """Return the workflow's deployment status; a workflow that was never deployed is idle."""
    return "IDLE" if row is None else str(row["deployment_status"])


def of(tables: Tables) -> Table:
    """Join each workflow's deployments and its latest execution: the one begun last, not that of the last event."""
    latest: Table = {}
    for row in tables.workflow_executions.values():
        standing = latest.get(row["workflow_id"])
        if standing is None or order(row) > order(standing):
            latest[row["workflow_id"]] = row
    return {
        workflow_id: joined(workflow_id, latest.get(workflow_id), tables.deployed.get(workflow_id))
        for workflow_id in dict.fromkeys([*latest, *tables.deployed])
    }


def order(row: Row) -> tuple[datetime, str]:
    """Return a sort key: the later time, then the greater id by its bytes.

    Python orders text by code point, as UTF-8 orders its bytes, as COLLATE "C" does.
    """
    return row["order_time"], row["execution_id"]


def joined(workflow_id: object, execution: Row | None, deployed: Row | None) -> Row:
    """Return the workflow's row, which has an execution, deployments, or both."""
    last_changed = max(
        (row for row in (execution, deployed) if row is not None), key=lambda row: row["last_event_position"]
    )
    owner = deployed if execution is None else execution
    assert owner is not None
    return {
        "workflow_id": workflow_id,
        "user_id": owner["user_id"],
        **(NEVER_EXECUTED if execution is None else executed(execution)),
        **{column: (deployed or NEVER_DEPLOYED)[column] for column in NEVER_DEPLOYED},
        "last_event_position": last_changed["last_event_position"],
        "updated_at": last_changed["updated_at"],
    }


def executed(row: Row) -> Row:
    return {
        "latest_execution_id": row["execution_id"],
        "latest_execution_status": row["status"],
        "latest_execution_time": row["order_time"],
    }
