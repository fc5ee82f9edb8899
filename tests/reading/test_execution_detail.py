"""An execution with its nodes in one row, also one without nodes, and only for who may see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.fixtures.logs import Log, created, run
from tests.fixtures.processes import drain

OWN = UUID("00000000-0000-4000-8000-00000000000a")
OTHER = UUID("f0000000-0000-4000-8000-00000000000b")
DETAIL = "SELECT runfold.execution_detail(%s)"
PLAIN = """
SELECT json_agg(ne.*) FROM workflow_executions e LEFT JOIN node_executions ne ON e.execution_id = ne.execution_id
 WHERE e.execution_id = %s GROUP BY e.id
"""


@pytest.fixture
def folded(connection: psycopg.Connection[Any], database_url: str) -> psycopg.Connection[Any]:
    log = Log(connection)
    log.append("execution-with", *run("with", nodes=2), user_id=OWN)
    log.append("execution-without", created("without"), user_id=OWN)
    drain(database_url)
    return connection


def detail(connection: psycopg.Connection[Any], execution_id: str) -> Any:
    row = connection.execute(DETAIL, [execution_id]).fetchone()
    return row and row[0]


def test_it_has_the_row_and_its_nodes_in_the_order_of_their_starts(folded: psycopg.Connection[Any]) -> None:
    found = detail(folded, "with")
    assert (found["status"], sorted(node["activation"] for node in found["nodes"])) == ("SUCCESS", ["n0", "n1"])
    starts = [node["start_time"] for node in found["nodes"]]
    assert starts == sorted(starts)


def test_without_nodes_it_has_an_empty_array_where_a_join_has_null(folded: psycopg.Connection[Any]) -> None:
    assert detail(folded, "without")["nodes"] == []
    assert folded.execute(PLAIN, ["without"]).fetchone() == ([None],)


@pytest.mark.parametrize(("user", "sees"), [(OWN, True), (OTHER, False)])
def test_a_tenant_sees_its_own(folded: psycopg.Connection[Any], user: UUID, sees: bool) -> None:
    with folded.transaction():
        folded.execute(
            "SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
            [f'{{"sub": "{user}", "role": "authenticated"}}'],
        )
        assert (detail(folded, "with") is not None) is sees
    assert detail(folded, "nowhere") is None
