"""What operators watch: each view runs as an operator, and each advice finds what was planted."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runfold.reading.advice import Advice, apply_advice, read_advice

VIEWS = (
    "connection_use", "connections_by_application", "index_hits", "unused_indexes", "dead_rows", "replication_lag",
    "fold_lag", "retention_lag", "slow_queries", "table_sizes", "migrations",
)  # fmt: skip


def views(connection: psycopg.Connection[Any]) -> set[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'runfold_stats'::regnamespace"
    ).fetchall()
    return {name for (name,) in rows}


def as_operator(connection: psycopg.Connection[Any], statement: str) -> list[Any]:
    with connection.transaction():
        connection.execute("SET LOCAL ROLE runfold_operator")
        return connection.execute(statement.encode()).fetchall()


def test_each_view_runs_as_an_operator(connection: psycopg.Connection[Any]) -> None:
    assert views(connection) == set(VIEWS)
    for name in VIEWS:
        as_operator(connection, f"SELECT * FROM runfold_stats.{name}")


@pytest.mark.parametrize("role", ["authenticated", "anon", "runfold_engine", "runfold_reader", "runfold_agent"])
def test_nobody_else_reads_them(connection: psycopg.Connection[Any], role: str) -> None:
    for name in VIEWS:
        may = connection.execute(
            "SELECT has_table_privilege(%s, %s, 'SELECT')", (role, f"runfold_stats.{name}")
        ).fetchone()
        assert may == (False,)


def test_a_used_connection_and_an_applied_migration_are_seen(connection: psycopg.Connection[Any]) -> None:
    ((used, alarms),) = as_operator(connection, "SELECT used, alarms FROM runfold_stats.connection_use")
    assert used >= 1
    assert alarms is False
    assert any(row[1] for row in as_operator(connection, "SELECT version, is_newest FROM runfold_stats.migrations"))


def test_a_stopped_group_alarms(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "INSERT INTO runfold.checkpoints (group_name, position, stopped_error) VALUES ('execution', 1, 'x')"
        " ON CONFLICT (group_name) DO UPDATE SET stopped_error = 'x'"
    )
    connection.execute(
        "INSERT INTO runfold.published_head (position, published_at) VALUES (5, now()) ON CONFLICT DO NOTHING"
    )
    found = as_operator(
        connection, "SELECT group_name, alarms FROM runfold_stats.fold_lag WHERE group_name = 'execution'"
    )
    assert found == [("execution", True)]


def test_a_table_whose_expired_rows_stay_alarms(connection: psycopg.Connection[Any]) -> None:
    late = "SELECT table_name FROM runfold_stats.retention_lag WHERE alarms ORDER BY 1"
    assert as_operator(connection, late) == []
    connection.execute(
        "UPDATE runfold.retention SET ran_at = now() - interval '49 hours' WHERE table_name = 'public.document_store'"
    )
    connection.execute(
        "UPDATE runfold.retention SET blocked_since = now() - interval '25 hours'"
        " WHERE table_name = 'public.workflow_execution_logs'"
    )
    assert as_operator(connection, late) == [("public.document_store",), ("public.workflow_execution_logs",)]


def test_a_slow_statement_is_seen_while_it_runs(connection: psycopg.Connection[Any], database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SET application_name = 'slow one'")
        pid = other.info.backend_pid
        other.pgconn.send_query(b"SELECT pg_sleep(600)")
        try:
            slow: list[Any] = []
            while not slow:
                slow = connection.execute(
                    "SELECT source, mean_ms > 1000 FROM runfold_stats.slow_queries WHERE pid = %s", (pid,)
                ).fetchall()
            assert slow == [("running", True)]
        finally:
            connection.execute("SELECT pg_cancel_backend(%s)", (pid,))
            other.close()


def test_the_growth_of_a_table_comes_from_the_samples(connection: psycopg.Connection[Any]) -> None:
    (noted,) = connection.execute("SELECT runfold.sample_table_sizes()").fetchone() or (0,)
    assert noted > 50
    assert connection.execute("SELECT runfold.sample_table_sizes()").fetchone() == (0,)
    connection.execute("UPDATE runfold.table_size_samples SET day = day - 1, bytes = bytes - 8192")
    growth = as_operator(
        connection,
        "SELECT growth_of_day, growth_of_week FROM runfold_stats.table_sizes WHERE table_name = 'public.integrations'",
    )
    assert growth == [(8192, None)]
    connection.execute("UPDATE runfold.table_size_samples SET day = day - 400")
    connection.execute("SELECT runfold.sample_table_sizes()")
    assert connection.execute("SELECT count(DISTINCT day) FROM runfold.table_size_samples").fetchone() == (1,)


# Advice


def advised(connection: psycopg.Connection[Any], big: int = 10) -> list[Advice]:
    return read_advice(connection, big=big)


PLANTED = {
    "duplicate index": "CREATE INDEX planted_index ON projections.planted (a)",
    "unindexed foreign key": "ALTER TABLE projections.planted ADD CONSTRAINT fk"
    " FOREIGN KEY (b) REFERENCES projections.planted (id)",
    "unused index": "CREATE INDEX planted_index ON projections.planted (b)",
    "statistics": "SELECT 1",
    "autovacuum": "ANALYZE projections.planted",
    "missing index": "DO $$ BEGIN FOR n IN 1 .. 150 LOOP"
    " PERFORM count(*) FROM projections.planted p WHERE p.a = -n; END LOOP; END $$",
}


@pytest.fixture
def planted(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    connection.execute("CREATE TABLE projections.planted (id integer PRIMARY KEY, a integer, b integer)")
    connection.execute("INSERT INTO projections.planted SELECT n, n, 1 FROM generate_series(1, 5000) AS n")
    connection.execute("CREATE INDEX first ON projections.planted (a, b)")
    connection.execute("SET enable_indexscan = off")
    connection.execute("SET enable_bitmapscan = off")
    connection.execute("SET enable_indexonlyscan = off")
    return connection


@pytest.mark.parametrize("kind", PLANTED)
def test_what_was_planted_is_found(planted: psycopg.Connection[Any], kind: str) -> None:
    def found() -> list[str]:
        planted.execute("SELECT pg_stat_force_next_flush()")
        return [each.object for each in advised(planted) if each.kind == kind and "planted" in each.object]

    if kind not in ("autovacuum", "statistics"):
        planted.execute("ANALYZE projections.planted")
    before = [] if kind in ("statistics", "autovacuum") else found()
    planted.execute(PLANTED[kind].encode())
    assert len(found()) > len(before)


def test_a_beginning_of_a_longer_index_is_a_duplicate_and_a_unique_one_is_not(planted: psycopg.Connection[Any]) -> None:
    planted.execute("CREATE UNIQUE INDEX one ON projections.planted (a)")
    planted.execute("CREATE INDEX part ON projections.planted (a) WHERE b = 1")
    planted.execute("CREATE INDEX other ON projections.planted (b)")
    planted.execute("CREATE INDEX shorter ON projections.planted (a)")
    planted.execute("ANALYZE projections.planted")
    found = {each.object for each in advised(planted) if each.kind == "duplicate index"}
    assert found == {"projections.shorter"}


def test_what_is_harmless_is_applied_and_nothing_else(planted: psycopg.Connection[Any]) -> None:
    planted.execute("CREATE INDEX planted_index ON projections.planted (a)")
    planted.execute("SELECT pg_stat_force_next_flush()")
    before = planted.execute("SELECT count(*) FROM pg_indexes").fetchone()
    applied = list(apply_advice(planted, [each for each in advised(planted) if "planted" in each.object]))
    assert {each.kind for each in applied} == {"statistics", "autovacuum"}
    assert planted.execute("SELECT count(*) FROM pg_indexes").fetchone() == before
    left = {each.kind for each in advised(planted) if each.object.startswith("projections.planted")}
    assert not left & {"statistics", "autovacuum"}


def test_our_own_schema_is_fine_as_it_comes(connection: psycopg.Connection[Any]) -> None:
    assert [(each.kind, each.object) for each in read_advice(connection)] == []
