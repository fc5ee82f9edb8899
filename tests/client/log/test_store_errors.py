"""Errors of the platform are mapped to runfold's, which say whether a retry can help."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

import runfold
from runfold.database.migrations import migrate
from runfold.errors import (
    DatabaseReadOnly,
    DatabaseUnavailable,
    LogFull,
    PoolExhausted,
    RunfoldError,
    SchemaNewer,
    SchemaOutdated,
)
from runfold.settings import Settings
from tests.factories import a_stream, append, call, lines
from tests.fixtures.evidence import Evidence
from tests.fixtures.servers import PrivateServerFactory, sigkill

Connection = psycopg.Connection[Any]

PATIENCE = 0.5
SOON = 30.0
"""Well before the pool would give up, on a busy machine too."""


@contextmanager
def refused_soon(kind: type[RunfoldError], *, retryable: bool, within: float) -> Iterator[None]:
    """Expect an error of this class within this many seconds."""
    began = time.monotonic()
    with pytest.raises(kind) as refused:
        yield
    assert type(refused.value) is kind
    assert refused.value.retryable is retryable
    assert time.monotonic() - began < within


def set_for_database(url: str, assignment: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        name = sql.Identifier(str(conninfo_to_dict(url)["dbname"]))
        connection.execute(sql.SQL("ALTER DATABASE {} SET ").format(name) + sql.SQL(assignment))


def test_a_read_only_database_is_not_worth_another_try(database_url: str) -> None:
    set_for_database(database_url, "default_transaction_read_only = on")
    with runfold.connect(database_url) as store:
        assert list(store.read_all()) == []
        with refused_soon(DatabaseReadOnly, retryable=False, within=5):
            store.append(a_stream(), lines(1))


def test_a_standby_refuses_to_write_and_reads_to_the_published_head(
    private_server: PrivateServerFactory, schema_copy: Path
) -> None:
    """A server that recovers for ever, like a standby without a primary."""
    server = private_server(settings={"hot_standby": "on"})
    migrate(server.url, folder=schema_copy)
    with runfold.connect(server.url) as store:
        store.append(a_stream(), lines(3))
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("UPDATE runfold.published_head SET position = 2")
    server.stop()
    (server.data / "standby.signal").touch(mode=0o666)
    server.start()
    with runfold.connect(server.url) as store:
        assert [event.position for event in store.read_all()] == [1, 2]
        with refused_soon(DatabaseReadOnly, retryable=False, within=5):
            store.append(a_stream(), lines(1))


def test_an_exhausted_pool_fails_by_its_deadline_and_leaks_nothing(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    threads = 50
    settings = Settings(pool_max_size=2, pool_timeout=PATIENCE)
    refused: list[tuple[bool, bool]] = []

    def attempt(store: runfold.Store) -> bool:
        """Append and return whether it was recorded."""
        began = time.monotonic()
        try:
            store.append(a_stream(), lines(1))
        except PoolExhausted as error:
            refused.append((error.retryable, time.monotonic() - began < PATIENCE + 5))
            return False
        return True

    with runfold.connect(database_url, settings=settings) as store, ThreadPoolExecutor(threads) as pool:
        with store.transaction() as first, store.transaction() as second:
            assert first is not second
            while_held = list(pool.map(attempt, [store] * threads))
        afterwards = list(pool.map(attempt, [store] * threads))
        (backends,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'runfold' AND datname = current_database()"
        ).fetchone() or (0,)
        evidence.note(recorded_while_held=sum(while_held), recorded_afterwards=sum(afterwards), backends=backends)
        assert not any(while_held)
        assert refused[:threads] == [(True, True)] * threads
        assert any(afterwards)
        assert backends <= 2
        assert len(list(store.read_all())) == sum(afterwards)


def test_a_pool_that_has_not_found_its_server_again_is_no_exhausted_one(
    private_server: PrivateServerFactory, schema_copy: Path
) -> None:
    """The server is back before the pool tries it again, because the pool waits longer after each refusal."""
    server = private_server()
    migrate(server.url, folder=schema_copy)
    settings = Settings(retry_seconds=60, connect_timeout=2, pool_timeout=0.5, pool_max_size=1)
    with runfold.connect(server.url, settings=settings) as store, ThreadPoolExecutor(1) as pool:
        store.append(a_stream(), lines(1))
        server.stop("immediate")
        waiting = pool.submit(store.append, a_stream(), lines(1))
        time.sleep(4)  # refused after 1 and after 3 seconds, it tries again after 7
        server.start()
        assert not waiting.result().repeated
        assert len(store.read_all()) == 2


def test_a_server_that_is_away_is_unavailable_within_the_time_for_retries(
    private_server: PrivateServerFactory, schema_copy: Path
) -> None:
    server = private_server()
    migrate(server.url, folder=schema_copy)
    settings = Settings(retry_seconds=1, connect_timeout=2, pool_timeout=30)
    with runfold.connect(server.url, settings=settings) as store:
        store.append(a_stream(), lines(1))
        sigkill(server)
        # The first finds a broken connection, or a backend that has outlived the postmaster by a moment.
        with suppress(DatabaseUnavailable):
            while True:
                store.append(a_stream(), lines(1))
        with refused_soon(DatabaseUnavailable, retryable=True, within=SOON):  # there is no connection
            store.append(a_stream(), lines(1))
        with refused_soon(DatabaseUnavailable, retryable=True, within=SOON):
            list(store.read_all())
        with refused_soon(DatabaseUnavailable, retryable=True, within=SOON):
            runfold.connect(server.url, settings=settings)


def test_an_append_outlasts_a_restart_of_the_server(
    private_server: PrivateServerFactory, schema_copy: Path, evidence: Evidence
) -> None:
    server = private_server()
    migrate(server.url, folder=schema_copy)
    stream, events = a_stream(), lines(3)
    with (
        runfold.connect(server.url, settings=Settings(retry_seconds=20, pool_timeout=20)) as store,
        ThreadPoolExecutor(1) as thread,
    ):
        store.append(stream, lines(1))
        sigkill(server)
        began = time.monotonic()
        waiting = thread.submit(store.append, stream, events)
        time.sleep(0.3)
        server.start()
        assert waiting.result().version == 4
        evidence.note(away=0.3, answered_after=round(time.monotonic() - began, 2))
        assert [event.stream_version for event in store.read_stream(stream)] == [1, 2, 3, 4]


def test_a_database_that_was_never_migrated_is_outdated(empty_database_url: str) -> None:
    with refused_soon(SchemaOutdated, retryable=False, within=5):
        runfold.connect(empty_database_url)


def test_a_database_of_a_newer_runfold_is_refused(database_url: str, connection: Connection) -> None:
    connection.execute("INSERT INTO supabase_migrations.schema_migrations (version) VALUES ('99991231235959')")
    connection.execute("COMMENT ON SCHEMA runfold IS 'runfold schema 99991231235959'")
    with refused_soon(SchemaNewer, retryable=False, within=5):
        runfold.connect(database_url)


def test_a_database_that_is_not_there_is_unavailable(database_url: str) -> None:
    with refused_soon(DatabaseUnavailable, retryable=True, within=5):
        runfold.connect(database_url + "_absent", settings=Settings(retry_seconds=PATIENCE))


def test_a_log_without_a_partition_for_the_next_position_is_full(database_url: str, connection: Connection) -> None:
    (end,) = connection.execute(
        """SELECT max(substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''(\\d+)''\\)')::bigint)
             FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'events\\_%'"""
    ).fetchone() or (0,)
    connection.execute("SELECT setval('runfold.events_position', %s)", (end - 2,))
    with runfold.connect(database_url, settings=Settings(retry_seconds=PATIENCE)) as store:
        store.append(a_stream(), lines(1))  # the last position there is
        for appends in ([append()], [append(events=3), append()]):
            with refused_soon(LogFull, retryable=True, within=5):
                store.append_many(appends)
        with pytest.raises(psycopg.Error) as refused:
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        assert refused.value.sqlstate == LogFull.sqlstate
        assert len(list(store.read_all(after=0))) == 1

        connection.execute("SELECT runfold.ensure_partitions()")
        store.append(a_stream(), lines(1))
        assert len(list(store.read_all(after=0))) == 2


def test_an_append_across_the_edge_of_a_partition_is_whole(database_url: str, connection: Connection) -> None:
    connection.execute("SELECT setval('runfold.events_position', 4999998)")
    stream = a_stream()
    with runfold.connect(database_url) as store:
        appended = store.append(stream, lines(4))
        assert [event.position for event in store.read_stream(stream)] == [4999999, 5000000, 5000001, 5000002]
        assert appended.last_position == 5000002
    (tables,) = connection.execute("SELECT count(DISTINCT tableoid) FROM runfold.events").fetchone() or (0,)
    assert tables == 2
