"""workflow_status: each workflow's latest execution, a function of the execution rows alone."""

from __future__ import annotations

from datetime import datetime

from tests.model.tables import Row, Table, instant_of_ms


def of(workflow_executions: Table) -> Table:
    """Find each workflow's latest execution: the one begun last, not the one heard of last."""
    latest: Table = {}
    for row in workflow_executions.values():
        standing = latest.get(row["workflow_id"])
        if standing is None or order(row) > order(standing):
            latest[row["workflow_id"]] = row
    return {workflow_id: status(row) for workflow_id, row in latest.items()}


def order(row: Row) -> tuple[datetime, str]:
    """Later is greater; of one time, the greater id in the order of its bytes.

    Python orders text by code point, as UTF-8 orders its bytes, as COLLATE "C" does.
    """
    return began(row), row["execution_id"]


def began(row: Row) -> datetime:
    began_at: datetime = row["created_at"] if row["start_time"] is None else instant_of_ms(row["start_time"])
    return began_at


def status(row: Row) -> Row:
    return {
        "workflow_id": row["workflow_id"],
        "user_id": row["user_id"],
        "latest_execution_id": row["execution_id"],
        "latest_execution_status": row["status"],
        "latest_execution_time": began(row),
        "last_event_position": row["last_event_position"],
        "updated_at": row["updated_at"],
    }
