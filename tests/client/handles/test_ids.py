"""Everything that a store, a handle or PostgreSQL makes for the log has an id of version 7."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import psycopg

import runfold
from runfold.events import ExecutionStarted

LOGGED = {"level": "INFO", "event_type": "separator", "message": "x"}
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


# A line of a log, as PostgreSQL's own functions append theirs.
LINE = """
    SELECT runfold.append_events(jsonb_build_array(jsonb_build_object('stream_id', 'log-x', 'events', jsonb_build_array(
        jsonb_build_object('event_id', runfold.new_id(), 'type', 'LogAppended', 'occurred_at', '2026-01-01T00:00:00Z',
            'data', jsonb_build_object('level', 'INFO', 'event_type', 'separator', 'message', 'x')))))::text)
"""


def versions_in_log(connection: psycopg.Connection[Any], given: UUID) -> dict[str, set[str]]:
    """Return the versions of the UUIDs in columns of the log, without the one that the test gave."""
    rows = connection.execute("SELECT event_id::text, stream_id, data::text FROM runfold.events").fetchall()
    return {
        name: {found.group(1) for row in rows for found in UUIDS.finditer(row[n]) if found.group() != str(given)}
        for n, name in enumerate(("event_id", "stream_id", "data"))
    }


def use(store: runfold.Store, connection: psycopg.Connection[Any], workflow: UUID) -> None:
    """Make one of each thing, and leave every id to runfold."""
    run = store.executions.create(workflow_id=workflow, mode="MANUAL", start=True)
    run.node("n", node_type="ACTION").start()
    store.append(f"execution-{run.execution_id}x", [ExecutionStarted(start_time=1)])
    store.append("log-y", [runfold.NewEvent(type="LogAppended", data=LOGGED)])
    store.interactions.request(
        workflow_id=workflow, execution_id=run.execution_id, node_id="n", interaction_type="approval",
        channel_type="slack", priority="normal", request_data={},
    )  # fmt: skip
    store.responses.receive(workflow_id=workflow, channel="webhook", raw_payload={"text": "yes"})
    store.deployments.deploy(workflow, definition={})
    connection.execute(LINE)


def test_what_runfold_makes_has_an_id_of_version_7(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    workflow = uuid4()
    use(store, connection, workflow)
    assert versions_in_log(connection, workflow) == {"event_id": {"7"}, "stream_id": {"7"}, "data": {"7"}}


def test_control_an_id_of_another_version_is_found(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    store.append("log-y", [runfold.NewEvent(type="LogAppended", data=LOGGED, event_id=uuid4())])
    assert versions_in_log(connection, uuid4())["event_id"] == {"4"}


def test_ids_of_postgresql_sort_by_when_a_session_made_them(connection: psycopg.Connection[Any]) -> None:
    (unsorted,) = connection.execute(
        "WITH made AS (SELECT n, runfold.new_id() AS id FROM generate_series(1, 20000) AS n)"
        " SELECT count(*) FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before FROM made) AS m WHERE id <= before"
    ).fetchone() or (None,)
    assert unsorted == 0
