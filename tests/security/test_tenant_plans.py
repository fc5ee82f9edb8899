"""What a tenant's pages ask is found by index, under the policies as by a service that filters by hand.

The rows and the queries are those of `bench.tenants`, in smaller numbers: enough for the planner to prefer an index.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from bench.tenants import NAMES, QUERIES, SERVICE, asked, drawn, fill

EXECUTIONS = 60_000

INDEXES = {
    "workflow_list": {"idx_workflows_active"},
    "execution_detail": {"workflow_executions_execution_id_key", "idx_node_executions_execution_id"},
    "trigger_by_webhook": {"idx_trigger_index_lookup"},
    "interactions_due": {"idx_human_interactions_pending_timeout"},
    "newest_executions": {"idx_executions_user_created"},
    "newest_failed": {"idx_executions_user_status"},
    "newest_of_workflow": {"idx_executions_workflow_id"},
    "count_of_executions": {"idx_executions_user_created"},
}
# Read in the index's order: the rows of a tenant are never all sorted.
IN_ORDER = {"workflow_list", "newest_executions", "newest_failed"}

Call = dict[str, Any]


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> tuple[str, list[Call]]:
    """A database with the rows of the bench, and the parameters of some calls: the first is the largest tenant's."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        fill(connection, executions=EXECUTIONS, tenants=60, workflows=9_000)
        calls = drawn(connection, EXECUTIONS, 40, seed=1)
        (largest,) = connection.execute(
            "SELECT user_id FROM workflow_executions GROUP BY user_id ORDER BY count(*) DESC LIMIT 1"
        ).fetchone() or (None,)
    own = [call for call in calls if call["user"] == largest]
    return module_database_url, [*own[:2], *(call for call in calls if call["user"] != largest)][:6]


@pytest.fixture
def session(filled: tuple[str, list[Call]]) -> Any:
    """A superuser's session, whose calls take a role, in that database."""
    with psycopg.connect(filled[0], autocommit=True) as connection:
        yield connection


def plan(session: psycopg.Connection[Any], role: str, query: str, call: Call) -> str:
    return "\n".join(row[0] for row in asked(session, role, f"EXPLAIN {query}", call))


def is_indexed(session: psycopg.Connection[Any], role: str, name: str, query: str, call: Call) -> None:
    found = plan(session, role, query, call)
    used = {one or other for one, other in re.findall(r"using (\w+)|Index Scan on (\w+)", found)}
    assert INDEXES[name] <= used, found
    assert "Seq Scan" not in found, found
    if name in IN_ORDER:
        assert "Sort" not in found, found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", ["tenant", "service"])
def test_each_query_names_its_index(
    session: psycopg.Connection[Any], filled: tuple[str, list[Call]], name: str, side: str
) -> None:
    role, query = ("authenticated", QUERIES[name]) if side == "tenant" else (SERVICE, QUERIES[f"{name}_by_hand"])
    for call in filled[1]:
        # Who names the largest tenant reads the newest of all, and leaves out few: no worse.
        if (side, name) != ("service", "newest_executions") or call["user"] != filled[1][0]["user"]:
            is_indexed(session, role, name, query, call)


@pytest.mark.parametrize("name", NAMES)
def test_both_sides_give_the_same_rows(
    session: psycopg.Connection[Any], filled: tuple[str, list[Call]], name: str
) -> None:
    for call in filled[1]:
        tenant = asked(session, "authenticated", QUERIES[name], call)
        service = asked(session, SERVICE, QUERIES[f"{name}_by_hand"], call)
        assert sorted(map(str, tenant)) == sorted(map(str, service))


def test_a_webhook_that_belongs_to_another_is_not_found(
    session: psycopg.Connection[Any], filled: tuple[str, list[Call]]
) -> None:
    call = next(each for each in filled[1] if each["user"] != filled[1][0]["user"])
    assert len(asked(session, "authenticated", QUERIES["trigger_by_webhook"], call)) == 1
    other = {**call, "user": filled[1][0]["user"]}
    assert asked(session, "authenticated", QUERIES["trigger_by_webhook"], other) == []


@pytest.mark.parametrize("name", NAMES)
def test_control_without_its_index_a_query_is_noticed(
    session: psycopg.Connection[Any], filled: tuple[str, list[Call]], name: str
) -> None:
    session.autocommit = False  # the index comes back with the rollback
    call = filled[1][0]
    index = sorted(INDEXES[name])[0]
    if index.endswith("_key"):
        session.execute(f"ALTER TABLE workflow_executions DROP CONSTRAINT {index} CASCADE".encode())
    else:
        session.execute(f"DROP INDEX public.{index}".encode())
    claims = f'{{"sub": "{call["user"]}", "role": "authenticated"}}'
    session.execute(
        "SELECT set_config('request.jwt.claims', %s, true), set_config('role', 'authenticated', true)", [claims]
    )
    found = "\n".join(row[0] for row in session.execute(f"EXPLAIN {QUERIES[name]}".encode(), call, prepare=False))
    session.rollback()
    assert index not in found
