"""workflow_execution_pauses: one row for each pause, which ends at the latest with its execution."""

from __future__ import annotations

from tests.model import executions
from tests.model.tables import Recorded, Row, Tables, instant_of, row_id, touch, uuid_of

PROJECTION = "workflow_execution_pauses"

TARGETS = {"PauseOpened": "active", "PauseResumed": "resumed", "PauseTimedOut": "timeout", "PauseCanceled": "cancelled"}

EVENTS = frozenset(TARGETS)


def apply(tables: Tables, event: Recorded) -> None:
    """Apply a pause event to its pause, and to the execution if it applies to its pause."""
    execution = tables.execution(event)
    if execution is None:
        tables.anomaly(event, PROJECTION, "missing_row")
        return
    pause_id = row_id(event.stream_id, "pause", event.data["pause"])
    row = tables.workflow_execution_pauses.get(pause_id)

    if event.type == "PauseOpened":
        if execution["status"] in executions.ENDED:
            tables.anomaly(event, PROJECTION, "execution_ended")
        elif row is not None:
            tables.anomaly(event, PROJECTION, "already_exists")
        else:
            tables.workflow_execution_pauses[pause_id] = opened(event, pause_id, execution)
            executions.pause_opened(tables, event, execution)
        return

    if row is None:
        tables.anomaly(event, PROJECTION, "missing_row")
    elif row["status"] != "active":
        tables.anomaly(event, PROJECTION, "after_end", {"status": row["status"]})
    else:
        row["status"] = TARGETS[event.type]
        if event.type == "PauseResumed":
            row["resumed_at"] = instant_of(event.data["resumed_at"])
            row["resume_trigger"] = event.data["resume_trigger"]
        touch(row, event)
        executions.pause_closed(tables, event, execution, row["status"])


def opened(event: Recorded, pause_id: object, execution: Row) -> Row:
    data = event.data
    row: Row = {
        "id": pause_id,
        "execution_id": execution["id"],
        "user_id": event.user_id,
        "name": data["pause"],
        "paused_at": instant_of(data["paused_at"]),
        "paused_node_id": data["paused_node_id"],
        "activation": data.get("activation"),
        "pause_reason": data["pause_reason"],
        "resume_conditions": data["resume_conditions"],
        "resumed_at": None,
        "resume_trigger": None,
        "interaction_id": uuid_of(data.get("interaction_id")),
        "timeout_at": instant_of(data.get("timeout_at")),
        "status": "active",
        "created_at": event.occurred_at,
    }
    touch(row, event)
    return row


def cancel_the_open_ones(tables: Tables, event: Recorded) -> None:
    """Cancel the open pauses, because the event ended the execution and nothing will resume them."""
    execution = tables.execution(event)
    assert execution is not None
    for row in tables.workflow_execution_pauses.values():
        if row["execution_id"] == execution["id"] and row["status"] == "active":
            row["status"] = "cancelled"
            touch(row, event)
