"""A transaction pooler by mistake harms nobody: engines work through it, and who needs a session of its own says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold import errors
from runfold.database import sessions
from runfold.database.connections import connect, mapped_errors
from runfold.eventsourcing.datastore import Datastore
from runfold.eventsourcing.subscription import Ear
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.user_session import UserLogin
from runfold.settings import load_settings
from tests.cli.running import run as run_command
from tests.factories import a_stream, line
from tests.fixtures.logs import Log, run
from tests.fixtures.poolers import pgbouncer
from tests.fixtures.processes import drain

NEED_A_SESSION = [
    ["worker"],
    ["worker", "--once"],
    ["up"],
    ["migrate"],
    ["projection", "rebuild", "--all"],
    ["projection", "verify"],
    ["projection", "replay", "--stream", "execution-e"],
    ["parked", "retry", "execution-e"],
    ["parked", "discard", "execution-e", "--reason", "r"],
    ["why", "workflow_executions", "e", "status"],
    ["execution", "at", "e", "--event", "1"],
]

READ_THE_PRESENT = [
    ["status"],
    ["execution", "list"],
    ["execution", "show", "e"],
    ["execution", "diff", "e", "e"],
    ["execution", "tail", "e"],
    ["execution", "stuck"],
    ["interaction", "list"],
    ["response", "list"],
    ["deployment", "list"],
    ["trigger", "list"],
    ["anomalies", "list"],
    ["parked", "list"],
    ["projection", "list"],
]


@pytest.fixture
def pooled(database_url: str) -> Iterator[str]:
    """The test's database through a transaction pooler that has two sessions."""
    with pgbouncer(database_url) as url:
        yield url


def state_of_sessions(pooled: str, database_url: str) -> list[tuple[str, str]]:
    """What differs in the pooler's sessions from new ones: settings, and locks that somebody left."""
    settings = "SELECT name, setting FROM pg_settings WHERE name <> 'application_name' AND name NOT LIKE 'plpgsql.%'"
    with psycopg.connect(database_url, autocommit=True) as new:
        expected = set(new.execute(settings).fetchall())
        found: set[tuple[str, str]] = set()
        # A transaction holds its session, so two of them see both.
        with (
            psycopg.connect(pooled, prepare_threshold=None) as one,
            psycopg.connect(pooled, prepare_threshold=None) as two,
        ):
            for connection in (one, two):
                found |= set(connection.execute(settings).fetchall()) - expected
        locks = "SELECT 'advisory lock', pid::text FROM pg_locks WHERE locktype = 'advisory' AND granted"
        found |= set(new.execute(locks).fetchall())
    return sorted(found)


@pytest.mark.parametrize("words", NEED_A_SESSION, ids=" ".join)
def test_who_needs_a_session_of_its_own_refuses_a_pooler_and_leaves_nothing(
    pooled: str, database_url: str, connection: psycopg.Connection[tuple[object, ...]], words: list[str]
) -> None:
    Log(connection).append("execution-e", *run("e"))
    done = run_command(pooled, *words)
    assert done.returncode == 1
    *steps, said = done.stderr.strip().splitlines()
    assert steps == [] or words == ["up"]
    assert said.startswith("error: this needs a direct connection, and a pooler is between")
    assert "RUNFOLD_DATABASE_URL" in said
    assert state_of_sessions(pooled, database_url) == []


@pytest.mark.parametrize("words", READ_THE_PRESENT, ids=" ".join)
def test_what_reads_the_present_works_through_a_pooler_and_leaves_nothing(
    pooled: str, database_url: str, connection: psycopg.Connection[tuple[object, ...]], words: list[str]
) -> None:
    Log(connection).append("execution-e", *run("e"))
    drain(database_url)
    done = run_command(pooled, *words)
    assert "pooler" not in done.stderr
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr.startswith("Traceback")
    assert state_of_sessions(pooled, database_url) == []


def test_control_a_worker_that_takes_the_pooler_for_postgresql_leaves_settings_and_locks(
    pooled: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "is_direct", lambda _: True)
    with connect(pooled, load_settings(prepared_statements=False), autocommit=True) as taken:
        taken.execute("SET synchronous_commit = off")
        taken.execute("SELECT pg_advisory_lock(1)")
    left = {name for name, _ in state_of_sessions(pooled, database_url)}
    assert {"synchronous_commit", "advisory lock"} <= left


def _engine(store: runfold.Store) -> None:
    """Do what an engine does, often enough that a statement would be prepared."""
    with store.executions.create(workflow_id=uuid4(), mode="MANUAL") as execution:
        for number in range(10):
            with execution.node(f"n{number}", node_type="ACTION") as node:
                node.succeed({"number": number})
    stream = a_stream()
    for _ in range(10):
        appended = store.append(stream, [line()])
        assert len(store.read_stream(stream)) == appended.version


def test_engines_work_through_a_pooler_without_a_setting(
    pooled: str, database_url: str, connection: psycopg.Connection[tuple[int]]
) -> None:
    with runfold.connect(pooled) as store, ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(_engine, store) for _ in range(6)]:
            done.result()
    (executions,) = connection.execute(
        "SELECT count(*) FROM runfold.events WHERE type = 'ExecutionSucceeded'"
    ).fetchone() or (0,)
    assert executions == 6
    assert state_of_sessions(pooled, database_url) == []


def test_engines_of_asyncio_work_through_a_pooler_without_a_setting(pooled: str) -> None:
    async def engine() -> list[int]:
        stream = a_stream()
        async with await runfold.connect_async(pooled) as store:
            return [(await store.append(stream, [line()])).version for _ in range(12)]

    assert asyncio.run(engine()) == list(range(1, 13))


def test_engines_work_through_a_pooler_that_does_not_show_itself(pooled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first statement that is missing, or is there already, says it: nothing was executed, and it is sent again."""
    monkeypatch.setattr(sessions, "is_direct", lambda _: True)
    monkeypatch.setattr(sessions, "SHARED_SESSION", {})
    with runfold.connect(pooled) as store, ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(_engine, store) for _ in range(6)]:
            done.result()
        assert not store._prepares


@pytest.mark.parametrize("sqlstate", ["42P05", "26000"])
def test_a_statement_that_a_pooler_lost_names_the_setting(
    connection: psycopg.Connection[tuple[object, ...]], sqlstate: str
) -> None:
    with (
        pytest.raises(errors.BehindPooler, match="RUNFOLD_PREPARED_STATEMENTS=false"),
        mapped_errors(),
    ):
        connection.execute(f"DO $$ BEGIN RAISE EXCEPTION '' USING ERRCODE = '{sqlstate}'; END $$")


def test_a_look_at_the_past_refuses_a_pooler(pooled: str, database_url: str) -> None:
    with runfold.connect(pooled) as store:
        store.append(a_stream(), [line()])
        with pytest.raises(errors.BehindPooler), store.as_of(position=1):
            pass
        store.append(a_stream(), [line()])
    assert state_of_sessions(pooled, database_url) == []


def test_the_login_of_users_projections_refuses_a_pooler(pooled: str, database_url: str) -> None:
    settings = load_settings(database_url=database_url, projections_url=pooled)
    with pytest.raises(errors.BehindPooler, match="the login that folds your projections"):
        UserLogin.of(load_catalogue(), settings).open()


def test_a_subscription_polls_through_a_pooler_and_holds_no_lock_there(pooled: str, database_url: str) -> None:
    datastore = Datastore(load_settings(database_url=pooled))
    ear = Ear(datastore)
    try:
        assert [ear.arm() for _ in range(3)] == [False, False, False]
    finally:
        ear.close()
        datastore.close()
    assert state_of_sessions(pooled, database_url) == []


def test_a_pooler_that_keeps_a_session_for_each_connection_is_taken_on_the_operator_s_word(
    database_url: str, connection: psycopg.Connection[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Log(connection).append("execution-e", *run("e"))
    with pgbouncer(database_url, "session", sessions=20) as url:
        assert run_command(url, "worker", "--once").returncode == 1
        monkeypatch.setenv("RUNFOLD_SESSION_POOLER", "true")
        for words in (["worker", "--once"], ["projection", "verify"], ["projection", "rebuild", "--all"]):
            done = run_command(url, *words)
            assert done.returncode == 0, (words, done.stderr)
    assert connection.execute("SELECT status FROM workflow_executions").fetchall() == [("SUCCESS",)]
