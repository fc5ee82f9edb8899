"""A partition of the log that is full is frozen once, by the leader, beside its folds; an open one is left alone."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from runfold.worker import closing
from tests.fixtures.logs import Log, event
from tests.fixtures.processes import eventually, folded, worker

FROZEN = "SELECT name, frozen_at FROM runfold.frozen_partitions ORDER BY name"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of these tests look at once, and again."""
    monkeypatch.setattr(closing, "EVERY_SECONDS", 0.1)


def first_partition(connection: psycopg.Connection[Any]) -> tuple[str, int]:
    """Return the name of the log's first partition, and the first position beyond it."""
    name, end = connection.execute(
        r"SELECT c.relname, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)''?\)')::bigint"
        "  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'runfold.events'::regclass ORDER BY 2 LIMIT 1"
    ).fetchone() or ("", 0)
    return name, end


def fill_the_first(log: Log) -> str:
    """Append to the first partition, and beyond its end; return its name."""
    name, end = first_partition(log.connection)
    log.append("log-1", *(event("LogAppended") for _ in range(5)))
    log.connection.execute("SELECT setval('runfold.events_position', %s)", (end,))
    log.append("log-2", event("LogAppended"))
    return name


def vacuums(connection: psycopg.Connection[Any], name: str) -> int:
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = %s", (name,)).fetchone()
    return int(row[0]) if row else 0


def visible(connection: psycopg.Connection[Any], name: str) -> bool:
    row = connection.execute(
        "SELECT relpages > 0 AND relallvisible = relpages FROM pg_class WHERE relname = %s", (name,)
    )
    return row.fetchone() == (True,)


def test_a_full_partition_is_frozen_once(log: Log, database_url: str) -> None:
    name = fill_the_first(log)
    for _ in range(2):
        with worker(database_url):
            eventually(lambda: log.connection.execute(FROZEN).fetchall())
            log.append("log-2", event("LogAppended"))
            eventually(lambda: folded(log.connection, log.events[-1].position))
    assert [found for found, _ in log.connection.execute(FROZEN).fetchall()] == [f"runfold_partitions.{name}"]
    assert visible(log.connection, name)
    assert vacuums(log.connection, name) == 1


def test_an_open_partition_is_left_alone(log: Log, database_url: str) -> None:
    name, end = first_partition(log.connection)
    log.append("log-1", event("LogAppended"))
    log.connection.execute("SELECT setval('runfold.events_position', %s)", (end - 2,))
    log.append("log-2", event("LogAppended"))
    with worker(database_url):
        eventually(lambda: folded(log.connection, log.events[-1].position))
        # Its last position is taken: the worker has looked, and the next one makes it full.
        assert log.connection.execute(FROZEN).fetchall() == []
        assert vacuums(log.connection, name) == 0
        log.append("log-3", event("LogAppended"))
        eventually(lambda: log.connection.execute(FROZEN).fetchall())


def test_it_waits_while_there_is_something_to_fold(log: Log, database_url: str) -> None:
    _, end = first_partition(log.connection)
    done: list[str] = []

    def connect() -> psycopg.Connection[Any]:
        done.append("asked")
        return psycopg.connect(database_url, autocommit=True)

    with closing.Closing(connect) as closer:
        for _ in range(5):
            closer.tell(idle=False, head=end)
            time.sleep(0.3)
        assert done == []
        closer.tell(idle=True, head=end)
        eventually(lambda: log.connection.execute(FROZEN).fetchall())


def test_an_older_snapshot_keeps_it_from_being_noted(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "AGAIN_SECONDS", 0.1)
    with psycopg.connect(database_url) as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT pg_current_xact_id()")
        name = fill_the_first(log)
        with worker(database_url):
            eventually(lambda: vacuums(log.connection, name) > 0)
            assert log.connection.execute(FROZEN).fetchall() == []
            old.rollback()
            eventually(lambda: log.connection.execute(FROZEN).fetchall())
    assert visible(log.connection, name)


def test_new_partitions_are_vacuumed_when_half_of_them_is_new(log: Log) -> None:
    options = log.connection.execute(
        "SELECT DISTINCT c.reloptions FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'runfold.events'::regclass"
    ).fetchall()
    assert options == [(["autovacuum_vacuum_insert_scale_factor=0.5"],)]


def test_a_login_that_does_not_own_the_log_leaves_it_to_autovacuum(log: Log) -> None:
    name, end = first_partition(log.connection)
    asked = closing.statement("closed_partition")
    own = log.connection.execute(asked, {"head": end}).fetchone()
    assert own is not None
    assert own[1] == f"runfold_partitions.{name}"
    assert log.connection.execute(asked, {"head": end - 1}).fetchone() is None
    log.connection.execute("SET ROLE runfold_projector")
    assert log.connection.execute(asked, {"head": end}).fetchone() is None
