"""The past at a position is what the reference model makes of the log up to there, whatever the log holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runfold.history import past as past_module
from runfold.history.past import open_past
from runfold.history.scope import Scope
from runfold.projections.catalogue import load_catalogue
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_past
from tests.model.histories import History, histories
from tests.model.tables import Recorded, Row, Table
from tests.projections.test_folds_equal_the_model import DELETION, LATE, MATCHES, REGISTERED, Database

pytest_plugins = ["tests.projections.test_folds_equal_the_model"]

CATALOGUE = load_catalogue()

# The log is emptied between examples: the past is folded from its beginning, and would take longer each time.
EMPTY_LOG = """
    SET session_replication_role = replica;
    TRUNCATE runfold.events, runfold.streams, runfold.event_ids, runfold.claims, runfold.commands;
    ALTER SEQUENCE runfold.events_position RESTART;
    RESET session_replication_role
"""

in_one_database = settings(
    deadline=None,
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def begin(database: Database, history: History) -> list[Recorded]:
    """The history in an empty log."""
    database.connection.execute(EMPTY_LOG)
    return database.append(history)


def check(database: Database, events: Sequence[Recorded], position: int) -> None:
    """Compare the past at a position with the model of the log's part up to there."""
    with (
        psycopg.connect(database.url, autocommit=True) as connection,
        open_past(connection, CATALOGUE, position=position) as past,
    ):
        found = read_past(connection, past)
    assert_tables_equal(reference.fold(event for event in events if event.position <= position), found)


@in_one_database
@example(DELETION, [0.5])
@given(histories(), st.lists(st.floats(0, 1), min_size=1, max_size=2))
def test_the_past_at_any_position_is_the_model_of_the_log_up_to_there(
    database: Database, history: History, places: list[float]
) -> None:
    events = begin(database, history)
    for place in places:
        if events:
            check(database, events, events[round(place * (len(events) - 1))].position)


@pytest.mark.parametrize(
    ("history", "step"), [(MATCHES, 1), (REGISTERED, 2), (DELETION, 3)], ids=["matches", "registered", "deletion"]
)
def test_positions_all_over_a_log_have_their_past(database: Database, history: History, step: int) -> None:
    events = begin(database, history)
    for event in events[::step]:
        check(database, events, event.position)


def test_control_a_past_that_lacks_its_last_event_is_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    events = begin(database, LATE)
    whole = past_module.position_of
    check(database, events, events[2].position)
    monkeypatch.setattr(past_module, "position_of", lambda *args, **wanted: whole(*args, **wanted) - 1)
    with pytest.raises(AssertionError, match="the tables differ"):
        check(database, events, events[2].position)


def test_control_a_past_that_shows_the_present_is_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    events = begin(database, DELETION)
    monkeypatch.setattr(past_module, "position_of", lambda *args, **wanted: events[-1].position)
    with pytest.raises(AssertionError, match="the tables differ"):
        check(database, events, events[5].position)


# A few streams, by index

OF_AN_EXECUTION = (
    "workflow_executions", "node_executions", "workflow_execution_pauses", "workflow_execution_logs", "anomalies",
)  # fmt: skip


def rows_of(table: Table, name: str, execution_id: str, row_id: Any) -> dict[Any, Row]:
    """The rows of an execution in one of its tables."""
    if name == "anomalies":
        streams = {f"execution-{execution_id}"}
        return {key: row for key, row in table.items() if row["stream_id"] in streams}
    whose = row_id if name == "workflow_execution_pauses" else execution_id
    return {key: row for key, row in table.items() if row["execution_id"] == whose}


def check_execution(database: Database, events: Iterable[Recorded], execution_id: str, position: int) -> None:
    """Compare one execution's rows, folded from its own streams, with the model of the whole log up to there."""
    expected = reference.fold(event for event in events if event.position <= position)
    with (
        psycopg.connect(database.url, autocommit=True) as connection,
        connection.cursor() as cursor,
        open_past(connection, CATALOGUE, position=position, execution=execution_id) as past,
    ):
        name = f"execution-{execution_id}"
        (row_id,) = cursor.execute("SELECT runfold.row_id(%s, 'execution', %s)", (name, execution_id)).fetchone() or ()
        found = {}
        for table in OF_AN_EXECUTION:
            # Whatever order the tables are asked for in.
            past.execute(f"SELECT FROM {table}")
        everything = read_past(connection, past, OF_AN_EXECUTION)
        for table in OF_AN_EXECUTION:
            found[table] = rows_of(everything[table], table, execution_id, row_id)
    wanted = {table: rows_of(expected[table], table, execution_id, row_id) for table in OF_AN_EXECUTION}
    assert_tables_equal(wanted, found)


@in_one_database
@example(DELETION, 0.4)
@example(DELETION, 1.0)
@given(histories(), st.floats(0, 1))
def test_an_execution_of_the_past_is_what_the_whole_log_says(
    database: Database, history: History, place: float
) -> None:
    events = begin(database, history)
    executions = sorted({e.stream_id.partition("-")[2] for e in events if e.stream_id.startswith("execution-")})
    if not events:
        return
    position = events[round(place * (len(events) - 1))].position
    for execution_id in executions:
        check_execution(database, events, execution_id, position)


def test_an_execution_whose_workflow_was_deleted_is_gone_from_there_on(database: Database) -> None:
    events = begin(database, DELETION)
    for event in events[::3]:
        check_execution(database, events, "1", event.position)


def test_control_without_the_deletions_of_others_an_execution_differs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = begin(database, DELETION)
    deleted = next(event.position for event in events if event.type == "WorkflowDeleted")
    check_execution(database, events, "1", deleted)
    whole = past_module.scope_of_execution
    monkeypatch.setattr(past_module, "scope_of_execution", lambda *wanted: Scope(whole(*wanted).streams))
    with pytest.raises(AssertionError, match="the tables differ"):
        check_execution(database, events, "1", deleted)
