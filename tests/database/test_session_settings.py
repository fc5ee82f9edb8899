"""Settings of a role or a database stop nothing of runfold: its sessions set what they need, or name the setting."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from psycopg import sql

import runfold
from runfold import errors
from runfold.database import sessions
from runfold.database.connections import connect, mapped_errors
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.verify import verify
from runfold.settings import load_settings
from tests.cli.running import run as run_command
from tests.factories import a_stream, line
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import drain, eventually

Connection = psycopg.Connection[Any]

# What a role or a database may have: time limits that no fold keeps, other transactions, other names and forms.
HOSTILE = {
    "statement_timeout": "25ms",
    "lock_timeout": "1ms",
    "transaction_timeout": "25ms",
    "idle_in_transaction_session_timeout": "25ms",
    "idle_session_timeout": "500ms",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "search_path": "hostile, pg_catalog",
    "row_security": "off",
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Pacific/Kiritimati",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
}

# What the path above puts before the catalog's own, and before the log's.
SHADOWS = """
    CREATE SCHEMA hostile;
    GRANT USAGE ON SCHEMA hostile TO PUBLIC;
    CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
    CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
    CREATE FUNCTION hostile.pg_backend_pid() RETURNS integer LANGUAGE sql AS 'SELECT 0';
    CREATE FUNCTION hostile.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
    CREATE FUNCTION hostile.jsonb_build_object() RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
    CREATE TABLE hostile.workflow_executions (id integer);
    CREATE TABLE hostile.events (position integer);
"""


def set_for_all(connection: Connection, settings: dict[str, str]) -> None:
    """Give the database's new sessions these settings, as far as this PostgreSQL has them."""
    database = sql.Identifier(connection.info.dbname)
    for name, value in settings.items():
        if connection.execute("SELECT current_setting(%s, true) IS NULL", (name,)).fetchone() != (True,):
            # A path is a list of names; one text would be a single name.
            given = sql.SQL(value) if name == "search_path" else sql.Literal(value)  # type: ignore[arg-type]
            connection.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(database, sql.Identifier(name), given))


@pytest.fixture
def full(connection: Connection) -> Log:
    """A log that no fold gets through in 25 ms."""
    log = Log(connection)
    for part in range(8):
        log.append_many([(f"execution-e{part}-{n}", run(f"e{part}-{n}", nodes=4)) for n in range(50)])
    log.append_many([(f"log-e0-{n}", [("LogAppended", _line())]) for n in range(50)])
    return log


def _line() -> dict[str, Any]:
    return {"level": "INFO", "event_type": "workflow_progress", "message": "m"}


def test_everything_works_under_settings_that_nobody_of_ours_would_choose(
    full: Log, connection: Connection, database_url: str
) -> None:
    connection.execute(SHADOWS)
    set_for_all(connection, HOSTILE)
    assert drain(database_url) == {}
    full.assert_folded()
    for words in (
        ["projection", "rebuild", "--all"],
        ["projection", "verify"],
        ["projection", "replay", "--stream", "execution-e0-1"],
        ["worker", "--once"],
        ["migrate"],
        ["execution", "list"],
        ["execution", "show", "e0-1"],
        ["execution", "at", "e0-1", "--event", "3"],
        ["why", "workflow_executions", "e0-1", "status"],
        ["execution", "tail", "e0-1"],
        ["status"],
        ["execution", "stuck"],
    ):
        done = run_command(database_url, *words)
        assert done.returncode == 0, (words, done.stderr)
    # An engine's limits are kept, so they have to be long enough for it.
    set_for_all(connection, dict.fromkeys(("statement_timeout", "lock_timeout", "transaction_timeout"), "1min"))
    with runfold.connect(database_url) as store:
        appended = store.append(a_stream(), [line()])
        # Of another isolation level, or under the other path, the log could not be read.
        assert store.read_all(appended.last_position - 1)[0].position == appended.last_position
        with store.as_of(position=appended.last_position) as past:
            assert past.execute("SELECT count(*) FROM workflow_executions").fetchone() == (400,)


def test_a_database_is_migrated_under_these_settings(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(SHADOWS)
        set_for_all(connection, HOSTILE)
    done = run_command(empty_database_url, "migrate")
    assert done.returncode == 0, done.stderr
    assert run_command(empty_database_url, "migrate", "--check").returncode == 0
    assert drain(empty_database_url) == {}


def test_a_store_that_was_idle_is_not_disconnected(connection: Connection, database_url: str) -> None:
    set_for_all(connection, {"idle_session_timeout": "200ms"})
    with runfold.connect(database_url) as store, psycopg.connect(database_url, autocommit=True) as ended:
        eventually(lambda: not _is_there(connection, ended.info.backend_pid))
        # A session that the server had ended would fail in here: the caller's own statements are not tried again.
        with store.transaction() as lent:
            store.append(a_stream(), [line()], connection=lent)


def _is_there(connection: Connection, pid: int) -> bool:
    return connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is not None


@pytest.mark.parametrize("setting", ["statement_timeout", "transaction_timeout"])
def test_control_a_session_that_sets_nothing_is_ended_and_the_setting_is_named(
    full: Log, connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    if setting == "transaction_timeout" and connection.info.server_version < 170000:
        pytest.skip("transaction_timeout came with PostgreSQL 17")
    assert drain(database_url) == {}
    set_for_all(connection, {setting: "25ms"})
    monkeypatch.setattr(sessions, "OWN_SESSION", {})

    def ended() -> errors.RunfoldError:
        with (
            pytest.raises((errors.TimeLimitReached, errors.DatabaseUnavailable)) as caught,
            mapped_errors(),
            connect(database_url, load_settings(), autocommit=True) as own,
        ):
            verify(own, load_catalogue())
        return caught.value

    # The server closes the connection behind its last word, which is lost where a statement was being sent.
    said = next((error for error in (ended() for _ in range(10)) if isinstance(error, errors.TimeLimitReached)), None)
    assert said is not None
    assert setting in str(said)
    assert said.setting == setting
    monkeypatch.undo()
    with connect(database_url, load_settings(), autocommit=True) as own:
        assert not any(found.differing for found in verify(own, load_catalogue()))


def test_a_limit_for_engines_is_kept_and_named(connection: Connection, database_url: str) -> None:
    """How long an append may wait for another's lock is the operator's to say; the error says which setting it was."""
    set_for_all(connection, {"lock_timeout": "20ms"})
    stream = a_stream()
    with runfold.connect(database_url, settings=load_settings(retry_seconds=0.3)) as store:
        store.append(stream, [line()])
        with psycopg.connect(database_url) as other:
            other.execute("SELECT FROM runfold.streams WHERE stream_id = %s FOR UPDATE", (stream,))
            with pytest.raises(errors.TimeLimitReached, match="set a longer lock_timeout for the role") as caught:
                store.append(stream, [line()])
        assert caught.value.setting == "lock_timeout"
        # It is worth another try: who held the lock has ended.
        assert caught.value.retryable
        assert store.append(stream, [line()]).version == 2


def test_an_append_waits_out_a_lock_limit_that_passes(connection: Connection, database_url: str) -> None:
    set_for_all(connection, {"lock_timeout": "20ms"})
    stream = a_stream()
    with runfold.connect(database_url) as store:
        store.append(stream, [line()])
        with psycopg.connect(database_url) as other:
            other.execute("SELECT FROM runfold.streams WHERE stream_id = %s FOR UPDATE", (stream,))
            found: list[int] = []
            thread = threading.Thread(target=lambda: found.append(store.append(stream, [line()]).version))
            thread.start()
            eventually(lambda: _lock_waits_ended(connection) > 0)
        thread.join()
    assert found == [2]


def _lock_waits_ended(connection: Connection) -> int:
    """How many transactions of this database were rolled back: each by the limit."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute("SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()").fetchone()
    return 0 if row is None else int(row[0])


READ_ONLY = "default_transaction_read_only is on for this role or database"


@pytest.mark.parametrize(
    "words",
    [
        ["worker"],
        ["worker", "--once"],
        ["projection", "rebuild", "--all"],
        ["projection", "verify"],
        ["projection", "replay", "--stream", "execution-e"],
        ["parked", "retry", "execution-e"],
        ["parked", "discard", "execution-e", "--reason", "r"],
    ],
)
def test_a_database_that_was_made_read_only_is_not_written_to(
    connection: Connection, database_url: str, words: list[str]
) -> None:
    """The operator, or a managed PostgreSQL whose disk is full, meant it: nobody overrides it."""
    Log(connection).append("execution-e", *run("e"))
    set_for_all(connection, {"default_transaction_read_only": "on"})
    done = run_command(database_url, *words)
    assert done.returncode == 1
    (said,) = done.stderr.strip().splitlines()
    assert READ_ONLY in said
    assert "RESET default_transaction_read_only" in said


def test_what_reads_goes_on_in_a_database_that_was_made_read_only(connection: Connection, database_url: str) -> None:
    Log(connection).append("execution-e", *run("e"))
    drain(database_url)
    set_for_all(connection, {"default_transaction_read_only": "on"})
    for words in (
        ["status"],
        ["execution", "list"],
        ["execution", "show", "e"],
        ["execution", "at", "e", "--event", "2"],
        ["why", "workflow_executions", "e", "status"],
        ["execution", "tail", "e"],
    ):
        done = run_command(database_url, *words)
        assert done.returncode == 0, (words, done.stderr)


def test_triggers_that_are_switched_off_are_refused_by_name(connection: Connection, database_url: str) -> None:
    """Without its triggers the log is not append-only, and no session of ours may switch them on again."""
    set_for_all(connection, {"session_replication_role": "replica"})
    with pytest.raises(errors.SettingRefused, match="session_replication_role is replica") as caught:
        runfold.connect(database_url)
    assert caught.value.setting == "session_replication_role"
    done = run_command(database_url, "worker", "--once")
    assert done.returncode == 1
    assert "RESET session_replication_role" in done.stderr
