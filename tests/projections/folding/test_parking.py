"""A poison event parks one stream in one group; a broken file stops its group; a transient error is retried."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.poison import Bad
from runfold.projections.reconciling.retry import retry as retry_stream
from runfold.runtime_sql import runtime_sql
from tests.fixtures.logs import TENANT, Log, event, run
from tests.fixtures.processes import (
    assert_nothing_differs,
    checkpoint,
    drain,
    eventually,
    folded,
    leader,
    verified,
    worker,
)
from tests.fixtures.slowness import Slowness
from tests.model.payloads import BASE

statement = runtime_sql("runfold.projections")

CREATED: dict[str, Any] = event("ExecutionCreated")[1]

# An event that append_events would refuse: its data, and the state of the error that it parks with.
POISON: dict[str, tuple[str, dict[str, Any], str]] = {
    "a missing field": ("ExecutionCreated", {"mode": "MANUAL"}, "23502"),
    "a bad cast": ("ExecutionCreated", {**CREATED, "workflow_id": "not a UUID"}, "22P02"),
    "a number that is none": ("ExecutionStarted", {"start_time": "soon"}, "22P02"),
    "a value that a CHECK refuses": ("ExecutionCreated", {**CREATED, "mode": "SOMEHOW"}, "23514"),
    "a value that is too long": ("ExecutionCreated", {**CREATED, "triggered_by": "x" * 300}, "22001"),
    "a pause without its time": ("PauseOpened", {"pause": "p", "pause_reason": "timer"}, "23502"),
}


def smuggle(log: Log, stream_id: str, kind: str, data: dict[str, Any], *, remember: bool = False) -> int:
    """Insert an event into the log past append_events, as a superuser can; return its position."""
    event_id = uuid4()
    row = log.connection.execute(
        "WITH at AS MATERIALIZED (SELECT nextval('runfold.events_position') AS position)"
        " INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type,"
        " schema_version, user_id, data, metadata, occurred_at, recorded_at)"
        " SELECT position, position, %(stream)s, %(version)s, %(id)s, split_part(%(stream)s, '-', 1), %(type)s, 1,"
        " %(user)s, %(data)s, '{}', %(at)s, now() FROM at RETURNING position",
        {"stream": stream_id, "version": log.versions.get(stream_id, 0) + 1, "id": event_id, "type": kind,
         "user": TENANT, "data": Jsonb(data), "at": BASE},
    ).fetchone()  # fmt: skip
    assert row is not None
    log.connection.execute(
        "INSERT INTO runfold.streams (stream_id, user_id, version, first_position, last_position)"
        " VALUES (%(stream)s, %(user)s, 1, %(position)s, %(position)s) ON CONFLICT (stream_id) DO UPDATE"
        " SET version = streams.version + 1, last_position = excluded.last_position",
        {"stream": stream_id, "user": TENANT, "position": row[0]},
    )
    log.remember(stream_id, [(kind, data)], first=row[0], event_ids=[event_id], user_id=TENANT)
    return int(row[0])


def correct(log: Log, position: int, data: dict[str, Any]) -> None:
    """Repair an event, as only a superuser can who switches the log's triggers off."""
    with log.connection.transaction():
        log.connection.execute("SET LOCAL session_replication_role = replica")
        log.connection.execute("UPDATE runfold.events SET data = %s WHERE position = %s", (Jsonb(data), position))
    for n, recorded in enumerate(log.events):
        if recorded.position == position:
            log.events[n] = type(recorded)(
                **{name: getattr(recorded, name) for name in recorded.__slots__} | {"data": data}
            )


def parked(connection: psycopg.Connection[Any]) -> list[tuple[str, str, int, str]]:
    return connection.execute(
        "SELECT group_name, stream_id, position, sqlstate FROM runfold.parked_streams ORDER BY group_name, stream_id"
    ).fetchall()


def retry(url: str, stream_id: str, group: str = "execution") -> Bad | None:
    """Do what `runfold parked retry` does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        return retry_stream(connection, load_catalogue().groups[group], stream_id)


# Poison


@pytest.mark.parametrize("why", POISON)
def test_poison_parks_its_stream_in_its_group_and_nothing_else(log: Log, database_url: str, why: str) -> None:
    kind, data, sqlstate = POISON[why]
    first = [] if kind == "ExecutionCreated" else [event("ExecutionCreated", execution_id="sick")]
    if first:
        log.append("execution-sick", *first)
    log.wander(seed=1, appends=20)
    position = smuggle(log, "execution-sick", kind, data)
    log.append("execution-sick", event("ExecutionMetadataSet", metadata={"later": 1}))
    # The same call's other streams, the stream's own log, and later events of others.
    log.append_many([("execution-sick", [event("ExecutionPaused")]), ("execution-well", run("well"))])
    log.append("log-sick", event("LogAppended"))
    log.wander(seed=2, appends=20)
    assert drain(database_url) == {}
    assert parked(log.connection) == [("execution", "execution-sick", position, sqlstate)]
    (error,) = log.connection.execute("SELECT error FROM runfold.parked_streams").fetchone() or ("",)
    assert error
    assert "\n" not in error
    assert checkpoint(log.connection) == log.events[-1].position
    # Up to the poison the stream is folded; from it on it waits.
    bad = [
        recorded for recorded in log.events if recorded.stream_id == "execution-sick" and recorded.position >= position
    ]
    log.events = [recorded for recorded in log.events if recorded not in bad]
    log.assert_folded()
    for verification in verified(database_url):
        assert verification.differing == 0
        assert verification.parked_streams == (["execution-sick"] if verification.group == "execution" else [])


def test_control_without_parking_the_whole_group_waits_behind_poison(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.projections.folding.projector.is_poison", lambda exc: False)
    smuggle(log, "execution-sick", *POISON["a bad cast"][:2])
    log.append("execution-well", *run("well"))
    assert list(drain(database_url)) == ["execution"]
    assert parked(log.connection) == []
    assert log.connection.execute("SELECT count(*) FROM public.workflow_executions").fetchone() == (0,)


@pytest.mark.parametrize("why", ["a missing field", "a number that is none", "a pause without its time"])
def test_after_the_fix_a_retry_folds_the_waiting_events(log: Log, database_url: str, why: str) -> None:
    kind, data, _ = POISON[why]
    if kind != "ExecutionCreated":
        log.append("execution-sick", event("ExecutionCreated", execution_id="sick"))
    position = smuggle(log, "execution-sick", kind, data)
    log.append("execution-sick", event("ExecutionStarted"))
    log.append("execution-well", *run("well"))
    drain(database_url)
    # Without a repair it fails again, stays parked, and nothing has changed.
    assert retry(database_url, "execution-sick") is not None
    assert [row[:3] for row in parked(log.connection)] == [("execution", "execution-sick", position)]
    correct(log, position, {**event(kind)[1], "execution_id": "sick"} if kind == "ExecutionCreated" else
            {**event(kind)[1], "pause": "p"} if kind == "PauseOpened" else event(kind)[1])  # fmt: skip
    assert retry(database_url, "execution-sick") is None
    assert parked(log.connection) == []
    log.append("execution-sick", event("ExecutionSucceeded"))
    drain(database_url)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_an_event_of_unknown_shape_is_folded_where_its_type_is_known_and_its_data_is_more(
    log: Log, database_url: str
) -> None:
    """Only data that a fold reads can poison it."""
    smuggle(log, "execution-odd", "ExecutionCreated", {**CREATED, "execution_id": "odd", "surprise": [1]})
    smuggle(log, "execution-odd", "SomethingUnheardOf", {"what": 1})
    assert drain(database_url) == {}
    assert parked(log.connection) == []
    assert log.connection.execute("SELECT execution_id FROM public.workflow_executions").fetchall() == [("odd",)]


def test_many_poisoned_streams_are_parked_each_by_itself_and_soon(log: Log, database_url: str) -> None:
    sick = [f"execution-sick{n}" for n in range(12)]
    for n, stream_id in enumerate(sick):
        log.wander(seed=50 + n, appends=10, executions=2)
        smuggle(log, stream_id, *POISON["a bad cast"][:2])
    began = time.monotonic()
    drain(database_url)
    assert time.monotonic() - began < 30
    assert [row[1] for row in parked(log.connection)] == sorted(sick)
    log.assert_folded(without=sick)
    assert_nothing_differs(database_url)


def waits_for_a_lock(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a session in this database waits for a lock of another."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    return row is not None and row[0] > 0


def retry_in_the_middle_of_a_batch(log: Log, url: str, name: str, slowness: Slowness) -> None:
    """Retry a repaired stream while the worker is between two statements of a batch with more of its events."""
    stream_id, good = f"execution-{name}", {**CREATED, "execution_id": name}
    position = smuggle(log, stream_id, "ExecutionCreated", {**good, "mode": "SOMEHOW"})
    log.append(stream_id, event("NodeStarted", activation="a"))
    eventually(lambda: folded(log.connection, log.events[-1].position))
    correct(log, position, good)
    slowness.begin()
    more = [event("NodeStarted", activation="b"), event("PauseOpened", pause="p")]
    log.append_many([(stream_id, more), (f"execution-well-{name}", run(f"well-{name}"))])
    eventually(slowness.sleeping)
    with ThreadPoolExecutor(1) as pool:
        retried = pool.submit(retry, url, stream_id)
        # The worker's batch holds the checkpoint: the retry has to wait for it, and does not know how long.
        eventually(lambda: retried.done() or waits_for_a_lock(log.connection))
        slowness.set(0)
        assert retried.result() is None
    log.append(stream_id, event("ExecutionStarted"))
    eventually(lambda: folded(log.connection, log.events[-1].position))


def test_a_retry_beside_a_live_worker_folds_every_event_once(log: Log, database_url: str) -> None:
    """Either the worker's batch or the retry folds the stream's newest events, never both or neither."""
    slowness = Slowness(log.connection)
    with worker(database_url):
        for n in range(2):
            retry_in_the_middle_of_a_batch(log, database_url, f"sick{n}", slowness)
    assert parked(log.connection) == []
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_control_a_batch_that_does_not_hold_its_checkpoint_loses_what_is_retried_meanwhile(
    log: Log, database_url: str
) -> None:
    connection = log.connection
    (begin,) = connection.execute("SELECT pg_get_functiondef('runfold.begin_batch'::regproc)").fetchone() or ("",)
    assert "FOR NO KEY UPDATE OF c" in begin
    connection.execute(begin.replace("FOR NO KEY UPDATE OF c", "").encode())
    slowness = Slowness(log.connection)

    def go() -> None:
        with worker(database_url):
            retry_in_the_middle_of_a_batch(log, database_url, "sick", slowness)
        log.assert_folded()

    # The retry finds rows that the batch has just made, or what it folds is lost.
    with pytest.raises(AssertionError, match=r"UniqueViolation|the tables differ"):
        go()


# Files of one's own

OWN_TABLE = "CREATE TABLE projections.run_counts (mode text PRIMARY KEY, runs integer NOT NULL CHECK (runs < 4))"
OWN_FILE = """\
-- name: run_counts
-- version: 1
-- group: counts
-- table: projections.run_counts
-- key: mode
-- cross_stream: true
-- events: ExecutionCreated
MERGE INTO run_counts AS t
USING (SELECT b.data ->> 'mode' AS mode, count(*)::integer AS runs FROM batch b GROUP BY 1) AS f ON t.mode = f.mode
 WHEN MATCHED THEN UPDATE SET runs = t.runs + f.runs
 WHEN NOT MATCHED THEN INSERT (mode, runs) VALUES (f.mode, f.runs);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one user projection, in its own group."""
    (tmp_path / "run_counts.sql").write_text(OWN_FILE)
    return tmp_path


def test_poison_in_a_group_of_the_user_s_own_does_not_touch_the_others(
    log: Log, database_url: str, folder: Path
) -> None:
    log.connection.execute(OWN_TABLE)
    for n in range(6):
        log.append(f"execution-{n}", *run(str(n)))
    assert drain(database_url, folder) == {}
    assert [row[:2] for row in parked(log.connection)] == [("counts", f"execution-{n}") for n in (3, 4, 5)]
    assert log.connection.execute("SELECT * FROM projections.run_counts").fetchall() == [("MANUAL", 3)]
    log.assert_folded()
    assert_nothing_differs(database_url)


@pytest.mark.parametrize("group", ["counts", "a_first_group"])
def test_a_broken_file_stops_its_group_with_its_error_and_parks_nobody(
    log: Log, database_url: str, folder: Path, group: str
) -> None:
    log.connection.execute(OWN_TABLE)
    text = OWN_FILE.replace("b.data ->> 'mode'", "b.moed").replace("group: counts", f"group: {group}")
    (folder / "run_counts.sql").write_text(text)
    log.append("execution-a", *run("a"))
    waiting = drain(database_url, folder)
    assert list(waiting) == [group]
    assert waiting[group] == "column b.moed does not exist"
    assert parked(log.connection) == []
    assert checkpoint(log.connection, group) == 0
    log.assert_folded()
    # After the repair it continues at its checkpoint, and its error is gone.
    (folder / "run_counts.sql").write_text(text.replace("b.moed", "b.data ->> 'mode'"))
    assert drain(database_url, folder) == {}
    assert log.connection.execute("SELECT * FROM projections.run_counts").fetchall() == [("MANUAL", 1)]
    assert log.connection.execute(
        "SELECT count(*) FROM runfold.checkpoints WHERE stopped_error IS NOT NULL"
    ).fetchone() == (0,)


def test_an_error_that_is_neither_the_data_s_nor_passing_stops_its_group_and_not_the_worker(
    log: Log, database_url: str, folder: Path
) -> None:
    """A statement that would change one row twice, for example: the fold is wrong for any events."""
    log.connection.execute(OWN_TABLE)
    log.append("execution-a", *run("a"))
    assert drain(database_url, folder) == {}
    one_row_many_times = OWN_FILE.replace("count(*)::integer AS runs FROM batch b GROUP BY 1", "1 AS runs FROM batch b")
    (folder / "run_counts.sql").write_text(one_row_many_times)
    log.append("execution-b", *run("b"))
    log.append("execution-c", *run("c"))
    assert "second time" in drain(database_url, folder)["counts"]
    assert parked(log.connection) == []
    log.assert_folded()
    (folder / "run_counts.sql").write_text(OWN_FILE)
    assert drain(database_url, folder) == {}
    assert log.connection.execute("SELECT * FROM projections.run_counts").fetchall() == [("MANUAL", 3)]


def test_two_workers_agree_on_a_group_that_waits(log: Log, database_url: str, folder: Path) -> None:
    """`--once` beside a daemon does not wait for a group that nobody can fold."""
    (folder / "run_counts.sql").write_text(OWN_FILE)  # its table was never made
    log.append("execution-a", *run("a"))
    with worker(database_url, folder):
        eventually(lambda: leader(log.connection)[0] == 1)
        waiting = drain(database_url, folder)
    assert list(waiting) == ["counts"]
    assert "run_counts" in waiting["counts"]
    log.assert_folded()


# What may pass


def cancel(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'runfold worker fold'"
    )


def test_a_canceled_statement_is_tried_again_and_parks_nobody(log: Log, database_url: str) -> None:
    slowness = Slowness(log.connection)
    slowness.set(20)
    with worker(database_url) as running:
        log.append("execution-a", *run("a"))
        for seconds in (20, 20, 0):
            eventually(slowness.sleeping)
            slowness.set(seconds)
            cancel(log.connection)
            eventually(lambda: not slowness.sleeping())
        eventually(lambda: folded(log.connection, log.events[-1].position))
        assert running.output.count("tried again") == 3
    assert parked(log.connection) == []
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_a_lock_that_is_not_given_in_time_is_tried_again_and_parks_nobody(log: Log, database_url: str) -> None:
    log.connection.execute(
        sql.SQL("ALTER DATABASE {} SET lock_timeout = '200ms'").format(sql.Identifier(log.connection.info.dbname))
    )
    log.append("execution-a", *run("a"))
    drain(database_url)
    log.append("execution-a", event("ExecutionMetadataSet", metadata={"a": 1}))
    with psycopg.connect(database_url) as other:
        other.execute("SET lock_timeout = 0")
        other.execute("SELECT FROM public.workflow_executions FOR UPDATE")
        with worker(database_url) as running:
            eventually(lambda: "tried again" in running.output)
            other.rollback()
            eventually(lambda: folded(log.connection, log.events[-1].position))
    assert parked(log.connection) == []
    log.assert_folded()


def test_a_deadlock_is_tried_again_and_parks_nobody(log: Log, database_url: str) -> None:
    """Another session holds a node and wants its execution; the worker holds the execution and wants the node."""
    log.append("execution-a", *run("a")[:3])
    drain(database_url)
    log.connection.execute(
        sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '100ms'").format(sql.Identifier(log.connection.info.dbname))
    )
    slowness = Slowness(log.connection)
    slowness.set(1)
    log.append("execution-a", event("ExecutionMetadataSet", metadata={"a": 1}), event("NodeSucceeded", activation="n0"))
    with psycopg.connect(database_url) as other:
        other.execute("SET deadlock_timeout = '60s'")  # the worker shall be the one that gives way
        other.execute("SELECT FROM public.node_executions FOR UPDATE")
        with worker(database_url) as running, ThreadPoolExecutor() as elsewhere:
            eventually(slowness.sleeping)
            slowness.set(0)
            wanting = elsewhere.submit(other.execute, "SELECT FROM public.workflow_executions FOR UPDATE")
            eventually(lambda: "deadlock detected" in running.output)
            wanting.result()
            other.rollback()
            eventually(lambda: folded(log.connection, log.events[-1].position))
    assert parked(log.connection) == []
    log.assert_folded()
