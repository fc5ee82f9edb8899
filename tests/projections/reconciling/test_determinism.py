"""Rebuild, verify, replay, retry and as-of give the same rows in any session, locale and server.

The settings are the database's (ALTER DATABASE … SET), so that every session has them: the rebuild's, its helpers' and
parallel workers', the worker's and the readers'.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.folding import parts
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.reconciling import slices
from runfold.projections.reconciling.replay import replay
from runfold.projections.reconciling.retry import retry
from runfold.projections.reconciling.verify import verify
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_past
from tests.projections.folding.test_barriers import spoil
from tests.projections.folding.test_folds_equal_the_model import Database, icu_database
from tests.projections.reconciling.rebuilding import TABLES, Rebuilder, append_everything
from tests.reading.conftest import past_of

__all__ = ["icu_database"]

DATABASES: dict[str, dict[str, str]] = {
    "east of Greenwich, German dates, no hashing": {
        "TimeZone": "Asia/Kathmandu",
        "DateStyle": "German",
        "IntervalStyle": "sql_standard",
        "extra_float_digits": "-15",
        "bytea_output": "escape",
        "work_mem": "64kB",
        "enable_hashjoin": "off",
        "enable_hashagg": "off",
        "search_path": '"nowhere", pg_temp',
    },
    "west of it, month first, no sorting, everything compiled and parallel": {
        "TimeZone": "America/St_Johns",
        "DateStyle": "SQL, MDY",
        "IntervalStyle": "iso_8601",
        "extra_float_digits": "0",
        "enable_sort": "off",
        "enable_mergejoin": "off",
        "jit": "on",
        "jit_above_cost": "0",
        "min_parallel_table_scan_size": "0",
        "parallel_setup_cost": "0",
        "parallel_tuple_cost": "0",
        "plan_cache_mode": "force_generic_plan",
        "default_text_search_config": "pg_catalog.german",
    },
}
LOCALES = ("tr_TR.UTF-8", "de_DE.UTF-8", "en_US.UTF-8", "C.UTF-8")


def change(connection: psycopg.Connection[Any], settings: dict[str, str]) -> None:
    """Give every later session of this database these settings, and a locale other than C."""
    set_to: LiteralString = "ALTER DATABASE {} SET {} = {}"
    name = sql.Identifier(connection.info.dbname)
    for setting, value in settings.items():
        connection.execute(sql.SQL(set_to).format(name, sql.Identifier(setting), sql.Literal(value)))
    for locale in LOCALES:
        try:
            for category in ("lc_numeric", "lc_monetary", "lc_time", "lc_messages"):
                connection.execute(sql.SQL(set_to).format(name, sql.Identifier(category), sql.Literal(locale)))
            return
        except psycopg.errors.InvalidParameterValue:
            continue


@pytest.fixture(params=DATABASES)
def elsewhere(request: pytest.FixtureRequest, log: Log, database_url: str) -> Log:
    """A log that was folded in a usual database, which has other settings from now on."""
    append_everything(log, appends=8)
    log.append("execution-last", *run("last", nodes=3))
    drain(database_url)
    change(log.connection, DATABASES[request.param])
    return log


def lose_everything(connection: psycopg.Connection[Any]) -> None:
    connection.execute(f"TRUNCATE {', '.join(TABLES)}".encode())


def texts(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Return every row of every table as text, in one kind of session, without the times of recording."""
    with connection.transaction():
        connection.execute(FOLD_SESSION)
        return {
            table: [text for (text,) in connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode())]
            for table in TABLES
        }


def test_a_rebuild_finds_the_same_rows(elsewhere: Log, rebuilder: Rebuilder) -> None:
    found = rebuilder(dry_run=True)
    assert {name: each.differences for name, each in found.items() if each.differing} == {}


def test_a_rebuild_makes_the_same_rows(elsewhere: Log, rebuilder: Rebuilder) -> None:
    before = texts(elsewhere.connection)
    assert sum(len(rows) > 0 for rows in before.values()) > 8
    lose_everything(elsewhere.connection)
    rebuilder()
    assert texts(elsewhere.connection) == before
    elsewhere.assert_folded()


def test_verify_finds_the_same_rows(elsewhere: Log, database_url: str) -> None:
    assert_nothing_differs(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = verify(connection, load_catalogue(), sample=20, seed=1)
    assert [each for each in found if each.differing] == []
    elsewhere.connection.execute("UPDATE public.workflow_executions SET created_at = created_at + interval '1 hour'")
    with pytest.raises(AssertionError):
        assert_nothing_differs(database_url)


def test_a_replay_makes_the_same_rows(elsewhere: Log, database_url: str) -> None:
    before = texts(elsewhere.connection)
    elsewhere.connection.execute("UPDATE public.workflow_executions SET updated_at = now()")
    elsewhere.connection.execute("DELETE FROM public.node_executions")
    elsewhere.connection.execute("UPDATE public.workflow_execution_logs SET message = 'x'")
    with psycopg.connect(database_url, autocommit=True) as connection:
        for stream in {each.stream_id for each in elsewhere.events}:
            replay(connection, load_catalogue(), stream)
    assert texts(elsewhere.connection) == before


def test_the_retry_of_a_parked_stream_makes_the_same_rows(elsewhere: Log, database_url: str) -> None:
    before = texts(elsewhere.connection)
    created = next(each for each in elsewhere.events if each.stream_id == "execution-last")
    spoil(elsewhere, "execution-last", created.position, {**created.data, "mode": "SOMEHOW"})
    lose_everything(elsewhere.connection)
    elsewhere.connection.execute("UPDATE runfold.checkpoints SET position = 0")
    drain(database_url)
    assert texts(elsewhere.connection) != before
    spoil(elsewhere, "execution-last", created.position, dict(created.data))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        group = load_catalogue().groups["execution"]
        assert retry(connection, group, "execution-last") is None
    assert texts(elsewhere.connection) == before


def test_the_past_is_the_same(elsewhere: Log, database_url: str) -> None:
    events = elsewhere.events
    for end in (len(events), len(events) // 2):
        with past_of(database_url, position=events[end - 1].position) as past:
            assert_tables_equal(reference.fold(events[:end]), read_past(elsewhere.connection, past))


def test_control_a_fold_that_reads_the_session_s_time_zone_is_found(
    elsewhere: Log, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session of the folds has its own settings, and the folds do not need them: both are removed here."""
    fold = parts.fold_batch

    def careless(cursor: psycopg.Cursor[Any], group: Group, **more: Any) -> None:
        fold(cursor, group, **more)
        if "workflow_executions" not in group.versions:
            return
        cursor.execute("UPDATE workflow_executions SET created_at = created_at::timestamp AT TIME ZONE 'UTC'")

    monkeypatch.setattr(parts, "fold_batch", careless)
    assert not any(each.differing for each in rebuilder(dry_run=True).values())
    monkeypatch.setattr(slices, "REBUILD_SESSION", "SET client_min_messages = warning")
    assert rebuilder(dry_run=True)["workflow_executions"].differing > 0


# Other locales of the database itself, other versions of the server


def copy_log(source: psycopg.Connection[Any], target: psycopg.Connection[Any]) -> None:
    """Copy the log, event by event, into a database without one."""
    with target.transaction():
        target.execute("SET LOCAL session_replication_role = replica")
        for table in ("runfold.streams", "runfold.event_ids", "runfold.events"):
            with (
                source.cursor().copy(f"COPY (SELECT * FROM {table}) TO STDOUT".encode()) as rows,
                target.cursor().copy(f"COPY {table} FROM STDIN".encode()) as into,
            ):
                for row in rows:
                    into.write(row)
        target.execute("SELECT setval('runfold.events_position', (SELECT max(position) FROM runfold.events))")


def test_postgresql_15_with_another_order_of_text_makes_the_rows_of_this_server(
    log: Log, database_url: str, icu_database: Database
) -> None:
    append_everything(log, appends=8)
    drain(database_url)
    here = texts(log.connection)
    copy_log(log.connection, icu_database.connection)
    drain(icu_database.url)
    assert texts(icu_database.connection) == here
    lose_everything(icu_database.connection)
    Rebuilder(icu_database.url)()
    assert texts(icu_database.connection) == here
    assert_nothing_differs(icu_database.url)
