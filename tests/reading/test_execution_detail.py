"""An execution as one JSON value: what `execution show --json` prints, and only for who may see it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest

import runfold
from runfold.interop.xes import import_xes
from runfold.reading.executions import parts_of_execution, read_execution
from runfold.reading.status import statement
from runfold.settings import migrations_dir
from tests.fixtures.logs import Log, created, event, run
from tests.fixtures.processes import drain
from tests.interop.test_xes_real_log import REAL_LOG

pytest_plugins = ["tests.fixtures.stores"]

OWN = UUID("00000000-0000-4000-8000-00000000000a")
OTHER = UUID("f0000000-0000-4000-8000-00000000000b")
DETAIL = "SELECT runfold.execution_detail(%s)"
PLAIN = """
SELECT json_agg(ne.*) FROM workflow_executions e LEFT JOIN node_executions ne ON e.execution_id = ne.execution_id
 WHERE e.execution_id = %s GROUP BY e.id
"""
SOURCE = migrations_dir().parents[0] / "functions" / "execution_detail.sql"


@pytest.fixture
def folded(connection: psycopg.Connection[Any], database_url: str) -> psycopg.Connection[Any]:
    log = Log(connection)
    log.append("execution-with", *run("with", nodes=2), user_id=OWN)
    log.append("execution-without", created("without"), user_id=OWN)
    log.append("execution-child", created("child", parent_execution_id="with"), user_id=OWN)
    log.append("log-with", *(event("LogAppended", message=f"line {n}") for n in range(60)), user_id=OWN)
    paused = event("PauseOpened", pause="p", paused_node_id="n0", pause_reason="manual")
    failed = event("NodeAttemptFailed", activation="a", node_id="a", attempt=1, will_retry=True)
    log.append("execution-paused", *run("paused", nodes=1)[:3], failed, paused, user_id=OWN)
    drain(database_url)
    return connection


def detail(connection: psycopg.Connection[Any], execution_id: str) -> Any:
    row = connection.execute(DETAIL, [execution_id]).fetchone()
    return row and row[0]


def with_times(value: Any) -> Any:
    """Return JSON with its RFC 3339 texts as times: one side writes Z, the other +00:00."""
    if isinstance(value, dict):
        return {name: with_times(one) for name, one in value.items()}
    if isinstance(value, list):
        return [with_times(one) for one in value]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$", value):
        return datetime.fromisoformat(value)
    return value


def shown(connection: psycopg.Connection[Any], execution_id: str) -> Any:
    """Return what `execution show --json` prints."""
    return with_times(orjson.loads(orjson.dumps(read_execution(connection, execution_id), default=str)))


def ids(connection: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in connection.execute("SELECT execution_id FROM workflow_executions ORDER BY 1")]


def test_it_is_what_the_command_line_prints(folded: psycopg.Connection[Any]) -> None:
    assert ids(folded) == ["child", "paused", "with", "without"]
    for execution_id in ids(folded):
        assert with_times(detail(folded, execution_id)) == shown(folded, execution_id)
    full = detail(folded, "with")
    assert (len(full["logs"]), full["logs"][-1]["message"], len(full["children"])) == (50, "line 59", 1)
    assert detail(folded, "paused")["attempts"]
    assert detail(folded, "paused")["pauses"]


def test_control_a_part_that_is_left_out_is_found(folded: psycopg.Connection[Any]) -> None:
    assert with_times(detail(folded, "with")) | {"children": []} != shown(folded, "with")


def test_the_number_of_log_lines_is_given(folded: psycopg.Connection[Any]) -> None:
    def lines(count: int) -> list[Any]:
        (found,) = folded.execute("SELECT runfold.execution_detail('with', %s) -> 'logs'", [count]).fetchone() or ([],)
        return [row["message"] for row in found]

    assert (lines(0), lines(-1), lines(1)) == ([], [], ["line 59"])
    assert len(lines(1000)) == 60


@pytest.mark.parametrize("name", ["execution", *(f"execution_{part}" for part in parts_of_execution("", OWN, 0))])
def test_each_part_is_the_command_line_s_statement(name: str) -> None:
    assert_holds(SOURCE.read_text(encoding="utf-8"), name)


def test_control_a_statement_that_differs_is_found() -> None:
    with pytest.raises(AssertionError):
        assert_holds(
            SOURCE.read_text(encoding="utf-8").replace("n.start_time NULLS LAST", "n.start_time"), "execution_nodes"
        )


def assert_holds(source: str, name: str) -> None:
    expected = statement(name).replace("{tables}", "public")
    given = {
        "execution_id)s::text": "$1",
        "execution_id)s": "$1",
        "execution_row)s": "execution_row",
        "table)s": "'public.workflow_execution_logs'",
    }
    for parameter, value in given.items():
        expected = expected.replace(f"%({parameter}", value)
    limit = {"execution_attempts": "10000", "execution_children": "1000"}.get(name, "greatest(log_lines, 0)")
    expected = expected.replace("%(limit)s", limit)
    lines = [line for line in expected.splitlines() if not line.startswith("--")]
    assert " ".join(" ".join(lines).split()) in " ".join(source.split())


def test_without_nodes_it_has_an_empty_array_where_a_join_has_null(folded: psycopg.Connection[Any]) -> None:
    assert detail(folded, "without")["nodes"] == []
    assert folded.execute(PLAIN, ["without"]).fetchone() == ([None],)


@pytest.mark.parametrize(("user", "sees"), [(OWN, True), (OTHER, False)])
def test_a_tenant_sees_its_own_without_what_only_the_log_says(
    folded: psycopg.Connection[Any], user: UUID, sees: bool
) -> None:
    with folded.transaction():
        folded.execute(
            "SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
            [f'{{"sub": "{user}", "role": "authenticated"}}'],
        )
        found = detail(folded, "with")
        assert (found is not None) is sees
        if found is not None:
            assert (len(found["nodes"]), len(found["children"]), "attempts" in found) == (2, 1, False)
    assert detail(folded, "nowhere") is None


@pytest.mark.parametrize("role", ["runfold_engine", "runfold_operator", "runfold_projector", "runfold_reader"])
def test_services_see_all_parts(folded: psycopg.Connection[Any], role: str) -> None:
    everything = detail(folded, "paused")
    with folded.transaction():
        folded.execute("SELECT set_config('role', %s, true)", [role])
        assert detail(folded, "paused") == everything


@pytest.mark.large
@pytest.mark.skipif(not REAL_LOG.exists(), reason="../shared/data/bpic2012.xes.gz is not here")
def test_it_is_what_the_command_line_prints_for_every_execution_of_the_real_log(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    with runfold.connect(database_url) as store:
        import_xes(store, REAL_LOG)
    drain(database_url)
    connection.execute("ANALYZE")
    known = ids(connection)
    assert len(known) == 13_087
    for execution_id in known:
        assert with_times(detail(connection, execution_id)) == shown(connection, execution_id), execution_id
