"""`store.as_of`: a reader of the past that changes nothing, sees nothing later, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

import runfold
from runfold import events
from runfold.errors import (
    FoldFailed,
    InvalidInput,
    PastReadOnly,
    PositionUnavailable,
    UnknownExecution,
    UnknownStream,
    UnknownTable,
)
from runfold.projections.definition.catalogue import load_catalogue as whole
from runfold.reading.past import as_of as as_of_module
from runfold.reading.past.as_of import AsOf
from runfold.reading.past.reader import position_of
from runfold.settings import load_settings
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain, eventually
from tests.model.payloads import BASE
from tests.projections.folding.test_parking import POISON, smuggle
from tests.reading.conftest import past_of

pytest_plugins = ["tests.fixtures.stores"]

INTERACTION = UUID(int=7, version=4)
WORKFLOW = UUID(int=8, version=4)


def ask_and_answer(store: runfold.Store) -> tuple[int, int]:
    """Append a request and its answer, and return the positions of both."""
    stream = f"interaction-{INTERACTION}"
    asked = store.append(
        stream,
        [
            events.InteractionRequested(
                workflow_id=WORKFLOW, execution_id="e", node_id="n", interaction_type="approval", channel_type="in_app",
                priority="high", request_data={"question": "Pay 10 EUR?"},
            )
        ],
    )  # fmt: skip
    answered = store.append(
        stream, [events.InteractionResponded(response_data={"yes": True}, responded_at=BASE, responder="ann")]
    )
    return asked.last_position, answered.last_position


STATE = "SELECT status, request_data, response_data FROM human_interactions WHERE id = %s"


def test_what_the_approver_saw_is_one_query(store: runfold.Store) -> None:
    asked, answered = ask_and_answer(store)
    with store.as_of(position=asked) as past:
        assert past.position == asked
        assert past.execute(STATE, [INTERACTION]).fetchone() == ("pending", {"question": "Pay 10 EUR?"}, None)
    with store.as_of(position=answered) as past:
        row = past.execute(STATE, [INTERACTION], row_factory=dict_row).fetchone()
        assert row == {
            "status": "responded",
            "request_data": {"question": "Pay 10 EUR?"},
            "response_data": {"yes": True},
        }


def test_an_async_store_reads_the_past_as_well(store: runfold.Store, database_url: str) -> None:
    asked, _ = ask_and_answer(store)

    async def read() -> list[Any]:
        async with (
            await runfold.connect_async(database_url) as asynchronous,
            asynchronous.as_of(position=asked) as past,
        ):
            assert (past.position, await past.parked(), await past.discarded()) == (asked, [], [])
            rows = await past.execute(STATE, [INTERACTION])
            one = await rows.fetchone()
            again = await past.execute("SELECT status FROM human_interactions")
            assert [row async for row in again] == [("pending",)]
            with pytest.raises(PastReadOnly):
                await past.execute("DELETE FROM human_interactions")
            return [one, await (await past.execute("SELECT count(*) FROM workflow_executions")).fetchall()]

    assert asyncio.run(read()) == [("pending", {"question": "Pay 10 EUR?"}, None), [(0,)]]


def test_an_interrupted_task_leaves_no_statement_behind(store: runfold.Store, database_url: str) -> None:
    asked, _ = ask_and_answer(store)

    async def interrupted() -> None:
        async with (
            await runfold.connect_async(database_url) as asynchronous,
            asynchronous.as_of(position=asked) as past,
        ):
            await past.execute("SELECT pg_catalog.pg_sleep(60)")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(interrupted(), 1.5)

    began = datetime.now(UTC)
    asyncio.run(main())
    assert datetime.now(UTC) - began < timedelta(seconds=20)

    def nothing() -> bool:
        with store.transaction() as connection:
            left = connection.execute("SELECT FROM pg_stat_activity WHERE application_name = 'runfold past'")
            return left.fetchall() == []

    eventually(nothing)


CHANGES = [
    "DELETE FROM runfold.checkpoints",
    "INSERT INTO runfold.leader DEFAULT VALUES",
    "UPDATE workflow_executions SET status = 'ERROR'",
    "CREATE TABLE public.mine (n integer)",
    "SELECT * FROM runfold.append_events('[]')",
    "SELECT nextval('runfold.events_position')",
    "SET transaction_read_only = off; DELETE FROM runfold.checkpoints",
    "COMMIT; DELETE FROM runfold.checkpoints",
]  # fmt: skip


@pytest.mark.parametrize("statement", CHANGES)
def test_the_past_can_not_be_used_to_change_anything(store: runfold.Store, log: Log, statement: str) -> None:
    log.append("execution-a", *run("a"))
    log.connection.execute("INSERT INTO runfold.checkpoints (group_name) VALUES ('execution')")
    before = log.connection.execute("SELECT last_value FROM runfold.events_position").fetchone()
    with store.as_of(position=1) as past, pytest.raises((PastReadOnly, psycopg.Error, runfold.RunfoldError)):
        past.execute(statement)
    assert log.connection.execute("SELECT count(*) FROM runfold.checkpoints").fetchone() == (1,)
    assert log.connection.execute("SELECT last_value FROM runfold.events_position").fetchone() == before


def test_control_a_writable_session_does_change_something(log: Log) -> None:
    log.connection.execute("INSERT INTO runfold.checkpoints (group_name) VALUES ('execution')")
    log.connection.execute("DELETE FROM runfold.checkpoints")
    assert log.connection.execute("SELECT count(*) FROM runfold.checkpoints").fetchone() == (0,)


def test_after_a_mistake_the_reader_goes_on(store: runfold.Store, log: Log) -> None:
    log.append("execution-a", *run("a"))
    with store.as_of(position=2) as past:
        for wrong, error in (("SELECT nonsense FROM workflow_executions", psycopg.errors.UndefinedColumn),
                             ("SELECT 1/0", psycopg.errors.DivisionByZero),
                             ("DELETE FROM workflow_executions; SELECT lastval()", psycopg.Error),
                             ("DELETE FROM workflow_executions", PastReadOnly),
                             ("WITH gone AS (DELETE FROM workflow_executions) SELECT 1/0", psycopg.Error),
                             ("SELECT * FROM nowhere", UnknownTable)):  # fmt: skip
            with pytest.raises(error):
                past.execute(wrong)
        assert past.execute("SELECT status FROM workflow_executions").fetchall() == [("RUNNING",)]


def test_nothing_later_is_seen_in_the_log_and_the_anomalies_either(store: runfold.Store, log: Log) -> None:
    log.append("execution-a", event("NodeStarted", activation="n"))
    early = log.append("execution-a", *run("a"))
    log.append("execution-a", event("ExecutionStarted"))
    with store.as_of(position=early) as past:
        assert past.execute("SELECT max(position) FROM events").fetchone() == (early,)
        assert past.execute("SELECT code FROM anomalies").fetchall() == [("missing_row",)]
    with store.as_of(position=early + 1) as past:
        codes = past.execute("SELECT code FROM anomalies ORDER BY position").fetchall()
        assert codes == [("missing_row",), ("after_end",)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM public.workflow_executions",
        'SELECT * FROM "public"."workflow_executions"',
        "SELECT * FROM runfold . events",
        "SELECT * FROM runfold.anomalies",
    ],
)
def test_a_live_table_is_refused_by_its_schema(store: runfold.Store, log: Log, query: str) -> None:
    log.append("execution-a", *run("a"))
    with store.as_of(position=1) as past, pytest.raises(InvalidInput, match="as it is now") as refused:
        past.execute(query)
    assert refused.value.code == "live_table"


def test_positions_that_are_not_there_are_refused(store: runfold.Store, log: Log, database_url: str) -> None:
    last = log.append("execution-a", *run("a"))
    for position in (0, -1, last + 1, 10**18):
        with pytest.raises(PositionUnavailable) as refused, store.as_of(position=position):
            pass
        assert (refused.value.facts["position"], refused.value.facts["safe_head"]) == (position, last)
    with (
        pytest.raises(PositionUnavailable, match="no event was recorded"),
        store.as_of(time=BASE - timedelta(days=9999)),
    ):
        pass
    for wrong in ({}, {"position": 1, "time": BASE}, {"position": True}, {"position": 1.0},
                  {"time": datetime(2026, 1, 1)}, {"position": 1, "streams": ["a-b"], "execution": "a"}):  # noqa: DTZ001 # fmt: skip
        with pytest.raises(InvalidInput), store.as_of(**wrong):  # type: ignore[arg-type]
            pass
    # An open append holds the safe head back, and with it what can be looked at.
    with psycopg.connect(database_url) as stuck:
        Log(stuck).append("execution-b", *run("b"))
        log.append("execution-c", *run("c"))
        with pytest.raises(PositionUnavailable, match="beyond the safe head"), store.as_of(position=last + 1):
            pass
        stuck.rollback()
    with store.as_of(position=last + len(run("b")) + 1) as past:
        assert past.execute("SELECT execution_id FROM workflow_executions ORDER BY 1").fetchall() == [("a",), ("c",)]


def test_a_name_that_the_log_never_had_is_refused_and_not_shown_as_empty(store: runfold.Store, log: Log) -> None:
    first = log.append("execution-a", *run("a"))
    last = log.append("execution-b", *run("b"))
    for unknown in ("nobody", "execution-a", "", "a\0"):
        with pytest.raises(UnknownExecution), store.as_of(position=last, execution=unknown):
            pass
    for streams in (["a"], ["execution-a", "execution-c"], ""):
        with pytest.raises(UnknownStream, match="there is no stream"), store.as_of(position=last, streams=streams):
            pass
    for wrong in ({"execution": 7}, {"streams": [7]}):
        with pytest.raises(InvalidInput), store.as_of(position=last, **wrong):  # type: ignore[arg-type]
            pass
    with store.as_of(position=first, execution="b") as past:
        assert past.execute("SELECT FROM workflow_executions").fetchall() == [], "it came later"
    for time in ("2026-01-01", BASE.date()):
        with pytest.raises(InvalidInput, match="is not a time"), store.as_of(time=time):  # type: ignore[arg-type]
            pass


def recorded(log: Log, *times: datetime) -> None:
    """Set the times of recording of the log's events, as a clock of the server might."""
    with log.connection.transaction():
        log.connection.execute("SET LOCAL session_replication_role = replica")
        for recording, time in zip(log.events, times, strict=True):
            log.connection.execute(
                "UPDATE runfold.events SET recorded_at = %s WHERE position = %s", (time, recording.position)
            )


def test_a_time_means_before_the_first_event_recorded_after_it(store: runfold.Store, log: Log) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for name in "abcdefgh":
        log.append(f"execution-{name}", event("ExecutionCreated", execution_id=name))
    # d was recorded before c, by a concurrent append; g and h are events of one append, microseconds apart.
    minutes = (0, 1, 4, 3, 5, 6, 7, 8)
    recorded(log, *(noon + timedelta(minutes=minute) for minute in minutes))
    with log.connection.transaction():
        log.connection.execute("SET LOCAL session_replication_role = replica")
        log.connection.execute("UPDATE runfold.events SET append_end = 8 WHERE position = 7")

    def at(minute: float) -> int:
        with store.as_of(time=noon + timedelta(minutes=minute)) as past:
            return past.position

    assert [at(0), at(0.5), at(1), at(2)] == [1, 1, 2, 2]
    assert at(3.5) == 2, "c was recorded later, and its position is before d's"
    assert [at(4), at(5), at(6.5)] == [4, 5, 6]
    assert at(7.5) == 6, "in the middle of an append"
    assert [at(8), at(10**6)] == [8, 8]


def test_holes_and_a_clock_that_was_set_back_do_not_mislead(log: Log) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for n in range(40):
        log.append(f"execution-{n}", event("ExecutionCreated", execution_id=str(n)))
        log.connection.execute(
            "SELECT setval('runfold.events_position', nextval('runfold.events_position') + %s)", (n * 7,)
        )
    seconds = [n if n < 20 else n - 10 for n in range(40)]
    recorded(log, *(noon + timedelta(seconds=second) for second in seconds))
    for second in range(30):
        later = [e.position for e, own in zip(log.events, seconds, strict=True) if own > second]
        expected = max((e.position for e in log.events if not later or e.position < later[0]), default=0)
        assert position_of(log.connection, time=noon + timedelta(seconds=second)) == expected


def test_only_what_is_named_is_folded(store: runfold.Store, log: Log) -> None:
    last = log.append("execution-a", *run("a"))
    with store.as_of(position=last) as past:
        assert past._folded == set()
        past.execute("SELECT FROM workflow_executions")
        assert past._folded == {"workflow_executions"}
        past.execute("SELECT FROM node_executions JOIN workflow_executions USING (execution_id)")
        assert past._folded == {"workflow_executions", "node_executions"}
        past.execute("SELECT FROM workflow_status")
        assert past.execute("SELECT count(*) FROM node_executions").fetchone() == (2,)
    with store.as_of(position=last, tables=["node_executions"]) as past:
        assert past.execute("SELECT count(*) FROM node_executions").fetchone() == (2,)
        with pytest.raises(UnknownTable, match="the past has node_executions"):
            past.execute("SELECT * FROM human_interactions")
    with (
        pytest.raises(UnknownTable, match="there is no read table 'executions'"),
        store.as_of(position=last, tables=["executions"]),
    ):
        pass


def test_some_streams_are_read_without_the_others(store: runfold.Store, log: Log) -> None:
    for name in "abc":
        last = log.append(f"execution-{name}", *run(name, parent_execution_id="a" if name == "b" else None))
    log.append("log-a", event("LogAppended", message="hello"))
    last = log.append(f"interaction-{uuid4()}", event("InteractionRequested", execution_id="a"))
    with store.as_of(position=last, execution="a") as past:
        assert past.execute("SELECT execution_id FROM workflow_executions ORDER BY 1").fetchall() == [("a",), ("b",)]
        assert past.execute("SELECT message FROM workflow_execution_logs").fetchall() == [("hello",)]
        assert past.execute("SELECT count(*) FROM human_interactions").fetchone() == (1,)
        assert past.execute("SELECT latest_execution_id FROM workflow_status").fetchall() == [("c",)]
    with store.as_of(position=last, streams=["execution-c"]) as past:
        assert past.execute("SELECT execution_id FROM workflow_executions").fetchall() == [("c",)]


def test_parked_streams_end_at_their_parking_and_are_told(store: runfold.Store, log: Log, database_url: str) -> None:
    log.append("execution-sick", event("ExecutionCreated", execution_id="sick"))
    before = log.events[-1].position
    position = smuggle(log, "execution-sick", *POISON["a number that is none"][:2])
    last = log.append("execution-well", *run("well"))
    with store.as_of(position=last) as past, pytest.raises(FoldFailed, match="invalid input syntax"):
        past.execute("SELECT FROM workflow_executions")
    drain(database_url)
    with store.as_of(position=last) as past:
        states = past.execute("SELECT execution_id, status FROM workflow_executions ORDER BY 1").fetchall()
        assert states == [("sick", "NEW"), ("well", "SUCCESS")]
        assert [(row["group_name"], row["stream_id"], row["position"]) for row in past.parked()] == [
            ("execution", "execution-sick", position)
        ]
    with store.as_of(position=before) as past:
        past.execute("SELECT FROM workflow_executions")
        assert past.parked() == []


def test_nothing_is_left_behind(store: runfold.Store, log: Log) -> None:
    last = log.append("execution-a", *run("a"))

    def left() -> list[Any]:
        return log.connection.execute(
            "SELECT (SELECT count(*) FROM pg_class WHERE relpersistence = 't'),"
            " (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'runfold past')"
        ).fetchall()

    def nothing() -> bool:
        return left() == [(0, 0)]  # a backend ends a moment after its connection

    with store.as_of(position=last) as past:
        past.execute("SELECT FROM anomalies, node_executions, events")
        assert left() == [(0, 1)]
    eventually(nothing)
    with pytest.raises(ZeroDivisionError), store.as_of(position=last):
        _ = 1 / 0
    eventually(nothing)


OWN = """\
-- name: modes
-- version: 1
-- group: own
-- table: projections.{table}
-- key: mode
-- cross_stream: true
-- events: ExecutionCreated
MERGE INTO {table} AS t USING (SELECT b.data ->> 'mode' AS mode FROM batch b GROUP BY 1) AS f ON t.mode = f.mode
 WHEN NOT MATCHED THEN INSERT (mode) VALUES (f.mode);
"""


def test_the_projections_are_read_again_only_where_a_file_has_changed(
    store: runfold.Store, log: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = log.append("execution-a", *run("a"))
    read: list[int] = []
    monkeypatch.setattr(as_of_module, "load_catalogue", lambda *some, **named: read.append(1) or whole(*some, **named))
    chosen = load_settings(database_url=database_url, projections=tmp_path)

    def tables() -> frozenset[str]:
        with AsOf(database_url, chosen, position=last) as past:
            return past._readable()

    (tmp_path / "modes.sql").write_text(OWN.format(table="modes"))
    assert "modes" in tables()
    assert "modes" in tables()
    assert len(read) == 1
    (tmp_path / "modes.sql").write_text(OWN.format(table="other_modes"))
    assert "other_modes" in tables()
    (tmp_path / "modes.sql").unlink()
    assert "other_modes" not in tables()
    assert len(read) == 3
    with store.as_of(position=last), store.as_of(position=last):
        assert len(read) <= 4


def test_an_engine_s_role_is_enough(log: Log, database_url: str) -> None:
    last = log.append("execution-a", *run("a"))
    log.connection.execute("CREATE ROLE an_engine_that_looks_back LOGIN PASSWORD 'x' IN ROLE runfold_engine")
    try:
        url = psycopg.conninfo.make_conninfo(database_url, user="an_engine_that_looks_back", password="x")
        with past_of(url, position=last) as past:
            for table in sorted(past._readable()):
                past.execute(f"SELECT FROM {table}")
    finally:
        log.connection.execute("DROP ROLE an_engine_that_looks_back")
