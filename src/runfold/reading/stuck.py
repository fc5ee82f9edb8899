"""Find executions on which nobody works, overdue pauses, and deployments that do not end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.reading.status import Row, statement

DETECTOR = "runfold execution stuck"


@dataclass(frozen=True, slots=True)
class Stuck:
    """The stuck things; `last_seen` is the time of the last event, and with `idle_seconds` by the server's clock."""

    executions: list[Row]
    pauses: list[Row]
    deployments: list[Row]

    @property
    def nothing(self) -> bool:
        """Whether nothing is stuck."""
        return not (self.executions or self.pauses or self.deployments)

    def abandoned(self, idle: timedelta) -> list[str]:
        """Return the executions to declare lost: without an event for `idle`, and idle or with an overdue pause."""
        rows = [row for row in [*self.executions, *self.pauses] if row["idle_seconds"] >= idle.total_seconds()]
        return list(dict.fromkeys(row["execution_id"] for row in rows))


def find_stuck(connection: psycopg.Connection[Any], idle: timedelta, *, limit: int = 1000) -> Stuck:
    """Return what is stuck now, at most `limit` of each kind.

    `idle` is how long a working execution and a deployment in progress may be without an event (an execution's log
    lines count), and how long a pause may stay open after its interaction has ended. A pause past its own timeout is
    stuck at once, because a worker would have timed it out.
    """
    parameters = {"idle": idle.total_seconds(), "limit": limit}
    with connection.cursor(row_factory=dict_row) as cursor:
        return Stuck(
            *(
                cursor.execute(statement(name), parameters, prepare=False).fetchall()
                for name in ("idle_executions", "overdue_pauses", "slow_deployments")
            )
        )


def declare_lost(
    connection: psycopg.Connection[Any], execution_id: str, idle: timedelta, *, detector: str = DETECTOR
) -> datetime | None:
    """End an execution as lost and return when it was last seen; if it lives or has ended, do nothing, return None.

    The stream is checked again under its lock: an engine that appends before is not interrupted, and one that appends
    later gets VersionConflict.
    """
    parameters = {"execution_id": execution_id, "idle": idle.total_seconds(), "detector": detector}
    row = connection.execute(statement("declare_lost"), parameters).fetchone()
    return None if row is None else row[0]
