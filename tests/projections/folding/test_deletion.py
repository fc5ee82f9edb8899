"""Deleting a workflow is an event: its rows are removed, its history stays, and the log never blocks an edit."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.fixtures.logs import TENANT, Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.model.payloads import DEPLOYMENTS, INTERACTIONS, RESPONSES, TENANTS

GONE = (
    "workflow_executions", "node_executions", "workflow_execution_pauses", "workflow_execution_logs", "workflow_status",
    "human_interactions", "hil_responses", "trigger_index",
)  # fmt: skip


def insert(connection: psycopg.Connection[Any], workflow: UUID, user_id: UUID | None = None) -> None:
    if user_id is not None:
        connection.execute("INSERT INTO auth.users (id) VALUES (%s) ON CONFLICT DO NOTHING", (user_id,))
    connection.execute(
        "INSERT INTO public.workflows (id, user_id, name, workflow_data, created_at, updated_at)"
        " VALUES (%s, %s, 'w', '{}', 0, 0)",
        (workflow, user_id),
    )


def busy(log: Log, workflow: UUID, name: str, number: int = 0) -> None:
    """A workflow with rows in every table."""
    of = {"workflow_id": str(workflow)}
    interaction, response = (str(UUID(names[number])) for names in (INTERACTIONS, RESPONSES))
    log.append(
        f"execution-{name}", *run(name, **of)[:-1],
        event("PauseOpened", pause="p", pause_reason="human_interaction"),
    )  # fmt: skip
    log.append(f"log-{name}", event("LogAppended"), event("LogAppended"))
    log.append(f"interaction-{interaction}", event("InteractionRequested", **of))
    log.append(
        f"response-{response}", event("ResponseReceived", **of), event("ResponseMatched", interaction_id=interaction)
    )
    log.append(
        f"deployment-{workflow}",
        event("DeploymentStarted", deployment_id=DEPLOYMENTS[0], to_status="DEPLOYING", deployment_version=7),
        event("DeploymentCompleted", deployment_id=DEPLOYMENTS[0], to_status="DEPLOYED", deployment_version=7),
        event("TriggerRegistered", trigger="t"),
        event("TriggerActivated", trigger="t"),
    )


def rows(log: Log, table: str, workflow: UUID | None = None) -> int:
    where = "" if workflow is None else f" WHERE workflow_id = '{workflow}'"
    row = log.connection.execute(f"SELECT count(*) FROM public.{table}{where}").fetchone()
    return -1 if row is None else int(row[0])


def deletions(log: Log) -> list[tuple[str, UUID | None]]:
    return log.connection.execute(
        "SELECT stream_id, user_id FROM runfold.events WHERE type = 'WorkflowDeleted' ORDER BY position"
    ).fetchall()


def test_a_deleted_workflow_s_rows_go_and_its_history_stays(log: Log, database_url: str) -> None:
    workflow, other = uuid4(), uuid4()
    insert(log.connection, workflow)
    busy(log, workflow, "a")
    busy(log, other, "b", 1)
    drain(database_url)
    before = {table: rows(log, table) for table in GONE}
    assert all(before.values()), "an empty table proves nothing"
    log.connection.execute("DELETE FROM public.workflows WHERE id = %s", (workflow,))
    assert deletions(log) == [(f"deployment-{workflow}", TENANT)]
    assert drain(database_url) == {}
    for table in GONE:
        assert rows(log, table) == before[table] // 2, table
    for table in ("workflow_executions", "workflow_status", "human_interactions", "hil_responses", "trigger_index"):
        assert rows(log, table, workflow) == 0, table
    assert rows(log, "workflow_deployment_history", workflow) == 1
    assert_nothing_differs(database_url)


def test_the_event_says_when_and_who(log: Log, database_url: str) -> None:
    workflow = uuid4()
    insert(log.connection, workflow)
    log.connection.execute("DELETE FROM public.workflows")
    row = log.connection.execute(
        "SELECT (data ->> 'at')::timestamptz = occurred_at, data ->> 'by' = session_user,"
        " now() - occurred_at < '1 minute'"
        " FROM runfold.events WHERE type = 'WorkflowDeleted'"
    ).fetchone()
    assert row == (True, True, True)


@pytest.mark.parametrize("tenant", TENANTS)
@pytest.mark.parametrize("owner", TENANTS)
def test_the_stream_s_tenant_stays_whoever_owned_the_workflow(
    log: Log, tenant: UUID | None, owner: UUID | None
) -> None:
    deployed, never = uuid4(), uuid4()
    log.append(f"deployment-{deployed}", event("TriggerRegistered", trigger="t"), user_id=tenant)
    for workflow in (deployed, never):
        insert(log.connection, workflow, owner)
        log.connection.execute("DELETE FROM public.workflows WHERE id = %s", (workflow,))
    assert deletions(log) == [(f"deployment-{deployed}", tenant), (f"deployment-{never}", owner)]


def test_a_stream_that_another_tenant_makes_at_this_moment_does_not_stop_the_deletion(
    log: Log, database_url: str
) -> None:
    """The stream does not exist when the trigger looks, and belongs to another tenant when it appends."""
    workflow = uuid4()
    insert(log.connection, workflow, TENANTS[2])
    log.connection.execute(
        "CREATE FUNCTION public.be_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.user_id IS NOT NULL THEN NEW.user_id := '{TENANTS[0]}'; END IF; RETURN NEW; END $$"
    )
    log.connection.execute(
        "CREATE TRIGGER be_first BEFORE INSERT ON runfold.streams FOR EACH ROW EXECUTE FUNCTION public.be_first()"
    )
    log.connection.execute("DELETE FROM public.workflows")
    assert [stream for stream, _ in deletions(log)] == [f"deployment-{workflow}"]


def test_a_deleted_user_s_workflows_go_with_their_rows(log: Log, database_url: str) -> None:
    workflows = [uuid4() for _ in range(30)]
    for workflow in workflows:
        insert(log.connection, workflow, TENANT)
    kept = uuid4()
    insert(log.connection, kept, TENANTS[2])
    busy(log, workflows[0], "a")
    busy(log, kept, "b", 1)
    drain(database_url)
    log.connection.execute("DELETE FROM auth.users WHERE id = %s", (TENANT,))
    assert sorted(deletions(log)) == sorted((f"deployment-{workflow}", TENANT) for workflow in workflows)
    drain(database_url)
    assert log.connection.execute("SELECT DISTINCT workflow_id FROM public.workflow_executions").fetchall() == [(kept,)]
    assert_nothing_differs(database_url)


def test_a_tenant_who_deletes_a_workflow_is_named_and_need_not_be_able_to_append(log: Log) -> None:
    workflow = uuid4()
    insert(log.connection, workflow, TENANT)
    with log.connection.transaction():
        log.connection.execute("SET LOCAL ROLE authenticated")
        log.connection.execute(
            "SELECT set_config('request.jwt.claims', jsonb_build_object('sub', %s::text)::text, true)", (TENANT,)
        )
        assert log.connection.execute("DELETE FROM public.workflows WHERE id = %s", (workflow,)).rowcount == 1
    assert deletions(log) == [(f"deployment-{workflow}", TENANT)]
    by = "SELECT data ->> 'by' FROM runfold.events WHERE type = 'WorkflowDeleted'"
    assert log.connection.execute(by).fetchall() == [(str(TENANT),)]


def test_a_login_without_a_user_who_deletes_a_workflow_is_named(log: Log) -> None:
    insert(log.connection, workflow := uuid4())
    log.connection.execute("DELETE FROM public.workflows WHERE id = %s", (workflow,))
    by = "SELECT data ->> 'by' FROM runfold.events WHERE type = 'WorkflowDeleted'"
    assert log.connection.execute(by).fetchall() == [(log.connection.info.user,)]


def test_an_open_deletion_holds_neither_the_log_nor_a_deployment_back(log: Log, database_url: str) -> None:
    workflow = uuid4()
    insert(log.connection, workflow)
    log.append(f"deployment-{workflow}", event("TriggerRegistered", trigger="t"))
    with psycopg.connect(database_url) as editor:
        editor.execute("DELETE FROM public.workflows WHERE id = %s", (workflow,))
        log.connection.execute("SET lock_timeout = '2s'")
        last = log.append(f"deployment-{workflow}", event("TriggerActivated", trigger="t"))
        assert log.connection.execute("SELECT runfold.safe_head()").fetchone() == (last,)
        editor.rollback()
    assert deletions(log) == []


def test_a_workflow_that_only_the_log_deletes_looks_new(log: Log, database_url: str) -> None:
    workflow = uuid4()
    insert(log.connection, workflow)
    busy(log, workflow, "a")
    drain(database_url)
    columns = "latest_execution_id, latest_execution_status, deployment_status, deployment_version, deployed_at IS NULL"
    shown = f"SELECT {columns} FROM public.workflows"
    assert log.connection.execute(shown).fetchone() == ("a", "WAITING_FOR_HUMAN", "DEPLOYED", 7, False)
    log.append(f"deployment-{workflow}", event("WorkflowDeleted"))
    drain(database_url)
    log.assert_folded()
    assert log.connection.execute(shown).fetchone() == (None, "IDLE", "IDLE", 1, True)


@pytest.mark.parametrize("refused", [False, True])
def test_lines_go_by_the_executions_that_were_created_for_the_workflow(
    log: Log, database_url: str, *, refused: bool
) -> None:
    """A second creation names another workflow: it counts only if the first workflow was deleted."""
    first, second = uuid4(), uuid4()
    log.append("execution-a", *run("a", workflow_id=str(first)))
    log.append("log-a", event("LogAppended"))
    if not refused:
        log.append(f"deployment-{first}", event("WorkflowDeleted"))
    log.append("execution-a", *run("a", workflow_id=str(second).upper()))
    log.append("log-a", event("LogAppended"))
    drain(database_url)
    log.append(f"deployment-{second}", event("WorkflowDeleted"))
    drain(database_url)
    assert rows(log, "workflow_execution_logs") == (2 if refused else 0)
    log.assert_folded()
    assert_nothing_differs(database_url)
