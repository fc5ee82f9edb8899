"""What Python's logging says in `with run` and `with node` is in the execution's log."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

import runfold
from runfold.adapters.logging import RunfoldHandler, recording
from runfold.client.current import working
from tests.adapters.conftest import Recorded

WORKFLOW = uuid4()


@pytest.fixture
def handler(emitter: runfold.Emitter) -> Iterator[RunfoldHandler]:
    """The handler at the root, with every level."""
    made = RunfoldHandler(emitter)
    root = logging.getLogger()
    before = root.level
    root.addHandler(made)
    root.setLevel(logging.DEBUG)
    yield made
    root.removeHandler(made)
    root.setLevel(before)


@pytest.fixture
def logger(handler: RunfoldHandler) -> logging.Logger:
    return logging.getLogger("shop")


def test_records_are_lines_of_the_execution_and_node_at_hand(
    logger: logging.Logger, store: runfold.Store, recorded: Recorded
) -> None:
    logger.info("before")
    with store.executions.create(workflow_id=WORKFLOW, mode="MANUAL") as run:
        logger.debug("in %s", "run")
        with run.node("fetch", node_type="ACTION"):
            logger.warning("in node", extra={"order": 7, "thing": object})
        logger.info("after node")
    logger.info("after")
    recorded.fold()
    lines = recorded.lines()
    assert [(line["level"], line["message"], line["node_id"]) for line in lines] == [
        ("DEBUG", "in run", None),
        ("WARNING", "in node", "fetch"),
        ("INFO", "after node", None),
    ]
    assert {line["execution_id"] for line in lines} == {run.execution_id}
    assert lines[1]["data"] == {"logger": "shop", "extra": {"order": 7, "thing": "<class 'object'>"}}
    assert lines[1]["node_type"] == "ACTION"
    assert working() is None


def test_an_exception_is_a_stack_trace_and_critical_an_error(
    handler: RunfoldHandler, logger: logging.Logger, store: runfold.Store, recorded: Recorded
) -> None:
    wrong_arguments = {"name": "shop", "levelno": logging.INFO, "msg": "%d arguments", "args": ("wrong",)}
    with store.executions.create(workflow_id=WORKFLOW, mode="MANUAL"):
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            logger.critical("lost\0 it", exc_info=True)
        handler.handle(logging.makeLogRecord(wrong_arguments))
    recorded.fold()
    lost, wrong = recorded.lines()
    assert (lost["level"], lost["message"], lost["data"]["level"]) == ("ERROR", "lost\ufffd it", "CRITICAL")
    assert "ZeroDivisionError: division by zero" in lost["stack_trace"]
    assert wrong["message"] == "%d arguments ('wrong',)"


def test_what_records_the_lines_is_not_recorded(
    handler: RunfoldHandler, store: runfold.Store, recorded: Recorded
) -> None:
    with store.executions.create(workflow_id=WORKFLOW, mode="MANUAL"):
        for name in ("runfold", "runfold.emitter", "psycopg.pool", "psycopg"):
            logging.getLogger(name).error("about recording")
        logging.getLogger("runfolder").error("of somebody else")
    recorded.fold()
    assert [line["message"] for line in recorded.lines()] == ["of somebody else"]


def test_each_task_and_thread_has_its_own_execution(
    logger: logging.Logger, emitter: Any, database_url: str, recorded: Recorded
) -> None:
    names = [f"e{n}" for n in range(4)]

    async def work(name: str, store: runfold.AsyncStore) -> None:
        run = await store.executions.create(execution_id=name, workflow_id=WORKFLOW, mode="MANUAL")
        async with run, run.node("fetch", node_type="ACTION"):
            await asyncio.sleep(0)
            logger.info(name)

    async def all_of_them() -> None:
        async with await runfold.connect_async(database_url) as store:
            await asyncio.gather(*(work(name, store) for name in names))

    asyncio.run(all_of_them())

    def elsewhere() -> None:
        logger.info("nowhere")
        with recording("e0", node_id="thread"):
            logger.info("e0")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    recorded.fold()
    assert sorted(line["execution_id"] for line in recorded.lines()) == ["e0", "e0", "e1", "e2", "e3"]
    assert all(line["message"] == line["execution_id"] for line in recorded.lines())


def test_a_block_that_fails_leaves_its_execution(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")
    found = []

    def work() -> None:
        with run, run.node("fetch", node_type="ACTION"):
            found.append(working())
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert [one.activation for one in found if one is not None] == ["fetch"]
    assert working() is None


def test_a_full_emitter_is_counted_and_said_once(store: runfold.Store, caplog: pytest.LogCaptureFixture) -> None:
    with runfold.Emitter(store, capacity=1, linger=1.0) as emitter:
        handler = RunfoldHandler(emitter)
        record = logging.makeLogRecord({"name": "shop", "msg": "line", "levelno": logging.INFO})
        with recording("full"):
            for _ in range(200):
                handler.handle(record)
        assert handler.dropped.get("emitter_full", 0) > 0
    assert len([message for message in caplog.messages if "is not recorded" in message]) == 1
