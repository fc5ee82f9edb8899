"""After an erasure nothing of the tenant is in any table, nothing brings it back, and others' rows are as they were."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg

from runfold.erasure.erasing import erase_tenant
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.replay import replay
from runfold.reading.past.reader import open_past
from tests.erasure.tenants import (
    ANNE,
    BERT,
    CATALOGUE,
    TABLES,
    assert_as_the_model_says,
    busy,
    digest,
    erase,
    recorded,
    rows_of,
)
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.model.payloads import DEPLOYMENTS, INTERACTIONS


def test_nothing_of_the_tenant_is_left_and_others_stay_as_they_were(log: Log, database_url: str) -> None:
    busy(log, "a", 0, ANNE)
    busy(log, "b", 1, BERT)
    drain(database_url)
    before, others = rows_of(log.connection, ANNE), digest(log.connection, BERT)
    assert {f"public.{table}" for table in TABLES} <= before.keys(), "an empty table proves nothing"
    assert "runfold.anomalies" in before
    report = erase(database_url)
    assert report.is_erased
    assert report.rows == before
    assert report.left == {} == rows_of(log.connection, ANNE)
    assert digest(log.connection, BERT) == others
    assert_as_the_model_says(log.connection)
    assert_nothing_differs(database_url)


def test_a_rebuild_and_a_replay_give_nothing_back(log: Log, database_url: str) -> None:
    busy(log, "a", 0, ANNE)
    workflow = busy(log, "b", 1, BERT)
    erase(database_url)
    others = digest(log.connection, BERT)
    for stream in ("execution-a", "log-a", f"interaction-{UUID(INTERACTIONS[0])}", f"tenant-{ANNE}", "execution-b"):
        assert [done.differing for done in replay(log.connection, CATALOGUE, stream) if done.differing] == [], stream
    replay(log.connection, CATALOGUE, f"deployment-{workflow}")
    log.connection.execute("DELETE FROM public.node_executions WHERE user_id = %s", (BERT,))

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(database_url, autocommit=True)

    rebuilt = rebuild(connect, CATALOGUE)
    assert {done.projection for done in rebuilt if done.inserted} == {"node_executions"}
    assert rows_of(log.connection, ANNE) == {}
    assert digest(log.connection, BERT) == others
    assert_as_the_model_says(log.connection)


def test_a_look_back_shows_the_tenant_before_and_not_after(log: Log, database_url: str) -> None:
    busy(log, "a", 0, ANNE)
    before = log.events[-1].position
    report = erase(database_url)
    assert report.position is not None
    for position, expected in ((before, [("RUNNING",)]), (report.position, [])):
        for scope in ({}, {"execution": "a"}):
            with (
                psycopg.connect(database_url, autocommit=True) as connection,
                open_past(connection, CATALOGUE, position=position, **scope) as past,  # type: ignore[arg-type]
            ):
                found = past.execute("SELECT 'RUNNING' FROM workflow_executions WHERE execution_id = 'a'").fetchall()
                assert found == expected
                nodes = past.execute("SELECT count(*) > 0 FROM node_executions").fetchall()
                assert nodes == [(bool(expected),)]


def test_a_workflow_s_row_keeps_what_other_tenants_gave(log: Log, database_url: str) -> None:
    """An execution of Anne's ran Bert's workflow last; and Anne deployed a workflow that Bert runs."""
    ran, deployed = (busy(log, name, number, BERT) for number, name in enumerate(("b", "c")))
    log.append("execution-a", *run("a", workflow_id=str(ran)), user_id=ANNE)
    other = uuid4()
    log.append(
        f"deployment-{other}",
        event("DeploymentStarted", deployment_id=DEPLOYMENTS[1], to_status="DEPLOYING", deployment_version=3),
        user_id=ANNE,
    )
    log.append("execution-d", *run("d", workflow_id=str(other)), user_id=BERT)
    log.append("execution-e", *run("e", workflow_id=str(uuid4())), user_id=ANNE)
    drain(database_url)
    erase(database_url)
    assert_as_the_model_says(log.connection)
    assert_nothing_differs(database_url)
    for stream in ("execution-a", "execution-d", "execution-e", f"deployment-{ran}", f"deployment-{other}"):
        assert [done.differing for done in replay(log.connection, CATALOGUE, stream) if done.differing] == [], stream
    head = recorded(log.connection)[-1].position
    for stream in (f"deployment-{ran}", f"deployment-{other}", f"deployment-{deployed}"):
        with (
            psycopg.connect(database_url, autocommit=True) as connection,
            open_past(connection, CATALOGUE, position=head, streams=[stream]) as past,
        ):
            shown = past.execute("SELECT * FROM workflow_status").fetchall()
            live = connection.execute(
                "SELECT * FROM public.workflow_status WHERE workflow_id = %s", (stream[11:],)
            ).fetchall()
            assert shown == live


# What is left, and what is not known of.


def test_the_dry_run_changes_nothing_and_says_what_stays_readable(log: Log, database_url: str) -> None:
    busy(log, "a", 0, ANNE)
    drain(database_url)
    before = len(recorded(log.connection))
    report = erase_tenant(log.connection, CATALOGUE, ANNE, dry_run=True)
    assert not report.is_erased
    assert report.rows["public.workflows"] == 1
    assert report.events == before
    counted = {(found["type"], found["field"]): found["events"] for found in report.readable}
    assert counted["ExecutionCreated", "workflow_id"] == 1
    assert counted["LogAppended", "level"] == 2
    assert counted["LogAppended", "message"] == 2
    assert len(recorded(log.connection)) == before
    assert log.connection.execute("SELECT count(*) FROM auth.users").fetchone() == (1,)


def test_every_table_of_a_projection_knows_the_barrier() -> None:
    """A read table that keeps rows of tenants names TenantErased, or an erasure leaves them there."""
    assert [item.name for item in CATALOGUE.projections if "TenantErased" not in item.barriers] == []
    assert {group.other_barriers for group in CATALOGUE.groups.values()} == {()}
