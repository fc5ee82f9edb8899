"""The views of triggers and of what was found wrong."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.fixtures.logs import Log, event
from tests.fixtures.processes import drain
from tests.projections.folding.test_parking import smuggle


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    return Log(connection)


def test_a_trigger_is_shown_as_it_is_deployed_and_as_it_is_defined(log: Log, database_url: str) -> None:
    workflow = uuid4()
    log.connection.execute(
        "INSERT INTO public.workflows (id, name, workflow_data, created_at, updated_at) VALUES (%s, 'w', '{}', 1, 1)",
        (workflow,),
    )
    for node in ("both", "defined"):
        log.connection.execute(
            "INSERT INTO public.nodes (workflow_id, node_id, node_type, node_subtype, name)"
            " VALUES (%s, %s, 'TRIGGER', 'CRON', %s)",
            (workflow, node, node),
        )
    for node in ("both", "deployed"):
        log.append(f"deployment-{workflow}", event("TriggerRegistered", trigger=node, node_id=node))
    log.append(f"deployment-{workflow}", event("TriggerActivated", trigger="both"))
    drain(database_url)
    found = log.connection.execute(
        "SELECT node_id, is_deployed, is_defined, is_active FROM public.workflow_triggers ORDER BY node_id"
    ).fetchall()
    assert found == [("both", True, True, True), ("defined", False, True, False), ("deployed", True, False, False)]


def test_what_was_found_wrong_is_in_one_list(log: Log, database_url: str) -> None:
    log.append("execution-a", event("ExecutionStarted"))
    smuggle(log, "execution-b", "ExecutionStarted", {"start_time": "soon"})
    drain(database_url)
    found = log.connection.execute(
        "SELECT kind, subject, code, found_by, found_at IS NOT NULL FROM public.validation_logs ORDER BY 1, 2, 3, 4"
    ).fetchall()
    assert ("anomaly", "execution-a", "missing_row", "workflow_executions", True) in found
    assert ("parked_stream", "execution-b", "22P02", "execution", True) in found
