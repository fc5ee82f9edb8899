"""human_interactions: one row for each request, up to its answer."""

from __future__ import annotations

from tests.model.tables import Recorded, Row, Tables, instant_of, row_id, stream_uuid, touch, uuid_of

PROJECTION = "human_interactions"

TARGETS = {
    "InteractionRequested": "pending",
    "InteractionResponded": "responded",
    "InteractionTimedOut": "timeout",
    "InteractionFailed": "error",
    "InteractionReopened": "pending",
    "InteractionCanceled": "cancelled",
}

EVENTS = frozenset({"InteractionNotified", "InteractionReminderSent", *TARGETS})
ENDED = frozenset({"responded", "timeout", "cancelled"})

LEGAL = {
    "pending": {"responded", "timeout", "error", "cancelled"},
    "error": {"pending"},
}


def apply(tables: Tables, event: Recorded) -> None:
    """Apply an event of an interaction's stream to its row."""
    row = tables.human_interactions.get(stream_uuid(event))
    if event.type == "InteractionRequested":
        if row is None:
            request(tables, event)
        else:
            tables.anomaly(event, PROJECTION, "already_exists")
        return
    if row is None:
        tables.anomaly(event, PROJECTION, "missing_row")
        return
    if row["status"] in ENDED:
        tables.anomaly(event, PROJECTION, "after_end", {"status": row["status"]})
        return

    if event.type in TARGETS:
        target = TARGETS[event.type]
        if target not in LEGAL[row["status"]]:
            tables.anomaly(event, PROJECTION, "illegal_transition", {"from": row["status"], "to": target})
        row["status"] = target
    if event.type == "InteractionResponded":
        row["response_data"] = event.data["response_data"]
        row["responded_at"] = instant_of(event.data["responded_at"])
        row["responder"] = event.data.get("responder")
    if event.type == "InteractionFailed":
        row["error"] = event.data["error"]
    touch(row, event)


def request(tables: Tables, event: Recorded) -> None:
    data = event.data
    execution_id = data["execution_id"]
    row: Row = {
        "id": stream_uuid(event),
        "workflow_id": uuid_of(data["workflow_id"]),
        "execution_id": row_id(f"execution-{execution_id}", "execution", execution_id),
        "user_id": event.user_id,
        "node_id": data["node_id"],
        "interaction_type": data["interaction_type"],
        "channel_type": data["channel_type"],
        "status": "pending",
        "priority": data["priority"],
        "request_data": data["request_data"],
        "response_data": None,
        "responder": None,
        "error": None,
        "responded_at": None,
        "timeout_at": instant_of(data.get("timeout_at")),
        "correlation_id": data.get("correlation_id"),
        "tags": data.get("tags"),
        "first_event_position": event.position,
        "created_at": event.occurred_at,
    }
    touch(row, event)
    tables.human_interactions[row["id"]] = row
