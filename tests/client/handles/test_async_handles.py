"""The asyncio handles: like the synchronous ones, plus canceled tasks, which only asyncio has."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest

import runfold
from runfold.client import aio, sync
from runfold.client.aio.execution import AsyncExecutionHandle
from runfold.errors import IllegalTransition
from tests.client.handles.reading import assert_dense, assert_folds_without_anomalies, everything, types

WORKFLOW = uuid4()
TASKS = 40

TWINS = [
    tuple(import_module(f"{client.__name__}.{name}") for client in (aio, sync))
    for name in ("deployment", "execution", "executions", "interaction", "interactions", "node", "writer")
]


def classes(module: object) -> dict[str, type]:
    return {
        name.removeprefix("Async"): kind
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__  # type: ignore[attr-defined]
    }


def api(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
    return {
        name: [(each.name, each.kind, each.default) for each in inspect.signature(member).parameters.values()]
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("one", "other"), TWINS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_sync_and_async_have_the_same_commands_with_the_same_words(one: object, other: object) -> None:
    ours, theirs = classes(one), classes(other)
    assert ours.keys() == theirs.keys() != set()
    for name, kind in ours.items():
        assert api(kind) == api(theirs[name])
        for command in api(kind):
            assert getattr(kind, command).__doc__, f"{name}.{command} says nothing"


def in_a_loop(database_url: str, body: Callable[[runfold.AsyncStore], Awaitable[None]]) -> None:
    async def main() -> None:
        async with await runfold.connect_async(database_url) as store:
            await body(store)

    asyncio.run(main())


async def running(store: runfold.AsyncStore) -> AsyncExecutionHandle:
    return await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)


def test_an_engine_of_many_tasks(store: runfold.Store, database_url: str) -> None:
    async def engine(asynchronous: runfold.AsyncStore) -> None:
        async with await asynchronous.executions.create(workflow_id=WORKFLOW, mode="TRIGGER") as run:

            async def one(number: int) -> None:
                async with run.node("work", node_type="ACTION", input={"n": number}) as node:
                    async for attempt in node.attempts(2, pause_seconds=0.001):
                        async with attempt:
                            await node.log(f"attempt {attempt.number} of {number}")
                            if attempt.number <= number % 3:
                                raise ConnectionError(str(number))
                    await node.succeed({"n": number})

            await asyncio.gather(*(one(number) for number in range(TASKS)))
            async with run.node("ask", node_type="HUMAN_IN_THE_LOOP") as node:
                asked = await node.pause_for_human(
                    interaction_type="input", channel_type="in_app", request_data={}, pause="p"
                )
                await asked.mark_notified()
                await run.answer("p", {"text": "yes"}, responder="ann")

    in_a_loop(database_url, engine)
    events = everything(store)
    assert_dense(events)
    failed = sum(number % 3 for number in range(TASKS))
    counts = Counter(event.type for event in events)
    assert (counts["NodeStarted"], counts["NodeAttemptFailed"]) == (TASKS + failed + 1, failed)
    assert (counts["NodeSucceeded"], counts["ExecutionSucceeded"]) == (TASKS + 1, 1)
    assert counts["LogAppended"] == TASKS + failed
    assert_folds_without_anomalies(database_url)


def test_tasks_that_write_at_once_share_appends(store: runfold.Store, database_url: str) -> None:
    async def engine(asynchronous: runfold.AsyncStore) -> None:
        run = await running(asynchronous)
        await asyncio.gather(*(run.node(f"n{n}", node_type="ACTION").start() for n in range(TASKS)))

    in_a_loop(database_url, engine)
    with store.transaction() as connection:
        rows = connection.execute("SELECT append_end FROM runfold.events WHERE type = 'NodeStarted'").fetchall()
    assert len(rows) == TASKS
    assert len(set(rows)) <= 3


def test_a_cancelled_task_cancels_its_node(store: runfold.Store, database_url: str) -> None:
    stream = ""

    async def engine(asynchronous: runfold.AsyncStore) -> None:
        nonlocal stream
        run = await running(asynchronous)
        stream = run.state.id
        began = asyncio.Event()

        async def node() -> None:
            async with run, run.node("slow", node_type="ACTION"):
                began.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(node())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    in_a_loop(database_url, engine)
    assert types(store, stream)[-2:] == ["NodeCanceled", "ExecutionCanceled"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_command_is_carried_to_its_end_when_its_task_is_cancelled(
    store: runfold.Store, database_url: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = ""

    async def engine(asynchronous: runfold.AsyncStore) -> None:
        nonlocal stream
        run = await running(asynchronous)
        stream = run.state.id
        append_many = asynchronous.append_many
        reached = asyncio.Event()

        async def slow(*args: Any, **named: Any) -> Any:
            if moment == "after":
                appended = await append_many(*args, **named)
            reached.set()
            await asyncio.sleep(0.05)
            return appended if moment == "after" else await append_many(*args, **named)

        async def node() -> None:
            async with run.node("a", node_type="ACTION") as node:
                monkeypatch.setattr(asynchronous, "append_many", slow)
                await node.succeed({"done": True})

        task = asyncio.create_task(node())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The command that had begun is recorded: the node succeeded, and is not canceled too.
        assert run.state.nodes["a"].status == "SUCCESS"
        with pytest.raises(IllegalTransition):
            await run.node("a", activation="a").cancel()

    in_a_loop(database_url, engine)
    assert types(store, stream)[2:] == ["NodeStarted", "NodeSucceeded"]


def test_the_failure_of_one_task_of_a_group_ends_the_others(store: runfold.Store, database_url: str) -> None:
    stream = ""

    async def engine(asynchronous: runfold.AsyncStore) -> None:
        nonlocal stream

        async def fail(run: AsyncExecutionHandle) -> None:
            async with run.node("fails", node_type="ACTION"):
                raise ValueError("no")

        async def wait(run: AsyncExecutionHandle, number: int) -> None:
            async with run.node(f"waits{number}", node_type="ACTION"):
                await asyncio.sleep(60)

        async with await asynchronous.executions.create(workflow_id=WORKFLOW, mode="MANUAL") as run:
            stream = run.state.id
            async with asyncio.TaskGroup() as tasks:
                for number in range(3):
                    tasks.create_task(wait(run, number))
                tasks.create_task(fail(run))

    with pytest.raises(ExceptionGroup):
        in_a_loop(database_url, engine)
    counts = Counter(types(store, stream))
    assert (counts["NodeFailed"], counts["ExecutionFailed"]) == (1, 1)
    assert counts["NodeCanceled"] == counts["NodeStarted"] - 1
    assert_folds_without_anomalies(database_url)


def test_deployments_and_changes_of_several_streams(store: runfold.Store, database_url: str) -> None:
    async def engine(asynchronous: runfold.AsyncStore) -> None:
        workflow = await asynchronous.deployments.of(WORKFLOW)
        await workflow.deploy(deployment_version=1, deployment_config={})
        await workflow.change(lambda deployment: deployment.log("ready").complete())
        assert workflow.status == "DEPLOYED"
        one, other = await running(asynchronous), await running(asynchronous)
        await asynchronous.change(lambda first, second: [first.succeed(), second.cancel()], one.state, other.state)
        assert (await one.refresh()).status == "SUCCESS"
        assert (await (await asynchronous.executions.get(other.execution_id)).refresh()).status == "CANCELED"

    in_a_loop(database_url, engine)
    assert_folds_without_anomalies(database_url)
