"""Deployments name the digests of their definitions: no body is in the log where its tenant can be deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold.errors import DefinitionErased, InvalidInput, UnknownDeployment
from tests.client.workflows.definitions import chain
from tests.client.workflows.tables import a_user, digest_of, insert_workflow, saved

Connection = psycopg.Connection[Any]
SECRET = {"nodes": [{"id": "a", "prompt": "a secret of the tenant's"}]}


@pytest.fixture
def user(connection: Connection) -> UUID:
    return a_user(connection)


def started(store: runfold.Store, workflow: UUID) -> list[dict[str, Any]]:
    events = store.read_stream(f"deployment-{workflow}")
    return [dict(event.data or {}) for event in events if event.type == "DeploymentStarted"]


def test_the_body_of_a_tenant_is_in_no_event(store: runfold.Store, connection: Connection, user: UUID) -> None:
    workflow = uuid4()
    store.deployments.deploy(workflow, definition=SECRET, user_id=user)
    store.deployments.update(workflow, definition={**SECRET, "more": 1})
    store.deployments.roll_back(workflow, 1)
    first, second, back = started(store, workflow)
    assert first["definition_digest"] == back["definition_digest"] == digest_of(connection, SECRET)
    assert second["definition_digest"] != first["definition_digest"]
    assert connection.execute("SELECT count(*) FROM runfold.events WHERE data::text LIKE '%secret%'").fetchone() == (0,)
    assert store.deployments.definition_of(workflow, 1) == SECRET
    assert store.deployments.definition_of(workflow, 2) == {**SECRET, "more": 1}
    connection.execute("DELETE FROM auth.users WHERE id = %s", (user,))
    with pytest.raises(DefinitionErased):
        store.deployments.definition_of(workflow, 1)


def test_control_without_a_tenant_that_can_be_deleted_the_event_has_the_body(
    store: runfold.Store, connection: Connection
) -> None:
    for about in ({}, {"user_id": uuid4()}):
        workflow = uuid4()
        store.deployments.deploy(workflow, definition=SECRET, **about)
        assert started(store, workflow)[0]["definition"] == SECRET
        assert store.deployments.definition_of(workflow, 1) == SECRET
    assert connection.execute("SELECT count(*) FROM runfold.definitions").fetchone() == (0,)


def test_without_a_definition_the_newest_version_is_named(
    store: runfold.Store, connection: Connection, user: UUID
) -> None:
    workflow = store.workflows.save(chain(2), user_id=user).workflow_id
    store.deployments.deploy(workflow, definition=None, user_id=user)
    begun = store.deployments.begin(workflow, "UPDATE")
    assert begun.deployment_version == 2
    assert [data["definition_digest"] for data in started(store, workflow)] == [
        saved(connection, workflow)[0]["digest"]
    ] * 2
    found = store.deployments.definition_of(workflow, 1)
    assert found is not None
    assert found == store.workflows.load(workflow).definition
    assert store.deployments.definition_of(store.deployments.deploy(uuid4(), definition=None).workflow_id, 1) is None


def test_the_owner_of_the_row_keeps_it_where_none_is_named(
    store: runfold.Store, connection: Connection, user: UUID
) -> None:
    workflow = insert_workflow(connection, user)
    store.deployments.deploy(workflow, definition=SECRET)
    assert "definition" not in started(store, workflow)[0]
    assert store.deployments.definition_of(workflow, 1) == SECRET


def test_what_is_wrong_is_said(store: runfold.Store, user: UUID) -> None:
    for bad, pointer in (([], "/definition"), ({"a": {"b": "\0"}}, "/definition/a/b")):
        with pytest.raises(InvalidInput) as caught:
            store.deployments.deploy(uuid4(), definition=bad, user_id=user)  # type: ignore[arg-type]
        assert caught.value.pointer == pointer
    with pytest.raises(UnknownDeployment):
        store.deployments.definition_of(uuid4(), 1)
