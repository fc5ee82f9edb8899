"""The model of deployments, triggers and deletions, against examples computed by hand from decision 007."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.model import triggers, workflow_status
from tests.model.payloads import BASE, DEPLOYMENTS, PEOPLE, WORKFLOWS
from tests.model.writing import DEPLOYMENT, TENANT, WORKFLOW, Log

ELSEWHERE = f"deployment-{WORKFLOWS[1].lower()}"
NOON = "2026-03-01T12:00:00Z"
ONE = "2026-03-01T13:00:00Z"
OTHER_TENANT = UUID("f0000000-0000-4000-8000-00000000000b")


def instant(hour: int) -> datetime:
    return datetime(2026, 3, 1, hour, tzinfo=UTC)


# The history of deployments


def test_a_deployment_from_start_to_end_is_one_row(log: Log) -> None:
    log.deployed("DeploymentStarted", started_at=NOON, from_status="IDLE", deployment_version=3, triggered_by=PEOPLE[1])
    started = log.deployment()
    assert (started["workflow_id"], started["deployment_id"]) == (WORKFLOW, UUID(DEPLOYMENTS[0]))
    assert (started["started_at"], started["completed_at"], started["deployment_logs"]) == (instant(12), None, [])
    assert (started["from_status"], started["to_status"]) == ("IDLE", "DEPLOYING")
    log.deployed("DeploymentLogAppended", level="ERROR", message="m", at=NOON)
    log.deployed("DeploymentCompleted", to_status="DEPLOYED", completed_at=ONE, deployment_config={"b": 1})
    row = log.deployment()
    assert (row["to_status"], row["completed_at"], row["deployment_config"]) == ("DEPLOYED", instant(13), {"b": 1})
    assert (row["triggered_by"], row["deployment_version"], row["error_message"]) == (UUID(PEOPLE[1]), 1, None)
    assert row["deployment_logs"] == [{"level": "ERROR", "message": "m", "at": NOON}]
    assert (row["created_at"], row["updated_at"]) == (BASE + timedelta(seconds=1), BASE + timedelta(seconds=3))
    assert log.anomalies() == []


def test_a_deployment_s_id_is_the_same_in_either_case(log: Log) -> None:
    log.deployed("DeploymentStarted", deployment_id=DEPLOYMENTS[1])
    log.deployed("DeploymentFailed", deployment_id=DEPLOYMENTS[2], error_message="broke", to_status="DEPLOYMENT_FAILED")
    assert len(log.tables()["workflow_deployment_history"]) == 1
    assert log.deployment(DEPLOYMENTS[1])["error_message"] == "broke"


def test_a_deployment_ends_once_and_its_log_goes_on(log: Log) -> None:
    log.deployed("DeploymentStarted").deployed("DeploymentFailed", to_status="DEPLOYMENT_FAILED", error_message="broke")
    ended = log.deployment()
    log.deployed("DeploymentCompleted", to_status="DEPLOYING").deployed("DeploymentStarted", to_status="DEPLOYED")
    assert log.deployment() == ended
    log.deployed("DeploymentLogAppended", message="a").deployed("DeploymentLogAppended", message="b")
    row = log.deployment()
    assert [line["message"] for line in row["deployment_logs"]] == ["a", "b"]
    assert (row["last_event_position"], row["to_status"]) == (6, "DEPLOYMENT_FAILED")
    assert log.anomalies() == [
        (3, "workflow_deployment_history", "after_end", {"status": "DEPLOYMENT_FAILED"}),
        (4, "workflow_deployment_history", "already_exists", {}),
    ]


def test_deployments_of_one_workflow_do_not_meet_in_the_history(log: Log) -> None:
    log.deployed("DeploymentStarted").deployed("DeploymentStarted", deployment_id=DEPLOYMENTS[3])
    log.deployed("DeploymentLogAppended", deployment_id=DEPLOYMENTS[3], message="of the second")
    log.deployed("DeploymentCompleted", to_status="DEPLOYED")
    assert (log.deployment()["to_status"], log.deployment(DEPLOYMENTS[3])["to_status"]) == ("DEPLOYED", "DEPLOYING")
    assert log.deployment()["deployment_logs"] == []
    assert log.anomalies() == [
        (2, "workflow_status", "illegal_transition", {"from": "DEPLOYING", "to": "DEPLOYING"}),
    ]


def test_a_deployment_begins_with_its_start(log: Log) -> None:
    log.deployed("DeploymentLogAppended").deployed("DeploymentCompleted", to_status="DEPLOYING")
    assert log.tables()["workflow_deployment_history"] == {}
    assert log.anomalies() == [
        (1, "workflow_deployment_history", "missing_row", {}),
        (2, "workflow_deployment_history", "missing_row", {}),
    ]


# What deployments make of a workflow's status


def test_a_workflow_that_is_deployed_and_undeployed(log: Log) -> None:
    log.deployed("DeploymentStarted", started_at=NOON)
    first = log.workflow()
    assert (first["deployment_status"], first["deployed_at"], first["deployment_position"]) == ("DEPLOYING", None, 1)
    assert (first["latest_execution_id"], first["latest_execution_status"]) == (None, "IDLE")
    assert (first["latest_execution_time"], first["user_id"]) == (None, TENANT)
    log.deployed("DeploymentCompleted", to_status="DEPLOYED", completed_at=ONE, triggered_by=PEOPLE[0])
    row = log.workflow()
    assert (row["deployed_at"], row["deployed_by"], row["undeployed_at"]) == (instant(13), UUID(PEOPLE[0]), None)
    log.deployed("DeploymentStarted", deployment_id=DEPLOYMENTS[3], to_status="UNDEPLOYING", deployment_version=7)
    log.deployed("DeploymentCompleted", deployment_id=DEPLOYMENTS[3], to_status="UNDEPLOYED", completed_at=NOON)
    row = log.workflow()
    assert (row["deployment_status"], row["undeployed_at"], row["deployed_at"]) == (
        "UNDEPLOYED",
        instant(12),
        instant(13),
    )
    assert (row["deployment_version"], row["deployment_position"], row["last_event_position"]) == (1, 4, 4)
    assert log.anomalies() == []


def test_a_start_that_gives_deployed_counts_from_its_start(log: Log) -> None:
    log.deployed("DeploymentStarted", to_status="DEPLOYED", started_at=ONE, triggered_by=PEOPLE[0])
    assert (log.workflow()["deployed_at"], log.workflow()["deployed_by"]) == (instant(13), UUID(PEOPLE[0]))
    row = log.deployed("DeploymentCompleted", to_status="DEPLOYED", completed_at=NOON).workflow()
    assert (row["deployed_at"], row["deployed_by"]) == (instant(12), None)
    assert log.anomalies() == [
        (1, "workflow_status", "illegal_transition", {"from": "IDLE", "to": "DEPLOYED"}),
        (2, "workflow_status", "illegal_transition", {"from": "DEPLOYED", "to": "DEPLOYED"}),
    ]


@pytest.mark.parametrize("target", list(workflow_status.LEGAL))
@pytest.mark.parametrize("status", list(workflow_status.LEGAL))
def test_a_workflow_s_move_is_reported_exactly_when_the_vocabulary_lacks_it(log: Log, status: str, target: str) -> None:
    log.deployed("DeploymentStarted", to_status=status)
    before = len(log.anomalies())
    assert (
        log.deployed("DeploymentFailed", to_status=target, error_message="").workflow()["deployment_status"] == target
    )
    reported = [] if target in workflow_status.LEGAL[status] else [{"from": status, "to": target}]
    assert [detail for _, _, _, detail in log.anomalies()[before:]] == reported


def test_a_deployment_event_moves_the_workflow_whatever_it_does_in_the_history(log: Log) -> None:
    log.deployed("DeploymentCompleted", to_status="DEPLOYING", deployment_version=5)
    assert (log.workflow()["deployment_status"], log.workflow()["deployment_version"]) == ("DEPLOYING", 5)
    assert log.anomalies() == [(1, "workflow_deployment_history", "missing_row", {})]


def test_a_status_is_of_the_later_of_deployment_and_execution(log: Log) -> None:
    log.deployed("DeploymentStarted", user_id=OTHER_TENANT)
    assert log.workflow()["user_id"] == OTHER_TENANT
    row = log("ExecutionCreated").workflow()
    assert (row["user_id"], row["last_event_position"], row["deployment_position"]) == (TENANT, 2, 1)
    assert row["updated_at"] == BASE + timedelta(seconds=2)
    row = log.deployed("DeploymentCompleted", user_id=OTHER_TENANT, to_status="DEPLOYED").workflow()
    assert (row["user_id"], row["last_event_position"], row["deployment_position"]) == (TENANT, 3, 3)
    assert (row["updated_at"], row["latest_execution_id"]) == (BASE + timedelta(seconds=3), "1")


def test_a_workflow_that_was_never_deployed_is_idle(log: Log) -> None:
    row = log("ExecutionCreated").workflow()
    assert (row["deployment_status"], row["deployment_version"], row["deployment_config"]) == ("IDLE", 1, {})
    assert (row["deployed_at"], row["deployed_by"], row["undeployed_at"]) == (None, None, None)
    assert row["deployment_position"] is None


# Triggers


def test_a_trigger_is_active_from_activation_to_deactivation(log: Log) -> None:
    log.deployed("TriggerRegistered", trigger="t", node_id="n", index_key="k")
    row = log.trigger()
    assert (row["workflow_id"], row["name"], row["node_id"], row["index_key"]) == (WORKFLOW, "t", "n", "k")
    seen = [(row["deployment_status"], row["is_active"])]
    for event_type in ("TriggerActivated", "TriggerDeactivated", "TriggerActivated"):
        row = log.deployed(event_type, trigger="t").trigger()
        seen.append((row["deployment_status"], row["is_active"]))
    assert seen == [("pending", False), ("active", True), ("inactive", False), ("active", True)]
    assert (row["created_at"], row["updated_at"]) == (BASE + timedelta(seconds=1), BASE + timedelta(seconds=4))
    assert log.anomalies() == []


def test_a_trigger_that_is_registered_again_is_overwritten(log: Log) -> None:
    log.deployed("TriggerRegistered", trigger="t", node_id="n", index_key="k").deployed("TriggerFailed", trigger="t")
    log.deployed("TriggerRegistered", trigger="t", index_key="l", trigger_subtype="EMAIL", trigger_config={})
    row = log.trigger()
    assert (row["node_id"], row["index_key"], row["trigger_subtype"]) == (None, "l", "EMAIL")
    assert (row["trigger_config"], row["deployment_status"]) == ({}, "pending")
    assert row["created_at"] == BASE + timedelta(seconds=1)
    assert log.anomalies() == []


def test_a_trigger_that_was_removed_leaves_its_name_free(log: Log) -> None:
    log.deployed("TriggerRegistered", trigger="t").deployed("TriggerActivated", trigger="t")
    log.deployed("TriggerRemoved", trigger="t").deployed("TriggerRemoved", trigger="t")
    assert log.tables()["trigger_index"] == {}
    row = log.deployed("TriggerRegistered", trigger="t").trigger()
    assert (row["deployment_status"], row["created_at"]) == ("pending", BASE + timedelta(seconds=5))
    assert log.anomalies() == [(4, "trigger_index", "missing_row", {})]


def test_a_trigger_begins_with_its_registration(log: Log) -> None:
    names = ("TriggerActivated", "TriggerDeactivated", "TriggerFailed", "TriggerRemoved")
    for event_type in names:
        log.deployed(event_type, trigger="t")
    assert log.tables()["trigger_index"] == {}
    assert log.anomalies() == [(n + 1, "trigger_index", "missing_row", {}) for n in range(len(names))]


@pytest.mark.parametrize("event_type", list(triggers.TARGETS))
@pytest.mark.parametrize("status", [status for status in triggers.LEGAL if status])
def test_a_trigger_s_move_is_reported_exactly_when_the_vocabulary_lacks_it(
    log: Log, status: str, event_type: str
) -> None:
    log.deployed("TriggerRegistered", trigger="t")
    log.deployed(next(kind for kind, target in triggers.TARGETS.items() if target == status), trigger="t")
    before, target = len(log.anomalies()), triggers.TARGETS[event_type]
    assert log.deployed(event_type, trigger="t").trigger()["deployment_status"] == target
    reported = [] if target in triggers.LEGAL[status] else [{"from": status, "to": target}]
    assert [detail for _, _, _, detail in log.anomalies()[before:]] == reported


# The end of a workflow


def everything(log: Log) -> Log:
    """A log with a row of every kind, of one workflow."""
    log.started()("NodeStarted", activation="a")("PauseOpened", pause="p")("LogAppended", "log-1")
    log("ModelCalled")
    log.asked("InteractionRequested").answered("ResponseReceived").answered("ResponseMatched")
    return log.deployed("DeploymentStarted").deployed("TriggerRegistered", trigger="t")("ExecutionCreated")


def test_a_deletion_leaves_the_history_and_the_anomalies(log: Log) -> None:
    before = everything(log).tables()
    assert all(before.values())
    after = log.deployed("WorkflowDeleted").tables()
    assert {name for name, table in after.items() if table} == {"workflow_deployment_history", "anomalies"}
    for name in ("workflow_deployment_history", "anomalies"):
        assert after[name] == before[name]


def test_a_deletion_spares_other_workflows(log: Log) -> None:
    before = everything(log).tables()
    assert log.deployed("WorkflowDeleted", ELSEWHERE).tables() == before
    assert log.deployed("WorkflowDeleted", ELSEWHERE).tables() == before


def test_what_comes_after_a_deletion_is_missing_its_row(log: Log) -> None:
    everything(log).deployed("WorkflowDeleted")
    before = len(log.anomalies())
    log("ExecutionSucceeded")("NodeStarted", activation="a")("PauseResumed", pause="p")
    log.asked("InteractionResponded").answered("ResponseReopened").deployed("TriggerActivated", trigger="t")
    assert [(projection, code) for _, projection, code, _ in log.anomalies()[before:]] == [
        ("workflow_executions", "missing_row"),
        ("node_executions", "missing_row"),
        ("workflow_execution_pauses", "missing_row"),
        ("human_interactions", "missing_row"),
        ("hil_responses", "missing_row"),
        ("trigger_index", "missing_row"),
    ]


def test_what_comes_after_a_deletion_may_begin_anew(log: Log) -> None:
    everything(log).deployed("WorkflowDeleted")
    before = len(log.anomalies())
    everything(log)
    assert log.execution()["first_event_position"] == 14
    assert (log.pause()["status"], log.node()["created_at"]) == ("active", BASE + timedelta(seconds=16))
    assert (log.interaction()["first_event_position"], log.response()["status"]) == (20, "matched")
    assert [(projection, code) for _, projection, code, _ in log.anomalies()[before:]] == [
        ("workflow_deployment_history", "already_exists"),
        ("workflow_executions", "already_exists"),
    ]


def test_a_deleted_workflow_is_idle_again(log: Log) -> None:
    log.deployed("DeploymentStarted").deployed("DeploymentCompleted", to_status="DEPLOYED").deployed("WorkflowDeleted")
    log.deployed("DeploymentStarted", deployment_id=DEPLOYMENTS[3])
    row = log.workflow()
    assert (row["deployment_status"], row["deployed_at"], row["deployment_position"]) == ("DEPLOYING", None, 4)
    assert log.anomalies() == []


def test_a_deployment_that_goes_on_after_the_deletion_ends_in_the_history(log: Log) -> None:
    log.deployed("DeploymentStarted").deployed("WorkflowDeleted").deployed("DeploymentCompleted", to_status="DEPLOYED")
    assert log.deployment()["to_status"] == "DEPLOYED"
    assert log.anomalies() == [(3, "workflow_status", "illegal_transition", {"from": "IDLE", "to": "DEPLOYED"})]


def test_the_latest_execution_of_a_deleted_workflow_is_one_that_came_later(log: Log) -> None:
    log("ExecutionCreated", "execution-z", at=BASE + timedelta(days=1)).deployed("WorkflowDeleted")
    row = log("ExecutionCreated", "execution-a", at=BASE).workflow()
    assert (row["latest_execution_id"], row["latest_execution_time"]) == ("a", BASE)


def test_log_lines_go_with_the_executions_that_were_created_before(log: Log) -> None:
    def lines() -> list[str]:
        return [row["message"] for row in log.tables()["workflow_execution_logs"].values()]

    log("LogAppended", "log-1", message="before its execution")("ExecutionCreated")
    log("LogAppended", "log-2", message="without an execution")("LogAppended", "log-1", message="of its execution")
    log.deployed("WorkflowDeleted")
    assert lines() == ["without an execution"]
    log("LogAppended", "log-1", message="after the deletion")
    assert lines() == ["without an execution", "after the deletion"]
    assert log.deployed("WorkflowDeleted")("ExecutionCreated", "execution-2").tables()["workflow_execution_logs"]
    assert lines() == ["without an execution"]


def test_a_deletion_of_nothing_is_no_anomaly(log: Log) -> None:
    log.deployed("WorkflowDeleted").deployed("WorkflowDeleted")
    assert not any(log.tables().values())
    assert log.events[0].stream_id == DEPLOYMENT
