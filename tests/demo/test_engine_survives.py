"""The demo's engine works while the server and the workers are killed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer
from runfold.demo.engine import Answer, Engine, Node, Output, Step, Workflow
from runfold.settings import load_settings
from tests.faults.kills import kill_whole_server
from tests.fixtures.evidence import Evidence
from tests.fixtures.processes import assert_nothing_differs, drain, worker
from tests.fixtures.servers import PrivateServerFactory

pytestmark = pytest.mark.slow

AS_IN_PRODUCTION = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
KILLS = 4
# A busy machine may take long to recover a server.
PATIENCE = 120.0
WORDS = ("record", "fold", "verify")


async def fetch(step: Step) -> Output:
    await asyncio.sleep(0.05)
    return {"words": list(WORDS)}


async def count(step: Step) -> Output:
    async def one(step: Step, word: str) -> Output:
        await asyncio.sleep(0.05)
        return {"length": len(word)}

    counted = await step.each(step.outputs["fetch"]["words"], one, width=2)
    return {"letters": sum(item["length"] for item in counted)}


async def improve(step: Step) -> Output:
    async def turn(step: Step, number: int) -> Output:
        await asyncio.sleep(0.05)
        return {"quality": number}

    return await step.until(lambda output: output["quality"] >= 3, turn, most=5)


async def approve(step: Step) -> Output:
    answer = await step.ask("good enough?")
    return {"approved": answer.approved}


WORKFLOW = Workflow(
    uuid4(),
    "letters",
    (
        Node("fetch", "TRIGGER", fetch),
        Node("count", "ACTION", count, needs=("fetch",)),
        Node("improve", "AI_AGENT", improve, needs=("fetch",)),
        Node("approve", "HUMAN_IN_THE_LOOP", approve, needs=("count", "improve")),
    ),
)
FANNED_OUT = {f"{node}#{number}" for node in ("count", "improve") for number in (1, 2, 3)}
ACTIVATIONS = {node.node_id for node in WORKFLOW.nodes} | FANNED_OUT


async def ask_person(question: str) -> Answer:
    await asyncio.sleep(0.05)
    return Answer(True, "pat", "prompt")


def run_engine(url: str, go_on: Callable[[], bool] = lambda: False, *, width: int = 3) -> dict[str, Output]:
    """Run some executions at a time, and again while `go_on` is true; return what the engine knows of each."""

    async def run() -> dict[str, Output]:
        outputs: dict[str, Output] = {}
        async with await runfold.connect_async(url, settings=load_settings(retry_seconds=PATIENCE)) as store:
            engine = Engine(store, ask_person)
            while not outputs or go_on():
                names = [f"run-{len(outputs) + number}" for number in range(width)]
                done = await asyncio.gather(*(engine.run(WORKFLOW, name) for name in names))
                outputs |= dict(zip(names, done, strict=True))
        return outputs

    return asyncio.run(run())


@contextmanager
def meanwhile(act: Callable[[], Any], *, every: float, most: int) -> Iterator[list[Any]]:
    """Call a function repeatedly while the block runs, at most this often; yield the list of its results."""
    stop, done = threading.Event(), []

    def acting() -> None:
        while len(done) < most and not stop.wait(every):
            done.append(act())

    thread = threading.Thread(target=acting)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def assert_all_is_there(url: str, outputs: Mapping[str, Output]) -> None:
    """Fail unless the tables hold exactly the engine's work, every stream's versions are dense, and verify agrees."""
    assert drain(url) == {}
    with psycopg.connect(url, autocommit=True) as connection:
        stored = dict(connection.execute("SELECT execution_id, run_data FROM workflow_executions").fetchall())
        assert stored == outputs
        nodes: dict[str, set[str]] = {}
        for execution_id, activation, status in connection.execute(
            "SELECT execution_id, activation, status FROM node_executions"
        ):
            assert status == "SUCCESS"
            nodes.setdefault(execution_id, set()).add(activation)
        assert nodes == dict.fromkeys(outputs, ACTIVATIONS)
        assert connection.execute("SELECT count(*) FROM runfold.anomalies").fetchone() == (0,)
        assert connection.execute("SELECT status, count(*) FROM human_interactions GROUP BY 1").fetchall() == [
            ("responded", len(outputs))
        ]
        assert connection.execute(
            "SELECT count(*) FROM (SELECT stream_id FROM runfold.events GROUP BY 1"
            " HAVING min(stream_version) <> 1 OR max(stream_version) <> count(*)) AS broken"
        ).fetchone() == (0,)
    assert_nothing_differs(url)


@pytest.fixture
def server(private_server: PrivateServerFactory, schema_copy: Path) -> EmbeddedServer:
    made = private_server(settings=AS_IN_PRODUCTION)
    migrate(made.url, folder=schema_copy)
    return made


def test_an_engine_at_work_outlives_its_server_and_loses_and_doubles_nothing(
    server: EmbeddedServer, evidence: Evidence
) -> None:
    kills = evidence.scaled(KILLS)

    def kill() -> float:
        kill_whole_server(server)
        began = time.monotonic()
        server.start()
        return round(time.monotonic() - began, 2)

    with worker(server.url), meanwhile(kill, every=0.3 + evidence.rng.random() / 2, most=kills) as restarts:
        outputs = run_engine(server.url, lambda: len(restarts) < kills)
    evidence.note(executions=len(outputs), kills=len(restarts), slowest_restart=max(restarts))
    assert_all_is_there(server.url, outputs)


def test_an_engine_at_work_does_not_notice_that_its_workers_die(server: EmbeddedServer, evidence: Evidence) -> None:
    kills = evidence.scaled(KILLS)
    lives = [0.2 + evidence.rng.random() / 2 for _ in range(kills)]

    def live_and_die() -> int:
        with worker(server.url) as started:
            time.sleep(lives.pop())
            return started.pid  # leaving the block kills it

    with meanwhile(live_and_die, every=0.01, most=kills) as died:
        outputs = run_engine(server.url, lambda: len(died) < kills)
    evidence.note(executions=len(outputs), kills=len(died))
    assert_all_is_there(server.url, outputs)


def test_control_what_is_missing_or_doubled_is_found(server: EmbeddedServer) -> None:
    outputs = run_engine(server.url)
    assert_all_is_there(server.url, outputs)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DELETE FROM node_executions WHERE execution_id = 'run-1' AND activation = 'count#2'")
    with pytest.raises(AssertionError):
        assert_all_is_there(server.url, outputs)
