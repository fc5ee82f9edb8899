"""After an erasure nothing of the tenant is in any table, nothing brings it back, and others' rows are as they were."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg

from runfold.database.connections import mapped_errors
from runfold.erasure.erasing import Report, erase_tenant
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.replay import replay
from runfold.reading.past.reader import open_past
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, worker
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_tables
from tests.model.payloads import DEPLOYMENTS, INTERACTIONS, RESPONSES
from tests.model.tables import Recorded

ANNE, BERT = UUID(int=0xA << 64), UUID(int=0xB << 64)
TABLES = (
    "workflow_executions", "node_executions", "workflow_execution_pauses", "workflow_execution_logs", "workflow_status",
    "human_interactions", "hil_responses", "workflow_deployment_history", "trigger_index",
)  # fmt: skip
CATALOGUE = load_catalogue()


def insert_workflow(connection: psycopg.Connection[Any], user_id: UUID) -> UUID:
    workflow = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s) ON CONFLICT DO NOTHING", (user_id,))
    connection.execute(
        "INSERT INTO public.workflows (id, user_id, name, workflow_data, created_at, updated_at)"
        " VALUES (%s, %s, 'w', '{}', 0, 0)",
        (workflow, user_id),
    )
    return workflow


def busy(log: Log, name: str, number: int, user_id: UUID) -> UUID:
    """Give a tenant a workflow with rows in every table, and an anomaly."""
    workflow = insert_workflow(log.connection, user_id)
    of = {"workflow_id": str(workflow)}
    interaction, response = (str(UUID(names[number])) for names in (INTERACTIONS, RESPONSES))
    log.append(
        f"execution-{name}",
        *run(name, **of)[:-1],
        event("PauseOpened", pause="p", pause_reason="human_interaction"),
        event("NodeSucceeded", activation="n0"),
        user_id=user_id,
    )
    log.append(f"log-{name}", event("LogAppended"), event("LogAppended"), user_id=user_id)
    log.append(f"interaction-{interaction}", event("InteractionRequested", **of), user_id=user_id)
    log.append(
        f"response-{response}",
        event("ResponseReceived", **of),
        event("ResponseMatched", interaction_id=interaction),
        user_id=user_id,
    )
    log.append(
        f"deployment-{workflow}",
        event("DeploymentStarted", deployment_id=DEPLOYMENTS[0], to_status="DEPLOYING", deployment_version=7),
        event("DeploymentCompleted", deployment_id=DEPLOYMENTS[0], to_status="DEPLOYED", deployment_version=7),
        event("TriggerRegistered", trigger="t"),
        event("TriggerActivated", trigger="t"),
        user_id=user_id,
    )
    return workflow


def rows_of(connection: psycopg.Connection[Any], user_id: UUID) -> dict[str, int]:
    return dict(connection.execute("SELECT * FROM runfold.rows_of_tenant(%s)", (user_id,)).fetchall())


def digest(connection: psycopg.Connection[Any], user_id: UUID) -> dict[str, str]:
    """Return a hash of each table's rows of a tenant."""
    found = {}
    for table in TABLES:
        query = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM public.{table} AS t WHERE user_id = %s"
        row = connection.execute(query.encode(), (user_id,)).fetchone()
        found[table] = str(row and row[0])
    return found


def recorded(connection: psycopg.Connection[Any]) -> list[Recorded]:
    """Return the whole log in the model's shape."""
    rows = connection.execute(
        "SELECT position, stream_id, stream_version, event_id, type, user_id, data, metadata, occurred_at, recorded_at"
        " FROM runfold.events ORDER BY position"
    ).fetchall()
    return [
        Recorded(
            position=row[0], stream_id=row[1], stream_version=row[2], event_id=row[3], type=row[4], user_id=row[5],
            data=row[6], metadata=row[7], occurred_at=row[8], recorded_at=row[9],
        )
        for row in rows
    ]  # fmt: skip


def assert_as_the_model_says(connection: psycopg.Connection[Any]) -> None:
    assert_tables_equal(reference.fold(recorded(connection)), read_tables(connection))


def erase(url: str, user_id: UUID = ANNE, **options: Any) -> Report:
    """Erase a tenant beside a worker that folds."""
    with psycopg.connect(url, autocommit=True) as operator, worker(url), mapped_errors():
        return erase_tenant(operator, CATALOGUE, user_id, **{"timeout": 30.0, **options})


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
