"""Handles read like the domain, append the right events, and refuse what the vocabulary does not allow."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold.client.sync.execution import ExecutionHandle
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.errors import (
    ClaimTaken,
    IllegalTransition,
    InvalidInput,
    StreamUnavailable,
    UnknownExecution,
    UnknownInteraction,
)
from tests.client.handles.reading import assert_folds_without_anomalies, everything, last, rows, types

WORKFLOW = uuid4()
QUESTION: dict[str, Any] = {
    "interaction_type": "approval",
    "channel_type": "slack",
    "request_data": {"text": "Publish?"},
}


@pytest.fixture
def run(store: runfold.Store) -> ExecutionHandle:
    """A running execution."""
    return store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)


def stream(run: ExecutionHandle) -> str:
    return f"execution-{run.execution_id}"


# -- an execution ------------------------------------------------------------------------------------------------------


def test_an_execution_is_created_started_and_ended_by_name(store: runfold.Store, database_url: str) -> None:
    run = store.executions.create(
        workflow_id=WORKFLOW, mode="WEBHOOK", trigger_data={"body": {}}, metadata={"customer": "c1"}
    )
    assert run.status == "NEW"
    run.start()
    with run.node("fetch", node_type="ACTION", input={"url": "x"}) as node:
        node.log("fetching", level="DEBUG")
        node.succeed({"bytes": 12})
    run.set_metadata({"priority": 1})
    run.log("done", event_type="workflow_completed")
    run.succeed({"answer": 42})
    assert run.status == "SUCCESS"
    assert types(store, stream(run)) == [
        "ExecutionCreated", "ExecutionStarted", "NodeStarted", "NodeSucceeded", "ExecutionMetadataSet",
        "ExecutionSucceeded",
    ]  # fmt: skip
    assert [event.data["node_id"] for event in store.read_stream(f"log-{run.execution_id}")[:1] if event.data] == [
        "fetch"
    ]
    assert_folds_without_anomalies(database_url)
    with psycopg.connect(database_url) as connection:
        assert rows(
            connection,
            "SELECT status, mode, run_data, metadata, duration_ms >= 0 FROM workflow_executions",
        ) == [("SUCCESS", "WEBHOOK", {"answer": 42}, {"customer": "c1", "priority": 1}, True)]
        assert rows(
            connection,
            "SELECT activation, status, attempt, input_data, output_data, duration_ms >= 0 FROM node_executions",
        ) == [("fetch", "SUCCESS", 1, {"url": "x"}, {"bytes": 12}, True)]
        assert rows(connection, "SELECT message, level, node_id FROM workflow_execution_logs ORDER BY created_at") == [
            ("fetching", "DEBUG", "fetch"),
            ("done", "INFO", None),
        ]


def test_with_starts_and_succeeds(store: runfold.Store) -> None:
    with store.executions.create(workflow_id=WORKFLOW, mode="MANUAL") as run, run.node("a", node_type="ACTION"):
        pass
    assert types(store, stream(run)) == [
        "ExecutionCreated", "ExecutionStarted", "NodeStarted", "NodeSucceeded", "ExecutionSucceeded",
    ]  # fmt: skip


def test_an_exception_fails_the_node_and_the_execution_and_goes_on(store: runfold.Store, database_url: str) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        store.executions.create(workflow_id=WORKFLOW, mode="MANUAL") as run,
        run.node("divide", node_type="ACTION"),
    ):
        print(1 / 0)
    *_, node, execution = store.read_stream(stream(run))
    assert (node.type, execution.type) == ("NodeFailed", "ExecutionFailed")
    assert node.data is not None
    assert execution.data is not None
    assert (node.data["error_data"]["type"], node.data["error_data"]["message"]) == (
        "ZeroDivisionError",
        "division by zero",
    )
    assert "print(1 / 0)" in node.data["error_data"]["traceback"]
    assert execution.data["error_message"] == "ZeroDivisionError: division by zero"
    assert execution.data["node_id"] == "divide"
    assert_folds_without_anomalies(database_url)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("not even that")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x" * 5_000_000),
        ValueError("a\0b \ud800 c"),
        ValueError("😀" * 3_000_000),
        ValueError(),
        Unprintable(),
        ExceptionGroup("many", [ValueError("y" * 10_000)] * 200),
    ],
    ids=["long", "unstorable", "wide", "empty", "unprintable", "group"],
)
def test_no_exception_is_refused_for_what_it_says(store: runfold.Store, error: Exception) -> None:
    with (
        pytest.raises(type(error)),
        store.executions.create(workflow_id=WORKFLOW, mode="MANUAL") as run,
        run.node("a", node_type="ACTION"),
    ):
        raise error
    assert types(store, stream(run))[-2:] == ["NodeFailed", "ExecutionFailed"]
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interruption_cancels(store: runfold.Store, interruption: BaseException) -> None:
    with (
        pytest.raises(type(interruption)),
        store.executions.create(workflow_id=WORKFLOW, mode="MANUAL") as run,
        run.node("a", node_type="ACTION"),
    ):
        raise interruption
    assert types(store, stream(run))[-2:] == ["NodeCanceled", "ExecutionCanceled"]
    assert (last(store, stream(run)).data or {})["reason"] == type(interruption).__name__


def test_an_execution_that_waits_is_left_open(store: runfold.Store, run: ExecutionHandle) -> None:
    with run, run.node("ask", node_type="HUMAN_IN_THE_LOOP") as node:
        node.pause_for_human(**QUESTION)
    assert (run.status, node.status) == ("WAITING_FOR_HUMAN", "WAITING_INPUT")
    # Another process goes on with it.
    later = store.executions.get(run.execution_id)
    (pause,) = later.state.open_pauses
    later.answer(pause, {"approved": True}, responder="ann")
    assert later.state.nodes["ask"].status == "RUNNING"
    with later:
        later.node("ask", activation="ask").succeed()
    assert later.status == "SUCCESS"


def test_an_execution_exists_once(store: runfold.Store) -> None:
    store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", execution_id="seven")
    with pytest.raises(IllegalTransition) as refused:
        store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", execution_id="seven")
    assert (refused.value.state, refused.value.command) == ("NEW", "create")
    with pytest.raises(UnknownExecution):
        store.executions.get("eight")
    with pytest.raises(UnknownInteraction):
        store.interactions.get(uuid4())


def test_an_error_names_state_command_and_what_is_allowed(run: ExecutionHandle) -> None:
    run.succeed()
    with pytest.raises(IllegalTransition) as refused:
        run.start()
    error = refused.value
    assert (error.code, error.state, error.command, error.allowed) == ("illegal_transition", "SUCCESS", "start", ())
    assert str(error) == (
        f"execution-{run.execution_id} is SUCCESS: start() is not possible; allowed: none, it has ended"
    )
    with pytest.raises(IllegalTransition, match=r"is SUCCESS: node\(\) is not possible"):
        run.node("late", node_type="ACTION").start()


def test_what_began_may_end_after_the_execution_has(
    store: runfold.Store, run: ExecutionHandle, database_url: str
) -> None:
    with run.node("slow", node_type="ACTION") as node:
        store.executions.get(run.execution_id).cancel(by="ann")
        node.succeed("late, but done")
    assert types(store, stream(run))[-2:] == ["ExecutionCanceled", "NodeSucceeded"]
    assert_folds_without_anomalies(database_url)


def test_one_change_is_one_append(store: runfold.Store, run: ExecutionHandle) -> None:
    def plan(execution: Execution) -> Execution:
        for node_id in ("a", "b", "c"):
            execution = execution.schedule_node(node_id, node_type="ACTION")
        return execution

    run.change(plan)
    events = store.read_stream(stream(run), after=2)
    assert [event.type for event in events] == ["NodeScheduled"] * 3
    with psycopg.connect(store.url) as connection:
        assert rows(connection, "SELECT count(DISTINCT append_end) FROM runfold.events WHERE stream_version > 2") == [
            (1,)
        ]


def test_the_tenant_and_the_metadata_go_with_every_event(store: runfold.Store) -> None:
    tenant, actor = uuid4(), {"actor": "ann", "correlation_id": "c-1"}
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", user_id=tenant, event_metadata=actor)
    run.start()
    run.log("hello")
    with run.node("ask", node_type="HUMAN_IN_THE_LOOP") as node:
        node.pause_for_human(**QUESTION).mark_notified()
    assert {event.user_id for event in everything(store)} == {tenant}
    assert [dict(event.metadata) for event in everything(store)] == [actor] * len(everything(store))
    store.executions.get(run.execution_id).log("the stream's tenant is known")
    assert everything(store)[-1].user_id == tenant
    with runfold.connect(store.url, user_id=uuid4()) as other, pytest.raises(StreamUnavailable):
        other.executions.create(workflow_id=WORKFLOW, mode="MANUAL", execution_id=run.execution_id)


def test_a_sub_workflow_and_a_retry_name_what_they_belong_to(store: runfold.Store, run: ExecutionHandle) -> None:
    child = store.executions.create(
        workflow_id=WORKFLOW, mode="RETRY", parent_execution_id=run.execution_id, retry_of="earlier"
    )
    data = store.read_stream(stream(child))[0].data or {}
    assert (data["parent_execution_id"], data["retry_of"]) == (run.execution_id, "earlier")


# -- nodes -------------------------------------------------------------------------------------------------------------


def test_activations_get_names_of_their_own(store: runfold.Store, run: ExecutionHandle) -> None:
    run.schedule("b", node_type="FLOW", node_name="second")
    names = []
    for node_id in ("a", "a", "b", "a", "b"):
        with run.node(node_id, node_type="ACTION") as node:
            names.append(node.activation)
    assert names == ["a", "a#2", "b", "a#3", "b#2"]
    with run.node("a", node_type="ACTION", activation="a#mine", iteration=4, parent=node) as mine:
        assert mine.activation == "a#mine"
    data = store.read_stream(stream(run))[-2].data or {}
    assert (data["iteration"], data["parent_activation"]) == (4, "b#2")


def test_attempts_are_recorded_until_one_succeeds(
    store: runfold.Store, run: ExecutionHandle, database_url: str
) -> None:
    with run.node("send", node_type="ACTION", input={"to": "x"}, max_retries=3) as node:
        for attempt in node.attempts(3, pause_seconds=0.001):
            with attempt:
                if attempt.number < 3:
                    raise ConnectionError(f"attempt {attempt.number}")
        node.succeed({"attempts": node.state.attempt})
    events = store.read_stream(stream(run), after=2)
    assert [(event.type, (event.data or {}).get("attempt")) for event in events] == [
        ("NodeStarted", 1), ("NodeAttemptFailed", 1), ("NodeStarted", 2), ("NodeAttemptFailed", 2), ("NodeStarted", 3),
        ("NodeSucceeded", 3),
    ]  # fmt: skip
    failed = events[1].data or {}
    assert failed["will_retry"] is True
    assert "next_retry_at" in failed
    run.succeed()
    assert_folds_without_anomalies(database_url)


def test_the_last_attempt_s_failure_fails_the_node(store: runfold.Store, run: ExecutionHandle) -> None:
    def fail_twice() -> None:
        with run, run.node("send", node_type="ACTION") as node:
            for attempt in node.attempts(1, pause_seconds=0.001):
                with attempt:
                    raise ConnectionError(attempt.number)

    with pytest.raises(ConnectionError, match="2"):
        fail_twice()
    assert types(store, stream(run))[-5:] == [
        "NodeAttemptFailed", "NodeStarted", "NodeAttemptFailed", "NodeFailed", "ExecutionFailed",
    ]  # fmt: skip


def test_a_node_that_is_to_be_tried_again_or_waits_stays_open(run: ExecutionHandle) -> None:
    with run.node("later", node_type="ACTION") as later:
        later.fail_attempt("the server is away", will_retry=True)
    with run.node("waits", node_type="ACTION") as waits:
        waits.wait()
    assert (later.status, waits.status) == ("RETRYING", "WAITING_INPUT")
    waits.continue_()
    assert waits.status == "RUNNING"


def test_a_node_may_be_skipped_before_it_starts(store: runfold.Store, run: ExecutionHandle) -> None:
    run.schedule("a", node_type="ACTION")
    run.skip("a", reason="not needed")
    run.skip("b", node_type="ACTION")
    assert [node.status for node in run.state.nodes.values()] == ["SKIPPED", "SKIPPED"]
    with run.node("c", node_type="ACTION") as node:
        node.wait()
        with pytest.raises(IllegalTransition) as refused:
            node.skip()
    assert (refused.value.state, refused.value.command, refused.value.name) == ("WAITING_INPUT", "skip", "c")


def test_a_node_that_ended_in_the_block_is_left_as_it_is(store: runfold.Store, run: ExecutionHandle) -> None:
    with run.node("a", node_type="ACTION") as node:
        node.fail("wrong")

    def fail_after_the_end() -> None:
        with run.node("b", node_type="ACTION") as node:
            node.succeed()
            raise RuntimeError("after the end")

    with pytest.raises(RuntimeError):
        fail_after_the_end()
    assert types(store, stream(run))[2:] == ["NodeStarted", "NodeFailed", "NodeStarted", "NodeSucceeded"]


# -- people ------------------------------------------------------------------------------------------------------------


def test_a_question_and_its_pause_are_one_append(store: runfold.Store, run: ExecutionHandle, database_url: str) -> None:
    with run.node("ask", node_type="HUMAN_IN_THE_LOOP") as node:
        asked = node.pause_for_human(**QUESTION)
        assert (run.status, node.status, asked.status) == ("WAITING_FOR_HUMAN", "WAITING_INPUT", "pending")
        asked.mark_notified()
        (pause,) = run.state.open_pauses
        run.answer(pause, {"approved": True}, responder="ann", resume_trigger="slack")
    assert asked.refresh().status == "responded"
    run.succeed()
    assert_folds_without_anomalies(database_url)
    with psycopg.connect(database_url) as connection:
        assert rows(
            connection,
            "SELECT i.status, i.response_data, i.responder, p.status, p.resume_trigger FROM human_interactions i"
            "  JOIN workflow_execution_pauses p ON p.interaction_id = i.id",
        ) == [("responded", {"approved": True}, "ann", "resumed", "slack")]
        together = rows(
            connection,
            "SELECT array_agg(type ORDER BY position) FROM runfold.events GROUP BY append_end HAVING count(*) > 2",
        )
    assert together == [
        (["NodeWaiting", "PauseOpened", "InteractionRequested"],),
        (["PauseResumed", "NodeContinued", "InteractionResponded"],),
    ]


def test_an_answer_comes_once(run: ExecutionHandle) -> None:
    with run.node("ask", node_type="HUMAN_IN_THE_LOOP") as node:
        node.pause_for_human(**QUESTION, pause="p")
        run.answer("p", 1)
        with pytest.raises(IllegalTransition) as refused:
            run.answer("p", 2)
    assert (refused.value.machine, refused.value.state) == ("pause", "resumed")


def test_a_question_that_timed_out_meanwhile_is_not_answered(
    store: runfold.Store, run: ExecutionHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run.node("ask", node_type="HUMAN_IN_THE_LOOP") as node:
        asked = node.pause_for_human(**QUESTION, pause="p")
        append_many = store.append_many

        def late(*args: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(store, "append_many", append_many)
            other = store.interactions.get(asked.interaction_id)
            other.time_out("reject")
            return append_many(*args, **kwargs)

        monkeypatch.setattr(store, "append_many", late)
        with pytest.raises(IllegalTransition) as refused:
            run.answer("p", True)
        assert (refused.value.machine, refused.value.state) == ("interaction", "timeout")
        assert dict(run.refresh().open_pauses) == {"p": "human_interaction"}


def test_an_interaction_is_asked_once(store: runfold.Store, run: ExecutionHandle) -> None:
    about = {"workflow_id": WORKFLOW, "execution_id": run.execution_id, "node_id": "n", **QUESTION}
    asked = store.interactions.request(**about)
    with pytest.raises(IllegalTransition, match=r"is pending: request\(\) is not possible"):
        store.interactions.request(**about, interaction_id=asked.interaction_id)
    with run.node("ask", node_type="HUMAN_IN_THE_LOOP") as node:
        with pytest.raises(IllegalTransition) as refused:
            node.pause_for_human(**QUESTION, interaction_id=asked.interaction_id)
        assert refused.value.machine == "interaction"
        assert node.status == "RUNNING"
    asked.fail("no channel")
    asked.reopen("ann")
    asked.mark_reminded()
    asked.cancel(by="ann")
    assert store.interactions.get(asked.interaction_id).status == "cancelled"


# -- deployments -------------------------------------------------------------------------------------------------------


def test_a_deployment_goes_its_way(store: runfold.Store, database_url: str) -> None:
    workflow = store.deployments.of(WORKFLOW)
    workflow.deploy(deployment_version=1, deployment_config={"nodes": 3}, definition={"nodes": []})
    workflow.log("registering the webhook")
    workflow.change(
        lambda deployment: deployment.register_trigger(
            "hook", trigger_subtype="WEBHOOK", trigger_config={"method": "POST"}, index_key="/hook"
        ).activate_trigger("hook")
    )
    workflow.complete()
    workflow.update(deployment_version=2, deployment_config={"nodes": 4})
    workflow.fail("no room")
    workflow.roll_back(deployment_version=1, deployment_config={"nodes": 3})
    workflow.complete()
    with pytest.raises(IllegalTransition) as refused:
        workflow.deploy(deployment_version=3, deployment_config={})
    assert refused.value.allowed == ("update", "roll_back", "undeploy")
    workflow.deactivate_trigger("hook")
    workflow.remove_trigger("hook")
    workflow.undeploy()
    workflow.complete()
    assert workflow.status == "UNDEPLOYED"
    assert (last(store, workflow.state.id).data or {})["deployment_version"] == 1
    assert_folds_without_anomalies(database_url)


def test_a_refused_command_takes_none_of_the_others_along(store: runfold.Store) -> None:
    """If the database refuses one of the commands in one append, only that command fails."""
    first = store.deployments.of(uuid4())
    first.register_trigger("hook", trigger_subtype="WEBHOOK", trigger_config={}, index_key="/taken")
    first.activate_trigger("hook")
    second = store.deployments.of(uuid4())
    for trigger, path in (("a", "/a"), ("b", "/taken"), ("c", "/c")):
        second.register_trigger(trigger, trigger_subtype="WEBHOOK", trigger_config={}, index_key=path)
    outcomes: dict[str, Any] = {}

    def activate(trigger: str) -> None:
        try:
            second.activate_trigger(trigger)
            outcomes[trigger] = None
        except ClaimTaken as taken:
            outcomes[trigger] = taken.code

    threads = [threading.Thread(target=activate, args=[trigger]) for trigger in ("a", "b", "c")]
    with second.writer._lock:  # all of them wait for one append
        for thread in threads:
            thread.start()
        while len(second.writer._queue) < 3:
            pass
    for thread in threads:
        thread.join()
    assert outcomes == {"a": None, "b": "claim_taken", "c": None}
    assert dict(second.state.triggers) == {"a": "active", "b": "pending", "c": "active"}
    assert second.refresh() == second.state


# -- several streams, other writers ------------------------------------------------------------------------------------


def test_streams_are_changed_together_on_what_they_are(store: runfold.Store, run: ExecutionHandle) -> None:
    asked = store.interactions.request(workflow_id=WORKFLOW, execution_id=run.execution_id, node_id="n", **QUESTION)
    decided = []

    def cancel_both(execution: Execution, interaction: Interaction) -> list[Any]:
        decided.append(execution.version)
        if len(decided) == 1:
            asked.mark_reminded()  # another writer is faster
        return [execution.cancel(reason="no need"), interaction.cancel()]

    states = store.change(cancel_both, Execution.named(run.execution_id), Interaction.named(asked.interaction_id))
    assert [state.status for state in states] == ["CANCELED", "cancelled"]  # type: ignore[attr-defined]
    assert len(decided) == 2
    assert (run.refresh().status, asked.refresh().status) == ("CANCELED", "cancelled")
    reminders = [event for event in store.read_stream(asked.state.id) if event.type == "InteractionReminderSent"]
    assert len(reminders) == 1


def test_another_writer_s_events_are_read_and_the_command_is_decided_again(
    store: runfold.Store, run: ExecutionHandle
) -> None:
    other = store.executions.get(run.execution_id)
    other.pause(by="ann")
    with pytest.raises(IllegalTransition) as refused:
        run.succeed()
    assert (refused.value.state, refused.value.command) == ("PAUSED", "succeed")
    assert "resume" in refused.value.allowed
    other.resume()
    run.succeed()
    assert types(store, stream(run))[2:] == ["ExecutionPaused", "ExecutionResumed", "ExecutionSucceeded"]


def test_a_handle_reads_nothing_while_nobody_else_writes(
    store: runfold.Store, run: ExecutionHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    read_stream = store.read_stream
    monkeypatch.setattr(store, "read_stream", lambda *args, **named: reads.append(args) or read_stream(*args, **named))
    with run, run.node("a", node_type="ACTION") as node:
        node.log("x")
    assert reads == []
    store.executions.get(run.execution_id)
    assert len(reads) == 1, "the reads are not counted"


def test_log_lines_do_not_concern_the_execution_s_version(store: runfold.Store, run: ExecutionHandle) -> None:
    before = run.state.version
    for n in range(5):
        run.log(f"line {n}")
        store.executions.get(run.execution_id).log(f"other line {n}")
    assert run.refresh().version == before
    assert len(types(store, f"log-{run.execution_id}")) == 10


def test_a_handle_takes_what_wait_for_needs(store: runfold.Store, run: ExecutionHandle) -> None:
    run.log("line")
    assert run.last_position == everything(store)[-1].position


def test_bad_input_leaves_the_handle_as_it_was(run: ExecutionHandle) -> None:
    before = run.state
    for bad in (float("nan"), {"a": "\0"}, {1: 2}, 2**64, object()):
        with pytest.raises(InvalidInput):
            run.succeed(bad)
    with pytest.raises(InvalidInput):
        run.succeed({"too large": "x" * 2_000_000})
    with pytest.raises(TypeError):
        run.succeed(nonsense=1)  # type: ignore[call-arg]
    assert run.state is before
    run.succeed()
