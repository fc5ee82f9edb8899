"""The store deletes a workflow, with a row or known to the log alone; nobody appends WorkflowDeleted by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold import events
from runfold.errors import InvalidInput, UnknownWorkflow
from tests.client.workflows.tables import insert_workflow
from tests.fixtures.processes import drain

pytest_plugins = ["tests.fixtures.stores"]

Connection = psycopg.Connection[Any]


def deletions(connection: Connection) -> list[tuple[str, UUID | None]]:
    return connection.execute(
        "SELECT stream_id, user_id FROM runfold.events WHERE type = 'WorkflowDeleted' ORDER BY position"
    ).fetchall()


def an_execution(store: runfold.Store, workflow: UUID, user: UUID | None = None) -> None:
    store.executions.create(workflow_id=workflow, mode="MANUAL", user_id=user)


def test_a_workflow_with_a_row(store: runfold.Store, connection: Connection, user: UUID) -> None:
    workflow = insert_workflow(connection, user, nodes=2)
    store.workflows.delete(workflow)
    assert deletions(connection) == [(f"deployment-{workflow}", user)]
    assert connection.execute("SELECT count(*) FROM public.nodes").fetchone() == (0,)


@pytest.mark.parametrize("known_by", ["an execution", "a deployment"])
def test_a_workflow_that_only_the_log_knows(
    store: runfold.Store, connection: Connection, database_url: str, user: UUID, known_by: str
) -> None:
    workflow = uuid4()
    if known_by == "an execution":
        an_execution(store, workflow, user)
    else:
        store.deployments.deploy(workflow, definition=None, user_id=user)
    store.workflows.delete(workflow)
    assert deletions(connection) == [(f"deployment-{workflow}", user)]
    with pytest.raises(UnknownWorkflow):
        store.workflows.delete(workflow)
    drain(database_url)
    assert connection.execute("SELECT count(*) FROM public.workflow_executions").fetchone() == (0,)
    an_execution(store, workflow, user)
    store.workflows.delete(workflow)
    assert len(deletions(connection)) == 2, "what comes after a deletion can be deleted again"


def test_a_store_with_a_tenant_deletes_its_own_only(
    database_url: str, store: runfold.Store, connection: Connection, user: UUID
) -> None:
    theirs, nobodys = uuid4(), uuid4()
    an_execution(store, theirs, uuid4())
    an_execution(store, nobodys)
    with runfold.connect(database_url, user_id=user) as mine:
        for workflow in (theirs, nobodys, uuid4()):
            with pytest.raises(UnknownWorkflow):
                mine.workflows.delete(workflow)
    assert deletions(connection) == []
    store.workflows.delete(theirs)
    assert len(deletions(connection)) == 1


def test_the_event_is_refused_from_everybody_else(store: runfold.Store) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.append(f"deployment-{uuid4()}", [events.WorkflowDeleted(at="2026-01-01T00:00:00Z")])  # type: ignore[arg-type]
    assert refused.value.code == "reserved_category"
