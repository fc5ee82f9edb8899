"""No producer's clock makes a negative duration, owns a workflow's latest execution, or writes what nobody can read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold import events
from runfold.errors import InvalidInput
from runfold.events.envelope import NewEvent
from runfold.events.rules import FIRST_TIME, LAST_TIME
from tests.cli.running import run
from tests.fixtures.processes import assert_nothing_differs, drain

pytest_plugins = ["tests.fixtures.stores"]

Connection = psycopg.Connection[Any]
NOW_MS = 1_764_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEN_YEARS = timedelta(days=3650)
STEP: Any = {"activation": "a", "node_id": "a"}


def append(store: runfold.Store, *told: events.Event | NewEvent, workflow: object = None) -> str:
    """Append an execution with these events; return its id."""
    name = str(uuid4())
    created = events.ExecutionCreated(execution_id=name, workflow_id=workflow or uuid4(), mode="MANUAL")  # type: ignore[arg-type]
    store.append(f"execution-{name}", [created, *told])
    return name


@pytest.mark.parametrize("batches", [1, 5])
def test_an_end_before_its_start_counts_as_its_start_and_is_an_anomaly(
    store: runfold.Store, connection: Connection, database_url: str, batches: int
) -> None:
    story: list[events.Event] = [
        events.ExecutionStarted(start_time=NOW_MS),
        events.NodeStarted(**STEP, node_type="ACTION", attempt=1, start_time=NOW_MS + 10),
        events.NodeSucceeded(**STEP, end_time=NOW_MS - 5_000),
        events.ExecutionSucceeded(end_time=NOW_MS - 4_990),
    ]
    name = append(store, *(story if batches == 1 else []))
    for event in story if batches > 1 else []:
        drain(database_url)
        store.append(f"execution-{name}", [event])
    drain(database_url)
    rows = connection.execute(
        "SELECT start_time, end_time, duration_ms FROM workflow_executions"
        " UNION ALL SELECT start_time, end_time, duration_ms FROM node_executions"
    ).fetchall()
    assert rows == [(NOW_MS, NOW_MS, 0), (NOW_MS + 10, NOW_MS + 10, 0)]
    noted = connection.execute("SELECT projection, code, detail FROM runfold.anomalies ORDER BY position").fetchall()
    assert noted == [
        ("node_executions", "clock_went_back", {"start_time": NOW_MS + 10, "end_time": NOW_MS - 5_000}),
        ("workflow_executions", "clock_went_back", {"start_time": NOW_MS, "end_time": NOW_MS - 4_990}),
    ]
    assert " -" not in run(database_url, "execution", "show", name).stdout
    listed = run(database_url, "anomalies", "list", "--code", "clock_went_back").stdout
    assert "the end counts as its start" in " ".join(listed.split())
    assert_nothing_differs(database_url)


def test_control_an_end_after_its_start_is_no_anomaly(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    append(
        store,
        events.ExecutionStarted(start_time=NOW_MS),
        events.NodeStarted(**STEP, node_type="ACTION", attempt=1, start_time=NOW_MS),
        events.NodeSucceeded(**STEP, end_time=NOW_MS),
        events.ExecutionSucceeded(end_time=NOW_MS),
    )
    drain(database_url)
    assert connection.execute("SELECT code FROM runfold.anomalies").fetchall() == []


def ahead(workflow: object, store: runfold.Store) -> str:
    late = int((datetime.now(UTC) + TEN_YEARS).timestamp() * 1000)
    return append(
        store, events.ExecutionStarted(start_time=late), events.ExecutionSucceeded(end_time=late), workflow=workflow
    )


def ahead_when_created(workflow: object, store: runfold.Store) -> str:
    name = str(uuid4())
    created = events.ExecutionCreated(execution_id=name, workflow_id=workflow, mode="MANUAL")  # type: ignore[arg-type]
    store.append(f"execution-{name}", [NewEvent.of(created, occurred_at=datetime.now(UTC) + TEN_YEARS)])
    return name


@pytest.mark.parametrize("wrong", [ahead, ahead_when_created])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_clock_that_runs_ahead_does_not_own_the_latest_execution(
    store: runfold.Store,
    connection: Connection,
    database_url: str,
    wrong: Callable[[object, runfold.Store], str],
    at_once: bool,
) -> None:
    workflow = uuid4()
    wrong(workflow, store)
    if not at_once:
        drain(database_url)
    newest = store.executions.create(workflow_id=workflow, mode="MANUAL", start=True)
    drain(database_url)
    found = connection.execute("SELECT latest_execution_id, latest_execution_time FROM workflow_status").fetchone()
    assert found is not None
    assert found[0] == newest.execution_id
    assert found[1] <= datetime.now(UTC)
    assert_nothing_differs(database_url)


def test_an_execution_that_waits_in_a_queue_is_ordered_by_its_start(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    workflow = uuid4()
    queued = append(store, workflow=workflow)
    other = append(store, events.ExecutionStarted(start_time=NOW_MS + 1), workflow=workflow)
    drain(database_url)
    latest = "SELECT latest_execution_id FROM workflow_status"
    assert connection.execute(latest).fetchone() == (queued,), "created now, and the other began long ago"
    store.append(f"execution-{queued}", [events.ExecutionStarted(start_time=NOW_MS)])
    drain(database_url)
    assert connection.execute(latest).fetchone() == (other,)
    # Neither a second start nor what comes later changes the order.
    store.append(f"execution-{queued}", [events.ExecutionStarted(start_time=NOW_MS + 5), events.ExecutionPaused()])
    drain(database_url)
    assert connection.execute(latest).fetchone() == (other,)
    assert_nothing_differs(database_url)


ENDS = [FIRST_TIME - timedelta(microseconds=1), LAST_TIME + timedelta(microseconds=1)]


@pytest.mark.parametrize("at", ENDS, ids=["too early", "too late"])
def test_a_time_that_not_every_zone_can_show_is_refused_with_its_limit(
    store: runfold.Store, connection: Connection, at: datetime
) -> None:
    written = at.isoformat().replace("+00:00", "Z")
    limit = ["0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z"]
    line = events.LogAppended(level="INFO", event_type="workflow_progress", message="m")
    with pytest.raises(InvalidInput) as of_model:
        events.InteractionNotified(at=at)
    with pytest.raises(InvalidInput) as of_envelope:
        store.append("log-x", [NewEvent.of(line, occurred_at=at)])
    assert (of_model.value.code, of_model.value.limit) == ("out_of_range", limit)
    assert (of_envelope.value.code, of_envelope.value.limit) == ("out_of_range", limit)
    for field, data, occurred in (
        ("data/at", f'{{"at": "{written}"}}', "2026-01-01T00:00:00Z"),
        ("occurred_at", '{"at": "2026-01-01T00:00:00Z"}', written),
        (
            "occurred_at",
            '{"at": "2026-01-01T00:00:00Z"}',
            f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}+00:00",
        ),
    ):
        call = (
            f'[{{"stream_id": "interaction-{uuid4()}", "events": [{{"event_id": "{uuid4()}", "type":'
            f' "InteractionNotified", "schema_version": 1, "data": {data}, "occurred_at": "{occurred}"}}]}}]'
        )
        with pytest.raises(psycopg.Error) as of_sql:
            connection.execute("SELECT * FROM runfold.append_events(%s)", [call])
        assert of_sql.value.sqlstate == "RF001"
        assert '"code": "out_of_range"' in str(of_sql.value.diag.message_detail)
        assert f'"pointer": "/0/events/0/{field}"' in str(of_sql.value.diag.message_detail)
    connection.execute("SELECT runfold.register_application('app', 'an application')")
    with pytest.raises(psycopg.Error) as opaque:
        connection.execute(
            "SELECT runfold.append_opaque_events("
            "'app', '{a}', '{1}', '{1}', '{a:b}', '{1}', '{x}', ARRAY[%s::uuid], %s)",
            [uuid4(), at],
        )
    assert "out_of_range" in str(opaque.value.diag.message_detail)
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (0,)


def test_what_is_accepted_can_be_read_in_every_zone(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    line = events.LogAppended(level="INFO", event_type="workflow_progress", message="m")
    for at in (FIRST_TIME, LAST_TIME):
        handle = store.executions.create(workflow_id=uuid4(), mode="MANUAL")
        handle.start(start_time=max((at - EPOCH) // timedelta(milliseconds=1), 0))
        handle.open_pause("p", paused_node_id="n", pause_reason="timer", resume_conditions={}, timeout_at=at)
        store.append(f"log-{handle.execution_id}", [NewEvent.of(line, occurred_at=at)])
    drain(database_url)
    zones = connection.execute("SELECT name FROM pg_timezone_names ORDER BY utc_offset, name").fetchall()
    tables = (
        "runfold.events",
        "workflow_executions",
        "workflow_execution_pauses",
        "workflow_execution_logs",
        "workflow_status",
    )
    # One of each offset, of today and of the years at the ends of the calendar.
    for (zone,) in [*zones[:: max(len(zones) // 40, 1)], zones[0], zones[-1]]:
        connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        for table in tables:
            assert connection.execute(f"SELECT * FROM {table}".encode()).fetchall()


def test_control_the_ends_of_the_calendar_cannot_be_read_in_every_zone(connection: Connection) -> None:
    for at, zone in (("0001-01-01 00:00:00+00", "America/New_York"), ("9999-12-31 23:59:59+00", "Asia/Tokyo")):
        connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        with pytest.raises(psycopg.DataError):
            connection.execute(f"SELECT '{at}'::timestamptz".encode()).fetchone()
