"""`why` names the same event as the model: the last one without which the value would differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import runfold
from runfold import events
from runfold.errors import UnknownColumn, UnknownRow, UnknownTable
from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.past import search as last_change_module
from runfold.reading.past.search import LastChangeSearch
from runfold.reading.past.why import Why, why
from tests.cli.running import NOON, WORKFLOW, execution, ms, run
from tests.fixtures.processes import drain
from tests.model import reference
from tests.model.compare import jsonb_image
from tests.model.histories import History, histories
from tests.model.payloads import WORKFLOWS
from tests.model.tables import JSON_COLUMNS, Recorded, Tables
from tests.projections.folding.test_folds_equal_the_model import (
    DELETION,
    DEPLOYMENT,
    EXCHANGE,
    LATE,
    MATCHES,
    REGISTERED,
    Database,
    fold_in_batches,
    written,
)
from tests.reading.test_an_execution_of_the_past import IN_TURN
from tests.reading.test_past_equals_the_model import CATALOGUE, begin

pytest_plugins = ["tests.projections.folding.test_folds_equal_the_model", "tests.fixtures.stores"]

READ_TABLES = (
    "workflow_executions, node_executions, workflow_execution_pauses, workflow_execution_logs, workflow_status,"
    " human_interactions, hil_responses, workflow_deployment_history, trigger_index, model_calls, runfold.anomalies"
)
COLUMNS = {
    "workflow_executions": ("status", "metadata", "error_message", "open_pauses", "last_event_position"),
    "node_executions": ("status", "attempt", "input_data", "parent_id"),
    "workflow_execution_pauses": ("status", "resumed_at", "name"),
    "workflow_execution_logs": ("message",),
    "workflow_status": (
        "latest_execution_id", "latest_execution_status", "latest_execution_time", "deployment_status", "deployed_at",
        "user_id", "workflow_id", "last_event_position",
    ),
    "human_interactions": ("status", "response_data", "error"),
    "hil_responses": ("status", "matched_interaction_id", "error"),
    "workflow_deployment_history": ("to_status", "deployment_logs", "error_message"),
    "trigger_index": ("deployment_status", "node_id", "is_active"),
}  # fmt: skip
ABSENT = "no row"


def image(column: str, value: Any) -> str:
    return jsonb_image(value) if column in JSON_COLUMNS and value is not None else repr(value)


def history_of(events: list[Recorded], table: str, row: Any, column: str) -> list[tuple[int, str]]:
    """Return the value after each event, by the model."""
    tables = Tables()
    found = []
    for event in events:
        reference.apply(tables, event)
        rows = reference.read(tables)[table]
        found.append((event.position, image(column, rows[row][column]) if row in rows else ABSENT))
    return found


def last_change(states: list[tuple[int, str]]) -> tuple[int, str, str] | None:
    """Return the position, and the values before and after it."""
    before = ABSENT
    last = None
    for position, value in states:
        if value != before:
            last = (position, before, value)
        before = value
    return last


def check(database: Database, events: list[Recorded], seed: int, rows: int) -> int:
    """Ask why of some present rows; return how many."""
    fold_all(database, events)
    tables = reference.fold(events)
    standing = [(table, row) for table in COLUMNS for row in tables[table]]
    random = Random(seed)
    chosen = random.sample(standing, min(rows, len(standing)))
    for table, row in chosen:
        check_column(database, events, table, row, random.choice(COLUMNS[table]))
    return len(chosen)


def check_statuses(database: Database, events: list[Recorded], columns: Sequence[str]) -> None:
    """Ask why of these columns of every workflow's status."""
    fold_all(database, events)
    for row in reference.fold(events)["workflow_status"]:
        for column in columns:
            check_column(database, events, "workflow_status", row, column)


def fold_all(database: Database, events: list[Recorded]) -> None:
    database.connection.execute(f"TRUNCATE {READ_TABLES}")
    fold_in_batches(database.connection, 0, [events[-1].position])


def check_column(database: Database, events: list[Recorded], table: str, row: Any, column: str) -> None:
    expected = last_change(history_of(events, table, row, column))
    assert expected is not None
    with psycopg.connect(database.url, autocommit=True) as connection:
        found = why(connection, CATALOGUE, table, str(row), column)
    position, before, _ = expected
    assert found.event["position"] == position, (table, row, column)
    assert found.kind == ("made" if before == ABSENT else "changed")
    check_values(database, found)


def check_values(database: Database, found: Why) -> None:
    """Check that the value after the change is the present one."""
    where = " AND ".join(f"to_jsonb(t) ->> '{name}' = %({name})s" for name in found.key)
    row = database.connection.execute(
        f"SELECT (to_jsonb(t) -> '{found.column}')::text FROM {found.table} AS t WHERE {where}".encode(), found.key
    ).fetchone()
    assert row is not None
    assert found.after == json.loads(row[0])
    assert found.kind == "made" or found.before != found.after


@settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(DELETION, 1)
@example(REGISTERED, 2)
@given(histories(), st.integers(0, 2**16))
def test_any_value_was_made_by_the_event_that_the_model_names(database: Database, history: History, seed: int) -> None:
    events = begin(database, history)
    if events:
        check(database, events, seed, rows=3)


@pytest.mark.parametrize("history", [LATE, EXCHANGE, MATCHES], ids=["late", "exchange", "matches"])
def test_every_row_of_a_history_has_its_reason(database: Database, history: History) -> None:
    assert check(database, begin(database, history), 3, rows=6) > 1


# A workflow's status, of executions that are its latest in turn. Parts of few events, so that a short log has many.


def in_small_parts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(last_change_module, "_FIRST_PART", 1)
    patch.setattr(last_change_module, "_LARGER", 2)


@settings(
    deadline=None,
    max_examples=4,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(DELETION, COLUMNS["workflow_status"])
@given(
    histories(max_executions=6, max_events=60),
    st.lists(st.sampled_from(COLUMNS["workflow_status"]), min_size=2, max_size=2, unique=True),
)
def test_a_status_is_told_from_the_executions_that_may_have_been_the_latest(
    database: Database, history: History, columns: Sequence[str]
) -> None:
    events = begin(database, history)
    with pytest.MonkeyPatch.context() as patch:
        in_small_parts(patch)
        if events:
            check_statuses(database, events, columns)


def test_executions_that_are_the_latest_in_turn_are_all_looked_at(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_small_parts(monkeypatch)
    check_statuses(database, begin(database, IN_TURN), COLUMNS["workflow_status"])


def test_control_a_search_among_new_executions_alone_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_small_parts(monkeypatch)
    whole = LastChangeSearch._part

    def newest(self: LastChangeSearch, low: int, high: int) -> Any:
        every = self._executions
        self._executions = [each._replace(latest=datetime.min.replace(tzinfo=UTC)) for each in every or ()]
        found = whole(self, low, high)
        self._executions = every
        return found

    monkeypatch.setattr(LastChangeSearch, "_part", newest)
    events = begin(database, IN_TURN)
    with pytest.raises((AssertionError, UnknownRow)):
        check_statuses(database, events, COLUMNS["workflow_status"])


THERE_AND_BACK = written(
    (DEPLOYMENT, "TriggerRegistered", {"trigger": "t"}),
    (DEPLOYMENT, "TriggerActivated", {"trigger": "t"}),
    (DEPLOYMENT, "TriggerRegistered", {"trigger": "t"}),
)
"""A trigger that is pending at first and at last, and was not between."""


def why_of_the_trigger(database: Database) -> tuple[Why, list[Recorded]]:
    events = begin(database, THERE_AND_BACK)
    fold_all(database, events)
    (row,) = reference.fold(events)["trigger_index"]
    with psycopg.connect(database.url, autocommit=True) as connection:
        return why(connection, CATALOGUE, "trigger_index", str(row), "deployment_status"), events


def test_a_value_that_was_another_between_is_found(database: Database) -> None:
    found, events = why_of_the_trigger(database)
    assert (found.before, found.after, found.event["position"]) == ("active", "pending", events[2].position)


def test_control_a_search_that_takes_equal_ends_for_no_change_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: Any, types: Any, before: Any, after: Any) -> bool:
        return bool(before.value == after.value)

    monkeypatch.setattr(LastChangeSearch, "_untouched", careless)
    # Of two events the later half is looked at first, so the second of four is where the ends are equal.
    monkeypatch.setattr("tests.reading.test_why.THERE_AND_BACK", [*THERE_AND_BACK, *THERE_AND_BACK[1:]])
    found, events = why_of_the_trigger(database)
    assert found.event["position"] != events[4].position


BACK_TO_WHAT_IT_WAS = written(
    ("execution-1", "ExecutionCreated", {}),
    ("execution-1", "PauseOpened", {"pause": "p"}),
    ("execution-2", "ExecutionCreated", {}),
    ("execution-2", "ExecutionStarted", {"start_time": 0}),
)
"""The later execution turns out to have begun earlier: the workflow's row is again what the second event made it."""


def test_a_row_of_many_streams_may_go_back_to_what_it_was(database: Database) -> None:
    events = begin(database, BACK_TO_WHAT_IT_WAS)
    fold_all(database, events)
    with psycopg.connect(database.url, autocommit=True) as connection:
        found = why(connection, CATALOGUE, "workflow_status", WORKFLOWS[0], "latest_execution_id")
    assert (found.before, found.after, found.event["position"]) == ("2", "1", events[3].position)


# The details


@pytest.fixture
def recorded(store: runfold.Store, database_url: str) -> Iterator[psycopg.Connection[Any]]:
    node = {"activation": "n#1", "node_id": "n"}
    store.append_many(
        [
            execution(
                "e",
                events.NodeStarted(**node, node_type="TOOL", attempt=1, start_time=ms(NOON)),
                events.NodeAttemptFailed(**node, attempt=1, error_data={"code": 1}, will_retry=True),
                events.NodeStarted(**node, node_type="TOOL", attempt=2, start_time=ms(NOON)),
                events.ExecutionMetadataSet(metadata={"cost": 1.0}),
            )
        ],
        metadata={"actor": "the engine"},
    )
    store.append(
        "execution-e", [events.ExecutionFailed(end_time=ms(NOON), error_message="no")], metadata={"actor": "ann"}
    )
    store.append("execution-e", [events.ExecutionStarted(start_time=ms(NOON))])
    drain(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def ask_why(connection: psycopg.Connection[Any], *words: str) -> Why:
    return why(connection, load_catalogue(), *words)


def test_an_execution_is_named_by_its_id_and_its_end_by_who_sent_it(recorded: psycopg.Connection[Any]) -> None:
    found = ask_why(recorded, "workflow_executions", "e", "status")
    assert (found.kind, found.before, found.after) == ("changed", "RUNNING", "ERROR")
    assert (found.event["type"], found.event["actor"], found.event["stream_id"]) == (
        "ExecutionFailed",
        "ann",
        "execution-e",
    )
    assert (found.event["stream_version"], found.event["data"]["error_message"]) == (7, "no")
    assert set(found.key) == {"id", "execution_id"}
    assert ask_why(recorded, "public.workflow_executions", found.key["id"].upper(), "status").event == found.event


def test_a_value_of_json_is_compared_as_it_is_kept(recorded: psycopg.Connection[Any]) -> None:
    found = ask_why(recorded, "workflow_executions", "e", "metadata")
    assert (found.before, found.after, found.event["type"]) == ({}, {"cost": 1.0}, "ExecutionMetadataSet")


def test_a_node_is_named_by_its_row(recorded: psycopg.Connection[Any]) -> None:
    (row,) = recorded.execute("SELECT id::text FROM node_executions").fetchone() or ()
    found = ask_why(recorded, "node_executions", row, "attempt")
    assert (found.before, found.after, found.event["stream_version"]) == (1, 2, 5)
    assert ask_why(recorded, "node_executions", row, "error_data").event["type"] == "NodeAttemptFailed"
    assert ask_why(recorded, "node_executions", row, "iteration").kind == "made"


def test_an_anomaly_has_a_key_of_two_columns(recorded: psycopg.Connection[Any]) -> None:
    (position,) = recorded.execute("SELECT position FROM runfold.anomalies").fetchone() or ()
    found = ask_why(recorded, "execution_anomalies", f"{position},workflow_executions", "code")
    assert (found.kind, found.after, found.event["position"]) == ("made", "after_end", position)
    assert ask_why(recorded, "execution_anomalies", str(position), "code").key == found.key, "no other row has it"
    for key in (str(position + 1), f"{position},nothing", f"{position},workflow_executions,1", "x,y"):
        with pytest.raises(UnknownRow, match="position"):
            ask_why(recorded, "execution_anomalies", key, "code")


def test_a_row_that_is_gone_is_found_by_what_names_its_stream(
    recorded: psycopg.Connection[Any], store: runfold.Store, database_url: str
) -> None:
    store.workflows.delete(WORKFLOW)
    drain(database_url)
    assert recorded.execute("SELECT FROM workflow_executions").fetchall() == []
    found = ask_why(recorded, "workflow_executions", "e", "status")
    assert (found.kind, found.before, found.after) == ("removed", "ERROR", None)
    assert (found.event["type"], found.event["stream_id"]) == ("WorkflowDeleted", f"deployment-{WORKFLOW}")
    status = ask_why(recorded, "workflow_status", str(WORKFLOW), "latest_execution_status")
    assert (status.kind, status.before, status.event["position"]) == ("removed", "ERROR", found.event["position"])
    store.append_many([execution("f", at=NOON.replace(hour=13))])
    again = ask_why(recorded, "workflow_status", str(WORKFLOW), "latest_execution_id")
    assert (again.kind, again.after, again.event["type"]) == ("made", "f", "ExecutionCreated")
    assert ask_why(recorded, "workflow_status", str(WORKFLOW), "workflow_id").event == again.event


def test_how_far_the_search_is_can_be_shown(recorded: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_parts(monkeypatch)
    shown: list[tuple[int, int]] = []
    found = why(
        recorded, CATALOGUE, "workflow_status", str(WORKFLOW), "user_id", progress=lambda *done: shown.append(done)
    )
    assert found.kind == "made"
    done, (total, *others) = [each for each, _ in shown], sorted({of for _, of in shown})
    assert (others, done[0], max(done)) == ([], 0, total - 1)


def test_what_is_not_there_is_named(recorded: psycopg.Connection[Any]) -> None:
    with pytest.raises(UnknownTable, match="there is no read table 'executions': choose one of"):
        ask_why(recorded, "executions", "e", "status")
    with pytest.raises(
        UnknownColumn, match="workflow_executions has no column 'state': choose one of id, execution_id"
    ):
        ask_why(recorded, "workflow_executions", "e", "state")
    for key in ("nobody", "00000000-0000-4000-8000-000000000000", "'; --", "", "e,e"):
        with pytest.raises(UnknownRow):
            ask_why(recorded, "workflow_executions", key, "status")
    for key in ("nobody", "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(UnknownRow):
            ask_why(recorded, "node_executions", key, "status")


def test_nothing_is_left_behind(recorded: psycopg.Connection[Any]) -> None:
    ask_why(recorded, "workflow_executions", "e", "status")
    assert recorded.execute("SELECT FROM pg_class WHERE relpersistence = 't'").fetchall() == []
    assert recorded.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_table_of_one_s_own_is_folded_in_no_session_but_its_own(
    recorded: psycopg.Connection[Any], store: runfold.Store, database_url: str, tmp_path: Any
) -> None:
    recorded.execute("CREATE TABLE projections.modes (mode text PRIMARY KEY, runs bigint NOT NULL)")
    (tmp_path / "modes.sql").write_text(
        "-- name: modes\n-- version: 1\n-- group: own\n-- table: projections.modes\n-- key: mode\n"
        "-- cross_stream: true\n-- events: ExecutionCreated\n"
        "MERGE INTO modes AS t USING (SELECT b.data ->> 'mode' AS mode, count(*) AS runs"
        " FROM batch b GROUP BY 1) AS f ON t.mode = f.mode WHEN MATCHED THEN UPDATE SET runs = t.runs + f.runs"
        " WHEN NOT MATCHED THEN INSERT (mode, runs) VALUES (f.mode, f.runs);\n"
    )
    store.append_many([execution("f"), execution("g", mode="WEBHOOK")])
    drain(database_url, tmp_path)
    assert recorded.execute("SELECT count(*) FROM projections.modes").fetchone() == (2,)
    with pytest.raises(runfold.errors.InvalidInput, match="the table of a user projection") as refused:
        why(recorded, load_catalogue(tmp_path), "modes", "MANUAL", "runs")
    assert refused.value.code == "user_projection"


def test_the_command_line_says_it_in_lines_and_in_json(recorded: psycopg.Connection[Any], database_url: str) -> None:
    shown = run(database_url, "why", "workflow_executions", "e", "status", columns=80)
    assert shown.returncode == 0, shown.stderr
    for words in ("before    RUNNING", "after     ERROR", "ExecutionFailed, event 7 of execution-e", "actor     ann"):
        assert words in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    found = json.loads(run(database_url, "why", "workflow_executions", "e", "status", "--json").stdout)
    assert set(found) == {
        "table", "key", "column", "kind", "before", "after", "event", "parked_streams", "discarded_events",
    }  # fmt: skip
    refused = run(database_url, "why", "workflow_executions", "nobody", "status")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith("error: workflow_executions has no row with execution_id nobody")
