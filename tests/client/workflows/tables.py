"""SQL with which tests edit the tables of workflows, and read what the log says of them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg

Connection = psycopg.Connection[Any]


def a_user(connection: Connection) -> UUID:
    """Make a user and return its id."""
    user = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
    return user


def insert_workflow(connection: Connection, user: UUID | None, *, nodes: int = 0, name: str = "w") -> UUID:
    """Insert a workflow with a chain of nodes, row by row, and return its id."""
    workflow = uuid4()
    with connection.transaction():
        connection.execute(
            "INSERT INTO public.workflows (id, user_id, name, workflow_data, created_at, updated_at)"
            " VALUES (%s, %s, %s, '{}', 0, 0)",
            (workflow, user, name),
        )
        for n in range(nodes):
            insert_node(connection, workflow, f"n{n}")
        for n in range(nodes - 1):
            insert_connection(connection, workflow, f"n{n}", f"n{n + 1}")
    return workflow


def insert_node(connection: Connection, workflow: UUID, node_id: str, node_type: str = "ACTION", **about: Any) -> None:
    row = {"workflow_id": workflow, "node_id": node_id, "node_type": node_type, "node_subtype": "HTTP", "name": node_id}
    _insert(connection, "nodes", {**row, **about})


def insert_connection(connection: Connection, workflow: UUID, source: str, target: str, **about: Any) -> None:
    row = {"workflow_id": workflow, "source_node_id": source, "target_node_id": target, **about}
    _insert(connection, "node_connections", row)


def _insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    values = [json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()]
    connection.execute(f"INSERT INTO public.{table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", values)  # type: ignore[call-overload]


def saved(connection: Connection, workflow: UUID | None = None) -> list[dict[str, Any]]:
    """Return the data of the DefinitionSaved events, of one workflow or of all, in their order."""
    rows = connection.execute(
        "SELECT data FROM runfold.events WHERE type = 'DefinitionSaved' AND (%s::text IS NULL OR stream_id = %s)"
        " ORDER BY position",
        (None if workflow is None else "", f"definition-{workflow}"),
    ).fetchall()
    return [row[0] for row in rows]


def definition_of(connection: Connection, workflow: UUID) -> dict[str, Any]:
    """Return the definition as the rows have it."""
    row = connection.execute("SELECT runfold.definition_of(%s)", (workflow,)).fetchone()
    assert row is not None
    return dict(row[0])


def body_of(connection: Connection, digest: str) -> dict[str, Any]:
    row = connection.execute("SELECT body FROM runfold.definitions WHERE digest = %s", (digest,)).fetchone()
    assert row is not None
    return dict(row[0])


def digest_of(connection: Connection, definition: dict[str, Any]) -> str:
    row = connection.execute("SELECT runfold.definition_digest(%s)", (json.dumps(definition),)).fetchone()
    assert row is not None
    return str(row[0])


def left_over(connection: Connection) -> int:
    """Count the notes and permits that a transaction left behind; there must be none."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM runfold.edited_workflows) + (SELECT count(*) FROM runfold.permits)"
    ).fetchone()
    assert row is not None
    return int(row[0])
