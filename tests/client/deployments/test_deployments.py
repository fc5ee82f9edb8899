"""A workflow and its triggers change together; deployed workflows are found by key, and a path has one owner."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold.domain.trigger import Trigger
from runfold.errors import ClaimTaken, IllegalTransition, InvalidInput, UnknownDeployment
from tests.client.human.asking import TENANT, anomalies, types_of
from tests.fixtures.evidence import Evidence
from tests.fixtures.processes import assert_nothing_differs, drain

Connection = psycopg.Connection[Any]
BY_HAND = Trigger(name="manual", subtype="MANUAL", key="manual")
DEFINITION = {"nodes": [{"id": "a"}]}


def triggers_of(connection: Connection, workflow: UUID) -> dict[str, tuple[str, str, bool]]:
    return {
        name: (subtype, key, active)
        for name, subtype, key, active in connection.execute(
            "SELECT name, trigger_subtype, index_key, is_active FROM trigger_index WHERE workflow_id = %s", [workflow]
        ).fetchall()
    }


def claims(connection: Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, stream_id FROM runfold.claims WHERE kind = 'webhook'").fetchall())


def all_is_well(connection: Connection, url: str) -> None:
    drain(url)
    assert anomalies(connection) == []
    assert_nothing_differs(url)


def test_a_workflow_is_deployed_updated_rolled_back_and_undeployed(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    workflow, person = uuid4(), uuid4()
    stream = f"deployment-{workflow}"
    first = store.deployments.deploy(
        workflow, definition=DEFINITION, deployment_config={"region": "eu"}, triggered_by=person,
        triggers=[Trigger.webhook("/a"), Trigger.cron("0 * * * *", config={"zone": "UTC"})],
    )  # fmt: skip
    assert (first.status, first.deployment_version) == ("DEPLOYED", 1)
    assert types_of(store, stream) == [
        "DeploymentStarted",
        *["TriggerRegistered", "TriggerActivated"] * 2,
        "DeploymentCompleted",
    ]
    assert len({event.recorded_at for event in store.read_stream(stream)}) >= 1
    drain(database_url)
    at_first = triggers_of(connection, workflow)
    assert at_first == {"webhook": ("WEBHOOK", "/a", True), "cron": ("CRON", "0 * * * *", True)}

    second = store.deployments.update(
        workflow, definition={"nodes": []},
        triggers=[Trigger.cron("0 * * * *", config={"zone": "UTC"}), Trigger.webhook("/b"), BY_HAND],
    )  # fmt: skip
    assert second.deployment_version == 2
    changed = [
        (event.type, event.data["trigger"])
        for event in store.read_stream(stream, after=6)
        if event.data and "trigger" in event.data
    ]
    assert changed == [
        ("TriggerRemoved", "webhook"), ("TriggerRegistered", "webhook"), ("TriggerActivated", "webhook"),
        ("TriggerRegistered", "manual"), ("TriggerActivated", "manual"),
    ], "what stays as it is goes on undisturbed"  # fmt: skip
    drain(database_url)
    assert {*triggers_of(connection, workflow)} == {"webhook", "cron", "manual"}
    assert claims(connection) == {"/b": stream}

    back = store.deployments.roll_back(workflow, 1, triggered_by=person)
    assert back.deployment_version == 1
    drain(database_url)
    assert triggers_of(connection, workflow) == at_first
    started = next(event for event in reversed(store.read_stream(stream)) if event.type == "DeploymentStarted")
    assert started.data is not None
    assert (started.data["definition"], started.data["deployment_config"]) == (DEFINITION, {"region": "eu"})
    assert store.deployments.update(workflow, definition=None).deployment_version == 3
    store.deployments.roll_back(workflow, 2)
    with pytest.raises(
        UnknownDeployment, match=f"version 7 of workflow {workflow} was never in service: choose one of 1, 2, 3"
    ):
        store.deployments.roll_back(workflow, 7)

    gone = store.deployments.undeploy(workflow)
    assert gone.status == "UNDEPLOYED"
    drain(database_url)
    assert (triggers_of(connection, workflow), claims(connection)) == ({}, {})
    history = connection.execute(
        "SELECT deployment_action, from_status, to_status, deployment_version FROM workflow_deployment_history"
        " ORDER BY last_event_position"
    ).fetchall()
    assert history == [
        ("DEPLOY", "IDLE", "DEPLOYED", 1),
        ("UPDATE", "DEPLOYED", "DEPLOYED", 2),
        ("ROLLBACK", "DEPLOYED", "DEPLOYED", 1),
        ("UPDATE", "DEPLOYED", "DEPLOYED", 3),
        ("ROLLBACK", "DEPLOYED", "DEPLOYED", 2),
        ("UNDEPLOY", "DEPLOYED", "UNDEPLOYED", 2),
    ]
    assert connection.execute("SELECT deployment_status FROM workflow_status").fetchone() == ("UNDEPLOYED",)
    assert store.deployments.deploy(workflow, definition=None).status == "DEPLOYED"
    all_is_well(connection, database_url)


def test_a_path_that_another_workflow_has_fails_the_deployment_and_leaves_all_as_it_was(
    connection: Connection, database_url: str
) -> None:
    mine, theirs = uuid4(), uuid4()
    with (
        runfold.connect(database_url, user_id=TENANT) as owner,
        runfold.connect(database_url, user_id=uuid4()) as other,
    ):
        owner.deployments.deploy(theirs, definition=None, triggers=[Trigger.webhook("/pay")])
        with pytest.raises(ClaimTaken, match="the webhook path /pay belongs to another workflow") as refused:
            other.deployments.deploy(mine, definition=DEFINITION, triggers=[Trigger.webhook("/pay")])
        text = f"{refused.value} {refused.value.facts}"
        assert str(theirs) not in text
        assert str(TENANT) not in text
        assert types_of(other, f"deployment-{mine}") == ["DeploymentStarted", "DeploymentFailed"]
        drain(database_url)
        assert connection.execute(
            "SELECT to_status, error_message FROM workflow_deployment_history WHERE workflow_id = %s", [mine]
        ).fetchone() == ("DEPLOYMENT_FAILED", str(refused.value))
        # Another path, then an update to the taken one: the first stays in service.
        other.deployments.deploy(mine, definition=DEFINITION, triggers=[Trigger.webhook("/pay2")])
        with pytest.raises(ClaimTaken):
            other.deployments.update(
                mine,
                definition={},
                triggers=[Trigger.webhook("/pay"), BY_HAND],
            )
        drain(database_url)
        assert triggers_of(connection, mine) == {"webhook": ("WEBHOOK", "/pay2", True)}
        assert [found.workflow_id for found in owner.triggers.by_webhook("/pay")] == [theirs]
        assert other.triggers.by_webhook("/pay") == []
        # The owner gives it up.
        owner.deployments.undeploy(theirs)
        other.deployments.deploy(mine, definition={}, triggers=[Trigger.webhook("/pay")])
        assert claims(connection) == {"/pay": f"deployment-{mine}"}
    all_is_well(connection, database_url)


def test_a_deployment_with_work_between_start_and_end(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    workflow = uuid4()
    begun = store.deployments.begin(workflow, "DEPLOY", definition=DEFINITION)
    assert begun.status == "DEPLOYING"
    with pytest.raises(IllegalTransition):
        store.deployments.deploy(workflow, definition=None)
    store.deployments.log(workflow, "building")
    done = store.deployments.complete(workflow, triggers=[Trigger.github("a/b"), Trigger.webhook("/a")])
    assert (done.deployment_id, done.status, done.deployment_version) == (begun.deployment_id, "DEPLOYED", 1)
    store.deployments.begin(workflow, "UPDATE", definition={})
    failed = store.deployments.fail(workflow, "out of paper")
    assert failed.status == "DEPLOYMENT_FAILED"
    drain(database_url)
    assert {*triggers_of(connection, workflow)} == {"github", "webhook"}
    store.deployments.begin(workflow, "UPDATE", definition={})
    store.deployments.complete(workflow)
    store.deployments.begin(workflow, "ROLLBACK", deployment_version=1)
    store.deployments.complete(workflow)
    store.deployments.begin(workflow, "UNDEPLOY")
    drain(database_url)
    assert {active for _, _, active in triggers_of(connection, workflow).values()} == {False}
    assert claims(connection) == {}
    assert store.deployments.complete(workflow).status == "UNDEPLOYED"
    with pytest.raises(IllegalTransition):
        store.deployments.complete(workflow)
    drain(database_url)
    assert triggers_of(connection, workflow) == {}
    logs = connection.execute("SELECT deployment_logs FROM workflow_deployment_history ORDER BY started_at").fetchone()
    assert logs is not None
    assert [line["message"] for line in logs[0]] == ["building"]
    all_is_well(connection, database_url)


def test_wrong_deployments_are_refused_and_nothing_is_recorded(store: runfold.Store) -> None:
    workflow = uuid4()
    with pytest.raises(InvalidInput) as refused:
        store.deployments.deploy(workflow, definition=None, triggers=[Trigger.webhook("/a"), Trigger.webhook("/b")])
    assert (refused.value.code, refused.value.pointer) == ("duplicate_trigger", "/triggers/1/name")
    with pytest.raises(InvalidInput):
        store.deployments.deploy(workflow, definition=None, triggers=[Trigger.webhook("x" * 256)])
    with pytest.raises(IllegalTransition):
        store.deployments.undeploy(workflow)
    with pytest.raises(UnknownDeployment):
        store.deployments.roll_back(workflow, 1)
    assert types_of(store, f"deployment-{workflow}") == []


def test_of_workflows_that_want_one_path_at_once_one_gets_it(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    rounds, width = evidence.scaled(12), 4
    together = threading.Barrier(width)
    outcomes: Counter[str] = Counter()

    def deploy(number: int) -> None:
        for round_ in range(rounds):
            together.wait(60)
            try:
                store.deployments.deploy(uuid4(), definition=None, triggers=[Trigger.webhook(f"/{round_}")])
                outcomes["deployed"] += 1
            except ClaimTaken:
                outcomes["refused"] += 1

    threads = [threading.Thread(target=deploy, args=(number,)) for number in range(width)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    evidence.note(outcomes=outcomes)
    assert outcomes == {"deployed": rounds, "refused": rounds * (width - 1)}
    drain(database_url)
    assert connection.execute(
        "SELECT to_status, count(*) FROM workflow_deployment_history GROUP BY 1 ORDER BY 1"
    ).fetchall() == [("DEPLOYED", rounds), ("DEPLOYMENT_FAILED", rounds * (width - 1))]
    assert connection.execute("SELECT count(*) FROM trigger_index").fetchone() == (rounds,)
    all_is_well(connection, database_url)


def test_one_workflow_deployed_by_several_at_once_is_deployed_once_at_a_time(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    workflow = uuid4()
    store.deployments.deploy(workflow, definition=None)
    width, each = 4, evidence.scaled(8)

    def update(number: int) -> None:
        for n in range(each):
            store.deployments.update(workflow, definition={}, triggers=[Trigger.webhook(f"/{number}/{n}")])

    threads = [threading.Thread(target=update, args=(number,)) for number in range(width)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = [
        event.data["deployment_version"]
        for event in store.read_stream(f"deployment-{workflow}")
        if event.type == "DeploymentCompleted" and event.data
    ]
    assert versions == [*range(1, width * each + 2)]
    drain(database_url)
    assert len(triggers_of(connection, workflow)) == 1
    all_is_well(connection, database_url)
