"""The counts of dashboards are those of the rows, whatever has changed the rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.replay import replay
from runfold.projections.reconciling.verify import verify
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain
from tests.model import counts
from tests.model.histories import History, cut_histories, size
from tests.projections.folding.test_folds_equal_the_model import (
    DELETION,
    EXCHANGE,
    LATE,
    Database,
    database,
    in_one_database,
)

__all__ = ["database"]


@settings(in_one_database, max_examples=40)
@example((LATE, list(range(1, size(LATE) + 1))))
@example((EXCHANGE, list(range(1, size(EXCHANGE) + 1))))
@example((DELETION, list(range(1, size(DELETION) + 1))))
@given(cut_histories())
def test_any_cut_of_a_log_gives_the_counts_of_its_rows(database: Database, cut: tuple[History, list[int]]) -> None:
    history, cuts = cut
    database.check(history, cuts)
    counts.assert_right(database.connection)


@pytest.fixture
def folded(log: Log, database_url: str) -> Log:
    log.append("execution-a", *run("a"))
    log.append("execution-b", event("ExecutionCreated", execution_id="b"), event("NodeStarted", activation="n"))
    drain(database_url)
    counts.assert_right(log.connection)
    assert all(counts.read(log.connection).values())
    return log


CHANGES = {
    "a workflow of another": "UPDATE public.workflow_executions SET workflow_id = gen_random_uuid()",
    "another tenant": "UPDATE public.workflow_executions SET user_id = gen_random_uuid()",
    "another time": "UPDATE public.workflow_executions SET created_at = created_at + interval '25 hours'",
    "another end": "UPDATE public.workflow_executions SET status = 'TIMEOUT', end_time = 86400000, duration_ms = 77",
    "no end": "UPDATE public.workflow_executions SET status = 'RUNNING', end_time = NULL, duration_ms = NULL",
    "another kind of node": "UPDATE public.node_executions SET node_subtype = 'other', node_type = 'x'",
    "another end of a node": "UPDATE public.node_executions SET status = 'SKIPPED', end_time = 1, duration_ms = 1",
    "nothing of it": "UPDATE public.workflow_executions SET run_data = '1'",
    "some rows less": "DELETE FROM public.workflow_executions WHERE execution_id = 'a'",
    "no rows": "TRUNCATE public.workflow_executions CASCADE",
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_counts_follow_any_change_and_its_repair(folded: Log, database_url: str, change: str) -> None:
    before = counts.read(folded.connection)
    folded.connection.execute(CHANGES[change].encode())
    counts.assert_right(folded.connection)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for stream in ("execution-a", "execution-b"):
            replay(connection, load_catalogue(), stream)
    counts.assert_right(folded.connection)
    assert counts.read(folded.connection) == before


def test_a_row_that_is_rolled_back_was_not_counted(folded: Log) -> None:
    before = counts.read(folded.connection)
    with folded.connection.transaction(force_rollback=True):
        folded.connection.execute("DELETE FROM public.workflow_executions")
        assert counts.read(folded.connection)["execution_hours"] == {}
    assert counts.read(folded.connection) == before


@pytest.mark.parametrize("kind", ["added", "changed", "removed"])
def test_control_without_its_trigger_the_counts_are_wrong(log: Log, database_url: str, kind: str) -> None:
    log.connection.execute(f"DROP TRIGGER {kind}_rows_are_counted ON public.workflow_executions".encode())
    log.append("execution-a", *run("a")[:2])
    drain(database_url)
    log.append("execution-a", event("ExecutionSucceeded"))
    drain(database_url)
    log.connection.execute("DELETE FROM public.workflow_executions")
    if kind == "added":
        found = counts.read(log.connection)["execution_hours"].values()
        assert any(row["created"] < 0 for row in found)
    with pytest.raises(AssertionError):
        counts.assert_right(log.connection)


def test_what_differs_from_the_rows_is_named_and_mended(folded: Log) -> None:
    assert folded.connection.execute("SELECT count(*) FROM runfold.counts_that_differ()").fetchone() == (0,)
    folded.connection.execute("UPDATE public.execution_hours SET created = created + 1")
    folded.connection.execute("DELETE FROM public.execution_days")
    folded.connection.execute(
        "INSERT INTO public.node_days (node_type, day, durations) VALUES ('x', '2026-01-01', array_fill(0, ARRAY[224]))"
    )
    found = folded.connection.execute(
        "SELECT DISTINCT table_name FROM runfold.counts_that_differ() ORDER BY 1"
    ).fetchall()
    assert found == [("execution_days",), ("execution_hours",), ("node_days",)]
    folded.connection.execute("SELECT runfold.count_again()")
    counts.assert_right(folded.connection)
    assert folded.connection.execute("SELECT count(*) FROM runfold.counts_that_differ()").fetchone() == (0,)


def test_verify_names_the_counts_that_differ_and_a_rebuild_mends_them(folded: Log, database_url: str) -> None:
    known = load_catalogue()
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert not any(table.differing for table in verify(connection, known))
        folded.connection.execute("UPDATE public.execution_hours SET created = created + 1")
        folded.connection.execute("DELETE FROM public.node_days")
        (executions,) = (table for table in verify(connection, known) if table.differing)
        assert executions.projection == "workflow_executions"
        assert executions.differing == len(executions.differences) > 1
        assert {table for row in executions.differences for table in row.key} == {"execution_hours", "node_days"}
        # Of one stream's rows the counts say nothing.
        assert not any(table.differing for table in verify(connection, known, streams=["execution-a"]))
        (one,) = (table for table in verify(connection, known, limit=1) if table.differing)
        assert (one.differing, len(one.differences)) == (executions.differing, 1)
    rebuild(lambda: psycopg.connect(database_url, autocommit=True), known, ["workflow_executions"])
    counts.assert_right(folded.connection)


# Durations


def test_a_duration_is_in_the_part_that_its_bits_say(connection: psycopg.Connection[Any]) -> None:
    @given(
        st.lists(
            st.integers(-5, 2**31) | st.integers(0, 3_000) | st.sampled_from([2**n for n in range(40)]), max_size=30
        )
    )
    def check(times: list[int]) -> None:
        rows = connection.execute(
            "SELECT t, runfold.duration_part(t), runfold.part_duration(runfold.duration_part(t))"
            " FROM unnest(%s::bigint[]) AS t",
            (times,),
        ).fetchall()
        assert [part for _, part, _ in rows] == [counts.part_of(ms) for ms in times]
        for ms, _, middle in rows:
            if 0 <= ms < 2**30:
                assert abs(middle - ms) <= 0.07 * ms

    check()


def test_the_parts_are_in_order_and_their_middles_are_in_them(connection: psycopg.Connection[Any]) -> None:
    rows = connection.execute(
        "SELECT p, runfold.part_duration(p), runfold.duration_part(runfold.part_duration(p))"
        " FROM generate_series(1, 224) AS p"
    ).fetchall()
    assert [part for part, _, _ in rows] == [again for _, _, again in rows]
    middles = [middle for _, middle, _ in rows]
    assert middles == sorted(set(middles))


def test_a_percentile_is_near_that_of_the_durations(connection: psycopg.Connection[Any]) -> None:
    @given(st.lists(st.integers(0, 10**8), min_size=1, max_size=60), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
    def check(times: list[int], share: float) -> None:
        (found,) = connection.execute(
            "SELECT runfold.percentile_of(runfold.sum_durations("
            "runfold.list_of_durations(ARRAY[runfold.duration_part(t)], '{1}')), %s) FROM unnest(%s::bigint[]) AS t",
            (share, times),
        ).fetchone() or (None,)
        place = max(1, -(-int(share * 100) * len(times) // 100))
        expected = sorted(times)[place - 1]
        assert abs(found - expected) <= 0.07 * expected

    check()
    assert connection.execute("SELECT runfold.percentile_of(array_fill(0::bigint, ARRAY[224]), 0.5)").fetchone() == (
        None,
    )


# A tenant's dashboard


def test_a_tenant_sees_its_own_counts_and_a_failure_of_the_last_hour(log: Log, database_url: str) -> None:
    mine, other, workflow = uuid4(), uuid4(), uuid4()
    now = datetime.now(UTC)
    for user in (mine, other):
        name = str(user)
        created = event("ExecutionCreated", execution_id=name, workflow_id=str(workflow))
        ended = event(
            "ExecutionFailed", end_time=int((now - timedelta(minutes=1)).timestamp() * 1000), error_message="x"
        )
        log.append(f"execution-{name}", created, event("ExecutionStarted"), ended, user_id=user)
    drain(database_url)
    with log.connection.transaction():
        log.connection.execute(
            "SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
            (json.dumps({"sub": str(mine)}),),
        )
        found = log.connection.execute(
            "SELECT sum(ended_failed) FROM public.execution_hours"
            " WHERE hour >= date_trunc('hour', now()) - interval '1 hour'"
        ).fetchone()
        days = log.connection.execute("SELECT count(DISTINCT user_id) FROM public.execution_days").fetchone()
    assert (found, days) == ((1,), (1,))
