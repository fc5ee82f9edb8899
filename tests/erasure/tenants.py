"""Two tenants with rows in every table, and what is asked about them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg

from runfold.database.connections import mapped_errors
from runfold.erasure.erasing import Report, erase_tenant
from runfold.projections.definition.catalogue import load_catalogue
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import worker
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


def step(connection: psycopg.Connection[Any], user_id: UUID = ANNE) -> str:
    row = connection.execute("SELECT state FROM runfold.erase_tenant(%s)", (user_id,)).fetchone()
    return str(row and row[0])


def erase_steps(connection: psycopg.Connection[Any], user_id: UUID = ANNE) -> None:
    while step(connection, user_id) != "erased":
        pass
