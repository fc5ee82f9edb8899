"""Who runs an execution hears of its end, of its signals and of its children, and does each step once."""

from __future__ import annotations

import asyncio
import threading
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runfold
from runfold.domain.execution import Execution
from runfold.errors import (
    EndedElsewhere,
    IllegalTransition,
    InvalidInput,
    NotSucceeded,
    TakenOver,
    WaitTimeout,
)
from tests.client.engines.leading import WORKFLOW, Connection, started
from tests.client.handles.reading import assert_folds_without_anomalies, types
from tests.fixtures.processes import forked

LISTENS = "application_name LIKE 'runfold subscription%' AND datname = current_database()"


def test_a_thread_hears_that_somebody_else_has_ended_its_execution(store: runfold.Store) -> None:
    run = started(store)

    def work() -> None:
        with run:
            assert not run.cancelled.is_set()
            store.executions.get(run.execution_id).cancel(by="ann")
            assert run.cancelled.wait(30)
            run.cancelled.raise_if_cancelled()

    with pytest.raises(EndedElsewhere) as ended:
        work()
    assert ended.value.status == "CANCELED"
    assert types(store, f"execution-{run.execution_id}")[-1] == "ExecutionCanceled"


def test_an_end_by_oneself_is_no_cancellation(store: runfold.Store) -> None:
    run, other = started(store), started(store)
    mine, others = run.cancelled, other.cancelled
    run.succeed()
    store.executions.get(other.execution_id).cancel()
    assert others.wait(30)
    run._look_again()
    assert not mine.is_set()
    mine.raise_if_cancelled()


def test_a_take_over_is_heard(store: runfold.Store) -> None:
    run = started(store)

    def work() -> None:
        with run:
            flag = run.cancelled
            store.executions.get(run.execution_id).take_over(engine="second")
            assert flag.wait(30)
            flag.raise_if_cancelled()

    with pytest.raises(TakenOver):
        work()


@pytest.mark.parametrize("take", [False, True])
def test_a_task_is_interrupted_where_it_waits(database_url: str, take: bool) -> None:
    async def main() -> None:
        async with await runfold.connect_async(database_url) as store, store.engine("one"):
            run = await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")
            seen: list[BaseException] = []
            inside = asyncio.Event()

            async def work() -> None:
                async with run, run.node("compute for an hour", node_type="ACTION"):
                    inside.set()
                    try:
                        await asyncio.sleep(3600)
                    except asyncio.CancelledError as error:
                        seen.append(error)
                        raise

            task = asyncio.create_task(work())
            await inside.wait()
            other = await store.executions.get(run.execution_id)
            await (other.take_over(engine="two", force=True) if take else other.cancel(by="ann"))
            with pytest.raises(TakenOver if take else EndedElsewhere):
                await asyncio.wait_for(task, 30)
            assert len(seen) == 1
            assert not task.cancelled()

    asyncio.run(main())


def test_a_task_that_is_cancelled_by_its_caller_stays_cancelled(database_url: str) -> None:
    async def main() -> str | None:
        async with await runfold.connect_async(database_url) as store, store.engine("one"):
            run = await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")
            inside = asyncio.Event()

            async def work() -> None:
                async with run:
                    inside.set()
                    await asyncio.sleep(3600)

            task = asyncio.create_task(work())
            await inside.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return run.status

    assert asyncio.run(main()) == "CANCELED"


def test_each_signal_is_taken_once(store: runfold.Store, database_url: str) -> None:
    run = started(store)
    for number in range(20):
        run.signal("go", {"number": number}, by="ann")
    run.signal("other")
    taken: list[int] = []

    def take() -> None:
        with runfold.connect(database_url) as own:
            mine = own.executions.get(run.execution_id)
            taken.extend(mine.signals("go", timeout=30).data["number"] for _ in range(5))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == list(range(20))
    with pytest.raises(WaitTimeout):
        run.signals("go", timeout=0.05)
    run.succeed()
    assert_folds_without_anomalies(database_url)


def test_a_signal_wakes_who_waits_and_a_key_gets_the_same_one_again(store: runfold.Store) -> None:
    run = started(store)
    threading.Timer(0.2, lambda: store.executions.get(run.execution_id).signal("approved", {"by": "ann"})).start()
    first = run.signals("approved", key="publish", timeout=30)
    assert first.data == {"by": "ann"}
    run.signal("approved", {"by": "bob"})
    # Another process after a crash, with the same key and with another one.
    later = store.executions.get(run.execution_id)
    assert later.signals("approved", key="publish", timeout=1) == first
    assert later.signals("approved", key="archive", timeout=1).data == {"by": "bob"}
    assert types(store, f"execution-{run.execution_id}").count("SignalTaken") == 2


def test_what_has_ended_takes_and_gets_no_signal(store: runfold.Store) -> None:
    run = started(store)
    run.signal("late")
    waits = store.executions.get(run.execution_id)
    run.succeed()
    with pytest.raises(IllegalTransition):
        run.signal("late")
    with pytest.raises(EndedElsewhere):
        waits.signals("late", timeout=1)
    for name in ("", "x" * 256, None, "a\0"):
        with pytest.raises(InvalidInput):
            waits.signal(name)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["send", "take", None, "k1", "k2"])), max_size=30))
def test_signals_are_as_a_plain_queue(steps: list[tuple[str, str | None]]) -> None:
    state = Execution.named("7").create(workflow_id=WORKFLOW, mode="MANUAL").start()
    queues: dict[str, list[int]] = {"a": [], "b": []}
    keyed: dict[tuple[str, str], int] = {}
    for name, what in steps:
        if what == "send":
            state = state.send_signal(name, len(steps))
            queues[name].append(state.version)
        elif queues[name] and (name, what) not in keyed:
            key = None if what == "take" else what
            version = queues[name].pop(0)
            state = state.take_signal(name, version, key=key)
            if key is not None:
                keyed[name, key] = version
            with pytest.raises(IllegalTransition):
                state.take_signal(name, version)
    assert {name: [one.version for one in state.signals.get(name, ())] for name in "ab"} == queues
    assert {at: one.version for at, one in state.taken_signals.items()} == keyed
    # The same from the log as from the commands.
    again = Execution.named("7")
    for event in state.pending:
        again = again.folded(event.event.event_type(), event.data)
    assert (again.signals, again.taken_signals) == (state.signals, state.taken_signals)


def test_a_child_is_one_however_often_it_is_asked_for(store: runfold.Store, database_url: str) -> None:
    run = started(store)
    child = run.child("enrich", workflow_id=WORKFLOW, mode="TRIGGER", trigger_data={"a": 1})
    again = store.executions.get(run.execution_id).child("enrich", workflow_id=WORKFLOW, mode="TRIGGER")
    assert child.execution_id == again.execution_id
    assert run.child("other", workflow_id=WORKFLOW, mode="TRIGGER").execution_id != child.execution_id
    assert UUID(child.execution_id).version == 8
    created = store.read_stream(f"execution-{child.execution_id}")
    assert [event.type for event in created] == ["ExecutionCreated"]
    assert (created[0].data or {})["parent_execution_id"] == run.execution_id

    def work() -> None:
        with runfold.connect(database_url) as own, own.executions.get(child.execution_id) as mine:
            mine.succeed({"enriched": True})

    thread = threading.Thread(target=work)
    thread.start()
    assert again.result(timeout=30) == {"enriched": True}
    thread.join(30)
    assert run.child("enrich", workflow_id=WORKFLOW, mode="TRIGGER").result(timeout=1) == {"enriched": True}
    other = run.child("other", workflow_id=WORKFLOW, mode="TRIGGER")
    with pytest.raises(WaitTimeout):
        other.result(timeout=0.05)
    other.start()
    other.fail("out of paper")
    with pytest.raises(NotSucceeded) as failed:
        other.result(timeout=1)
    assert (failed.value.status, failed.value.error_message) == ("ERROR", "out of paper")


def test_a_step_is_done_once_and_its_output_is_kept(store: runfold.Store) -> None:
    done: list[str] = []

    def step(name: str) -> dict[str, str]:
        done.append(name)
        return {"of": name}

    run = started(store)
    assert run.step("a", step, "a") == {"of": "a"}
    assert run.step("a", step, "a") == {"of": "a"}
    with pytest.raises(ZeroDivisionError):
        run.step("b", lambda: 1 / 0)
    tries = iter([ConnectionError("away"), {"ok": True}])

    def call() -> object:
        if isinstance(answer := next(tries), Exception):
            raise answer
        return answer

    assert run.step("c", call, retries=1, pause_seconds=0.01) == {"ok": True}
    again = store.executions.get(run.execution_id)
    assert again.step("a", step, "never") == {"of": "a"}
    assert again.step("c", step, "never") == {"ok": True}
    assert done == ["a"]
    with pytest.raises(IllegalTransition):
        again.step("b", step, "b")


def test_a_step_waits_for_an_asynchronous_function(database_url: str) -> None:
    async def main() -> list[object]:
        async def slowly() -> int:
            await asyncio.sleep(0)
            return 7

        async with await runfold.connect_async(database_url) as store:
            run = await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
            return [await run.step("a", slowly), await run.step("a", slowly), await run.step("b", lambda: 8)]

    assert asyncio.run(main()) == [7, 7, 8]


def test_what_concerns_an_execution_is_heard_again_after_the_subscription_was_cut(
    store: runfold.Store, connection: Connection
) -> None:
    first, second = started(store), started(store)
    heard = first.cancelled, second.cancelled
    store.executions.get(first.execution_id).cancel()
    assert heard[0].wait(30)
    cut = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {LISTENS}"
    assert (connection.execute(cut).fetchone() or (0,))[0] >= 1
    store.executions.get(second.execution_id).cancel()
    assert heard[1].wait(30)


def test_many_executions_have_one_subscription(store: runfold.Store, connection: Connection) -> None:
    runs = [started(store) for _ in range(30)]
    heard = [run.cancelled for run in runs]
    for run in runs:
        store.executions.get(run.execution_id).cancel()
    assert all(flag.wait(30) for flag in heard)
    assert connection.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {LISTENS}").fetchone() == (1,)


def test_a_child_process_hears_with_a_subscription_of_its_own(store: runfold.Store, database_url: str) -> None:
    run = started(store)
    assert not run.cancelled.is_set()

    def body() -> None:
        mine = store.executions.get(run.execution_id)
        assert mine.cancelled.wait(30)

    with forked(body) as child:
        with runfold.connect(database_url) as other:
            other.executions.get(run.execution_id).cancel()
        assert child.wait() == 0, child.output
    assert run.cancelled.wait(30)
