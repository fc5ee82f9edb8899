"""An interruption while a node or an execution is being entered leaves nothing open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold.client.aio.execution import AsyncExecutionHandle
from runfold.client.sync.execution import ExecutionHandle
from runfold.client.sync.writer import Writer
from tests.client.handles.reading import assert_folds_without_anomalies, types

WORKFLOW = uuid4()


@pytest.fixture
def run(store: runfold.Store) -> ExecutionHandle:
    """A running execution."""
    return store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)


def interrupt(store: runfold.Store, monkeypatch: pytest.MonkeyPatch, *, recorded: bool) -> None:
    """Let Ctrl-C come in the next append: before it is sent, or when it is recorded."""
    append_many = store.append_many

    def interrupted(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(store, "append_many", append_many)
        if recorded:
            append_many(*args, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "append_many", interrupted)


def enter(run: ExecutionHandle) -> None:
    with run.node("charge", node_type="ACTION"):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("recorded", [True, False])
def test_ctrl_c_while_a_node_is_entered_leaves_it_closed(
    store: runfold.Store, run: ExecutionHandle, database_url: str, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    interrupt(store, monkeypatch, recorded=recorded)
    with pytest.raises(KeyboardInterrupt):
        enter(run)
    assert types(store, f"execution-{run.execution_id}")[2:] == (["NodeStarted", "NodeCanceled"] if recorded else [])
    with run.node("charge", node_type="ACTION") as node:
        assert node.activation == ("charge#2" if recorded else "charge")
    assert_folds_without_anomalies(database_url)


def test_control_without_the_undoing_the_node_runs_for_ever(
    store: runfold.Store, run: ExecutionHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def do(writer: Writer[Any], _: Any, function: Any, *arguments: Any, **named: Any) -> Any:
        return writer.do(function, *arguments, **named)

    monkeypatch.setattr(Writer, "do_or_undo", do)
    interrupt(store, monkeypatch, recorded=True)
    with pytest.raises(KeyboardInterrupt):
        enter(run)
    assert run.refresh().nodes["charge"].status == "RUNNING"


@pytest.mark.parametrize("recorded", [True, False])
def test_ctrl_c_while_an_execution_is_entered_leaves_none_that_runs(
    store: runfold.Store, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")
    interrupt(store, monkeypatch, recorded=recorded)
    with pytest.raises(KeyboardInterrupt), run:
        pytest.fail("the block must not run")
    assert store.executions.get(run.execution_id).status == ("CANCELED" if recorded else "NEW")


# -- asyncio -----------------------------------------------------------------------------------------------------------


def in_a_loop(database_url: str, body: Callable[[runfold.AsyncStore], Awaitable[None]]) -> None:
    async def main() -> None:
        async with await runfold.connect_async(database_url) as store:
            await body(store)

    asyncio.run(main())


async def begun(run: AsyncExecutionHandle, ready: Callable[[], bool]) -> asyncio.Task[None]:
    """Enter a node in a task, and return it when it is so far."""

    async def enter() -> None:
        async with run.node("charge", node_type="ACTION"):
            pytest.fail("the block must not run")

    task = asyncio.create_task(enter())
    while not ready():
        await asyncio.sleep(0)
    return task


def test_a_task_that_is_canceled_while_its_append_is_under_way_leaves_the_node_closed(database_url: str) -> None:
    async def body(store: runfold.AsyncStore) -> None:
        run = await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
        stream = f"execution-{run.execution_id}"
        async with await psycopg.AsyncConnection.connect(database_url) as other:
            # The append waits for the row of its stream: this connection has it.
            await other.execute("SELECT FROM runfold.streams WHERE stream_id = %s FOR UPDATE", [stream])
            task = await begun(run, lambda: run.writer._lock.locked() and not run.writer._queue)
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [event.type for event in await store.read_stream(stream)][2:] == ["NodeStarted", "NodeCanceled"]
        assert run.status == "RUNNING"

    in_a_loop(database_url, body)


def test_a_task_that_is_canceled_before_its_append_begins_leaves_nothing(database_url: str) -> None:
    async def body(store: runfold.AsyncStore) -> None:
        run = await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
        async with run.writer._lock:
            task = await begun(run, lambda: bool(run.writer._queue))
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(await store.read_stream(f"execution-{run.execution_id}")) == 2

    in_a_loop(database_url, body)


def test_a_timeout_around_a_node_leaves_the_execution_going(database_url: str) -> None:
    async def body(store: runfold.AsyncStore) -> None:
        async with await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL") as run:
            async with await psycopg.AsyncConnection.connect(database_url) as other:
                await other.execute(
                    "SELECT FROM runfold.streams WHERE stream_id = %s FOR UPDATE", [f"execution-{run.execution_id}"]
                )
                task = await begun(run, lambda: run.writer._lock.locked() and not run.writer._queue)
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (run.status, run.state.nodes["charge"].status) == ("SUCCESS", "CANCELED")

    in_a_loop(database_url, body)
    assert_folds_without_anomalies(database_url)
