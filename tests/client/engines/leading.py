"""A leader whose beats a test counts, and engines that hold executions."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg

import runfold
from runfold.client.sync.execution import ExecutionHandle

WORKFLOW = uuid4()
Connection = psycopg.Connection[Any]


def leader_beats(connection: Connection, times: int) -> None:
    """Let the leader beat so many times."""
    connection.execute("UPDATE runfold.leader SET beat = beat + %s", [times])


def another_leads(connection: Connection) -> None:
    """Let another worker lead, as after an outage or a fail-over: its beats begin at 0."""
    connection.execute("UPDATE runfold.leader SET epoch = epoch + 1, beat = 0")


def silent(connection: Connection) -> set[str]:
    """Return the names of the engines that are silent."""
    query = "SELECT name FROM runfold.engines WHERE runfold.engine_is_silent(engine_id)"
    return {name for (name,) in connection.execute(query)}


def hold_without_an_engine(connection: Connection, name: str, *executions: str, epoch: int = 0) -> None:
    """Enter an engine that never beats, as one that was killed, and let it hold executions."""
    engine = uuid4()
    connection.execute(
        "INSERT INTO runfold.engines (engine_id, name, host, pid, patience, leader_epoch, leader_beat)"
        " SELECT %s, %s, 'elsewhere', 1, 20, epoch, beat FROM runfold.leader",
        [engine, name],
    )
    for execution in executions:
        connection.execute(
            "INSERT INTO runfold.holds (execution_id, engine_id, epoch) VALUES (%s, %s, %s)", [execution, engine, epoch]
        )


def started(store: runfold.Store, execution_id: str | None = None) -> ExecutionHandle:
    """Return an execution that runs."""
    return store.executions.create(execution_id=execution_id, workflow_id=WORKFLOW, mode="MANUAL", start=True)
