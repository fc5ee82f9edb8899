"""Executions as people read them: a list, and one with its nodes, pauses and log lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from runfold.errors import UnknownExecution
from runfold.history.keyset import Cursor
from runfold.history.lists import page, place
from runfold.history.status import Row, statement

_LIKE_SIGNS = re.compile(r"([%_\\])")
_ESCAPED = r"\\\1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which executions: those for which everything holds that is given. `until` itself is not among them.

    `error` is a text within the error message, in any case; `min_duration` is in milliseconds.
    """

    status: str | None = None
    workflow_id: UUID | None = None
    mode: str | None = None
    trigger: str | None = None
    parent: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_duration: int | None = None
    error: str | None = None


def list_executions(
    connection: psycopg.Connection[Any], wanted: Filter = Filter(), *, after: Cursor | None = None, limit: int = 20
) -> list[Row]:
    """The newest executions by creation, `limit` at most, the ones that come after `after`; each with its `cursor`."""
    error = None if wanted.error is None else f"%{_LIKE_SIGNS.sub(_ESCAPED, wanted.error)}%"
    parameters = {
        "status": wanted.status,
        "workflow": wanted.workflow_id,
        "mode": wanted.mode,
        "trigger": wanted.trigger,
        "parent": wanted.parent,
        "since": wanted.since,
        "until": wanted.until,
        "min_duration": wanted.min_duration,
        "error": error,
        "limit": limit,
        **place(after),
    }
    return page(connection, "executions", parameters, sorted_by="created_at")


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
