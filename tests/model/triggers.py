"""trigger_index: one row for each trigger of a workflow, until it is removed."""

from __future__ import annotations

from tests.model.tables import Recorded, Row, Tables, row_id, stream_uuid, touch

PROJECTION = "trigger_index"

TARGETS = {
    "TriggerRegistered": "pending",
    "TriggerActivated": "active",
    "TriggerDeactivated": "inactive",
    "TriggerFailed": "failed",
}

EVENTS = frozenset({"TriggerRemoved", *TARGETS})

LEGAL: dict[str | None, set[str]] = {
    None: {"pending"},
    "pending": {"active", "failed"},
    "active": {"inactive"},
    "inactive": {"active"},
    "failed": {"pending"},
}


def apply(tables: Tables, event: Recorded) -> None:
    """Apply an event of a trigger to its row; only its removal ends a trigger."""
    trigger_id = row_id(event.stream_id, "trigger", event.data["trigger"])
    row = tables.trigger_index.get(trigger_id)
    if row is None and event.type != "TriggerRegistered":
        tables.anomaly(event, PROJECTION, "missing_row")
        return
    if event.type == "TriggerRemoved":
        del tables.trigger_index[trigger_id]
        return

    status = None if row is None else row["deployment_status"]
    target = TARGETS[event.type]
    if target not in LEGAL[status]:
        tables.anomaly(event, PROJECTION, "illegal_transition", {"from": status, "to": target})
    if row is None:
        row = {
            "id": trigger_id,
            "workflow_id": stream_uuid(event),
            "user_id": event.user_id,
            "name": event.data["trigger"],
            "trigger_type": "TRIGGER",
            "created_at": event.occurred_at,
        }
        tables.trigger_index[trigger_id] = row
    if event.type == "TriggerRegistered":
        register(row, event)
    row["deployment_status"] = target
    row["is_active"] = target == "active"
    touch(row, event)


def register(row: Row, event: Recorded) -> None:
    """Set all facts of the trigger: a node that is not named is none."""
    row["node_id"] = event.data.get("node_id")
    for column in ("trigger_subtype", "trigger_config", "index_key"):
        row[column] = event.data[column]
