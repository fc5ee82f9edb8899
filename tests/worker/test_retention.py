"""What has expired is removed, holds up nobody, and nothing brings it back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from runfold.database.connections import mapped_errors
from runfold.errors import InvalidInput, UnknownRetention
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling import group_rebuild, pair
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.replay import replay
from runfold.projections.reconciling.retry import retry
from runfold.projections.reconciling.verify import verify
from runfold.reading.executions import read_execution
from runfold.reading.past.reader import open_past
from runfold.worker.expiry import Expiry, Retention, expire, read_retention, run_retention, set_retention
from tests.fixtures.logs import Log, event
from tests.fixtures.processes import drain, eventually, forked, fresh_worker
from tests.projections.folding.test_parking import smuggle

LOGS = "public.workflow_execution_logs"
CATALOGUE = load_catalogue()
NOW = datetime.now(UTC)


def lines(connection: psycopg.Connection[Any], name: str, *days_ago: float) -> None:
    """Append a log line of each of these ages."""
    call = [
        {
            "stream_id": f"log-{name}",
            "expected_version": None,
            "events": [
                {
                    "event_id": str(uuid4()),
                    "type": "LogAppended",
                    "data": event("LogAppended")[1],
                    "occurred_at": (datetime.now(UTC) - timedelta(days=ago)).isoformat(),
                }
                for ago in days_ago
            ],
        }
    ]
    connection.execute("SELECT FROM runfold.append_events(%s)", (json.dumps(call),))


def ages(connection: psycopg.Connection[Any]) -> list[int]:
    """Return the ages of the lines that the table has, in days, the oldest first."""
    rows = connection.execute(
        "SELECT round(extract(epoch FROM now() - created_at) / 86400)"
        " FROM public.workflow_execution_logs ORDER BY 1 DESC"
    )
    return [int(age) for (age,) in rows.fetchall()]


def cutoff(connection: psycopg.Connection[Any]) -> datetime | None:
    row = connection.execute("SELECT cutoff FROM runfold.retention WHERE table_name = %s", (LOGS,)).fetchone()
    return None if row is None else row[0]


def removed(connection: psycopg.Connection[Any]) -> int:
    """Remove what has expired in every table, and return how many log lines that were."""
    return next(done.rows for done in run_retention(connection) if done.table == LOGS)


def entry(connection: psycopg.Connection[Any]) -> Retention:
    return next(found for found in read_retention(connection) if found.table == LOGS)


def differing(connection: psycopg.Connection[Any]) -> int:
    return sum(found.differing for found in verify(connection, CATALOGUE, ["workflow_execution_logs"]))


def rebuilt(url: str) -> int:
    """Rebuild the table, and return how many rows were inserted."""
    found = rebuild(lambda: psycopg.connect(url, autocommit=True), CATALOGUE, ["workflow_execution_logs"])
    return sum(done.inserted for done in found)


def forget_the_cutoff(connection: psycopg.Connection[Any]) -> None:
    connection.execute("ALTER TABLE runfold.retention DISABLE TRIGGER cutoffs_only_grow")
    connection.execute("UPDATE runfold.retention SET cutoff = NULL")


@pytest.fixture
def aged(log: Log, database_url: str) -> Log:
    """A log with lines of two days, of 40 days, and of 400: the last are in the default partition."""
    lines(log.connection, "a", 400, 40.2, 40.1, 2, 1)
    lines(log.connection, "b", 2, 41)
    drain(database_url)
    return log


def test_old_lines_are_removed_and_counted(aged: Log) -> None:
    assert run_retention(aged.connection, ["workflow_execution_logs"], dry_run=True)[0].rows == 4
    assert ages(aged.connection) == [400, 41, 40, 40, 2, 2, 1]
    assert removed(aged.connection) == 4
    assert ages(aged.connection) == [2, 2, 1]
    at = cutoff(aged.connection)
    assert at is not None
    assert (at.hour, at.minute, at.second) == (0, 0, 0)
    assert NOW - timedelta(days=32) < at < NOW - timedelta(days=29)
    assert removed(aged.connection) == 0


def test_nothing_brings_removed_lines_back(aged: Log, database_url: str) -> None:
    run_retention(aged.connection)
    assert differing(aged.connection) == 0
    assert sum(done.differing for done in replay(aged.connection, CATALOGUE, "log-a")) == 0
    assert rebuilt(database_url) == 0
    assert ages(aged.connection) == [2, 2, 1]


def test_control_without_the_cutoff_they_come_back(aged: Log, database_url: str) -> None:
    run_retention(aged.connection)
    forget_the_cutoff(aged.connection)
    assert differing(aged.connection) == 4
    assert sum(done.inserted for done in replay(aged.connection, CATALOGUE, "log-a")) == 3
    assert rebuilt(database_url) == 1
    assert ages(aged.connection) == [400, 41, 40, 40, 2, 2, 1]


def test_a_parked_stream_brings_back_what_has_not_expired(aged: Log, database_url: str) -> None:
    at = smuggle(aged, "log-a", "LogAppended", {**event("LogAppended")[1], "display_priority": "high"})
    lines(aged.connection, "a", 50, 3)
    drain(database_url)
    run_retention(aged.connection)
    aged.connection.execute("ALTER TABLE runfold.events DISABLE TRIGGER ALL")
    for (partition,) in aged.connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'runfold.events'::regclass"
    ).fetchall():
        aged.connection.execute(f"ALTER TABLE {partition} DISABLE TRIGGER ALL".encode())
    aged.connection.execute(
        "UPDATE runfold.events SET data = data - 'display_priority', occurred_at = now() - interval '60 days'"
        " WHERE position = %s",
        (at,),
    )
    assert retry(aged.connection, CATALOGUE.groups["log"], "log-a") is None
    assert ages(aged.connection) == [3, 2, 2, 1]
    assert differing(aged.connection) == 0


def test_a_lost_line_above_the_cutoff_is_mended_and_a_late_one_below_it_is_no_difference(
    aged: Log, database_url: str
) -> None:
    run_retention(aged.connection)
    lines(aged.connection, "late", 60)
    drain(database_url)
    assert ages(aged.connection) == [60, 2, 2, 1]
    assert differing(aged.connection) == 0
    aged.connection.execute("DELETE FROM public.workflow_execution_logs WHERE created_at > now() - interval '36 hours'")
    assert differing(aged.connection) == 1
    assert rebuilt(database_url) == 1
    assert ages(aged.connection) == [60, 2, 2, 1]
    assert removed(aged.connection) == 1
    assert ages(aged.connection) == [2, 2, 1]


def move_the_cutoff_before_landing(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let the daily run come between a rebuild's comparison and its landing."""
    land = group_rebuild.GroupRebuild._land

    def after_the_daily_run(self: Any, **options: Any) -> Any:
        with psycopg.connect(url, autocommit=True) as other:
            run_retention(other)
        return land(self, **options)

    monkeypatch.setattr(group_rebuild.GroupRebuild, "_land", after_the_daily_run)


def lose_all(log: Log) -> None:
    log.connection.execute("DELETE FROM public.workflow_execution_logs")


def test_a_cutoff_that_moves_while_a_rebuild_runs_counts_when_it_lands(
    aged: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_all(aged)
    move_the_cutoff_before_landing(monkeypatch, database_url)
    assert rebuilt(database_url) == 3
    assert ages(aged.connection) == [2, 2, 1]


def test_control_a_cutoff_read_at_the_start_of_a_rebuild_brings_rows_back(
    aged: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_all(aged)
    move_the_cutoff_before_landing(monkeypatch, database_url)
    monkeypatch.setattr(pair, "_seen", lambda projection, table, within=None, columns="*": table)
    assert rebuilt(database_url) == 7
    assert ages(aged.connection) == [400, 41, 40, 40, 2, 2, 1]


def test_much_that_is_missing_is_filled_only_above_the_cutoff(
    aged: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_all(aged)
    monkeypatch.setattr(group_rebuild, "_FILL_FROM", 1)
    fill = group_rebuild.GroupRebuild._fill_table

    def after_the_daily_run(self: Any, pair: Any, missing: int) -> bool:
        with psycopg.connect(database_url, autocommit=True) as other:
            run_retention(other)
        return fill(self, pair, missing)

    monkeypatch.setattr(group_rebuild.GroupRebuild, "_fill_table", after_the_daily_run)
    assert rebuilt(database_url) == 3
    assert ages(aged.connection) == [2, 2, 1]


def test_who_moves_the_cutoff_waits_for_a_landing(aged: Log, database_url: str) -> None:
    with psycopg.connect(database_url) as landing:
        landing.execute("SELECT FROM runfold.begin_batch('log')")
        aged.connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            expire(aged.connection, LOGS)
        landing.rollback()
    assert cutoff(aged.connection) is None
    assert expire(aged.connection, LOGS) == (4, False)


def test_a_look_back_and_a_look_at_an_execution_show_no_expired_line(log: Log, database_url: str) -> None:
    log.append("execution-a", event("ExecutionCreated", execution_id="a"))
    lines(log.connection, "a", 40, 2)
    drain(database_url)

    def shown() -> list[int]:
        found = read_execution(log.connection, "a", logs=10)
        with (
            psycopg.connect(database_url, autocommit=True) as connection,
            open_past(connection, CATALOGUE, position=3, execution="a") as past,
        ):
            (past_lines,) = past.execute("SELECT count(*) FROM workflow_execution_logs").fetchone() or (0,)
        return [len(found["logs"]), past_lines]

    assert shown() == [2, 2]
    # As if the worker had moved the cutoff and not removed the row yet.
    log.connection.execute(
        "UPDATE runfold.retention SET cutoff = date_trunc('day', now() - interval '30 days', 'UTC')"
        " WHERE group_name IS NOT NULL"
    )
    assert shown() == [1, 1]
    assert ages(log.connection) == [40, 2]


def test_a_cutoff_only_grows(aged: Log) -> None:
    run_retention(aged.connection)
    at = cutoff(aged.connection)
    aged.connection.execute("UPDATE runfold.retention SET cutoff = '2000-01-01 00:00:00+00' WHERE group_name = 'log'")
    assert cutoff(aged.connection) == at
    set_retention(aged.connection, "workflow_execution_logs", timedelta(days=90))
    run_retention(aged.connection)
    assert cutoff(aged.connection) == at
    assert ages(aged.connection) == [2, 2, 1]


def test_rows_are_removed_in_parts(aged: Log) -> None:
    parts = []
    while not (step := aged.connection.execute("SELECT * FROM runfold.expire(%s, NULL, 3)", (LOGS,)).fetchone())[1]:  # type: ignore[index]
        parts.append(step[0])  # type: ignore[index]
    assert parts == [3, 1]


# Partitions.


def a_month(connection: psycopg.Connection[Any], months_ago: int) -> str:
    """Make the partition of a month that is over, with three lines in it, by hand; return its name."""
    (month,) = connection.execute(
        "SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - make_interval(months => %s)",
        (months_ago,),
    ).fetchone() or (None,)
    connection.execute("SELECT runfold.make_log_partition(%s)", (month,))
    (name,) = connection.execute(
        "SELECT relid::text FROM pg_partition_tree('public.workflow_execution_logs') WHERE relid::text ~ %s",
        (f"_{month:%Y%m}$",),
    ).fetchone() or ("",)
    middle = (datetime.now(UTC) - (month + timedelta(days=10))) / timedelta(days=1)
    lines(connection, "old", middle, middle, middle)
    return str(name)


def exists(connection: psycopg.Connection[Any], table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone() == (True,)


@contextmanager
def a_reader(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM public.workflow_execution_logs")
        yield reader
        reader.rollback()


def test_a_month_that_has_expired_is_dropped_whole_and_not_made_again(log: Log, database_url: str) -> None:
    month = a_month(log.connection, 3)
    drain(database_url)
    assert removed(log.connection) == 3
    assert not exists(log.connection, month)
    assert differing(log.connection) == 0
    assert log.connection.execute("SELECT runfold.ensure_log_partitions()").fetchone() == (0,)


def waits_for_nobody(url: str, action: Callable[[psycopg.Connection[Any]], object]) -> int:
    """Do something beside an open reader; fail if others wait longer than 0.2 s for a lock; return their number."""
    done = threading.Event()
    came = 0
    with ExitStack() as open_:
        open_.enter_context(a_reader(url))
        acting = open_.enter_context(psycopg.connect(url, autocommit=True))
        other = open_.enter_context(psycopg.connect(url, autocommit=True))
        other.execute("SET lock_timeout = '200ms'")

        def act() -> None:
            try:
                action(acting)
            finally:
                done.set()

        thread = threading.Thread(target=act)
        thread.start()
        try:
            while not done.is_set() or came == 0:
                other.execute("SELECT FROM public.workflow_execution_logs LIMIT 1")
                came += 1
        finally:
            acting.cancel()
            thread.join()
    return came


def test_nobody_waits_long_while_a_month_is_to_be_dropped(log: Log, database_url: str) -> None:
    month = a_month(log.connection, 3)
    drain(database_url)
    waits_for_nobody(database_url, run_retention)
    assert exists(log.connection, month)
    assert entry(log.connection).blocked_since is not None
    assert removed(log.connection) == 3
    assert not exists(log.connection, month)
    assert entry(log.connection).blocked_since is None


def test_control_a_month_dropped_without_a_limit_makes_others_wait(log: Log, database_url: str) -> None:
    month = a_month(log.connection, 3)
    drain(database_url)

    def drop(connection: psycopg.Connection[Any]) -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(f"DROP TABLE {month}".encode())

    with pytest.raises(psycopg.errors.LockNotAvailable):
        waits_for_nobody(database_url, drop)


def test_nobody_waits_long_while_months_are_made(log: Log, database_url: str) -> None:
    log.connection.execute("SELECT FROM pg_inherits WHERE inhparent = 'public.workflow_execution_logs'::regclass")
    for (name,) in log.connection.execute(
        "SELECT relid::text FROM pg_partition_tree('public.workflow_execution_logs') WHERE relid::text ~ '_[0-9]{6}$'"
    ).fetchall():
        log.connection.execute(f"DROP TABLE {name}".encode())
    waits_for_nobody(
        database_url,
        lambda connection: connection.execute("SELECT runfold.ensure_log_partitions(1)"),
    )
    assert log.connection.execute("SELECT runfold.ensure_log_partitions()").fetchone() == (14,)


def test_a_month_that_cannot_be_dropped_for_a_day_is_emptied_in_parts(log: Log, database_url: str) -> None:
    month = a_month(log.connection, 3)
    drain(database_url)
    with a_reader(database_url):
        run_retention(log.connection)
        assert ages(log.connection) != []
        log.connection.execute(
            "UPDATE runfold.retention SET blocked_since = now() - interval '23 hours' WHERE group_name = 'log'"
        )
        run_retention(log.connection)
        assert ages(log.connection) != []
        log.connection.execute(
            "UPDATE runfold.retention SET blocked_since = now() - interval '25 hours' WHERE group_name = 'log'"
        )
        assert removed(log.connection) == 3
        assert ages(log.connection) == []
        assert exists(log.connection, month)
    run_retention(log.connection)
    assert not exists(log.connection, month)


# The worker, once a day.


def make_due(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "UPDATE runfold.retention SET ran_at = now() - interval '25 hours' WHERE table_name = %s", (LOGS,)
    )


def test_a_table_is_not_due_before_a_day_has_passed(aged: Log) -> None:
    expiry = Expiry()
    expiry.step(aged.connection)
    assert ages(aged.connection) == [400, 41, 40, 40, 2, 2, 1]


def test_two_workers_remove_what_has_expired_once(aged: Log, database_url: str) -> None:
    make_due(aged.connection)
    before = entry(aged.connection).ran_at

    def body() -> None:
        running = fresh_worker(database_url, timeout_interval=1)
        running.stop_on_signals()
        running.run()

    with forked(body) as one, forked(body) as other:
        eventually(lambda: entry(aged.connection).ran_at > before)
        assert ages(aged.connection) == [2, 2, 1]
        after = entry(aged.connection).ran_at
        lines(aged.connection, "late", 60)
        eventually(lambda: 60 in ages(aged.connection))
        removed = (one.output + other.output).count("have expired and were removed")
        assert removed == 1
        assert entry(aged.connection).ran_at == after


def test_a_failure_keeps_no_fold_from_going_on(aged: Log, caplog: pytest.LogCaptureFixture) -> None:
    make_due(aged.connection)
    aged.connection.execute("UPDATE runfold.retention SET column_name = 'no_such_column' WHERE group_name = 'log'")
    Expiry().step(aged.connection)
    assert "what has expired in public.workflow_execution_logs could not be removed" in caplog.text


def test_a_state_table_loses_what_its_own_column_says(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE public.notes (id integer PRIMARY KEY, expires_at timestamptz)")
    connection.execute(
        "INSERT INTO public.notes VALUES (1, now() - interval '1 second'), (2, now() + interval '1 hour'), (3, NULL)"
    )
    connection.execute("INSERT INTO runfold.retention VALUES ('public.notes', 'expires_at', NULL, '0')")
    assert [done.rows for done in run_retention(connection, ["notes"])] == [1]
    assert connection.execute("SELECT id FROM public.notes ORDER BY id").fetchall() == [(2,), (3,)]


def test_every_table_that_is_entered_is_there_with_its_column_and_group(connection: psycopg.Connection[Any]) -> None:
    entered = connection.execute(
        "SELECT table_name, column_name, group_name FROM runfold.retention WHERE kind = 'table'"
    ).fetchall()
    found = connection.execute(
        "SELECT r.table_name, a.attname, r.group_name FROM runfold.retention r JOIN pg_attribute a"
        " ON a.attrelid = to_regclass(r.table_name) AND a.attname = r.column_name"
        " WHERE a.atttypid = 'timestamptz'::regtype"
    ).fetchall()
    assert sorted(found) == sorted(entered)
    expiring = [item for item in CATALOGUE.projections if item.expires is not None]
    folded = {f"{item.schema}.{item.table}": (item.expires, item.group) for item in expiring}
    assert folded == {table: (column, group) for table, column, group in entered if group is not None}


def test_every_table_with_an_end_is_entered(connection: psycopg.Connection[Any]) -> None:
    """A column that says when a row expires is in vain if nothing removes the row."""
    rows = connection.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE column_name = 'expires_at' AND table_type = 'BASE TABLE'"
        " AND table_schema IN ('public', 'runfold') AND table_name <> 'oauth_tokens'"
        " EXCEPT SELECT table_name FROM runfold.retention WHERE kind = 'table'"
    ).fetchall()
    assert rows == [], "enter it in schema/tables/retention.sql"


def test_messages_that_a_summary_covers_are_deleted_and_with_force_the_others(
    connection: psycopg.Connection[Any],
) -> None:
    user = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
    for index, age in ((1, 50), (2, 45), (3, 40), (4, 1)):
        connection.execute(
            "INSERT INTO public.conversation_buffers (session_id, user_id, message_index, role, content, timestamp)"
            " VALUES ('s', %s, %s, 'user', 'hello', now() - make_interval(days => %s))",
            (user, index, age),
        )
    connection.execute(
        "INSERT INTO public.conversation_summaries (session_id, user_id, sequence, summary, upto_index)"
        " VALUES ('s', %s, 1, 'they said hello', 2), ('other', %s, 1, 'nothing', 9)",
        (user, user),
    )
    call = "SELECT public.cleanup_old_conversation_buffers(%s, %s)"
    assert connection.execute("SELECT public.cleanup_old_conversation_buffers(46)").fetchone() == (1,)
    assert run_retention(connection, ["conversation_buffers"], dry_run=True)[0].rows == 1
    assert [done.rows for done in run_retention(connection, ["conversation_buffers"])] == [1]
    assert connection.execute(call, (30, False)).fetchone() == (0,)
    assert connection.execute(call, (30, True)).fetchone() == (1,)
    assert connection.execute("SELECT message_index FROM public.conversation_buffers").fetchall() == [(4,)]
    with pytest.raises(InvalidInput) as refused, mapped_errors():
        connection.execute(call, (-1, True))
    assert refused.value.code == "retention_too_short"


def test_kept_for_ever_and_not_there_are_passed_over(aged: Log) -> None:
    set_retention(aged.connection, LOGS, None)
    aged.connection.execute("INSERT INTO runfold.retention VALUES ('public.nowhere', 'at', NULL, '1 day')")
    assert not {LOGS, "public.nowhere"} & {done.table for done in run_retention(aged.connection)}
    assert expire(aged.connection, LOGS) == (0, True)
    assert expire(aged.connection, "public.nowhere") == (0, True)
    assert len(ages(aged.connection)) == 7


# By hand, in SQL.


def test_the_cleanup_function_returns_what_it_removed(aged: Log, database_url: str) -> None:
    call = "SELECT public.cleanup_old_execution_logs(%s)"
    assert aged.connection.execute(call, (100,)).fetchone() == (1,)
    assert aged.connection.execute(call, (30,)).fetchone() == (3,)
    assert aged.connection.execute(call, (100,)).fetchone() == (0,)
    assert aged.connection.execute(call, (1,)).fetchone() == (2,)
    assert ages(aged.connection) == [1]
    assert differing(aged.connection) == 0
    assert rebuilt(database_url) == 0


@pytest.mark.parametrize("days", [0, -1])
def test_less_than_a_day_is_refused_for_a_read_table(aged: Log, days: int) -> None:
    with pytest.raises(InvalidInput) as refused, mapped_errors():
        aged.connection.execute("SELECT public.cleanup_old_execution_logs(%s)", (days,))
    assert refused.value.code == "retention_too_short"
    assert len(ages(aged.connection)) == 7


def test_an_unknown_table_is_refused_by_name(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(UnknownRetention, match=r"choose one of .*public\.workflow_execution_logs"):
        run_retention(connection, ["nothing"])
    with pytest.raises(UnknownRetention) as refused, mapped_errors():
        connection.execute("SELECT runfold.expire('public.nothing')")
    assert refused.value.facts["table"] == "public.nothing"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("INSERT INTO runfold.retention VALUES ('public.workflow_execution_logs', 'x')", "retention_pkey"),
        ("UPDATE runfold.retention SET keep = interval '-1 day'", "keep_is_not_negative"),
        ("UPDATE runfold.retention SET keep = interval '23 hours' WHERE group_name = 'log'",
         "read_tables_are_kept_a_day"),
        ("UPDATE runfold.retention SET cutoff = '2026-01-01 01:00:00+00' WHERE group_name = 'log'",
         "cutoff_is_a_days_start"),
        ("UPDATE runfold.retention SET cutoff = '2026-01-01 00:00:00+00', group_name = NULL",
         "only_read_tables_have_a_cutoff"),
        ("INSERT INTO runfold.erased_tenants (user_id, erased_at) VALUES (gen_random_uuid(), now())",
         "erased_has_a_position"),
        ("INSERT INTO runfold.erased_tenants (user_id) SELECT u FROM gen_random_uuid() AS u, generate_series(1, 2)",
         "erased_tenants_pkey"),
    ],
)  # fmt: skip
def test_each_constraint_refuses(connection: psycopg.Connection[Any], change: str, constraint: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute(change.encode())
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize(
    ("role", "may"),
    [("runfold_operator", True), ("service_role", True), ("runfold_engine", False), ("authenticated", False)],
)
def test_who_may_clean_up_by_hand(connection: psycopg.Connection[Any], role: str, may: bool) -> None:
    row = connection.execute(
        "SELECT has_function_privilege(%s, 'public.cleanup_old_execution_logs(integer)', 'EXECUTE')", (role,)
    ).fetchone()
    assert row == (may,)
