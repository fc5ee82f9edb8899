"""What is stuck: executions that nobody works on, pauses past their time, deployments that do not end."""

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
    """What was found. `last_seen` is when the log recorded the last event; that and `idle_seconds` are by its clock."""

    executions: list[Row]
    pauses: list[Row]
    deployments: list[Row]

    @property
    def nothing(self) -> bool:
        """Whether all goes on."""
        return not (self.executions or self.pauses or self.deployments)

    def abandoned(self, idle: timedelta) -> list[str]:
        """The executions to give up: idle ones, and those with a pause that nobody closed, not seen for `idle`."""
        rows = [row for row in [*self.executions, *self.pauses] if row["idle_seconds"] >= idle.total_seconds()]
        return list(dict.fromkeys(row["execution_id"] for row in rows))


def find_stuck(connection: psycopg.Connection[Any], idle: timedelta, *, limit: int = 1000) -> Stuck:
    """What is stuck now, `limit` of each kind at most.

    `idle`: how long an execution that should be at work, and a deployment under way, may go without an event (the
    execution's log lines count), and how long a pause may stay open after its interaction has ended. A pause past its
    own time is stuck at once: a worker would have timed it out.
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
    """End an execution as lost and return when it was last seen; None, and nothing is written, if it lives or ended.

    The stream is looked at again under its lock: an engine that comes back first is not interrupted, one that comes
    later gets VersionConflict.
    """
    parameters = {"execution_id": execution_id, "idle": idle.total_seconds(), "detector": detector}
    row = connection.execute(statement("declare_lost"), parameters).fetchone()
    return None if row is None else row[0]
