"""Nodes of one execution run in many threads and processes: no event is lost or recorded twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import pytest

import runfold
from runfold.client.sync import log as log_store
from runfold.client.sync.execution import ExecutionHandle
from runfold.errors import DatabaseUnavailable, IllegalTransition, VersionConflict
from runfold.settings import load_settings
from tests.client.handles.reading import assert_dense, assert_folds_without_anomalies, everything, types
from tests.fixtures.evidence import Evidence, evidence
from tests.fixtures.processes import forked
from tests.fixtures.proxy import Proxy

__all__ = ["evidence"]

THREADS = 8
PROCESSES = 3
NODES = 12
"""Nodes of each thread and of each process."""


def work(run: ExecutionHandle, who: str) -> None:
    """Run nodes as an engine does, all with the same name, so that all want the next activation."""
    for number in range(NODES):
        with run.node("work", node_type="ACTION", input={"who": who}) as node:
            node.log(f"{who} {number}")
            if number % 4 == 3:
                node.fail_attempt("again", will_retry=True)
                node.start()
            node.succeed({"who": who, "number": number})


def drive(run: ExecutionHandle, url: str, errors: list[BaseException]) -> None:
    """Drive one execution by threads that share a handle, and by processes that have their own."""

    def in_a_process(number: int) -> None:
        with runfold.connect(url) as store:
            work(store.executions.get(run.execution_id), f"process {number}")

    with ExitStack() as ending:
        processes = [ending.enter_context(forked(lambda n=n: in_a_process(n))) for n in range(PROCESSES)]  # type: ignore[misc]
        with ThreadPoolExecutor(THREADS) as pool:
            ended = [pool.submit(work, run, f"thread {n}") for n in range(THREADS)]
        errors += [error for one in ended if (error := one.exception()) is not None]
        errors += [RuntimeError(process.output) for process in processes if process.wait(120) != 0]


def test_parallel_nodes_of_threads_and_processes_lose_and_double_nothing(
    store: runfold.Store, database_url: str, evidence: Evidence
) -> None:
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    errors: list[BaseException] = []
    drive(run, database_url, errors)
    assert not errors
    run.succeed()

    events = everything(store)
    assert_dense(events)
    nodes = (THREADS + PROCESSES) * NODES
    retried = nodes // 4
    counts = Counter(event.type for event in events)
    assert counts == {
        "ExecutionCreated": 1, "ExecutionStarted": 1, "ExecutionSucceeded": 1, "NodeStarted": nodes + retried,
        "NodeAttemptFailed": retried, "NodeSucceeded": nodes, "LogAppended": nodes,
    }  # fmt: skip
    did = Counter(
        (event.data["output_data"]["who"], event.data["output_data"]["number"])
        for event in events
        if event.type == "NodeSucceeded" and event.data is not None
    )
    assert len(did) == nodes
    assert set(did.values()) == {1}
    assert set(run.state.nodes) == {"work", *(f"work#{number}" for number in range(2, nodes + 1))}
    assert_folds_without_anomalies(database_url)
    evidence.note(events=len(events), nodes=nodes, threads=THREADS, processes=PROCESSES)


def test_control_without_retrying_conflicts_reach_the_engine(
    store: runfold.Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    monkeypatch.setattr(log_store.Log, "retry_seconds", 0.0)  # the writers', not the store's own
    errors: list[BaseException] = []
    drive(run, database_url, errors)
    assert any(isinstance(error, VersionConflict) or "VersionConflict" in str(error) for error in errors)


def test_the_commands_of_waiting_threads_go_into_one_append(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    with run.writer._lock, ExitStack() as ending:
        pool = ending.enter_context(ThreadPoolExecutor(THREADS))
        started = [pool.submit(run.node(f"n{n}", node_type="ACTION").start) for n in range(THREADS)]
        while len(run.writer._queue) < THREADS:
            pass
        ending.pop_all()
    for one in started:
        one.result()
    pool.shutdown()
    with runfold.connect(store.url) as other, other.transaction() as connection:
        ends = connection.execute("SELECT append_end FROM runfold.events WHERE type = 'NodeStarted'").fetchall()
    assert (len(ends), len(set(ends))) == (THREADS, 1)


def test_one_command_of_many_wins(store: runfold.Store, database_url: str) -> None:
    """A command that is legal once succeeds once; the others get the present state."""
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    together = threading.Barrier(THREADS)

    def end(number: int) -> str:
        handle = store.executions.get(run.execution_id)
        together.wait()
        try:
            handle.cancel(by=str(number)) if number % 2 else handle.succeed(number)
        except IllegalTransition as refused:
            return f"refused: {refused.machine}"
        return "won"

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = Counter(pool.map(end, range(THREADS)))
    assert outcomes == {"won": 1, "refused: execution": THREADS - 1}
    assert len(types(store, f"execution-{run.execution_id}")) == 3
    assert_folds_without_anomalies(database_url)


# -- an unknown outcome ------------------------------------------------------------------------------------------------


@contextmanager
def cut_after_append(url: str, *, always: bool = False) -> Iterator[tuple[Proxy, list[bool]]]:
    """A proxy that forwards an append, lets the server commit it, and cuts before the client gets the answer."""
    armed = [False]

    def watch(said: bytes) -> bool:
        if armed[0] and b"event_id" in said:
            armed[0] = always
            return True
        return False

    with Proxy(url, watch) as proxy:
        yield proxy, armed


def test_a_command_whose_answer_is_lost_is_recorded_once(database_url: str) -> None:
    with cut_after_append(database_url) as (proxy, armed), runfold.connect(proxy.url) as store:
        run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
        for number in range(5):
            armed[0] = True
            with run.node(f"n{number}", node_type="ACTION") as node:
                armed[0] = True
                node.succeed()
        assert proxy.cuts == 10
        assert types(store, f"execution-{run.execution_id}")[2:] == ["NodeStarted", "NodeSucceeded"] * 5
        assert_dense(everything(store))


def test_a_command_given_again_after_an_unknown_outcome_is_recorded_once(database_url: str) -> None:
    settings = load_settings(retry_seconds=0.3)
    with (
        cut_after_append(database_url, always=True) as (proxy, armed),
        runfold.connect(proxy.url, settings=settings) as store,
    ):
        run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
        node = run.node("fetch", node_type="ACTION")
        for command in (
            node.start,
            lambda: node.succeed({"n": 1}),
            lambda: run.schedule("next", node_type="ACTION"),
            run.succeed,
        ):
            armed[0] = True
            with pytest.raises(DatabaseUnavailable):
                command()
            armed[0] = False
            command()
        assert proxy.cuts >= 4
        with pytest.raises(IllegalTransition):
            run.succeed()  # the third time it is no repetition
        assert types(store, f"execution-{run.execution_id}") == [
            "ExecutionCreated", "ExecutionStarted", "NodeStarted", "NodeSucceeded", "NodeScheduled",
            "ExecutionSucceeded",
        ]  # fmt: skip
        assert_dense(everything(store))
    assert_folds_without_anomalies(database_url)


@pytest.mark.parametrize("recorded", [(False, True), (True, False), (False, False), (True, True)])
def test_a_command_may_be_given_again_until_it_is_answered(
    store: runfold.Store, recorded: tuple[bool, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time the append is committed or not, and the answer is lost in either case."""
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    append_many = store.append_many
    outcomes = list(recorded)

    def lost(*args: object, **named: object) -> object:
        if not outcomes:
            return append_many(*args, **named)  # type: ignore[arg-type]
        if outcomes.pop(0):
            append_many(*args, **named)  # type: ignore[arg-type]
        raise DatabaseUnavailable("cut")

    monkeypatch.setattr(store, "append_many", lost)
    failures = 0
    while True:
        try:
            run.set_metadata({"n": 1})
            break
        except DatabaseUnavailable:
            failures += 1
    assert 1 <= failures <= 2
    assert types(store, f"execution-{run.execution_id}")[2:] == ["ExecutionMetadataSet"]


def test_control_a_handle_that_forgets_what_is_doubtful_refuses_the_repetition(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.client.sync.writer.Writer._settle_what_was_recorded", lambda *_: None)
    with pytest.raises(IllegalTransition):
        test_a_command_given_again_after_an_unknown_outcome_is_recorded_once(database_url)


def test_an_interrupted_thread_s_command_and_those_that_waited_with_it_are_recorded_once(
    store: runfold.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    append_many = store.append_many

    def interrupted(*args: object, **named: object) -> None:
        append_many(*args, **named)  # type: ignore[arg-type]
        monkeypatch.setattr(store, "append_many", append_many)
        raise KeyboardInterrupt

    outcomes: list[str] = []

    def start(name: str) -> None:
        try:
            run.node(name, node_type="ACTION").start()
            outcomes.append("recorded")
        except KeyboardInterrupt:
            outcomes.append("interrupted")

    threads = [threading.Thread(target=start, args=[f"n{n}"]) for n in range(4)]
    monkeypatch.setattr(store, "append_many", interrupted)
    with run.writer._lock:
        for thread in threads:
            thread.start()
        while len(run.writer._queue) < 4:
            pass
    for thread in threads:
        thread.join()
    assert Counter(outcomes) == {"interrupted": 1, "recorded": 3}
    assert sorted(run.refresh().nodes) == ["n0", "n1", "n2", "n3"]
    assert types(store, f"execution-{run.execution_id}").count("NodeStarted") == 4
