"""Backfills change rows beside everything else, in steps; one that is killed goes on, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.database import backfills as running
from runfold.database.backfills import left_of, read_backfills, run_backfills
from runfold.database.connections import mapped_errors
from runfold.database.migrations import migrate, write_checksums
from runfold.errors import BackfillPending, InvalidInput, MigrationFailed, PermissionDenied, UnknownBackfill
from tests.cli.conftest import run_console_script
from tests.fixtures.owned import LOGINS, Owned
from tests.fixtures.processes import eventually
from tests.fixtures.releases import NEXT, next_release

Connection = psycopg.Connection[Any]

# A release that gives each stream a column with its category. It counts how often a row was changed, for the tests.
CATEGORIES = f"""
ALTER TABLE runfold.streams ADD COLUMN category text, ADD COLUMN times integer;
CREATE FUNCTION runfold.backfill_categories(after text, most integer, OUT reached text, OUT changed bigint)
LANGUAGE sql AS $$
    WITH next AS MATERIALIZED (
        SELECT stream_id FROM runfold.streams WHERE after IS NULL OR stream_id > after ORDER BY stream_id LIMIT most
           FOR NO KEY UPDATE
    ), filled AS (
        UPDATE runfold.streams s SET category = split_part(s.stream_id, '-', 1), times = coalesce(s.times, 0) + 1
          FROM next n WHERE s.stream_id = n.stream_id AND s.category IS NULL RETURNING 1
    )
    SELECT CASE WHEN (SELECT count(*) FROM next) = most THEN (SELECT max(stream_id) FROM next) END,
           (SELECT count(*) FROM filled)
$$;
CREATE FUNCTION runfold.backfill_categories_left(after text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM runfold.streams WHERE after IS NULL OR stream_id > after
$$;
SELECT runfold.enter_backfill('categories', 'the category of each stream', '{NEXT}');
"""
INDEXES = f"""
CREATE INDEX events_by_recorded_at ON ONLY runfold.events (recorded_at);
SELECT runfold.enter_backfill('recorded', 'events by time', '{NEXT}', 'runfold.events_by_recorded_at', '');
SELECT runfold.enter_backfill('names', 'streams by tenant', '{NEXT}', 'runfold.streams_of_test',
                              'ON runfold.streams (user_id)');
"""
STREAMS = 500


@pytest.fixture
def migrated(schema_copy: Path, tmp_path: Path, database_url: str, connection: Connection) -> str:
    """The URL of a database with streams, which the next release has migrated."""
    connection.execute(
        "INSERT INTO runfold.streams (stream_id, version) SELECT 'log-' || n, 0 FROM generate_series(1, %s) AS n",
        (STREAMS,),
    )
    migrate(database_url, folder=next_release(schema_copy, tmp_path / "next", CATEGORIES + INDEXES))
    return database_url


def filled(connection: Connection) -> tuple[int, int]:
    """Return how many streams have their category, and the most times that one was changed."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE category = 'log'), coalesce(max(times), 0) FROM runfold.streams"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def state_of(connection: Connection, name: str) -> str:
    return next(each.state for each in read_backfills(connection) if each.name == name)


def test_rows_are_changed_in_steps_with_progress(migrated: str, connection: Connection) -> None:
    said: list[tuple[str, int, int]] = []
    changed = run_backfills(connection, ["categories"], most=100, share=1, progress=lambda *seen: said.append(seen))
    assert changed == {"categories": STREAMS}
    assert filled(connection) == (STREAMS, 1)
    assert [done for _, done, _ in said] == sorted(done for _, done, _ in said)
    assert said[-1] == ("categories", STREAMS, STREAMS)
    (entry,) = (each for each in read_backfills(connection) if each.name == "categories")
    assert (entry.state, entry.changed, entry.steps, entry.since) == ("done", STREAMS, 6, NEXT)
    assert run_backfills(connection, ["categories"]) == {}


def test_status_and_migrate_say_what_is_pending_and_a_dry_run_changes_nothing(
    migrated: str, connection: Connection
) -> None:
    assert json.loads(run_console_script("--url", migrated, "backfill", "run", "--dry-run", "--json").out) == {
        "left": {"categories": STREAMS, "names": 1, "recorded": parts_of_the_log(connection) * 2}
    }
    assert filled(connection) == (0, 0)
    assert state_of(connection, "categories") == "pending"
    assert json.loads(run_console_script("--url", migrated, "status", "--json").out)["backfills"] == [
        "categories",
        "names",
        "recorded",
    ]
    assert "run `runfold backfill run`" in run_console_script("--url", migrated, "status").out
    listed = run_console_script("--url", migrated, "backfill", "list")
    assert "the category of each stream" in listed.out
    done = run_console_script("--url", migrated, "backfill", "run", "categories", "--share", "1")
    assert done.out == f"categories: done, {STREAMS:,} changed\n"
    assert run_console_script("--url", migrated, "backfill", "run", "categories").out == "nothing is pending\n"


def test_one_that_is_killed_goes_on_behind_its_last_step(migrated: str, connection: Connection) -> None:
    slow = [sys.executable, "-m", "runfold", "--url", migrated, "backfill", "run", "categories"]
    killed = subprocess.Popen([*slow, "--batch-size", "10", "--share", "0.02"], stderr=subprocess.PIPE)
    try:
        eventually(lambda: filled(connection)[0] >= 20)
    finally:
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
    before, _ = filled(connection)
    assert before < STREAMS
    assert left_of(connection, "categories") == STREAMS - before
    changed = run_backfills(connection, ["categories"], share=1)
    assert changed == {"categories": STREAMS - before}
    assert filled(connection) == (STREAMS, 1)


def test_control_without_how_far_it_is_a_killed_one_would_begin_again(migrated: str, connection: Connection) -> None:
    connection.execute("SELECT FROM runfold.step_backfill('categories', 100)")
    connection.execute("UPDATE runfold.backfills SET reached = NULL")
    assert left_of(connection, "categories") == STREAMS


def test_two_that_run_at_once_take_turns(migrated: str, connection: Connection) -> None:
    counts: list[int] = []

    def one() -> None:
        with psycopg.connect(migrated, autocommit=True) as mine:
            counts.append(run_backfills(mine, ["categories"], most=7, share=1)["categories"])

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == STREAMS
    assert filled(connection) == (STREAMS, 1)


def test_a_row_that_somebody_holds_is_waited_for(
    migrated: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_PAUSE_FOR_LOCKS", 0.05)
    with psycopg.connect(migrated) as holder:
        holder.execute("SELECT FROM runfold.streams WHERE stream_id = 'log-250' FOR UPDATE")
        thread = threading.Thread(target=lambda: run_backfills_of(migrated))
        thread.start()
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        eventually(lambda: connection.execute(waiting).rowcount == 1)
        time.sleep(1.2)  # longer than a step waits for a lock
        assert thread.is_alive()
        assert state_of(connection, "categories") != "done"
        holder.rollback()
        thread.join()
    assert filled(connection) == (STREAMS, 1)


def run_backfills_of(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as mine:
        run_backfills(mine, ["categories"], most=100, share=1)


def test_steps_take_their_share_of_the_time(
    migrated: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(running.time, "sleep", pauses.append)
    began = time.monotonic()
    run_backfills(connection, ["categories"], most=50, share=0.1)
    worked = time.monotonic() - began
    assert len(pauses) == 10
    assert sum(pauses) > 4 * worked  # nine times that of the steps but the last


# -- indexes ----------------------------------------------------------------------------------------------------------


def parts_of_the_log(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'runfold.events'::regclass").fetchone()
    assert row is not None
    return int(row[0])


def valid(connection: Connection, index: str) -> bool:
    return connection.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", (index,)
    ).fetchone() == (True,)


def test_indexes_are_built_beside_everything_else(migrated: str, connection: Connection) -> None:
    assert not valid(connection, "runfold.events_by_recorded_at")
    run_backfills(connection, ["recorded", "names"], share=1)
    assert valid(connection, "runfold.events_by_recorded_at")
    assert valid(connection, "runfold.streams_of_test")
    assert {state_of(connection, name) for name in ("recorded", "names")} == {"done"}
    connection.execute("SELECT runfold.ensure_partitions(%s)", (8,))
    assert valid(connection, "runfold.events_by_recorded_at"), "later partitions have it as well"


@pytest.mark.parametrize("name", ["recorded", "names"])
def test_an_index_that_a_killed_run_left_is_built_again(migrated: str, connection: Connection, name: str) -> None:
    table = "runfold.streams" if name == "names" else first_part(connection)
    with psycopg.connect(migrated) as holder:
        holder.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE".encode())
        building = psycopg.connect(migrated, autocommit=True)
        thread = threading.Thread(target=lambda: _killed(building, name))
        thread.start()
        eventually(
            lambda: (
                connection.execute(
                    "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
                    (building.info.backend_pid,),
                ).rowcount
                == 1
            )
        )
        connection.execute("SELECT pg_terminate_backend(%s)", (building.info.backend_pid,))
        thread.join()
    left = [row[0] for row in connection.execute("SELECT runfold.index_statements(%s)", (name,))]
    assert left[0].startswith("DROP INDEX CONCURRENTLY"), left
    run_backfills(connection, [name], share=1)
    assert state_of(connection, name) == "done"
    assert not [row for row in connection.execute("SELECT FROM pg_index WHERE NOT indisvalid") if name == "recorded"]


def _killed(building: Connection, name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - as the server ends it
        run_backfills(building, [name], share=1)


def first_part(connection: Connection) -> str:
    row = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'runfold.events'::regclass"
        " ORDER BY 1 LIMIT 1"
    ).fetchone()
    assert row is not None
    return str(row[0])


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_bad_input_is_refused(migrated: str, connection: Connection) -> None:
    with pytest.raises(UnknownBackfill, match="there is no backfill nothing"):
        run_backfills(connection, ["nothing"])
    with pytest.raises(InvalidInput, match="the share is 0"):
        run_backfills(connection, [], share=0)
    for most in (0, 100_001, None):
        with pytest.raises(InvalidInput) as refused, mapped_errors():
            connection.execute("SELECT runfold.step_backfill('categories', %s)", (most,))
        assert refused.value.code == "backfill_step_size"
    with pytest.raises(UnknownBackfill) as unknown, mapped_errors():
        connection.execute("SELECT runfold.left_of_backfill('nothing')")
    assert unknown.value.facts["backfill"] == "nothing"
    said = run_console_script("--url", migrated, "backfill", "run", "nothing")
    assert (said.code, said.err.startswith("error: there is no backfill nothing")) == (1, True)


def test_a_migration_that_takes_away_waits_for_the_backfill(
    migrated: str, connection: Connection, schema_copy: Path, tmp_path: Path
) -> None:
    with pytest.raises(BackfillPending, match="runfold backfill run"), mapped_errors():
        connection.execute("SELECT runfold.require_backfill('categories')")
    folder = next_release(schema_copy, tmp_path / "contract", CATEGORIES + INDEXES)
    later = folder / "20991231000001_drop_times.sql"
    later.write_text(
        "-- migrate:up\n\nSELECT runfold.require_backfill('categories');\n"
        "ALTER TABLE runfold.streams DROP COLUMN times;\n\n-- migrate:down\n"
    )
    write_checksums(folder)
    with pytest.raises(MigrationFailed, match="the backfill categories has not ended"):
        migrate(migrated, folder=folder)
    run_backfills(connection, ["categories"], share=1)
    assert migrate(migrated, folder=folder).current


def test_an_operator_runs_rows_and_only_the_owner_builds_indexes(owned: Owned) -> None:
    with psycopg.connect(owned.login(LOGINS["runfold_operator"]), autocommit=True) as operator:
        assert run_backfills(operator, []) == {}
    with (
        psycopg.connect(owned.login(LOGINS["runfold_engine"]), autocommit=True) as engine,
        pytest.raises(PermissionDenied),
        mapped_errors(),
    ):
        engine.execute("SELECT runfold.step_backfill('x')")


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("backfills_pkey", "('categories', 'x', '1', NULL, NULL, 0, 0, NULL)"),
        ("name_is_part_of_a_function", "('Not one', 'x', '1', NULL, NULL, 0, 0, NULL)"),
        ("name_is_part_of_a_function", f"('{'a' * 31}', 'x', '1', NULL, NULL, 0, 0, NULL)"),
        ("index_has_name_and_definition", "('b', 'x', '1', 'runfold.i', NULL, 0, 0, NULL)"),
        ("changed_is_not_negative", "('b', 'x', '1', NULL, NULL, -1, 0, NULL)"),
        ("steps_are_not_negative", "('b', 'x', '1', NULL, NULL, 0, -1, NULL)"),
        ("finished_was_started", "('b', 'x', '1', NULL, NULL, 0, 0, now())"),
    ],
)
def test_each_constraint_of_the_table(migrated: str, connection: Connection, constraint: str, values: str) -> None:
    columns = "name, about, since, index_name, index_definition, changed, steps, finished_at"
    with pytest.raises(psycopg.errors.IntegrityError) as broken:
        connection.execute(f"INSERT INTO runfold.backfills ({columns}) VALUES {values}".encode())
    assert broken.value.diag.constraint_name == constraint


@pytest.fixture(autouse=True)
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for in shorter pauses."""
    monkeypatch.setattr(running, "_PAUSE_FOR_LOCKS", 0.05)
