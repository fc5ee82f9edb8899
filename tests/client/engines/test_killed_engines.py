"""An engine that is killed anywhere is taken over, and its execution succeeds with each step recorded once."""

from __future__ import annotations

import signal
from collections import Counter

import psycopg
import pytest

import runfold
from runfold.client.sync.execution import ExecutionHandle
from tests.client.engines.leading import WORKFLOW, Connection, leader_beats, silent
from tests.client.handles.reading import assert_folds_without_anomalies
from tests.fixtures.evidence import Evidence
from tests.fixtures.processes import Process, eventually, forked

pytest_plugins = ["tests.fixtures.evidence"]

STEPS = ("fetch", "charge", "mail")
VERSIONS = range(1, 3 + 2 * len(STEPS) + 2)
"""Of the stream: created, started, two events a step, ended; and one that it never reaches."""


def work(url: str, execution_id: str, name: str) -> None:
    """Be an engine that does the steps, each with an effect outside that has a key of its own."""
    with (
        runfold.connect(url) as store,
        store.engine(name, patience=4),
        psycopg.connect(url, autocommit=True) as outside,
        store.executions.create(execution_id=execution_id, workflow_id=WORKFLOW, mode="MANUAL") as run,
    ):
        do_steps(run, outside, name)


def do_steps(run: ExecutionHandle, outside: Connection, name: str) -> None:
    def effect(step: str) -> str:
        outside.execute("INSERT INTO effects VALUES (%s, %s) ON CONFLICT DO NOTHING", [run.execution_id, step])
        return name

    for step in STEPS:
        run.step(step, effect, step)


def version_of(connection: Connection, execution_id: str) -> int:
    query = "SELECT version FROM runfold.streams WHERE stream_id = %s"
    row = connection.execute(query, [f"execution-{execution_id}"]).fetchone()
    return 0 if row is None else row[0]


@pytest.fixture
def effects(connection: Connection) -> Connection:
    connection.execute("CREATE TABLE effects (execution text, step text, PRIMARY KEY (execution, step))")
    return connection


def killed_at(database_url: str, connection: Connection, execution_id: str, version: int) -> None:
    """Run the engine until its stream is at that version or the engine has ended, and kill it there."""
    with forked(lambda: work(database_url, execution_id, f"killed {version}")) as engine:
        eventually(lambda: version_of(connection, execution_id) >= version or not engine.alive)
        if engine.alive:
            engine.send(signal.SIGKILL)
        engine.wait()


def test_an_engine_killed_anywhere_is_taken_over_and_each_step_is_recorded_once(
    store: runfold.Store, effects: Connection, database_url: str, evidence: Evidence
) -> None:
    resumed = 0
    for version in VERSIONS:
        execution_id = f"at {version}"
        killed_at(database_url, effects, execution_id, version)
        leader_beats(effects, 4)
        with store.engine("next"):
            if store.executions.get(execution_id).status != "SUCCESS":
                resumed += 1
                with store.executions.resume(execution_id) as run:
                    do_steps(run, effects, "next")
        events = store.read_stream(f"execution-{execution_id}")
        assert events[-1].type == "ExecutionSucceeded"
        succeeded = Counter((event.data or {})["activation"] for event in events if event.type == "NodeSucceeded")
        assert succeeded == dict.fromkeys(STEPS, 1)
        done = effects.execute("SELECT step FROM effects WHERE execution = %s", [execution_id]).fetchall()
        assert sorted(step for (step,) in done) == sorted(STEPS)
    evidence.note(kills=len(VERSIONS), resumed=resumed)
    assert resumed > len(VERSIONS) // 2
    assert_folds_without_anomalies(database_url)


def test_a_frozen_engine_that_wakes_is_fenced(store: runfold.Store, effects: Connection, database_url: str) -> None:
    def freeze(engine: Process) -> None:
        eventually(lambda: version_of(effects, "frozen") >= 4)
        engine.send(signal.SIGSTOP)

    with forked(lambda: slow(database_url)) as engine:
        freeze(engine)
        leader_beats(effects, 20)
        assert "slow" in silent(effects)
        with store.engine("next"):
            run = store.executions.resume("frozen")
            with run:
                do_steps(run, effects, "next")
        before = version_of(effects, "frozen")
        engine.send(signal.SIGCONT)
        assert engine.wait() == 1
        assert "TakenOver" in engine.output or "EngineGone" in engine.output or "EndedElsewhere" in engine.output
    assert version_of(effects, "frozen") == before
    assert store.executions.get("frozen").status == "SUCCESS"


def slow(url: str) -> None:
    """Be an engine whose last step waits for ever, until it hears that the execution is another's."""
    with (
        runfold.connect(url) as store,
        store.engine("slow"),
        store.executions.create(execution_id="frozen", workflow_id=WORKFLOW, mode="MANUAL") as run,
    ):
        run.step("fetch", lambda: "slow")

        def wait() -> None:
            run.cancelled.wait(60)

        run.step("charge", wait)
