"""The past of an `execution` or of `streams` equals that part of the whole past, and of a log that ends there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import runfold
from runfold.errors import InvalidInput
from runfold.projections.definition.catalogue import Catalogue
from runfold.projections.definition.contract import header_query
from runfold.projections.reconciling import affected as affected_module
from runfold.reading.past import affected as scope_module
from runfold.reading.past import as_of as as_of_module
from runfold.reading.past.affected import Reach
from runfold.reading.past.reader import Past, open_past
from tests.cli.running import NOON, execution
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_past, read_tables
from tests.model.histories import History, histories
from tests.model.payloads import BASE_MS, DEPLOYMENTS, INTERACTIONS, RESPONSES, WORKFLOWS
from tests.model.tables import Recorded, Row, Table
from tests.projections.folding.test_folds_equal_the_model import (
    DELETION,
    DEPLOYMENT,
    EXCHANGE,
    REGISTERED,
    Database,
    fold_in_batches,
    written,
)
from tests.reading.conftest import past_of
from tests.reading.test_past_equals_the_model import CATALOGUE, begin

pytest_plugins = ["tests.projections.folding.test_folds_equal_the_model", "tests.fixtures.stores"]

Tables = Mapping[str, Table]

READ_TABLES = (
    "workflow_executions, node_executions, workflow_execution_pauses, workflow_execution_logs, workflow_status,"
    " human_interactions, hil_responses, workflow_deployment_history, trigger_index, model_calls, runfold.anomalies"
)
ASKED, BESIDE = (f"interaction-{name.lower()}" for name in INTERACTIONS)
RESPONSE, OTHER_RESPONSE = (f"response-{name}" for name in RESPONSES)

ANSWERS = written(
    ("execution-1", "ExecutionCreated", {}),
    (ASKED, "InteractionRequested", {"execution_id": "1"}),
    (BESIDE, "InteractionRequested", {"execution_id": "2"}),
    (RESPONSE, "ResponseReceived", {}),
    (OTHER_RESPONSE, "ResponseReceived", {}),
    (RESPONSE, "ResponseMatched", {"interaction_id": INTERACTIONS[1]}),
    (RESPONSE, "ResponseMatched", {"interaction_id": INTERACTIONS[0]}),
    (OTHER_RESPONSE, "ResponseMatched", {"interaction_id": INTERACTIONS[0]}),
    (ASKED, "InteractionResponded", {}),
    (DEPLOYMENT, "DeploymentStarted", {"deployment_id": DEPLOYMENTS[0]}),
)
"""Two executions that ask; one response is matched with the other's question first, and then with the first one's."""

IN_TURN = written(
    ("execution-1", "ExecutionCreated", {}),
    ("execution-2", "ExecutionCreated", {}),
    ("execution-2", "ExecutionStarted", {"start_time": BASE_MS + 5}),
    ("execution-1", "ExecutionStarted", {"start_time": BASE_MS + 9}),
    ("execution-2", "PauseOpened", {"pause": "p"}),
    ("execution-3", "ExecutionCreated", {}),
    ("execution-3", "ExecutionStarted", {"start_time": 0}),
    ("execution-1", "ExecutionSucceeded", {"end_time": BASE_MS + 20}),
    (DEPLOYMENT, "DeploymentStarted", {"deployment_id": DEPLOYMENTS[0]}),
)
"""Executions of one workflow that are its latest in turn; the last one turns out to have begun first."""


def of_execution(tables: Tables, execution_id: str, row_id: UUID) -> dict[str, dict[Any, Row]]:
    """Return the rows of an execution in the tables of the whole past."""
    executions = pick(tables, "workflow_executions", execution_id=[execution_id])
    interactions = pick(tables, "human_interactions", execution_id=[row_id])
    responses = pick(tables, "hil_responses", matched_interaction_id=list(interactions))
    workflows = [row["workflow_id"] for row in executions.values()]
    streams = [
        f"execution-{execution_id}",
        *(f"interaction-{key}" for key in interactions),
        *(f"response-{key}" for key in responses),
        *(f"deployment-{key}" for key in workflows),
    ]
    return {
        "workflow_executions": executions,
        "node_executions": pick(tables, "node_executions", execution_id=[execution_id]),
        "workflow_execution_pauses": pick(tables, "workflow_execution_pauses", execution_id=[row_id]),
        "workflow_execution_logs": pick(tables, "workflow_execution_logs", execution_id=[execution_id]),
        "human_interactions": interactions,
        "hil_responses": responses,
        "workflow_status": pick(tables, "workflow_status", workflow_id=workflows),
        "workflow_deployment_history": pick(tables, "workflow_deployment_history", workflow_id=workflows),
        "trigger_index": pick(tables, "trigger_index", workflow_id=workflows),
        "anomalies": pick(tables, "anomalies", stream_id=streams),
    }


def pick(tables: Tables, name: str, **wanted: Sequence[Any]) -> dict[Any, Row]:
    ((column, values),) = wanted.items()
    return {key: row for key, row in tables[name].items() if row[column] in values}


def shown(tables: Tables, whole: Tables) -> dict[str, dict[Any, Row]]:
    """Return the rows of the whole past for the rows that are shown."""
    return {name: {key: row for key, row in whole[name].items() if key in table} for name, table in tables.items()}


@contextmanager
def the_past(database: Database, **wanted: Any) -> Iterator[tuple[psycopg.Connection[Any], Past]]:
    with (
        psycopg.connect(database.url, autocommit=True) as connection,
        open_past(connection, CATALOGUE, **wanted) as past,
    ):
        yield connection, past


def check(database: Database, events: Sequence[Recorded], position: int) -> None:
    """Compare each execution's past with the whole past, and that with the tables of a log that ends there."""
    database.connection.execute(f"TRUNCATE {READ_TABLES}")
    fold_in_batches(database.connection, 0, [position])
    live = read_tables(database.connection)
    with the_past(database, position=position) as (connection, past):
        whole = read_past(connection, past)
    assert_tables_equal(reference.fold(recorded for recorded in events if recorded.position <= position), whole)
    assert_tables_equal(live, whole)
    for name in sorted({recorded.stream_id for recorded in events if recorded.stream_id.startswith("execution-")}):
        check_execution(database, whole, name.removeprefix("execution-"), position)


def check_execution(database: Database, whole: Tables, execution_id: str, position: int) -> None:
    stream = f"execution-{execution_id}"
    (row_id,) = database.connection.execute(
        "SELECT runfold.row_id(%s, 'execution', %s)", (stream, execution_id)
    ).fetchone() or (None,)
    assert row_id is not None
    with the_past(database, position=position, execution=execution_id) as (connection, past):
        found = read_past(connection, past)
    assert_tables_equal(shown(found, whole), found)
    assert_tables_equal(of_execution(whole, execution_id, row_id), of_execution(found, execution_id, row_id))


@settings(
    deadline=None,
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(DELETION, 0.4)
@example(DELETION, 1.0)
@given(histories(max_events=60), st.floats(0, 1))
def test_an_execution_of_the_past_is_what_the_whole_log_says(
    database: Database, history: History, place: float
) -> None:
    events = begin(database, history)
    if events:
        check(database, events, events[round(place * (len(events) - 1))].position)


@pytest.mark.parametrize(
    ("history", "step"),
    [(ANSWERS, 3), (IN_TURN, 2), (EXCHANGE, 4), (REGISTERED, 6), (DELETION, 7)],
    ids=["answers", "in turn", "exchange", "registered", "deletion"],
)
def test_at_every_position_an_execution_comes_with_all_that_belongs_to_it(
    database: Database, history: History, step: int
) -> None:
    events = begin(database, history)
    for recorded in events[::-step]:
        check(database, events, recorded.position)


def test_streams_bring_what_their_rows_depend_on_and_no_other_rows(database: Database) -> None:
    events = begin(database, ANSWERS)
    last = events[-1].position
    whole = reference.fold(events)
    for streams in ([RESPONSE], [OTHER_RESPONSE], [ASKED], ["execution-1"], [DEPLOYMENT], ["execution-1", RESPONSE]):
        with the_past(database, position=last, streams=streams) as (connection, past):
            found = read_past(connection, past)
        assert_tables_equal(shown(found, whole), found)
        assert bool(found["human_interactions"]) == (ASKED in streams)
        assert bool(found["hil_responses"]) == bool({RESPONSE, OTHER_RESPONSE, ASKED} & {*streams})
        assert bool(found["workflow_status"]) == bool({"execution-1", DEPLOYMENT} & {*streams})


# A workflow that is deleted, and rows that retention took


def test_what_a_deletion_takes_is_there_before_it_and_gone_from_it_on(database: Database) -> None:
    events = begin(database, DELETION)
    asked, answered = f"interaction-{INTERACTIONS[0]}", RESPONSE
    deleted = [recorded.position for recorded in events if recorded.type == "WorkflowDeleted"]
    last = events[-1].position
    for position in sorted({deleted[0] - 1, deleted[0], deleted[1] - 1, deleted[2], last}):
        whole = reference.fold(recorded for recorded in events if recorded.position <= position)
        for streams in (["execution-1"], [asked], [answered], [DEPLOYMENT], ["log-1"]):
            with the_past(database, position=position, streams=streams) as (connection, past):
                found = read_past(connection, past)
            assert_tables_equal(shown(found, whole), found)
            there = position in (deleted[0] - 1, deleted[1] - 1)
            assert bool(found["workflow_executions"]) == (there and streams == ["execution-1"])
            assert bool(found["human_interactions"]) == (there and streams == [asked])
            assert bool(found["hil_responses"]) == (there and streams in ([asked], [answered]))
            assert bool(found["workflow_status"]) == (there and streams in (["execution-1"], [DEPLOYMENT]))
            assert bool(found["trigger_index"]) == (there and streams in (["execution-1"], [DEPLOYMENT]))
            # The history of deployments outlives its workflow.
            assert bool(found["workflow_deployment_history"]) == (streams in (["execution-1"], [DEPLOYMENT]))


def test_rows_that_retention_removed_are_there_in_the_past(store: runfold.Store, log: Log, database_url: str) -> None:
    last = log.append("execution-a", *run("a"))
    drain(database_url)
    log.connection.execute("DELETE FROM workflow_executions")
    assert log.connection.execute("SELECT count(*) FROM node_executions").fetchone() == (0,)
    for wanted in ({}, {"execution": "a"}):
        with store.as_of(position=last, **wanted) as past:  # type: ignore[arg-type]
            assert past.execute("SELECT status FROM workflow_executions").fetchall() == [("SUCCESS",)]
            assert past.execute("SELECT count(*) FROM node_executions").fetchone() == (2,)
            assert past.execute("SELECT latest_execution_id FROM workflow_status").fetchall() == [("a",)]


# Controls: without what else is folded, the rows differ.


def test_control_without_the_deletions_of_others_an_execution_differs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = begin(database, DELETION)
    deleted = next(recorded.position for recorded in events if recorded.type == "WorkflowDeleted")
    check(database, events, deleted)
    monkeypatch.setattr(
        scope_module,
        "reach_of",
        lambda *asked: Reach(tuple(name for name in asked[2] if not name.startswith("deployment-"))),
    )
    with pytest.raises(AssertionError, match="the tables differ"):
        check(database, events, deleted)


def test_control_without_what_was_matched_before_a_response_differs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = begin(database, ANSWERS)
    monkeypatch.setattr(scope_module, "depended_on", lambda cursor, group, query, streams, upto: set())
    with pytest.raises(AssertionError, match="the tables differ"):
        check(database, events, events[-1].position)


def test_control_without_the_latest_execution_a_workflow_s_status_differs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = begin(database, IN_TURN)
    monkeypatch.setattr(affected_module, "_latest", lambda cursor, group, streams, upto: set())
    with pytest.raises(AssertionError, match="workflow_status"):
        check(database, events, events[-1].position)


def test_a_table_that_can_not_be_had_of_some_streams_is_refused_by_name(
    store: runfold.Store, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = log.append("execution-a", *run("a"))
    group = CATALOGUE.groups["execution"]
    members = [replace(one, stream_column=None) if one.name == "workflow_status" else one for one in group.projections]
    without = Catalogue({**CATALOGUE.groups, "execution": replace(group, projections=tuple(members))})
    monkeypatch.setattr(as_of_module, "_catalogue", lambda _: without)
    with store.as_of(position=last, execution="a") as past:
        with pytest.raises(InvalidInput, match="rows of workflow_status depend on more streams") as refused:
            past.execute("SELECT FROM workflow_status")
        assert refused.value.code == "streams_too_few"
        assert past.execute("SELECT status FROM workflow_executions").fetchall() == [("SUCCESS",)]


# How much of the log is read


def test_only_the_executions_that_may_be_the_latest_are_folded(store: runfold.Store) -> None:
    later = [execution(str(n), at=NOON + timedelta(minutes=n)) for n in range(30)]
    last = store.append_many([*later, execution("last", at=NOON + timedelta(hours=1))])[-1].last_position
    with store.as_of(position=last, execution="3") as past:
        assert past.execute("SELECT latest_execution_id FROM workflow_status").fetchall() == [("last",)]
        streams = past._met["execution"] or ()
        assert {name for name in streams if name.startswith("execution-")} == {"execution-3", "execution-last"}
        assert past.execute("SELECT execution_id FROM workflow_executions").fetchall() == [("3",)]


def test_a_status_that_was_folded_for_the_anomalies_alone_is_folded_whole_when_it_is_read(
    database_url: str, log: Log
) -> None:
    log.append("execution-a", *run("a"))
    last = log.append("execution-b", event("ExecutionCreated", execution_id="b"))
    with past_of(database_url, position=last, execution="a") as past:
        past.execute("SELECT FROM anomalies")
        assert "workflow_status" not in past._folded
        assert past.execute("SELECT latest_execution_id FROM workflow_status").fetchall() == [("b",)]
        past.execute("SELECT FROM node_executions")
        assert past.execute("SELECT latest_execution_id FROM workflow_status").fetchall() == [("b",)]


def test_what_an_execution_s_past_depends_on_is_found_by_index(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        """
        INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type,
                                    schema_version, data, metadata, occurred_at, recorded_at)
        SELECT n, n, c.name || '-' || n / 10, 1 + n % 10, gen_random_uuid(), c.name,
               CASE n % 10 WHEN 0 THEN CASE c.name WHEN 'execution' THEN 'ExecutionCreated' ELSE 'ResponseMatched' END
                           ELSE 'NodeStarted' END, 1,
               jsonb_build_object('workflow_id', gen_random_uuid(), 'interaction_id', gen_random_uuid()),
               '{}', now(), now()
          FROM generate_series(1, 20000) AS n
          CROSS JOIN LATERAL (SELECT CASE n / 10 % 2 WHEN 0 THEN 'execution' ELSE 'response' END AS name) AS c
        """
    )
    connection.execute("ANALYZE runfold.events")
    latest = affected_module.statement("latest_of_workflows").replace(
        "{executions}", affected_module.executions_of_workflows()
    )
    for query, parameters in {
        latest: {"group": "execution", "workflows": list(WORKFLOWS[:1])},
        header_query("responses_to_interactions"): {"streams": [f"interaction-{INTERACTIONS[0]}"]},
        header_query("interactions_of_responses"): {"streams": [RESPONSE]},
        header_query("workflows_of_executions"): {"streams": ["execution-1"]},
    }.items():
        rows = connection.execute(f"EXPLAIN {query}".encode(), {**parameters, "upto": 20_000}).fetchall()
        plan = "\n".join(line for (line,) in rows)
        assert "Seq Scan on events" not in plan, plan
        assert "events_000000000001" in plan
