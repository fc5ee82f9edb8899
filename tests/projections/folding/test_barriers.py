"""A barrier is folded apart from the events before and after it; without barriers it costs nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from runfold.errors import ProjectionInvalid
from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.definition.contract import parse_projection
from runfold.projections.folding.fold import FOLD_SESSION, bind, fold_batch, live_schemas
from runfold.projections.reconciling.retry import retry
from tests.fixtures.logs import Log, NewEvent, event, run
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.model.payloads import DEPLOYMENTS, INTERACTIONS, RESPONSES, WORKFLOWS

WORKFLOW, OTHER = (str(UUID(workflow)) for workflow in WORKFLOWS)
DELETED: NewEvent = event("WorkflowDeleted")
STARTED: NewEvent = event("DeploymentStarted", deployment_id=DEPLOYMENTS[0])
DEPLOYMENT = f"deployment-{WORKFLOW}"

HEADER = """\
-- name: mine
-- version: 1
-- group: own
-- table: public.mine
-- key: id
-- stream_key: id
-- events: ExecutionCreated, ExecutionStarted, WorkflowDeleted
"""
INSERT = "INSERT INTO mine (id) SELECT b.stream_id FROM batch b;\n"
DELETE = "DELETE FROM mine t USING batch b WHERE t.id = b.stream_id;\n"


# The contract


def statements(body: str, barriers: str = "-- barriers: WorkflowDeleted\n") -> list[tuple[str, tuple[str, ...]]]:
    found = parse_projection(HEADER + barriers + "\n" + body, expected_name="mine").statements
    return [(statement.text, statement.events) for statement in found]


def test_a_barrier_reaches_only_the_statements_that_name_it() -> None:
    (first, plain), (second, named) = statements(f"{INSERT}\n-- Why.\n-- events: WorkflowDeleted\n{DELETE}")
    assert first == INSERT.strip().rstrip(";")
    assert plain == ("ExecutionCreated", "ExecutionStarted")
    assert second.endswith(DELETE.strip().rstrip(";"))
    assert named == ("WorkflowDeleted",)


def test_without_barriers_a_statement_folds_what_the_header_names() -> None:
    ((_, events),) = statements(INSERT, barriers="")
    assert events == ("ExecutionCreated", "ExecutionStarted", "WorkflowDeleted")


def test_a_statement_s_events_go_on_in_lines() -> None:
    body = f"-- events: ExecutionCreated,\n--   WorkflowDeleted\n{DELETE}{INSERT}"
    assert [events for _, events in statements(body)] == [
        ("ExecutionCreated", "WorkflowDeleted"),
        ("ExecutionCreated", "ExecutionStarted"),
    ]


REFUSED = {
    "a barrier that is no event": (
        "-- barriers: PauseOpened\n",
        INSERT,
        "the barrier PauseOpened is not one of the events",
    ),
    "a barrier that nobody folds": ("-- barriers: WorkflowDeleted\n", INSERT, "no statement folds WorkflowDeleted"),
    "an event that nobody folds": ("", f"-- events: ExecutionCreated\n{INSERT}", "no statement folds ExecutionStarted"),
    "a statement with an event of its own": ("", f"-- events: PauseOpened\n{INSERT}", "not one of the header's events"),
    "a statement with two lists": (
        "",
        f"-- events: ExecutionCreated\n-- events: X\n{INSERT}",
        "lists its events twice",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_file_that_breaks_the_contract_is_refused(why: str) -> None:
    barriers, body, message = REFUSED[why]
    with pytest.raises(ProjectionInvalid, match=message):
        statements(body, barriers)


# Folding


@pytest.fixture
def groups() -> list[Group]:
    return list(load_catalogue().groups.values())


def fold(connection: psycopg.Connection[Any], groups: list[Group], upto: int) -> None:
    """Fold the whole log up to a position as one batch."""
    for group in groups:
        with connection.transaction(), connection.cursor() as cursor:
            bind(cursor, live_schemas(group))
            fold_batch(cursor, group, after=0, upto=upto, types=frozenset(group.events))


class Counting(psycopg.Cursor[Any]):
    """A cursor that counts its statements."""

    executed = 0

    def execute(self, *args: Any, **kwargs: Any) -> Counting:
        self.executed += 1
        super().execute(*args, **kwargs)
        return self


def count(connection: psycopg.Connection[Any], group: Group, upto: int, *types: str) -> int:
    with connection.transaction(force_rollback=True), Counting(connection) as cursor:
        bind(cursor, live_schemas(group))
        cursor.executed = 0
        fold_batch(cursor, group, after=0, upto=upto, types=frozenset(types))
        return cursor.executed


def test_only_statements_that_have_something_to_fold_are_run(log: Log, groups: list[Group]) -> None:
    last = log.append("execution-a", *run("a", nodes=1))
    execution = next(group for group in groups if group.name == "execution")
    assert count(log.connection, execution, last, "NodeStarted") == 2
    assert count(log.connection, execution, last, "ExecutionStarted") == 3
    assert count(log.connection, execution, last, "DeploymentStarted") == 2
    # With a barrier among the types: one look at where to cut, and then only what is there.
    assert count(log.connection, execution, last, "ExecutionStarted", "WorkflowDeleted") == 1 + 7


INTERACTION = str(UUID(INTERACTIONS[0]))
HISTORY: list[tuple[str, list[NewEvent]]] = [
    ("execution-a", run("a", workflow_id=WORKFLOW)),
    ("log-a", [event("LogAppended")]),
    (f"interaction-{INTERACTION}", [event("InteractionRequested", workflow_id=WORKFLOW)]),
    (f"response-{RESPONSES[0]}", [event("ResponseReceived", workflow_id=WORKFLOW),
                                  event("ResponseMatched", interaction_id=INTERACTION)]),
    ("execution-b", run("b", workflow_id=OTHER)),
    (DEPLOYMENT, [STARTED, event("TriggerRegistered", trigger="t")]),
    (DEPLOYMENT, [DELETED]),
    (f"deployment-{OTHER}", [DELETED]),
    ("execution-a", [event("ExecutionMetadataSet"), *run("a", workflow_id=WORKFLOW)]),
    ("log-a", [event("LogAppended")]),
    (
        f"interaction-{INTERACTION}",
        [event("InteractionReminderSent"), event("InteractionRequested", workflow_id=WORKFLOW)],
    ),
    (f"response-{RESPONSES[0]}", [event("ResponseReceived", workflow_id=WORKFLOW)]),
    (DEPLOYMENT, [event("TriggerActivated", trigger="t"), STARTED]),
    (f"deployment-{OTHER}", [DELETED]),
    (f"response-{RESPONSES[0]}", [event("ResponseMatched", interaction_id=INTERACTION)]),
]  # fmt: skip
"""Two workflows that are deleted, one of them twice, and one that begins again."""


def test_one_batch_with_deletions_in_it_is_folded_in_order(log: Log, groups: list[Group]) -> None:
    for stream_id, events in HISTORY:
        log.append(stream_id, *events)
    fold(log.connection, groups, log.events[-1].position)
    log.assert_folded()


def test_control_without_cuts_the_rows_differ(log: Log, groups: list[Group], monkeypatch: pytest.MonkeyPatch) -> None:
    for stream_id, events in HISTORY:
        log.append(stream_id, *events)
    monkeypatch.setattr(Group, "barriers", frozenset())
    fold(log.connection, groups, log.events[-1].position)
    with pytest.raises(AssertionError, match="the tables differ"):
        log.assert_folded()


def test_deletions_that_follow_each_other_are_one_cut(log: Log, groups: list[Group]) -> None:
    log.append("execution-a", *run("a", workflow_id=WORKFLOW))
    for _ in range(5):
        log.append(DEPLOYMENT, DELETED)
        last = log.append(f"deployment-{OTHER}", DELETED)
    execution = next(group for group in groups if group.name == "execution")
    assert count(log.connection, execution, last, *execution.events) == 1 + 7 + 4


# Parking


def spoil(log: Log, stream_id: str, position_of: int, data: dict[str, Any]) -> None:
    """Damage the data of an event, as only a superuser can who switches the log's triggers off."""
    with log.connection.transaction():
        log.connection.execute("SET LOCAL session_replication_role = replica")
        log.connection.execute(
            "UPDATE runfold.events SET data = %s WHERE position = %s AND stream_id = %s",
            (Jsonb(data), position_of, stream_id),
        )


@pytest.mark.parametrize("together", [False, True])
def test_a_stream_that_is_retried_meets_the_deletions_of_its_time(
    log: Log, database_url: str, *, together: bool
) -> None:
    sick = run("sick", workflow_id=WORKFLOW)
    well = run("well", workflow_id=WORKFLOW)
    again = [event("ExecutionCreated", execution_id="sick", workflow_id=WORKFLOW), event("NodeStarted", activation="n")]
    later: list[tuple[str, list[NewEvent]]] = [(DEPLOYMENT, [STARTED, DELETED, STARTED])]
    if together:
        log.append_many([("execution-sick", sick), ("execution-well", well), *later])
    else:
        for append in [("execution-sick", sick), ("execution-well", well), *later]:
            log.append(append[0], *append[1])
    log.append("execution-sick", *again)
    log.append("execution-well", event("ExecutionMetadataSet"))
    created = next(recorded for recorded in log.events if recorded.stream_id == "execution-sick")
    spoil(log, "execution-sick", created.position, {**created.data, "mode": "SOMEHOW"})
    drain(database_url)
    parked = log.connection.execute("SELECT group_name, stream_id FROM runfold.parked_streams").fetchall()
    assert parked == [("execution", "execution-sick")]
    assert_nothing_differs(database_url)

    spoil(log, "execution-sick", created.position, dict(created.data))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        assert retry(connection, load_catalogue().groups["execution"], "execution-sick") is None
    log.assert_folded()
    assert_nothing_differs(database_url)


def many_rows_of_others(connection: psycopg.Connection[Any]) -> None:
    """Make rows of 2,000 executions and 20,000 nodes that no deletion concerns, and matching statistics."""
    connection.execute(
        "INSERT INTO public.workflow_executions (id, execution_id, workflow_id, status, mode, metadata, open_pauses,"
        " closed_pauses, paused, first_event_position, last_event_position, order_time, created_at, updated_at)"
        " SELECT gen_random_uuid(), 'other' || n, gen_random_uuid(), 'RUNNING', 'MANUAL', '{}', '{}', '{}', false,"
        " 1, 1, now(), now(), now() FROM generate_series(1, 2000) AS n"
    )
    connection.execute(
        "INSERT INTO public.node_executions"
        " (id, execution_id, activation, node_id, node_type, last_event_position, created_at)"
        " SELECT gen_random_uuid(), 'other' || n % 2000 + 1, 'a' || n, 'n', 'ACTION', 1, now()"
        " FROM generate_series(1, 20000) AS n"
    )
    connection.execute("ANALYZE public.workflow_executions, public.node_executions")


def rows_read_to_delete(log: Log, url: str, group: Group, *, whole: bool = False) -> int:
    """Return how many rows of nodes a large batch reads by table scans, to delete a workflow with two executions.

    `whole` as `bind` takes it: what is folded is not kept from reading tables whole.
    """
    workflow = str(UUID(WORKFLOWS[0]))
    many_rows_of_others(log.connection)
    log.append("execution-a", *run("a", workflow_id=workflow))
    log.append("execution-b", *run("b", workflow_id=workflow))
    drain(url)
    after = log.events[-1].position
    log.append(f"deployment-{workflow}", event("WorkflowDeleted"))
    with log.connection.transaction(), log.connection.cursor() as cursor:
        bind(cursor, live_schemas(group), whole=whole)
        upto = log.events[-1].position
        fold_batch(cursor, group, after=after, upto=upto, types=frozenset({"WorkflowDeleted"}))
        cursor.execute(
            "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relid = 'public.node_executions'::regclass"
        )
        (read,) = cursor.fetchone() or (0,)
    left = "SELECT count(*) FROM public.node_executions WHERE execution_id IN ('a', 'b')"
    assert log.connection.execute(left).fetchone() == (0,)
    return int(read)


def execution_group(groups: list[Group]) -> Group:
    return next(group for group in groups if group.name == "execution")


def test_a_workflow_is_deleted_without_reading_the_rows_of_others(
    log: Log, database_url: str, groups: list[Group]
) -> None:
    assert rows_read_to_delete(log, database_url, execution_group(groups)) == 0


def test_control_where_many_executions_are_expected_all_rows_are_read(
    log: Log, database_url: str, groups: list[Group]
) -> None:
    log.connection.execute("ALTER FUNCTION runfold.executions_of(uuid, bigint) ROWS 1000")
    assert rows_read_to_delete(log, database_url, execution_group(groups), whole=True) >= 20_000
