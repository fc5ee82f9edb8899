"""Attempts: one worker runs an activation, and a worker that was given up changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest

import runfold
from runfold.client.sync.execution import ExecutionHandle
from runfold.client.sync.node import NodeHandle
from runfold.errors import IllegalTransition, OldAttempt
from tests.client.handles.reading import assert_folds_without_anomalies, types

WORKFLOW = uuid4()


@pytest.fixture
def run(store: runfold.Store) -> ExecutionHandle:
    """A running execution."""
    return store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)


def another(store: runfold.Store, run: ExecutionHandle, activation: str | None = "charge") -> NodeHandle:
    """Return the handle of another worker."""
    return store.executions.get(run.execution_id).node("charge", node_type="ACTION", activation=activation)


def attempts(store: runfold.Store, run: ExecutionHandle) -> list[tuple[str, int | None]]:
    """Return the node events of an execution with the attempts that they name."""
    events = store.read_stream(f"execution-{run.execution_id}")
    return [(one.type, (one.data or {}).get("attempt")) for one in events if one.type.startswith("Node")]


# -- one worker runs an activation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["charge", None])
def test_what_was_scheduled_is_taken_by_one_worker(
    store: runfold.Store, run: ExecutionHandle, activation: str | None
) -> None:
    run.schedule("charge", node_type="ACTION")
    first = another(store, run, activation)
    first.start()
    with pytest.raises(IllegalTransition, match=r"start\(takeover=True\) begins its next attempt") as refused:
        another(store, run, activation).start()
    assert (refused.value.name, refused.value.state, refused.value.command) == ("charge", "RUNNING", "start")
    assert "start" not in refused.value.allowed
    first.succeed()
    assert attempts(store, run) == [("NodeScheduled", None), ("NodeStarted", 1), ("NodeSucceeded", 1)]


def test_control_an_activation_that_ended_is_followed_by_a_new_one(store: runfold.Store, run: ExecutionHandle) -> None:
    run.schedule("charge", node_type="ACTION")
    with another(store, run, None):
        pass
    with another(store, run, None) as again:
        assert again.activation == "charge#2"


@pytest.mark.parametrize("scheduled", [True, False])
@pytest.mark.parametrize("activation", ["charge", None])
def test_of_workers_that_start_at_once_one_begins_each_activation(
    store: runfold.Store, run: ExecutionHandle, scheduled: bool, activation: str | None
) -> None:
    if scheduled:
        run.schedule("charge", node_type="ACTION")
    handles = [another(store, run, activation) for _ in range(4)]
    begun, refused = at_once(handles, NodeHandle.start)
    one_each = not scheduled and activation is None
    assert (len(begun), len(refused)) == ((4, 0) if one_each else (1, 3))
    assert len({handle.activation for handle in begun}) == len(begun)


def test_of_workers_that_retry_at_once_one_begins_the_next_attempt(store: runfold.Store, run: ExecutionHandle) -> None:
    node = another(store, run)
    node.start()
    node.fail_attempt("away", will_retry=True)
    begun, refused = at_once([another(store, run) for _ in range(4)], NodeHandle.start)
    assert (len(begun), len(refused)) == (1, 3)
    assert attempts(store, run)[-1] == ("NodeStarted", 2)


def at_once(
    handles: list[NodeHandle], command: Callable[[NodeHandle], None]
) -> tuple[list[NodeHandle], list[IllegalTransition]]:
    """Give a command of each handle in a thread of its own, all at once."""
    done: list[NodeHandle] = []
    refused: list[IllegalTransition] = []
    ready = threading.Barrier(len(handles))

    def give(handle: NodeHandle) -> None:
        ready.wait(30)
        try:
            command(handle)
            done.append(handle)
        except IllegalTransition as error:
            refused.append(error)

    threads = [threading.Thread(target=give, args=[handle]) for handle in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return done, refused


@pytest.mark.parametrize("scheduled", [True, False])
def test_takeover_says_whether_what_runs_is_begun_again(
    store: runfold.Store, run: ExecutionHandle, scheduled: bool
) -> None:
    if scheduled:
        run.schedule("charge", node_type="ACTION")
    another(store, run).start()
    with pytest.raises(IllegalTransition):
        another(store, run).start(takeover=False)
    successor = another(store, run)
    successor.start(takeover=True)
    assert successor.state.attempt == 2


# -- an attempt that is over -------------------------------------------------------------------------------------------

COMMANDS: dict[str, Callable[[NodeHandle], object]] = {
    "succeed": lambda node: node.succeed({"by": "attempt 1"}),
    "fail": lambda node: node.fail("no"),
    "cancel": lambda node: node.cancel(),
    "skip": lambda node: node.skip(),
    "wait": lambda node: node.wait(),
    "continue_": lambda node: node.continue_(),
    "fail_attempt": lambda node: node.fail_attempt("no", will_retry=True),
    "start": lambda node: node.start(),
    "pause_for_human": lambda node: node.pause_for_human(
        interaction_type="approval", channel_type="slack", request_data={}
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_worker_that_was_given_up_is_refused(store: runfold.Store, run: ExecutionHandle, command: str) -> None:
    old = another(store, run)
    old.start()
    another(store, run).start(takeover=True)
    before = types(store, f"execution-{run.execution_id}")
    with pytest.raises(OldAttempt) as refused:
        COMMANDS[command](old)
    error = refused.value
    assert (error.code, error.name, error.attempt, error.reached) == ("old_attempt", "charge", 1, 2)
    assert "attempt 1 of node charge" in str(error)
    assert "attempt 2 has begun" in str(error)
    assert types(store, f"execution-{run.execution_id}") == before


def test_control_a_worker_that_was_not_given_up_ends_its_attempt(store: runfold.Store, run: ExecutionHandle) -> None:
    node = another(store, run)
    node.start()
    node.succeed()
    assert attempts(store, run) == [("NodeStarted", 1), ("NodeSucceeded", 1)]


@pytest.mark.parametrize("error", [None, RuntimeError("its connection broke"), KeyboardInterrupt()])
def test_a_block_that_was_given_up_ends_neither_the_node_nor_the_execution(
    store: runfold.Store, run: ExecutionHandle, database_url: str, error: BaseException | None
) -> None:
    def old_worker() -> None:
        with store.executions.get(run.execution_id) as given_up, given_up.node("charge", node_type="ACTION"):
            another(store, run).start(takeover=True)
            if error is not None:
                raise error

    with pytest.raises(OldAttempt if error is None else type(error)) as raised:
        old_worker()
    if error is not None:
        assert "attempt 1 of node charge" in "".join(raised.value.__notes__)
    assert attempts(store, run) == [("NodeStarted", 1), ("NodeStarted", 2)]
    assert (run.refresh().status, run.state.nodes["charge"].status) == ("RUNNING", "RUNNING")
    assert_folds_without_anomalies(database_url)


# -- what waited and goes on -------------------------------------------------------------------------------------------


def asked(run: ExecutionHandle) -> None:
    with run.node("charge", node_type="HUMAN_IN_THE_LOOP", activation="charge") as node:
        node.pause_for_human(interaction_type="approval", channel_type="slack", request_data={}, pause="p")


@pytest.mark.parametrize("scheduled", [True, False])
def test_entering_a_node_that_goes_on_is_no_new_attempt(
    store: runfold.Store, run: ExecutionHandle, database_url: str, scheduled: bool
) -> None:
    if scheduled:
        run.schedule("charge", node_type="HUMAN_IN_THE_LOOP")
    asked(run)
    later = store.executions.get(run.execution_id)
    later.answer("p", {"approved": True}, responder="ann")
    with later, later.node("charge", activation="charge") as node:
        assert node.state.attempt == 1
        node.succeed()
    assert [attempt for kind, attempt in attempts(store, run) if kind != "NodeScheduled"] == [1] * 5
    assert_folds_without_anomalies(database_url)


def test_of_workers_that_enter_a_node_that_goes_on_one_does(store: runfold.Store, run: ExecutionHandle) -> None:
    asked(run)
    store.executions.get(run.execution_id).answer("p", {"approved": True})
    begun, refused = at_once([another(store, run) for _ in range(4)], NodeHandle.start)
    assert (len(begun), len(refused)) == (1, 3)
    assert [kind for kind, _ in attempts(store, run)].count("NodeStarted") == 1


def test_control_a_takeover_of_a_node_that_goes_on_is_a_new_attempt(store: runfold.Store, run: ExecutionHandle) -> None:
    asked(run)
    store.executions.get(run.execution_id).answer("p", {"approved": True})
    another(store, run).start(takeover=True)
    assert attempts(store, run)[-1] == ("NodeStarted", 2)


# -- moves that engines make -------------------------------------------------------------------------------------------


def test_engines_make_these_moves(store: runfold.Store, run: ExecutionHandle, database_url: str) -> None:
    with run.node("nothing to do", node_type="ACTION") as node:
        node.skip(reason="nothing to do")
    run.schedule("no image", node_type="ACTION")
    run.node("no image").fail({"reason": "its image cannot be pulled"})
    with run.node("done by hand", node_type="ACTION") as node:
        node.fail_attempt("timeout", will_retry=True)
        node.succeed({"by": "an operator"})
    with run.node("asked again", node_type="ACTION") as node:
        node.wait()
        node.fail_attempt("the answer does not parse", will_retry=True)
    store.executions.create(workflow_id=WORKFLOW, mode="MANUAL").time_out()
    assert {name: node.status for name, node in run.state.nodes.items()} == {
        "nothing to do": "SKIPPED", "no image": "ERROR", "done by hand": "SUCCESS", "asked again": "RETRYING",
    }  # fmt: skip
    assert_folds_without_anomalies(database_url)
