"""Verify finds and names every difference from the log, and nothing else."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runfold.errors import TableMissing
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.verify import Verification, verify
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, verified, worker
from tests.model.payloads import WORKFLOWS
from tests.projections.reconciling.rebuilding import appending


@pytest.fixture
def healthy(log: Log, database_url: str) -> Log:
    """A log with events for every table, folded."""
    log.wander(seed=1, appends=60)
    log.append("execution-a", *run("a", nodes=3))
    log.append("execution-b", *run("b"))
    log.append("log-a", event("LogAppended"), event("LogAppended"))
    drain(database_url)
    return log


def found(url: str) -> list[Verification]:
    return [verification for verification in verified(url) if verification.differing]


def test_a_healthy_database_has_no_differences(healthy: Log, database_url: str) -> None:
    everything = verified(database_url)
    assert {item.projection for item in everything} == {item.name for item in load_catalogue().projections}
    assert [item for item in everything if item.differing or item.differences or item.parked_streams] == []
    counted = {item.projection: item.rows for item in everything}
    for name in ("workflow_executions", "node_executions", "workflow_execution_logs", "workflow_execution_pauses"):
        assert counted[name] > 0, "an empty table proves nothing"
        row = healthy.connection.execute(f"SELECT count(*) FROM public.{name}").fetchone()
        assert row == (counted[name],)
    healthy.assert_folded()
    noted = healthy.connection.execute("SELECT DISTINCT position, differences FROM runfold.verifications").fetchall()
    assert noted == [(healthy.events[-1].position, 0)]


DAMAGE: dict[str, tuple[str, str, str, set[str]]] = {
    "a changed column": (
        "UPDATE public.workflow_executions SET status = 'ERROR', end_time = 5 WHERE execution_id = 'a'",
        "workflow_executions", "different", {"status", "end_time"},
    ),
    "a column made null": (
        "UPDATE public.node_executions SET start_time = NULL WHERE execution_id = 'b' AND activation = 'n0'",
        "node_executions", "different", {"start_time"},
    ),
    "a missing row": (
        "DELETE FROM public.node_executions WHERE execution_id = 'b' AND activation = 'n0'",
        "node_executions", "missing", set(),
    ),
    "a surplus row": (
        (
            "INSERT INTO public.workflow_status (workflow_id, last_event_position, updated_at)"
            " VALUES (gen_random_uuid(), 1, now())"
        ),
        "workflow_status", "surplus", set(),
    ),
    "a number of the same value": (
        "UPDATE public.workflow_executions SET metadata = jsonb_build_object('cost', 1.00) WHERE execution_id = 'a'",
        "workflow_executions", "different", {"metadata"},
    ),
    "a log line's last blank": (
        "UPDATE public.workflow_execution_logs SET message = message || ' ' WHERE execution_id = 'a'",
        "workflow_execution_logs", "different", {"message"},
    ),
    "a status that is not the latest": (
        "UPDATE public.workflow_status SET latest_execution_status = 'NEW' WHERE latest_execution_id = 'b'",
        "workflow_status", "different", {"latest_execution_status"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_named(log: Log, database_url: str, damage: str) -> None:
    statement, projection, kind, columns = DAMAGE[damage]
    log.append("execution-a", *run("a", nodes=3, metadata={"cost": 1.0}))
    log.append("execution-b", *run("b"))
    log.append("log-a", event("LogAppended"))
    drain(database_url)
    assert_nothing_differs(database_url)
    assert log.connection.execute(statement).rowcount == 1
    (verification,) = found(database_url)
    assert (verification.projection, verification.differing) == (projection, 1)
    (difference,) = verification.differences
    assert (difference.kind, set(difference.columns)) == (kind, columns)
    assert all(in_table != in_log or str(in_table) for in_table, in_log in difference.columns.values())


def test_the_values_of_a_difference_are_shown(log: Log, database_url: str) -> None:
    log.append("execution-a", *run("a"))
    drain(database_url)
    log.connection.execute("UPDATE public.workflow_executions SET status = 'ERROR'")
    (verification,) = found(database_url)
    assert verification.differences[0].columns == {"status": ("ERROR", "SUCCESS")}
    row = log.connection.execute(
        "SELECT differences FROM runfold.verifications WHERE projection = 'workflow_executions'"
    ).fetchone()
    assert row == (1,)


def test_a_copy_in_workflows_that_differs_is_found(log: Log, database_url: str) -> None:
    log.connection.execute(
        "INSERT INTO public.workflows (id, name, workflow_data, created_at, updated_at) VALUES (%s, 'w', '{}', 0, 0)",
        (WORKFLOWS[0],),
    )
    log.append("execution-a", *run("a"))
    drain(database_url)
    assert_nothing_differs(database_url)
    with log.connection.transaction():
        log.connection.execute("SET LOCAL session_replication_role = replica")
        log.connection.execute("UPDATE public.workflows SET latest_execution_status = 'ERROR'")
    (verification,) = found(database_url)
    assert verification.projection == "workflow_status"
    (difference,) = verification.differences
    assert difference.key == {"workflows.id": WORKFLOWS[0]}
    assert difference.columns == {"latest_execution_status": ("ERROR", "SUCCESS")}


def test_only_what_is_named_is_verified(healthy: Log, database_url: str) -> None:
    healthy.connection.execute("DELETE FROM public.workflow_execution_logs")
    with psycopg.connect(database_url, autocommit=True) as connection:
        (verification,) = verify(connection, load_catalogue(), ["node_executions"])
    assert (verification.projection, verification.differing) == ("node_executions", 0)


def test_verify_beside_appends_and_a_live_worker_finds_no_false_difference(log: Log, database_url: str) -> None:
    positions = set()
    with worker(database_url, batch_size=7), appending(log, database_url):
        for _ in range(6):
            everything = verified(database_url)
            assert [item for item in everything if item.differing] == []
            positions.add(everything[0].position)
    assert len(positions) > 1, "nothing moved meanwhile: this proves nothing"


def test_verify_changes_nothing(healthy: Log, database_url: str) -> None:
    def tables() -> list[Any]:
        return [
            healthy.connection.execute(
                "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables"
                " WHERE schemaname = 'public' ORDER BY 1"
            ).fetchall(),
            healthy.connection.execute("SELECT relname FROM pg_class WHERE relpersistence = 't'").fetchall(),
        ]

    healthy.connection.execute("SELECT pg_stat_force_next_flush()")
    before = tables()
    verified(database_url)
    assert tables() == before


@pytest.mark.parametrize("table", ["workflow_execution_pauses", "workflow_execution_logs", "workflow_status"])
def test_of_a_dropped_table_verify_says_how_it_comes_back_and_so_it_does(
    healthy: Log, database_url: str, table: str
) -> None:
    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(database_url, autocommit=True)

    healthy.connection.execute(f"CREATE TABLE public.again (LIKE public.{table} INCLUDING ALL)")
    healthy.connection.execute(f"DROP TABLE public.{table} CASCADE")
    for look in (lambda: verified(database_url), lambda: rebuild(connect, load_catalogue(), [table])):
        with pytest.raises(TableMissing) as missing:
            look()
        assert str(missing.value).startswith(
            f"the table public.{table} of projection {table} does not exist: create it"
        )
        assert f"`runfold projection rebuild {table}`" in str(missing.value)
    healthy.connection.execute(f"ALTER TABLE public.again RENAME TO {table}")
    rebuild(connect, load_catalogue(), [table])
    assert healthy.connection.execute(f"SELECT count(*) > 0 FROM public.{table}").fetchone() == (True,)
    assert_nothing_differs(database_url)
