"""Executions as people read them: a list, and one with its nodes, pauses and log lines."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from runfold.errors import UnknownExecution
from runfold.history.status import Row, statement


def list_executions(
    connection: psycopg.Connection[Any], *, status: str | None = None, workflow_id: UUID | None = None, limit: int = 20
) -> list[Row]:
    """The newest executions by creation, `limit` at most, of one status and one workflow where these are given."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(statement("executions"), {"status": status, "workflow": workflow_id, "limit": limit})
        return cursor.fetchall()


def read_execution(connection: psycopg.Connection[Any], execution_id: str, *, logs: int = 50) -> Row:
    """One execution with `nodes`, `attempts`, `pauses`, `children` and its last `logs`; raises UnknownExecution.

    `attempts` (the log's, 10,000 at most) are starts and failures of the nodes' attempts; `children` (1,000 at most)
    are the executions that name this one as their parent.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        execution = cursor.execute(statement("execution"), {"execution_id": execution_id}).fetchone()
        if execution is None:
            raise UnknownExecution(f"there is no execution {execution_id!r}", hint="see `runfold execution list`")
        nodes = cursor.execute(statement("execution_nodes"), {"execution_id": execution_id}).fetchall()
        pauses = cursor.execute(statement("execution_pauses"), {"execution_row": execution["id"]}).fetchall()
        attempts = cursor.execute(
            statement("execution_attempts"), {"execution_id": execution_id, "limit": 10_000}
        ).fetchall()
        children = cursor.execute(
            statement("execution_children"), {"execution_id": execution_id, "limit": 1_000}
        ).fetchall()
        lines = cursor.execute(statement("execution_logs"), {"execution_id": execution_id, "limit": logs}).fetchall()
    return {**execution, "nodes": nodes, "attempts": attempts, "pauses": pauses, "children": children, "logs": lines}
