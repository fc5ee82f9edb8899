"""Bad input through the handles is refused like an append of the same event: same class, code and pointer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runfold
from runfold import events
from runfold.domain.aggregate import Aggregate
from runfold.domain.deployment import Deployment
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.response import Response
from runfold.errors import IllegalTransition, InvalidInput
from runfold.events import Event
from tests.events.examples import data_for
from tests.events.judging import Verdict, model_verdict
from tests.events.mutations import ODD_VALUES

WORKFLOW = UUID(int=9, version=4)
NEW = Execution.named("7")
CREATED = NEW.create(workflow_id=WORKFLOW, mode="MANUAL")
STARTED = CREATED.start()
NODE = STARTED.start_node("n", node_type="ACTION", activation="n1#2")
PAUSED = STARTED.open_pause("n1#2", paused_node_id="n", pause_reason="timer")
ASKED = Interaction.named(WORKFLOW).request(
    workflow_id=WORKFLOW,
    execution_id="7",
    node_id="n",
    interaction_type="approval",
    channel_type="slack",
    request_data={},
)
CAME = Response.named(WORKFLOW).receive(workflow_id=WORKFLOW, source_channel="slack", raw_payload=1)
IDLE = Deployment.named(WORKFLOW)
DEPLOYING = IDLE.deploy(deployment_version=1, deployment_config={})
PENDING = IDLE.register_trigger("n1#2", trigger_subtype="CRON", trigger_config={}, index_key="x")

Command = Callable[..., Aggregate]
COMMANDS: dict[type[Event], tuple[Command, set[str]]] = {
    events.ExecutionCreated: (NEW.create, {"execution_id"}),
    events.ExecutionStarted: (CREATED.start, set()),
    events.ExecutionPaused: (STARTED.pause, set()),
    events.ExecutionResumed: (STARTED.pause().resume, set()),
    events.ExecutionSucceeded: (STARTED.succeed, set()),
    events.ExecutionFailed: (STARTED.fail, set()),
    events.ExecutionCanceled: (STARTED.cancel, set()),
    events.ExecutionTimedOut: (STARTED.time_out, set()),
    events.ExecutionDeclaredLost: (STARTED.declare_lost, set()),
    events.ExecutionMetadataSet: (STARTED.set_metadata, set()),
    events.ModelCalled: (STARTED.model_called, set()),
    events.ExecutionTakenOver: (STARTED.take_over, {"epoch"}),
    events.ExecutionSignaled: (STARTED.send_signal, set()),
    events.SignalTaken: (STARTED.take_signal, set()),
    events.NodeScheduled: (STARTED.schedule_node, set()),
    events.NodeStarted: (STARTED.start_node, {"attempt"}),
    events.NodeAttemptFailed: (NODE.fail_attempt, {"attempt", "node_id"}),
    events.NodeWaiting: (NODE.wait_node, {"node_id"}),
    events.NodeContinued: (NODE.wait_node("n1#2").continue_node, {"node_id"}),
    events.NodeSucceeded: (NODE.succeed_node, {"node_id"}),
    events.NodeFailed: (NODE.fail_node, {"node_id"}),
    events.NodeSkipped: (STARTED.skip_node, set()),
    events.NodeCanceled: (NODE.cancel_node, {"node_id", "node_type"}),
    events.PauseOpened: (STARTED.open_pause, set()),
    events.PauseResumed: (PAUSED.resume_pause, set()),
    events.PauseTimedOut: (PAUSED.time_out_pause, set()),
    events.PauseCanceled: (PAUSED.cancel_pause, set()),
    events.InteractionRequested: (Interaction.named(WORKFLOW).request, set()),
    events.InteractionNotified: (ASKED.mark_notified, set()),
    events.InteractionReminderSent: (ASKED.mark_reminded, set()),
    events.InteractionResponded: (ASKED.respond, set()),
    events.InteractionTimedOut: (ASKED.time_out, set()),
    events.InteractionFailed: (ASKED.fail, set()),
    events.InteractionReopened: (ASKED.fail("no").reopen, set()),
    events.InteractionCanceled: (ASKED.cancel, set()),
    events.ResponseReceived: (Response.named(WORKFLOW).receive, set()),
    events.ResponseMatched: (CAME.match, set()),
    events.ResponseFilteredOut: (CAME.filter_out, set()),
    events.ResponseErrored: (CAME.fail, set()),
    events.ResponseReopened: (CAME.fail("no").reopen, set()),
    events.DeploymentStarted: (IDLE.deploy, {"deployment_action", "from_status", "to_status"}),
    events.DeploymentLogAppended: (DEPLOYING.log, {"deployment_id"}),
    events.DeploymentFailed: (
        DEPLOYING.fail,
        {"deployment_id", "deployment_action", "to_status", "deployment_version", "deployment_config", "triggered_by"},
    ),
    events.TriggerRegistered: (IDLE.register_trigger, set()),
    events.TriggerActivated: (PENDING.activate_trigger, set()),
    events.TriggerFailed: (PENDING.fail_trigger, set()),
}
"""The command that makes each event, in a state where it is legal, and the fields that it fills in itself."""


def may_be_left_out(command: Command, field: str) -> bool:
    """Return whether the command fills the field if the caller does not, even if the event requires it."""
    parameters = inspect.signature(command).parameters
    if field not in parameters:  # of a command that takes them as one
        return field in ("deployment_id", "started_at")
    return parameters[field].default is None and field != "node_type"  # which one that exists has


def verdict(command: Command, data: dict[str, Any]) -> Verdict | None:
    try:
        command(**data)
    except InvalidInput as error:
        return Verdict(error.code, error.pointer or "")
    except IllegalTransition:
        return None  # of what could be a name, but is nobody's here
    return None


def differs(event: type[Event], field: str, value: Any) -> str | None:
    """Return how the command and the event disagree about a value of one field in otherwise valid data."""
    command, own = COMMANDS[event]
    data = {**data_for(event), field: value}
    expected = model_verdict(event, data)
    given = {name: item for name, item in data.items() if name not in own}
    if value is None and may_be_left_out(command, field):
        expected = None
    found = verdict(command, given)
    return None if found == expected else f"{event.__name__}.{field} = {value!r}: {found}, and not {expected}"


@pytest.mark.parametrize("event", COMMANDS, ids=lambda event: event.__name__)
def test_every_odd_value_is_judged_as_the_event_judges_it(event: type[Event]) -> None:
    _, own = COMMANDS[event]
    fields = [at.field for at in event.rules() if at.field not in own]
    odd = [*ODD_VALUES, "a\0b", "\ud800", float("nan"), float("inf"), 2**64, object(), {1: 2}, {"a": "\0"}, b"x", ()]
    found = [differs(event, field, value) for field in fields for value in odd]
    assert [each for each in found if each is not None] == []


def test_the_other_events_have_no_field_of_the_callers() -> None:
    rest = {event for event in events.VOCABULARY.values() if not event.reserved} - COMMANDS.keys()
    assert {event.__name__ for event in rest} == {
        "LogAppended", "DeploymentCompleted", "TriggerDeactivated", "TriggerRemoved",
    }  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(value=st.sampled_from(ODD_VALUES), field=st.sampled_from([at.field for at in events.LogAppended.rules()]))
def test_a_log_line_is_judged_as_its_event_is(value: Any, field: str) -> None:
    from runfold.domain.log_line import log_line

    data = {**data_for(events.LogAppended), field: value}
    expected = model_verdict(events.LogAppended, data)
    assert verdict(log_line, data) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "blank"),
        ("  ", "blank"),
        ("a\nb", "control_character"),
        ("a\0b", "nul_character"),
        ("\ud800", "lone_surrogate"),
        ("x" * 256, "too_long"),
        (7, "wrong_type"),
        (["x"], "wrong_type"),
        ({}, "wrong_type"),
    ],
)
def test_what_can_not_be_an_id_is_refused_wherever_an_execution_is_named(
    store: runfold.Store, name: Any, code: str
) -> None:
    for attempt in (
        lambda: store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", execution_id=name),
        lambda: store.executions.get(name),
    ):
        with pytest.raises(InvalidInput) as refused:
            attempt()
        assert (refused.value.code, refused.value.pointer) == (code, "/execution_id")
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    with pytest.raises(InvalidInput) as refused:
        run.node(name, node_type="ACTION").start()
    assert (refused.value.code, refused.value.pointer) == (code, "/node_id")
    for command in (
        lambda: run.node("n", node_type="ACTION", activation=name).start(),
        lambda: run.node("n", activation=name).wait(),
    ):
        with pytest.raises(InvalidInput) as refused:
            command()
        assert (refused.value.code, refused.value.pointer) == (code, "/activation")
    for pausing in (run.resume_pause, lambda pause: run.answer(pause, 1)):
        with pytest.raises(InvalidInput) as refused:
            pausing(name)
        assert (refused.value.code, refused.value.pointer) == (code, "/pause")
    assert run.refresh().version == 2


@pytest.mark.parametrize("name", ["7", "", 7, "{00000000-0000-4000-8000-000000000007}", None])
def test_what_is_no_uuid_names_no_interaction_and_no_workflow(store: runfold.Store, name: Any) -> None:
    for attempt, pointer in (
        (store.interactions.get, "/interaction_id"),
        (store.deployments.of, "/workflow_id"),
    ):
        with pytest.raises(InvalidInput) as refused:
            attempt(name)
        assert refused.value.pointer == pointer


def test_long_names_are_numbered_too(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True, execution_id=str(uuid4()))
    names = set()
    for _ in range(12):
        with run.node("n" * 255, node_type="ACTION") as node:
            names.add(node.activation)
    assert len(names) == 12


def test_what_only_the_database_knows_has_the_pointer_of_its_append(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    with pytest.raises(InvalidInput) as refused:
        run.succeed({"large": "x" * 2_000_000})
    assert (refused.value.code, refused.value.pointer) == ("event_too_large", "/0/events/0/data")
