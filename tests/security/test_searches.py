"""Searches of executions and workflows: what they find, whose, and by which index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runfold.database.connections import mapped_errors
from runfold.errors import InvalidInput
from tests.fixtures.plans import index_used_by

ONE, OTHER = UUID(int=1, version=4), UUID(int=2, version=4)

EXECUTIONS = """
INSERT INTO workflow_executions (id, execution_id, workflow_id, user_id, status, metadata, error_message, order_time,
                                 first_event_position, last_event_position, created_at, updated_at)
SELECT gen_random_uuid(), %(user)s || '-' || n, gen_random_uuid(), %(user)s,
       CASE n %% 10 WHEN 0 THEN 'ERROR' ELSE 'SUCCESS' END,
       CASE n %% 5 WHEN 0 THEN jsonb_build_object('batch', n / 50) ELSE '{}' END,
       CASE n %% 10 WHEN 0 THEN 'connection ' || n || ' was refused by host-' || md5(n::text) END,
       now() - n * interval '1 s', n, n, now() - n * interval '1 s', now()
  FROM generate_series(1, %(rows)s) AS n
"""
WORKFLOWS = """
INSERT INTO workflows (user_id, name, workflow_data, tags, created_at, updated_at)
SELECT %(user)s, 'Flow ' || n, '{}', ARRAY['all', 'tag-' || n %% 1000], n, n FROM generate_series(1, %(rows)s) AS n
"""


@pytest.fixture
def rows(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """20,000 executions and 5,000 workflows of each of two tenants."""
    for user in (ONE, OTHER):
        connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [user])
        connection.execute(EXECUTIONS, {"user": user, "rows": 20_000})
        connection.execute(WORKFLOWS, {"user": user, "rows": 5_000})
    connection.execute("VACUUM ANALYZE workflow_executions")
    connection.execute("VACUUM ANALYZE workflows")
    return connection


@contextmanager
def acting(connection: psycopg.Connection[Any], user: UUID | None, role: str = "authenticated") -> Iterator[None]:
    claims = json.dumps({"sub": str(user), "role": role}) if user else ""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", [role, claims]
        )
        yield


SEARCHES = {
    "error text": (
        "executions",
        "error_text => 'HOST-' || left(md5('570'), 12)",
        "error_message ILIKE '%host-' || left(md5('570'), 12) || '%'",
        "idx_executions_error_trigrams",
    ),
    "metadata": (
        "executions",
        """having_metadata => '{"batch": 77}'""",
        """metadata @> '{"batch": 77}'""",
        "idx_executions_metadata",
    ),
    "tags": ("workflows", "having_tags => '{all,tag-77}'", "tags @> '{all,tag-77}'", "idx_workflows_tags"),
    "name": ("workflows", "name_begins => 'fLOW 477'", "name ILIKE 'flow 477%'", "idx_workflows_name"),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_finds_a_tenants_own_rows_by_its_index(rows: psycopg.Connection[Any], name: str) -> None:
    table, arguments, condition, index = SEARCHES[name]
    relation = {"executions": "workflow_executions"}.get(table, table)
    wanted = rows.execute(f"SELECT id FROM {relation} WHERE user_id = '{ONE}' AND {condition}").fetchall()  # type: ignore[call-overload]
    assert 0 < len(wanted) <= 20
    own = f"SELECT id, user_id FROM runfold.search_{table}({arguments})"
    twin = f"SELECT id, user_id FROM runfold.search_{table}_of('{ONE}', {arguments})"
    inner = "public.workflow_executions e" if table == "executions" else "public.workflows w"
    with acting(rows, ONE):
        assert {row[0] for row in rows.execute(own).fetchall()} == {row[0] for row in wanted}  # type: ignore[call-overload]
    with acting(rows, OTHER):
        assert {row[1] for row in rows.execute(own).fetchall()} == {OTHER}  # type: ignore[call-overload]
    for nobody in (None, uuid4()):
        with acting(rows, nobody):
            assert rows.execute(own).fetchall() == []  # type: ignore[call-overload]
    with acting(rows, ONE), pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows.execute(twin)  # type: ignore[call-overload]
    with acting(rows, None, "runfold_operator"):
        assert {row[0] for row in rows.execute(twin).fetchall()} == {row[0] for row in wanted}  # type: ignore[call-overload]
    for role, query in (("authenticated", own), ("runfold_operator", twin)):
        with index_used_by(rows) as used, acting(rows, ONE, role):
            rows.execute(query)  # type: ignore[call-overload]
        assert index in used(inner), (role, used(inner))


def test_control_under_row_security_the_plain_query_does_not_use_the_index(rows: psycopg.Connection[Any]) -> None:
    for name in ("metadata", "tags"):
        table, _, condition, index = SEARCHES[name]
        relation = {"executions": "workflow_executions"}.get(table, table)
        with index_used_by(rows) as used, acting(rows, ONE):
            rows.execute(f"SELECT id FROM {relation} WHERE {condition} AND '' = ''")  # type: ignore[call-overload]
        assert index not in used("AND '' = ''")


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%", "a_b"])
def test_signs_of_patterns_are_text(connection: psycopg.Connection[Any], text: str) -> None:
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [ONE])
    connection.execute(EXECUTIONS, {"user": ONE, "rows": 20})
    connection.execute(
        "UPDATE workflow_executions SET error_message = %s WHERE execution_id LIKE '%%-10'", [f"at {text}!"]
    )
    connection.execute(WORKFLOWS, {"user": ONE, "rows": 3})
    connection.execute("UPDATE workflows SET name = %s WHERE name = 'Flow 2'", [f"{text}!"])
    with acting(connection, ONE):
        found = connection.execute("SELECT error_message FROM runfold.search_executions(%s)", [text]).fetchall()
        named = connection.execute("SELECT name FROM runfold.search_workflows(name_begins => %s)", [text]).fetchall()
    assert (found, named) == ([(f"at {text}!",)], [(f"{text}!",)])


@pytest.mark.parametrize(("limit", "works"), [(0, False), (1, True), (1000, True), (1001, False)])
@pytest.mark.parametrize("table", ["executions", "workflows"])
def test_the_limit_of_a_search_is_between_1_and_1000(
    connection: psycopg.Connection[Any], table: str, limit: int, works: bool
) -> None:
    call = f"SELECT id FROM runfold.search_{table}(max_results => {limit})"
    with acting(connection, ONE):
        if works:
            assert connection.execute(call).fetchall() == []  # type: ignore[call-overload]
            return
        with pytest.raises(InvalidInput) as refused, mapped_errors():
            connection.execute(call)  # type: ignore[call-overload]
    assert refused.value.pointer == "/limit"
