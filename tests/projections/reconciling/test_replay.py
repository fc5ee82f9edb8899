"""Replay makes one stream's rows equal to the log, and a retry folds a parked stream from its beginning."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings

from runfold.errors import UnknownStream
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling import affected
from runfold.projections.reconciling.replay import Replayed, can_replay, replay
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_tables
from tests.model.histories import History, histories, isolate
from tests.model.payloads import DEPLOYMENTS, INTERACTIONS, RESPONSES, WORKFLOWS
from tests.projections.folding.test_folds_equal_the_model import DELETION, EXCHANGE, MATCHES, Database, database
from tests.projections.folding.test_parking import correct, parked, retry, smuggle
from tests.projections.reconciling.rebuilding import INTERACTION, RESPONSE, append_everything, counted_writes

__all__ = ["database"]

WORKFLOW = str(UUID(WORKFLOWS[0]))
DEPLOYMENT = f"deployment-{WORKFLOW}"


def replayed(url: str, stream_id: str, **options: Any) -> dict[str, Replayed]:
    with psycopg.connect(url, autocommit=True) as connection:
        return {item.projection: item for item in replay(connection, load_catalogue(), stream_id, **options)}


@pytest.fixture
def folded(log: Log, database_url: str) -> Log:
    append_everything(log)
    drain(database_url)
    return log


INVENTED_LINE = """
    INSERT INTO public.workflow_execution_logs (id, execution_id, event_type, message, last_event_position, created_at)
    VALUES (gen_random_uuid(), 'a1', 'separator', 'never said', 1, now())
"""
DAMAGE = {
    "an execution": ("execution-c1", "UPDATE public.workflow_executions SET status = 'NEW' WHERE execution_id = 'c1'"),
    "an execution that is gone": ("execution-c1", "DELETE FROM public.workflow_executions WHERE execution_id = 'c1'"),
    "the status of its workflow": (
        "execution-c1",
        f"DELETE FROM public.workflow_status WHERE workflow_id = '{WORKFLOW}'",
    ),
    "its log": ("log-a1", INVENTED_LINE),
    "an interaction": (INTERACTION, "UPDATE public.human_interactions SET priority = 'critical'"),
    "a response": (RESPONSE, "DELETE FROM public.hil_responses"),
    "a deployment": (f"deployment-{UUID(WORKFLOWS[1])}", "UPDATE public.trigger_index SET index_key = 'other'"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_was_broken_in_one_stream_is_mended(folded: Log, database_url: str, what: str) -> None:
    stream_id, statement = DAMAGE[what]
    assert folded.connection.execute(statement.encode()).rowcount > 0
    dry = replayed(database_url, stream_id, dry_run=True)
    with counted_writes(folded.connection) as written:
        done = replayed(database_url, stream_id)
    differing = {name: item.differing for name, item in done.items() if item.differing}
    assert differing
    assert {name: item.differing for name, item in dry.items() if item.differing} == differing
    assert sum(written.values()) == sum(differing.values())
    folded.assert_folded()
    assert_nothing_differs(database_url)


def test_other_streams_stay_as_they_are(folded: Log, database_url: str) -> None:
    folded.connection.execute("UPDATE public.workflow_executions SET triggered_by = 'nobody'")
    done = replayed(database_url, "execution-c1")
    assert done["workflow_executions"].updated == 1
    left = folded.connection.execute("SELECT count(*) FROM public.workflow_executions WHERE triggered_by = 'nobody'")
    assert (left.fetchone() or (0,))[0] > 1
    assert replayed(database_url, "execution-c1")["workflow_executions"].differing == 0


def test_an_unknown_stream_is_refused(folded: Log, database_url: str) -> None:
    with pytest.raises(UnknownStream):
        replayed(database_url, "execution-nobody")


# Parked


def assert_retried(log: Log, url: str, stream_id: str, group: str) -> None:
    assert retry(url, stream_id, group) is None
    assert parked(log.connection) == []
    log.assert_folded()
    assert_nothing_differs(url)
    log.append("execution-after", *run("after"))
    drain(url)
    log.assert_folded()


def parked_while_its_workflow_is_deleted(log: Log, url: str) -> None:
    """The stream had rows when it was parked; its workflow was deleted; then more events came."""
    created = event("ExecutionCreated", execution_id="sick", workflow_id=WORKFLOW)
    append_everything(log)
    log.append("execution-sick", created, event("NodeStarted", activation="early"))
    drain(url)
    position = smuggle(log, "execution-sick", "ExecutionStarted", {"start_time": "soon"})
    log.append("execution-sick", event("NodeStarted", activation="waiting"))
    log.append(DEPLOYMENT, event("WorkflowDeleted"))
    log.append("execution-sick", created, event("PauseOpened", pause="p"))
    drain(url)
    assert [row[1] for row in parked(log.connection)] == ["execution-sick"]
    correct(log, position, event("ExecutionStarted")[1])


def test_a_stream_whose_rows_were_deleted_meanwhile_is_folded_from_its_beginning(log: Log, database_url: str) -> None:
    parked_while_its_workflow_is_deleted(log, database_url)
    assert_retried(log, database_url, "execution-sick", "execution")


def test_control_folding_only_what_waits_is_not_enough(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.projections.reconciling.retry.can_replay", lambda group: False)
    parked_while_its_workflow_is_deleted(log, database_url)
    with pytest.raises(AssertionError, match=r"differ|UniqueViolation|is None"):
        assert_retried(log, database_url, "execution-sick", "execution")


def parked_before_its_deletion(log: Log, url: str) -> None:
    """The deployment stream is parked, so the deletion of its workflow waits; executions continue."""
    append_everything(log)
    log.append("execution-x", *run("x", workflow_id=WORKFLOW))
    drain(url)
    started = event("DeploymentStarted", deployment_id=DEPLOYMENTS[0])[1]
    position = smuggle(log, DEPLOYMENT, "DeploymentStarted", {**started, "deployment_version": "new"})
    log.append(DEPLOYMENT, event("WorkflowDeleted"))
    log.append("execution-x", event("ExecutionMetadataSet", metadata={"late": 1}))
    log.append("execution-y", *run("y", workflow_id=WORKFLOW))
    drain(url)
    assert {row[1] for row in parked(log.connection)} == {DEPLOYMENT}
    correct(log, position, started)


def test_a_deployment_stream_that_waits_with_a_deletion_is_folded_from_its_beginning(
    log: Log, database_url: str
) -> None:
    parked_before_its_deletion(log, database_url)
    groups = [row[0] for row in parked(log.connection)]
    assert "execution" in groups
    for group in groups:
        assert retry(database_url, DEPLOYMENT, group) is None
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_control_a_scope_without_the_deleted_executions_leaves_them(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parked_before_its_deletion(log, database_url)
    left_out = "executions_of_deleted_workflows"
    whole = affected.ask
    monkeypatch.setattr(
        affected, "ask", lambda cursor, query, streams: set() if query == left_out else whole(cursor, query, streams)
    )
    for row in parked(log.connection):
        retry(database_url, DEPLOYMENT, row[0])
    with pytest.raises(AssertionError, match="the tables differ"):
        log.assert_folded()


def test_a_response_is_matched_when_its_interaction_is_no_longer_parked(log: Log, database_url: str) -> None:
    requested = event("InteractionRequested", workflow_id=WORKFLOW)[1]
    position = smuggle(log, INTERACTION, "InteractionRequested", {**requested, "priority": "whenever"})
    log.append(f"response-{RESPONSES[0]}", event("ResponseReceived", workflow_id=WORKFLOW),
               event("ResponseMatched", interaction_id=INTERACTIONS[0]))  # fmt: skip
    drain(database_url)
    assert log.connection.execute("SELECT matched_interaction_id FROM public.hil_responses").fetchone() == (None,)
    correct(log, position, requested)
    assert_retried(log, database_url, INTERACTION, "interaction")


# Any history: replaying each of its streams fills empty tables.

few_in_one_database = settings(
    deadline=None, max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@few_in_one_database
@example(DELETION)
@example(MATCHES)
@example(EXCHANGE)
@given(histories())
def test_replaying_every_stream_makes_the_model_s_tables(database: Database, history: History) -> None:
    events = database.append(isolate(history, f"{uuid4().hex[:12]}."))
    if not events:
        return
    database.connection.execute(
        "INSERT INTO runfold.checkpoints (group_name, position) SELECT unnest(%s::text[]), %s"
        " ON CONFLICT (group_name) DO UPDATE SET position = excluded.position",
        (list(load_catalogue().groups), events[-1].position),
    )
    # Interactions before the responses that refer to them, and both before a deletion, which folds them again.
    streams = {recorded.stream_id for recorded in events}
    for stream_id in sorted(streams, key=lambda name: (name.startswith("deployment-"), name)):
        replayed(database.url, stream_id)
    assert_tables_equal(reference.fold(events), read_tables(database.connection, events[0].position - 1))


def test_every_table_of_the_product_can_be_replayed() -> None:
    assert all(can_replay(group) for group in load_catalogue().groups.values())
