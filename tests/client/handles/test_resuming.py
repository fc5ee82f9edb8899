"""An execution whose engine is gone goes on where it was: what is done is known, what ran is begun again."""

from __future__ import annotations

import inspect
from uuid import uuid4

import pytest

import runfold
from runfold.client.sync.execution import ExecutionHandle
from runfold.client.sync.executions import Executions
from runfold.client.sync.node import NodeHandle
from runfold.errors import IllegalTransition, OldAttempt, TakenOver, UnknownExecution
from tests.client.handles.reading import assert_folds_without_anomalies, types
from tests.client.handles.test_attempts import at_once

WORKFLOW = uuid4()


@pytest.fixture
def crashed(store: runfold.Store) -> ExecutionHandle:
    """An execution whose engine ended while it charged."""
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    with run.node("fetch", node_type="ACTION") as node:
        node.succeed({"amount": 12})
    with run.node("look", node_type="ACTION"):
        pass
    run.node("charge", node_type="ACTION").start()
    return run


def test_outputs_are_those_of_what_has_succeeded(store: runfold.Store, crashed: ExecutionHandle) -> None:
    with crashed.node("wrong", node_type="ACTION") as node:
        node.fail("no")
    with pytest.raises(IllegalTransition):
        node.succeed("after its end")
    assert store.executions.get(crashed.execution_id).outputs() == {"fetch": {"amount": 12}, "look": None}


def test_outputs_are_of_the_attempt_that_counts(store: runfold.Store, crashed: ExecutionHandle) -> None:
    crashed.node("charge", activation="charge").start(takeover=True)
    stream = f"execution-{crashed.execution_id}"
    late = runfold.events.NodeSucceeded(
        activation="charge", node_id="charge", attempt=1, end_time=1, output_data="of attempt 1"
    )
    store.append(stream, [late])
    assert "charge" not in crashed.outputs()
    store.append(stream, [late.model_copy(update={"attempt": 2, "output_data": "of attempt 2"})])
    assert crashed.outputs()["charge"] == "of attempt 2"


def test_a_resumed_execution_begins_the_next_attempts(
    store: runfold.Store, crashed: ExecutionHandle, database_url: str
) -> None:
    old = crashed.node("charge", activation="charge")
    old._attempt = 1
    with store.executions.resume(crashed.execution_id) as run:
        failed = (store.read_stream(f"execution-{run.execution_id}")[-1].data or {})["error_data"]
        assert failed["type"] == "EngineGone"
        with run.node("charge", activation="charge") as node:
            assert node.state.attempt == 2
            with pytest.raises(OldAttempt):
                old.succeed({"by": "the engine that is gone"})
    assert run.status == "SUCCESS"
    assert types(store, f"execution-{run.execution_id}")[-4:] == [
        "NodeAttemptFailed", "NodeStarted", "NodeSucceeded", "ExecutionSucceeded",
    ]  # fmt: skip
    assert_folds_without_anomalies(database_url)


def test_of_engines_that_resume_at_once_one_does_each_node(store: runfold.Store, crashed: ExecutionHandle) -> None:
    runs = [store.executions.resume(crashed.execution_id) for _ in range(4)]
    *fenced, last = runs
    # The last one has it; before it was taken over again, each that had it would have been the one.
    for run in fenced:
        with pytest.raises(TakenOver):
            run.node("charge", activation="charge").start()
    tasks = [store.executions.get(last.execution_id).node("charge", activation="charge") for _ in range(4)]
    begun, refused = at_once(tasks, NodeHandle.start)
    assert (len(begun), len(refused)) == (1, 3)
    assert types(store, f"execution-{crashed.execution_id}").count("NodeAttemptFailed") == 1


def test_what_waits_or_may_go_on_is_left_by_a_resume(store: runfold.Store, crashed: ExecutionHandle) -> None:
    with crashed.node("ask", node_type="HUMAN_IN_THE_LOOP") as node:
        node.pause_for_human(interaction_type="approval", channel_type="slack", request_data={}, pause="p")
    assert store.executions.resume(crashed.execution_id).state.nodes["ask"].status == "WAITING_INPUT"
    crashed.answer("p", True)
    assert store.executions.resume(crashed.execution_id).state.nodes["ask"].goes_on


def test_what_has_ended_or_never_was_is_not_resumed(store: runfold.Store, crashed: ExecutionHandle) -> None:
    crashed.cancel()
    with pytest.raises(IllegalTransition) as refused:
        store.executions.resume(crashed.execution_id)
    assert (refused.value.state, refused.value.command) == ("CANCELED", "take_over")
    with pytest.raises(UnknownExecution):
        store.executions.resume("never-was")


def test_handles_say_what_they_are_and_what_they_take(store: runfold.Store, crashed: ExecutionHandle) -> None:
    assert repr(crashed) == f"<ExecutionHandle {crashed.execution_id}: RUNNING at version 7>"
    node = crashed.node("charge", activation="charge")
    assert repr(node) == f"<NodeHandle charge of execution-{crashed.execution_id}: RUNNING, attempt 1>"
    assert repr(crashed.node("next")) == f"<NodeHandle next of execution-{crashed.execution_id}: not started>"
    for method, words in (
        (Executions.create, {"workflow_id", "mode", "metadata", "execution_id"}),
        (ExecutionHandle.node, {"node_type", "node_name", "max_retries", "iteration"}),
        (ExecutionHandle.schedule, {"node_type", "node_name", "max_retries", "iteration"}),
        (ExecutionHandle.pause_for_human, {"request_data", "channel_type", "timeout_at"}),
        (NodeHandle.pause_for_human, {"request_data", "channel_type", "timeout_at"}),
        (ExecutionHandle.fail, {"error_message", "node_id"}),
    ):
        parameters = inspect.signature(method).parameters
        assert words <= parameters.keys(), method
        assert not {"about", "details", "request", "args", "kwargs"} & parameters.keys(), method
