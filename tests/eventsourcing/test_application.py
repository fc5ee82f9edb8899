"""runfold's aggregates are aggregates of the eventsourcing library, and its Application appends like any engine."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from uuid import uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError, project_aggregate
from eventsourcing.domain import CanMutateProtocol, CollectEventsProtocol, DomainEventProtocol
from eventsourcing.persistence import IntegrityError

import runfold
from runfold.domain.deployment import Deployment
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.response import Response
from runfold.errors import IllegalTransition
from runfold.eventsourcing.workflows import Workflows
from tests.client.handles.reading import assert_folds_without_anomalies, types

WORKFLOW = uuid4()


@pytest.fixture
def application(database_url: str) -> Iterator[Workflows]:
    with Workflows(env={"RUNFOLD_DATABASE_URL": database_url}) as made:
        yield made


def started(execution_id: str = "7") -> Execution:
    return Execution.named(execution_id).create(workflow_id=WORKFLOW, mode="MANUAL").start()


def test_they_keep_the_librarys_protocols() -> None:
    execution = started()
    assert isinstance(execution, CollectEventsProtocol)
    assert not isinstance(execution, DomainEventProtocol)
    for event in execution.pending:
        assert isinstance(event, DomainEventProtocol)
        assert isinstance(event, CanMutateProtocol)
    again = project_aggregate(None, execution.pending)
    assert again == execution.recorded()
    with pytest.raises(ValueError, match="does not follow"):
        project_aggregate(None, execution.pending[1:])


def test_an_aggregate_does_not_change() -> None:
    execution = started()
    with pytest.raises(ValueError, match="frozen"):
        execution.status = "SUCCESS"  # type: ignore[misc]
    with pytest.raises(TypeError):
        execution.nodes["a"] = None  # type: ignore[index]
    before = execution.model_dump()
    one, other = execution.succeed(), execution.cancel()
    assert (one.status, other.status, execution.model_dump()) == ("SUCCESS", "CANCELED", before)
    assert [event.event.event_type() for event in one.pending][-1] == "ExecutionSucceeded"
    assert [event.event.event_type() for event in other.pending][-1] == "ExecutionCanceled"
    assert deepcopy(execution) is execution


def test_what_is_saved_is_found_again_and_goes_on(
    application: Workflows, store: runfold.Store, database_url: str
) -> None:
    execution = started()
    application.save(execution)
    execution = execution.start_node("fetch", node_type="ACTION").succeed_node("fetch", {"n": 1})
    application.save(execution)  # only what is new
    found = application.execution("7")
    assert found == execution.recorded()
    assert found.version == 4
    application.save(found.succeed())
    assert types(store, "execution-7") == [
        "ExecutionCreated", "ExecutionStarted", "NodeStarted", "NodeSucceeded", "ExecutionSucceeded",
    ]  # fmt: skip
    assert application.repository.get("execution-7", version=2).status == "RUNNING"
    with pytest.raises(AggregateNotFoundError):
        application.execution("8")
    with pytest.raises(IllegalTransition):
        application.execution("7").start()
    assert_folds_without_anomalies(database_url)


def test_several_aggregates_are_saved_together(application: Workflows, store: runfold.Store, database_url: str) -> None:
    asked = uuid4()
    execution = started().open_pause("p", paused_node_id="n", pause_reason="human_interaction", interaction_id=asked)
    interaction = Interaction.named(asked).request(
        workflow_id=WORKFLOW, execution_id="7", node_id="n", interaction_type="approval", channel_type="slack",
        request_data={}, pause="p",
    )  # fmt: skip
    application.save(execution, interaction)
    came = Response.named(uuid4()).receive(workflow_id=WORKFLOW, source_channel="slack", raw_payload="yes")
    application.save(
        came.match(asked, ai_relevance_score=1.0, ai_reasoning="yes"),
        application.interaction(asked).respond(True),
        application.execution("7").resume_pause("p"),
    )
    application.save(Deployment.named(WORKFLOW).deploy(deployment_version=1, deployment_config={}))
    assert application.deployment(WORKFLOW).status == "DEPLOYING"
    assert application.interaction(asked).status == "responded"
    assert [notification.topic for notification in application.notification_log.select(1, limit=10)] == [
        "ExecutionCreated", "ExecutionStarted", "PauseOpened", "InteractionRequested", "ResponseReceived",
        "ResponseMatched", "InteractionResponded", "PauseResumed", "DeploymentStarted",
    ]  # fmt: skip
    assert_folds_without_anomalies(database_url)


def test_who_is_slower_gets_the_librarys_error_and_a_handle_decides_again(
    application: Workflows, store: runfold.Store
) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", execution_id="7", start=True)
    slower = application.execution("7")
    run.log("lines do not conflict")
    run.set_metadata({"a": 1})
    with pytest.raises(IntegrityError):
        application.save(slower.cancel())
    application.save(application.execution("7").pause())
    run.resume()
    assert types(store, "execution-7")[2:] == ["ExecutionMetadataSet", "ExecutionPaused", "ExecutionResumed"]


def test_a_cached_aggregate_is_the_same_one(database_url: str) -> None:
    with Workflows(env={"RUNFOLD_DATABASE_URL": database_url, "AGGREGATE_CACHE_MAXSIZE": "10"}) as application:
        application.save(started())
        one = application.execution("7")
        application.save(one.succeed())
        assert one.status == "RUNNING"
        assert application.execution("7").status == "SUCCESS"
