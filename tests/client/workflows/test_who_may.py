"""Constraints and policies of the tables of definitions, each broken by name; a tenant edits under its policies."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.client.workflows.tables import a_user, insert_node, insert_workflow, saved

Connection = psycopg.Connection[Any]

DIGEST = "0" * 64


def become(connection: Connection, role: str, user: UUID | None = None) -> None:
    """Take a role, and a tenant's claims, until the transaction ends."""
    claims = json.dumps({} if user is None else {"sub": str(user)})
    connection.execute(
        "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", (role, claims)
    )


def assert_refused(connection: Connection, role: str, user: UUID, statement: str) -> None:
    """Fail unless the role, with the tenant's claims, lacks the right to run the statement."""
    with connection.transaction(force_rollback=True):
        become(connection, role, user)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("definitions_pkey", "INSERT INTO runfold.definitions SELECT * FROM runfold.definitions"),
        (
            "definition_belongs_to_a_user",
            f"INSERT INTO runfold.definitions VALUES (gen_random_uuid(), '{DIGEST}', '{{}}')",
        ),
        ("definition_has_a_digest", "UPDATE runfold.definitions SET digest = 'ABC'"),
        (
            "edited_workflows_pkey",
            "INSERT INTO runfold.edited_workflows SELECT pg_current_xact_id(), id FROM workflows, (VALUES (1), (2)) v",
        ),
        ("permits_pkey", f"INSERT INTO runfold.permits SELECT '{UUID(int=1)}' FROM generate_series(1, 2)"),
    ],
)
def test_each_constraint_refuses_what_breaks_it(
    connection: Connection, user: UUID, constraint: str, statement: str
) -> None:
    insert_workflow(connection, user)
    with pytest.raises(psycopg.IntegrityError) as refused:
        connection.execute(statement)  # type: ignore[call-overload]
    assert refused.value.diag.constraint_name == constraint


def test_bodies_go_with_their_user(connection: Connection, user: UUID) -> None:
    insert_workflow(connection, user)
    insert_workflow(connection, a_user(connection), name="theirs")
    connection.execute("DELETE FROM auth.users WHERE id = %s", (user,))
    assert connection.execute("SELECT body ->> 'name' FROM runfold.definitions").fetchall() == [("theirs",)]


def test_a_tenant_reads_its_own_bodies_and_versions_only(connection: Connection, user: UUID) -> None:
    other = a_user(connection)
    insert_workflow(connection, user, name="mine")
    theirs = insert_workflow(connection, other, name="theirs")
    for who, names in ((user, [("mine",)]), (other, [("theirs",)]), (None, [])):
        with connection.transaction():
            become(connection, "authenticated", who)
            found = connection.execute("SELECT body ->> 'name' FROM runfold.definitions").fetchall()
            assert found == names
            events = connection.execute("SELECT count(*) FROM runfold.events WHERE type = 'DefinitionSaved'").fetchone()
            assert events == (len(names),)
            shown = connection.execute("SELECT runfold.definition_of(%s)", (theirs,)).fetchone()
            assert (shown == (None,) or shown is None) == (who != other)


def test_control_without_the_policy_a_tenant_reads_all_bodies(connection: Connection, user: UUID) -> None:
    insert_workflow(connection, user)
    connection.execute("ALTER TABLE runfold.definitions DISABLE ROW LEVEL SECURITY")
    with connection.transaction():
        become(connection, "authenticated", a_user(connection))
        assert connection.execute("SELECT count(*) FROM runfold.definitions").fetchone() == (1,)


@pytest.mark.parametrize("role", ["authenticated", "anon", "runfold_engine", "runfold_operator", "service_role"])
@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO runfold.definitions VALUES ('{UUID(int=1)}', '{DIGEST}', '{{}}')",
        "UPDATE runfold.definitions SET body = '{}'",
        "DELETE FROM runfold.definitions",
        "INSERT INTO runfold.edited_workflows VALUES (pg_current_xact_id(), gen_random_uuid())",
        "SELECT runfold.append_definitions()",
        "SELECT runfold.put_workflow(gen_random_uuid(), '{}', NULL)",
        "SELECT runfold.append_deletion(gen_random_uuid(), NULL)",
    ],
)
def test_nobody_writes_the_history(connection: Connection, user: UUID, role: str, statement: str) -> None:
    insert_workflow(connection, user)
    assert_refused(connection, role, user, statement)


@pytest.mark.parametrize("role", ["anon", "runfold_engine", "runfold_projector", "runfold_agent", "runfold_reader"])
def test_the_tenant_s_function_is_for_tenants(connection: Connection, user: UUID, role: str) -> None:
    assert_refused(connection, role, user, 'SELECT runfold.save_workflow(\'{"name": "w", "nodes": []}\')')


@pytest.mark.parametrize("role", ["authenticated", "anon", "runfold_projector", "runfold_scheduler", "runfold_reader"])
@pytest.mark.parametrize("call", ["save_workflow_of(NULL, '{}')", "delete_workflow(gen_random_uuid())"])
def test_the_functions_of_services_are_for_services(connection: Connection, user: UUID, role: str, call: str) -> None:
    assert_refused(connection, role, user, f"SELECT runfold.{call}")


def test_a_tenant_edits_by_sql_and_each_transaction_is_its_version(connection: Connection, user: UUID) -> None:
    workflow = insert_workflow(connection, user, nodes=2)
    theirs = insert_workflow(connection, a_user(connection), nodes=2)
    with connection.transaction():
        become(connection, "authenticated", user)
        insert_node(connection, workflow, "new")
        assert connection.execute("UPDATE public.nodes SET description = 'edited'").rowcount == 3
        assert connection.execute("DELETE FROM public.node_connections").rowcount == 1
    assert [(event["nodes"], event["connections"], event["by"]) for event in saved(connection, workflow)][1:] == [
        (3, 0, str(user))
    ]
    assert len(saved(connection, theirs)) == 1
