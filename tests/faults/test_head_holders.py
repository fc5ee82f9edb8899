"""Only an open append of this log delays readers, and it is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.factories import append, call
from tests.faults.feeds import safe
from tests.fixtures.databases import create_database, drop_database
from tests.fixtures.evidence import Evidence

Connection = psycopg.Connection[Any]

GID = "forgotten by its engine"


def holders(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT bound, pid, prepared_gid FROM runfold.head_holders()").fetchall()


def status(url: str) -> dict[str, Any]:
    """Return the output of `runfold status --json`."""
    command = [sys.executable, "-m", "runfold", "status", "--json"]
    ran = subprocess.run(command, env={**os.environ, "RUNFOLD_DATABASE_URL": url}, capture_output=True, check=True)
    return dict(json.loads(ran.stdout))


@contextmanager
def writing_transaction(url: str) -> Iterator[Connection]:
    """A transaction of another program that has written and stays open."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS public.foreign_work (n integer)")
        connection.commit()
        connection.execute("INSERT INTO public.foreign_work VALUES (1)")
        yield connection
        connection.rollback()


@pytest.mark.parametrize("where", ["the same database", "another database"])
def test_a_foreign_long_transaction_delays_nobody(
    server_url: str, template_database: str, database_url: str, connection: Connection, evidence: Evidence, where: str
) -> None:
    elsewhere = create_database(server_url, template=template_database)
    try:
        url = database_url if where == "the same database" else elsewhere
        with writing_transaction(url) as foreign:
            if where == "another database":  # an open append, even: of another log
                foreign.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=5)),))
            seen = len(safe(connection, 0))
            # The control: readers that go by the cluster's oldest transaction see nothing.
            by_snapshot = connection.execute(
                """SELECT count(*) FROM runfold.events
                    WHERE xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"""
            ).fetchone()
            named = holders(connection)
        evidence.note(seen=seen, seen_by_snapshot_xmin=by_snapshot)
        assert seen == 5
        assert by_snapshot == (0,)
        assert named == []
    finally:
        drop_database(server_url, elsewhere)


def test_a_stuck_append_is_named_by_its_pid(database_url: str, connection: Connection) -> None:
    connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
    with psycopg.connect(database_url, application_name="stuck") as stuck:
        pid = stuck.info.backend_pid
        stuck.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        assert holders(connection) == [(1, pid, None)]
        shown = status(database_url)
    assert (shown["head"], shown["safe_head"]) == (3, 1)
    (holder,) = shown["held_back_by"]
    assert (holder["pid"], holder["application_name"], holder["state"]) == (pid, "stuck", "idle in transaction")
    assert holders(connection) == []
    assert len(safe(connection, 1)) == 2


def test_a_forgotten_prepared_transaction_is_named_by_its_gid(database_url: str, connection: Connection) -> None:
    (allowed,) = connection.execute("SELECT current_setting('max_prepared_transactions')::int").fetchone() or (0,)
    if not allowed:
        pytest.skip("this server has max_prepared_transactions = 0")
    connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
    with psycopg.connect(database_url, autocommit=True) as engine:
        engine.execute("BEGIN")
        engine.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        engine.execute(sql.SQL("PREPARE TRANSACTION {}").format(GID))
    try:
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        assert holders(connection) == [(1, None, GID)]
        (holder,) = status(database_url)["held_back_by"]
        assert (holder["pid"], holder["prepared_gid"]) == (None, GID)
        assert len(safe(connection, 1)) == 0
    finally:
        connection.execute(sql.SQL("COMMIT PREPARED {}").format(GID))
    assert holders(connection) == []
    assert len(safe(connection, 1)) == 2


def test_holders_are_listed_lowest_bound_first(database_url: str, connection: Connection) -> None:
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        for stuck in (first, second):
            stuck.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=3)),))
        assert holders(connection) == [(0, first.info.backend_pid, None), (3, second.info.backend_pid, None)]
