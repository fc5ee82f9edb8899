"""Each constraint of the tables of workflows and executions refuses what breaks it, by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors
from psycopg.types.json import Jsonb

from tests.security.samples import Maker, Row

TABLES = (
    "workflows", "nodes", "node_connections", "sessions", "workflow_executions", "node_executions",
    "workflow_execution_pauses", "workflow_execution_logs", "workflow_status", "human_interactions", "hil_responses",
    "trigger_index", "workflow_deployment_history",
)  # fmt: skip
ALICE, BOB = UUID(int=1, version=4), UUID(int=2, version=4)

# What breaks a CHECK that is no list of words: values of the row, at the edge where there is one.
BROKEN: dict[str, list[Row]] = {
    "hil_responses.relevance_is_zero_to_one": [{"ai_relevance_score": -0.01}, {"ai_relevance_score": 1.01}],
    "node_connections.source_target_different": [{"target_node_id": None}],  # the same: see below
    "nodes.attached_nodes_is_an_array": [{"attached_nodes": Jsonb({})}, {"attached_nodes": Jsonb("a")}],
    "nodes.max_retries_is_not_negative": [{"max_retries": -1}],
    "nodes.node_id_not_empty": [{"node_id": ""}, {"node_id": "  "}],
    "nodes.retry_wait_time_is_not_negative": [{"retry_wait_time": -1}],
    "trigger_index.active_is_a_status": [{"is_active": True}, {"deployment_status": "active"}],
    "trigger_index.valid_trigger_type": [{"trigger_type": "ACTION"}],
    "workflow_execution_logs.display_priority_is_one_to_ten": [{"display_priority": 0}, {"display_priority": 11}],
    "workflow_execution_logs.progress_is_a_percentage": [{"progress_percentage": -1}, {"progress_percentage": 100.01}],
    "workflows.workflow_with_a_session_has_a_user": [{"user_id": None}],
    "workflows.workflows_name_not_empty": [{"name": ""}, {"name": "   "}],
    "workflows.workflows_valid_latest_execution_status": [{"latest_execution_status": "DONE"}],
}
# The same at the edge, which is not refused.
KEPT: dict[str, list[Row]] = {
    "hil_responses": [{"ai_relevance_score": 0}, {"ai_relevance_score": 1}],
    "nodes": [
        {"attached_nodes": Jsonb([])}, {"max_retries": 0}, {"retry_wait_time": 0}, {"node_id": " a "},
    ],
    "workflow_execution_logs": [
        {"display_priority": 1}, {"display_priority": 10}, {"progress_percentage": 0}, {"progress_percentage": 100},
    ],
    "workflows": [{"name": " w "}, {"latest_execution_status": "IDLE"}, {"session_id": None, "user_id": None}],
}  # fmt: skip
# NOT NULL says it first, and the primary key what these two say: they are there for foreign keys.
IN_VAIN = {
    "workflows.workflows_valid_workflow_data", "workflows.workflow_is_unique_in_its_user",
    "sessions.session_is_unique_in_its_user",
}  # fmt: skip
# Triggers set these columns to what the constraint wants.
SET_BY_TRIGGERS = {
    "workflows.workflows_valid_deployment_status", "workflows.workflows_valid_latest_execution_status",
    "nodes.node_belongs_to_a_workflow_of_its_user",
    "node_connections.node_connection_belongs_to_a_workflow_of_its_user",
    "workflows.workflow_was_deployed_by_a_user",
}  # fmt: skip

CONSTRAINTS = """
    SELECT r.relname || '.' || c.conname, r.relname::text, c.conname::text, c.contype::text,
           pg_get_constraintdef(c.oid),
           ARRAY(SELECT a.attname::text FROM unnest(c.conkey) AS k (n)
                   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n)
      FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
     WHERE c.contype IN ('c', 'u', 'p', 'f') AND c.connamespace = 'public'::regnamespace AND r.relname = ANY (%s)
     ORDER BY 1
"""


@pytest.fixture(scope="module")
def maker(module_database_url: str) -> Iterator[Maker]:
    """A user's row in each of the tables; each test undoes what it does."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        for user in (ALICE, BOB):
            connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
        made = Maker(connection)
        for table in TABLES:
            made.row_of(table, ALICE)
        yield made


def breaking(maker: Maker, name: str, table: str, kind: str, definition: str, columns: list[str]) -> Iterator[Row]:
    """Rows that break a constraint and nothing else."""
    new = maker.new(table, ALICE)
    if kind in ("p", "u"):
        yield new | {column: maker.row_of(table, ALICE)[column] for column in columns}
    elif kind == "f":
        missing = "unheard-of" if table in ("node_executions",) or columns[-1].endswith("node_id") else uuid4()
        yield new | {columns[-1]: missing} | ({"user_id": None} if name.endswith("belongs_to_a_workflow") else {})
    elif name == "node_connections.source_target_different":
        yield new | {"target_node_id": new["source_node_id"]}
    elif name in BROKEN:
        for values in BROKEN[name]:
            yield new | values
    else:
        assert re.match(r"CHECK \(\(\(\w+\)::text = ANY", definition), f"say in BROKEN what breaks {name}: {definition}"
        yield new | {columns[0]: "nonsense"}


def test_each_constraint_refuses_what_breaks_it(maker: Maker) -> None:
    constraints = maker.connection.execute(CONSTRAINTS, (list(TABLES),)).fetchall()
    assert len(constraints) > 65
    wrong = []
    for name, table, constraint, kind, definition, columns in constraints:
        if name in IN_VAIN:
            continue
        for row in breaking(maker, name, table, kind, definition, columns):
            said = refused(maker, name, table, row)
            if said != constraint:
                wrong.append((name, said))
    assert wrong == []


def refused(maker: Maker, name: str, table: str, row: Row) -> str | None:
    """The name of the constraint that refuses a row."""
    try:
        with maker.connection.transaction(force_rollback=True):
            if name in SET_BY_TRIGGERS:
                maker.connection.execute(f"ALTER TABLE public.{table} DISABLE TRIGGER USER".encode())
            if name.endswith("belongs_to_a_workflow_of_its_user"):
                row = row | {"user_id": BOB, "workflow_id": maker.row_of("workflows", ALICE)["id"]}
            maker.insert(table, row)
    except errors.IntegrityError as error:
        # A partition's constraint has the partition's name in it.
        return re.sub(r"_(\d{6}|default)_pkey$", "_pkey", error.diag.constraint_name or "")
    return None


def test_each_edge_is_kept(maker: Maker) -> None:
    refusals = [
        (table, values, said)
        for table, rows in KEPT.items()
        for values in rows
        if (said := refused(maker, "", table, maker.new(table, ALICE) | values)) is not None
    ]
    assert refusals == []


def test_control_a_constraint_that_is_gone_refuses_nothing(maker: Maker) -> None:
    row = maker.new("nodes", ALICE) | {"max_retries": -1}
    assert refused(maker, "", "nodes", row) == "max_retries_is_not_negative"
    maker.connection.execute("ALTER TABLE public.nodes DROP CONSTRAINT max_retries_is_not_negative")
    try:
        assert refused(maker, "", "nodes", row) is None
    finally:
        maker.connection.execute(
            "ALTER TABLE public.nodes ADD CONSTRAINT max_retries_is_not_negative CHECK (max_retries >= 0)"
        )


# -- whose the parts of a workflow are ---------------------------------------------------------------------------------


def users_of(connection: psycopg.Connection[Any], workflow: UUID) -> set[Any]:
    rows = connection.execute(
        "SELECT user_id FROM nodes WHERE workflow_id = %s UNION SELECT user_id FROM node_connections"
        " WHERE workflow_id = %s",
        (workflow, workflow),
    )
    return {user for (user,) in rows.fetchall()}


def test_nodes_and_connections_have_the_user_of_their_workflow_through_every_change(
    connection: psycopg.Connection[Any],
) -> None:
    """The inserts are the specification's: they name no user."""
    for user in (ALICE, BOB):
        connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
    made = Maker(connection)
    workflow = made.insert("workflows", made.new("workflows", None))["id"]
    for node in ("a", "b"):
        connection.execute(
            "INSERT INTO nodes (workflow_id, node_id, node_type, node_subtype, name, user_id)"
            " VALUES (%s, %s, 'ACTION', 'x', 'n', %s)",
            (workflow, node, BOB),
        )
    connection.execute(
        "INSERT INTO node_connections (workflow_id, source_node_id, target_node_id) VALUES (%s, 'a', 'b')", (workflow,)
    )
    assert users_of(connection, workflow) == {None}
    for user in (ALICE, BOB, None, ALICE):
        connection.execute("UPDATE workflows SET user_id = %s WHERE id = %s", (user, workflow))
        assert users_of(connection, workflow) == {user}
    connection.execute("DELETE FROM auth.users WHERE id = %s", (ALICE,))
    assert users_of(connection, workflow) == set()


def test_a_workflow_names_no_session_of_another(connection: psycopg.Connection[Any]) -> None:
    for user in (ALICE, BOB):
        connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
    made = Maker(connection)
    session = made.row_of("sessions", BOB)["id"]
    with pytest.raises(errors.ForeignKeyViolation, match="workflow_comes_from_a_session_of_its_user"):
        made.insert("workflows", made.new("workflows", ALICE) | {"session_id": session})
    workflow = made.insert("workflows", made.new("workflows", BOB) | {"session_id": session})["id"]
    connection.execute("DELETE FROM sessions WHERE id = %s", (session,))
    assert connection.execute("SELECT user_id, session_id FROM workflows WHERE id = %s", (workflow,)).fetchone() == (
        BOB,
        None,
    )
