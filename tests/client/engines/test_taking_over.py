"""Who takes an execution over fences the engine that had it, whatever that one still does."""

from __future__ import annotations

import threading

import pytest

import runfold
from runfold.errors import ExecutionHeld, IllegalTransition, TakenOver, VersionConflict
from tests.client.engines.leading import Connection, hold_without_an_engine, leader_beats, started
from tests.client.handles.reading import assert_folds_without_anomalies, types


def test_a_take_over_is_recorded_with_the_attempts_that_it_gives_up(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    run = started(store)
    run.node("charge", node_type="ACTION").start()
    hold_without_an_engine(connection, "first", run.execution_id)
    leader_beats(connection, 20)
    with store.engine("second") as engine:
        other = store.executions.get(run.execution_id)
        other.take_over()
        taken, failed = store.read_stream(f"execution-{run.execution_id}")[-2:]
        assert taken.type == "ExecutionTakenOver"
        assert taken.data == {"engine": "second", "epoch": 1, "from_engine": "first"}
        assert failed.type == "NodeAttemptFailed"
        assert (failed.data or {})["error_data"]["type"] == "EngineGone"
        held = connection.execute("SELECT execution_id, engine_id, epoch FROM runfold.holds").fetchall()
        assert held == [(run.execution_id, engine.engine_id, 1)]
        with other:
            other.step("charge", lambda: 12)
    assert_folds_without_anomalies(database_url)


def test_the_old_engine_is_fenced_also_where_nothing_ran(store: runfold.Store) -> None:
    run = started(store)
    run.__enter__()
    store.executions.get(run.execution_id).take_over(engine="second")
    with pytest.raises(TakenOver) as over:
        run.set_metadata({"by": "the engine that is gone"})
    assert (over.value.engine, over.value.epoch) == ("second", 1)
    assert types(store, f"execution-{run.execution_id}") == [
        "ExecutionCreated", "ExecutionStarted", "ExecutionTakenOver",
    ]  # fmt: skip
    # Nor does leaving the block without an error count as success.
    run = started(store)
    with pytest.raises(TakenOver), run:
        store.executions.get(run.execution_id).take_over(engine="second")
    assert store.executions.get(run.execution_id).status == "RUNNING"


def test_control_without_the_version_moving_the_old_engine_writes_on(
    store: runfold.Store, connection: Connection
) -> None:
    run = started(store)
    hold_without_an_engine(connection, "first", run.execution_id)
    with run:
        # The hold alone changes hands.
        connection.execute("UPDATE runfold.holds SET epoch = 1")
        run.set_metadata({"by": "the engine that is gone"})
    assert run.status == "SUCCESS"


def test_an_error_of_a_fenced_block_ends_nothing(store: runfold.Store) -> None:
    run = started(store)

    def work() -> None:
        with run, run.node("a", node_type="ACTION"):
            store.executions.get(run.execution_id).take_over(engine="second")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert store.executions.get(run.execution_id).status == "RUNNING"


def test_a_fenced_handle_does_not_come_back_by_entering_it_again(store: runfold.Store) -> None:
    run = started(store)
    with pytest.raises(TakenOver), run:
        store.executions.get(run.execution_id).take_over(engine="second")
    with pytest.raises(TakenOver), run:
        raise AssertionError("entered")
    # Only a take-over of its own gives it the execution again.
    run.take_over(engine="first again")
    with run:
        pass
    assert (run.status, run.state.epoch) == ("SUCCESS", 2)


def test_two_that_decide_on_one_version_have_one_winner(store: runfold.Store) -> None:
    run = started(store)
    first, second = (store.executions.get(run.execution_id) for _ in range(2))
    first.take_over(engine="first")
    with pytest.raises(VersionConflict):
        second._take_over("second", force=False)
    assert types(store, f"execution-{run.execution_id}").count("ExecutionTakenOver") == 1


def test_engines_that_take_over_at_once_have_one_winner(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    for turn in range(5):
        one_winner(store, connection, database_url, turn)


def one_winner(store: runfold.Store, connection: Connection, database_url: str, turn: int) -> None:
    run = started(store)
    hold_without_an_engine(connection, f"dead {turn}", run.execution_id)
    leader_beats(connection, 20)
    won: list[str] = []
    refused: list[BaseException] = []
    ready = threading.Barrier(4)

    def take(name: str) -> None:
        with runfold.connect(database_url) as own, own.engine(name):
            handle = own.executions.get(run.execution_id)
            ready.wait(30)
            try:
                handle.take_over()
                won.append(name)
            except (VersionConflict, ExecutionHeld) as error:
                refused.append(error)
            ready.wait(30)

    threads = [threading.Thread(target=take, args=[f"engine {number}"]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(won), len(refused)) == (1, 3)
    assert types(store, f"execution-{run.execution_id}").count("ExecutionTakenOver") == 1


def test_what_others_append_meanwhile_is_no_conflict_of_a_take_over(store: runfold.Store) -> None:
    run = started(store)
    stale = store.executions.get(run.execution_id)
    run.set_metadata({"a": 1})
    stale.take_over(engine="second")
    assert stale.state.epoch == 1


def test_an_execution_that_has_ended_is_not_taken_over(store: runfold.Store) -> None:
    run = started(store)
    run.cancel()
    with pytest.raises(IllegalTransition) as refused:
        store.executions.get(run.execution_id).take_over()
    assert refused.value.command == "take_over"


def test_who_cancels_from_outside_is_not_fenced(store: runfold.Store) -> None:
    run = started(store)
    operator = store.executions.get(run.execution_id)
    run.take_over(engine="second")
    operator.cancel(by="ann")
    assert operator.status == "CANCELED"


def test_an_owned_stream_of_the_old_engine_conflicts_also_where_nothing_ran(store: runfold.Store) -> None:
    run = started(store)
    stream = f"execution-{run.execution_id}"
    with runfold.Emitter(store) as emit:
        owned = emit.own(stream, run.state.version)
        store.executions.get(run.execution_id).take_over(engine="second")
        with pytest.raises(VersionConflict):
            owned(runfold.events.ExecutionMetadataSet(metadata={"by": "the engine that is gone"})).result(30)
    assert types(store, stream)[-1] == "ExecutionTakenOver"


def test_control_without_the_version_moving_an_owned_stream_writes_on(store: runfold.Store) -> None:
    run = started(store)
    with runfold.Emitter(store) as emit:
        owned = emit.own(f"execution-{run.execution_id}", run.state.version)
        assert owned(runfold.events.ExecutionMetadataSet(metadata={"by": "the engine that is gone"})).result(30)
