"""`runfold execution stuck` finds executions on which nobody works, and declares no living one lost."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold import events
from runfold.events.envelope import Append
from runfold.reading.stuck import declare_lost, find_stuck
from tests.cli.running import ask, run
from tests.client.human.asking import LATER, PAST, WORKFLOW, anomalies, asked, created, server_time, types_of
from tests.factories import line
from tests.fixtures.processes import assert_nothing_differs, drain

pytest_plugins = ["tests.fixtures.stores"]

Connection = psycopg.Connection[Any]
HOUR = timedelta(hours=1)


def age(connection: Connection, *stream_ids: str, by: timedelta = 2 * HOUR) -> None:
    """Make the streams' events older."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "UPDATE runfold.events SET recorded_at = recorded_at - %s WHERE stream_id = ANY (%s)", [by, [*stream_ids]]
        )


def running(store: runfold.Store, *names: str) -> list[str]:
    store.append_many([created(name) for name in names])
    return [f"execution-{name}" for name in names]


def started(deployment_id: UUID, at: datetime) -> events.DeploymentStarted:
    return events.DeploymentStarted(
        deployment_id=deployment_id, deployment_action="DEPLOY", from_status="IDLE", to_status="DEPLOYING",
        deployment_version=1, deployment_config={}, started_at=at,
    )  # fmt: skip


def completed(deployment_id: UUID, at: datetime) -> events.DeploymentCompleted:
    return events.DeploymentCompleted(
        deployment_id=deployment_id, deployment_action="DEPLOY", to_status="DEPLOYED", deployment_version=1,
        deployment_config={}, completed_at=at,
    )  # fmt: skip


def test_what_is_stuck_is_found_and_what_waits_or_works_is_not(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    now = server_time(connection)
    old = running(store, "idle", "logging", "ended", "ended unfolded")
    running(store, "young")
    store.append("log-logging", [line()])
    store.append("execution-ended", [events.ExecutionSucceeded(end_time=0)])
    waits, open_ended = asked(store, now + LATER), asked(store, None)
    overdue, unresumed = asked(store, now + PAST), asked(store, None)
    store.append(unresumed.interaction, [events.InteractionResponded(response_data=1, responded_at=now)])
    slow, quick, young = (uuid4() for _ in range(3))
    for workflow in (slow, quick, young):
        store.append(f"deployment-{workflow}", [started(workflow, now)])
    drain(database_url)
    store.append("execution-ended unfolded", [events.ExecutionSucceeded(end_time=0)])
    store.append(f"deployment-{quick}", [completed(quick, now)])
    age(connection, *old, f"deployment-{slow}", f"deployment-{quick}", unresumed.interaction)
    for question in (waits, open_ended, overdue, unresumed):
        age(connection, question.execution)

    found = find_stuck(connection, HOUR)
    assert [row["execution_id"] for row in found.executions] == ["idle"]
    assert {(row["execution_id"], row["reason"]) for row in found.pauses} == {
        (overdue.execution_id, "past its time"),
        (unresumed.execution_id, "not resumed"),
    }
    assert [row["workflow_id"] for row in found.deployments] == [slow]
    assert {*found.abandoned(HOUR)} == {"idle", overdue.execution_id, unresumed.execution_id}
    assert find_stuck(connection, 3 * HOUR).executions == []


def test_declaring_lost_looks_again_and_ends_only_what_was_not_seen(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    streams = running(store, "lost", "awake", "ended")
    drain(database_url)
    age(connection, *streams)
    store.append("execution-awake", [events.ExecutionMetadataSet(metadata={})])
    store.append("execution-ended", [events.ExecutionFailed(end_time=0, error_message="out of paper")])
    age(connection, "execution-ended")
    version = len(store.read_stream("execution-lost"))
    last_seen = declare_lost(connection, "lost", HOUR)
    assert last_seen is not None
    for name in ("lost", "awake", "ended", "never created"):
        assert declare_lost(connection, name, HOUR) is None
    event = store.read_stream("execution-lost")[-1]
    assert event.type == "ExecutionDeclaredLost"
    assert event.data is not None
    assert event.data["detector"] == "runfold execution stuck"
    assert datetime.fromisoformat(event.data["last_seen"]) == last_seen
    with pytest.raises(runfold.errors.VersionConflict):
        store.append("execution-lost", [events.ExecutionSucceeded(end_time=0)], expected_version=version)
    drain(database_url)
    assert connection.execute(
        "SELECT status, error_details ->> 'code' FROM workflow_executions WHERE execution_id = 'lost'"
    ).fetchone() == ("ERROR", "LOST")
    assert anomalies(connection) == []
    assert_nothing_differs(database_url)


def test_an_engine_that_comes_back_and_the_detector_have_one_winner(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    names = [f"e{n}" for n in range(60)]
    age(connection, *running(store, *names))
    together = threading.Barrier(2)
    refused: list[str] = []

    def come_back() -> None:
        together.wait()
        for name in names:
            try:
                store.append(f"execution-{name}", [events.ExecutionSucceeded(end_time=0)], expected_version=2)
            except runfold.errors.VersionConflict:
                refused.append(name)

    engine = threading.Thread(target=come_back)
    engine.start()
    together.wait()
    lost = [name for name in reversed(names) if declare_lost(connection, name, HOUR) is not None]
    engine.join()
    assert sorted(lost) == sorted(refused)
    assert 0 < len(lost) < len(names), "there was no race"
    for name in names:
        assert len(store.read_stream(f"execution-{name}")) == 3
    drain(database_url)
    assert anomalies(connection) == []


def test_the_command_lists_says_what_it_would_do_and_does_it(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    assert run(database_url, "execution", "stuck").stdout == "nothing is stuck\n"
    streams = running(store, "idle", "young")
    question = asked(store, server_time(connection) + PAST)
    store.append_many([Append(stream_id=f"deployment-{WORKFLOW}", events=[started(uuid4(), server_time(connection))])])
    drain(database_url)
    age(connection, streams[0], question.execution, f"deployment-{WORKFLOW}")
    found = ask(database_url, "execution", "stuck")
    assert [row["execution_id"] for row in found["executions"]] == ["idle"]
    assert [row["execution_id"] for row in found["pauses"]] == [question.execution_id]
    assert [row["workflow_id"] for row in found["deployments"]] == [str(WORKFLOW)]
    assert "declared_lost" not in found
    shown = run(database_url, "execution", "stuck", "--idle", "90m")
    assert (shown.returncode, shown.stderr) == (0, "")
    for words in ("idle", "past its time", "p1", "DEPLOYING", "2:00 h ago"):
        assert words in shown.stdout
    assert "young" not in shown.stdout
    dry = run(database_url, "execution", "stuck", "--declare-lost", "--dry-run")
    assert "would be declared lost: 2" in dry.stdout
    assert types_of(store, "execution-idle")[-1] == "ExecutionStarted"
    done = json.loads(run(database_url, "execution", "stuck", "--declare-lost", "--json").stdout)
    assert sorted(done["declared_lost"]) == sorted(["idle", question.execution_id])
    assert types_of(store, "execution-idle")[-1] == "ExecutionDeclaredLost"
    assert types_of(store, "execution-young")[-1] == "ExecutionStarted"
    drain(database_url)
    after = ask(database_url, "execution", "stuck")
    assert (after["executions"], after["pauses"]) == ([], [])
    wrong = run(database_url, "execution", "stuck", "--idle", "soon")
    assert wrong.returncode == 2
