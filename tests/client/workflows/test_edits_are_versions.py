"""Whoever edits the tables of workflows by SQL: a transaction is one version of each definition that it changed."""

from __future__ import annotations

import json
import threading
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from tests.client.workflows.tables import (
    a_user,
    body_of,
    definition_of,
    digest_of,
    insert_connection,
    insert_node,
    insert_workflow,
    left_over,
    saved,
)
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import drain, eventually


@pytest.fixture
def user(connection: psycopg.Connection[Any]) -> UUID:
    return a_user(connection)


def test_a_hundred_nodes_in_a_transaction_are_one_event(connection: psycopg.Connection[Any], user: UUID) -> None:
    workflow = insert_workflow(connection, user, nodes=100)
    (event,) = saved(connection)
    assert event == {
        "workflow_id": str(workflow),
        "digest": digest_of(connection, definition_of(connection, workflow)),
        "nodes": 100,
        "connections": 99,
        "by": connection.info.user,
    }
    assert body_of(connection, event["digest"]) == definition_of(connection, workflow)
    stream = connection.execute(
        "SELECT s.stream_id, s.user_id, s.version, octet_length(e.data::text)"
        "  FROM runfold.streams s JOIN runfold.events e USING (stream_id)"
    ).fetchall()
    assert [row[:3] for row in stream] == [(f"definition-{workflow}", user, 1)]
    assert stream[0][3] < 300, "the event carries the digest, not the body"
    assert left_over(connection) == 0


def test_two_updates_in_a_transaction_are_one_event(connection: psycopg.Connection[Any], user: UUID) -> None:
    workflow = insert_workflow(connection, user, nodes=2)
    with connection.transaction():
        connection.execute("UPDATE public.nodes SET name = 'first' WHERE node_id = 'n0'")
        connection.execute("UPDATE public.nodes SET name = 'second' WHERE node_id = 'n1'")
        connection.execute("UPDATE public.workflows SET name = 'third'")
    assert len(saved(connection, workflow)) == 2
    body = body_of(connection, saved(connection, workflow)[-1]["digest"])
    assert (body["name"], [node["name"] for node in body["nodes"]]) == ("third", ["first", "second"])


def test_control_without_the_deferral_there_are_three_events(connection: psycopg.Connection[Any], user: UUID) -> None:
    insert_workflow(connection, user, nodes=2)
    with connection.transaction():
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        connection.execute("UPDATE public.nodes SET name = 'first' WHERE node_id = 'n0'")
        connection.execute("UPDATE public.nodes SET name = 'second' WHERE node_id = 'n1'")
        connection.execute("UPDATE public.workflows SET name = 'third'")
    assert len(saved(connection)) == 4


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE public.nodes SET position_x = 10, position_y = position_y + 3",
        "UPDATE public.nodes SET notes = 'look here'",
        "UPDATE public.nodes SET updated_at = now() + interval '1 day'",
        "UPDATE public.workflows SET updated_at = 5",
        "UPDATE public.workflows SET name = name",
        "UPDATE public.nodes SET id = gen_random_uuid()",
    ],
)
def test_a_move_on_the_canvas_is_no_version(connection: psycopg.Connection[Any], user: UUID, edit: str) -> None:
    insert_workflow(connection, user, nodes=3)
    connection.execute(edit)  # type: ignore[call-overload]
    assert len(saved(connection)) == 1
    assert left_over(connection) == 0


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE public.workflows SET workflow_data = '{\"a\": 1}'",
        "UPDATE public.workflows SET description = 'd'",
        "UPDATE public.workflows SET version = '2'",
        "UPDATE public.workflows SET active = false",
        "UPDATE public.workflows SET settings = '{}'",
        "UPDATE public.workflows SET static_data = '{}'",
        "UPDATE public.workflows SET pin_data = '{}'",
        "UPDATE public.workflows SET tags = '{a}'",
        "UPDATE public.workflows SET is_template = true",
        "UPDATE public.workflows SET template_category = 'c'",
        "UPDATE public.workflows SET icon_url = 'u'",
        "UPDATE public.nodes SET parameters = '{\"a\": 1}' WHERE node_id = 'n1'",
        "DELETE FROM public.nodes WHERE node_id = 'n2'",
        "DELETE FROM public.node_connections WHERE target_node_id = 'n2'",
        "UPDATE public.node_connections SET label = 'l'",
        "TRUNCATE public.node_connections",
        "TRUNCATE public.nodes CASCADE",
    ],
)
def test_every_other_edit_is_one(connection: psycopg.Connection[Any], user: UUID, edit: str) -> None:
    workflow = insert_workflow(connection, user, nodes=3)
    connection.execute(edit)  # type: ignore[call-overload]
    before, after = saved(connection, workflow)
    assert before["digest"] != after["digest"]
    assert body_of(connection, after["digest"]) == definition_of(connection, workflow)


def test_an_edit_that_was_taken_back_is_no_version(connection: psycopg.Connection[Any], user: UUID) -> None:
    insert_workflow(connection, user, nodes=1)
    with connection.transaction():
        connection.execute("UPDATE public.nodes SET name = 'other'")
        connection.execute("UPDATE public.nodes SET name = 'n0'")
    assert len(saved(connection)) == 1


def test_what_was_rolled_back_leaves_nothing(connection: psycopg.Connection[Any], user: UUID) -> None:
    insert_workflow(connection, user, nodes=1)
    before = connection.execute("SELECT count(*) FROM runfold.streams").fetchone()
    with connection.transaction(force_rollback=True):
        insert_workflow(connection, user, nodes=2)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with connection.transaction(), connection.transaction(force_rollback=True):
        connection.execute("UPDATE public.nodes SET name = 'other'")
    assert len(saved(connection)) == 1
    assert left_over(connection) == 0
    assert connection.execute("SELECT count(*) FROM runfold.streams").fetchone() == before
    assert connection.execute("SELECT count(*) FROM runfold.definitions").fetchone() == (1,)


def test_a_deletion_is_workflow_deleted_and_nothing_else(connection: psycopg.Connection[Any], user: UUID) -> None:
    workflow = insert_workflow(connection, user, nodes=3)
    with connection.transaction():
        connection.execute("UPDATE public.nodes SET name = 'other'")
        connection.execute("DELETE FROM public.workflows WHERE id = %s", (workflow,))
    types = connection.execute("SELECT type, stream_id FROM runfold.events ORDER BY position").fetchall()
    assert types == [("DefinitionSaved", f"definition-{workflow}"), ("WorkflowDeleted", f"deployment-{workflow}")]
    assert left_over(connection) == 0


def test_a_node_that_moves_to_another_workflow_changes_both(connection: psycopg.Connection[Any], user: UUID) -> None:
    first, second = (insert_workflow(connection, user, nodes=1, name=name) for name in "ab")
    insert_node(connection, first, "wanderer")
    connection.execute("UPDATE public.nodes SET workflow_id = %s WHERE node_id = 'wanderer'", (second,))
    assert [event["nodes"] for event in saved(connection, first)] == [1, 2, 1]
    assert [event["nodes"] for event in saved(connection, second)] == [1, 2]


def test_more_workflows_than_an_append_takes_are_edited_at_once(
    connection: psycopg.Connection[Any], user: UUID
) -> None:
    connection.execute(
        "INSERT INTO public.workflows (user_id, name, workflow_data, created_at, updated_at)"
        " SELECT %s, 'w' || n, '{}', 0, 0 FROM generate_series(1, 1001) AS n",
        (user,),
    )
    assert len(saved(connection)) == 1001


def test_a_definition_has_no_limit_of_an_event(connection: psycopg.Connection[Any], user: UUID) -> None:
    workflow = insert_workflow(connection, user)
    with connection.transaction():
        connection.execute(
            "INSERT INTO public.nodes (workflow_id, node_id, node_type, node_subtype, name, parameters)"
            " SELECT %s, 'n' || n, 'ACTION', 'HTTP', 'n', jsonb_build_object('prompt', repeat('p', 500))"
            "   FROM generate_series(1, 5000) AS n",
            (workflow,),
        )
    event = saved(connection, workflow)[-1]
    assert event["nodes"] == 5000
    assert len(json.dumps(body_of(connection, event["digest"]))) > 1_048_576


def test_edits_of_one_workflow_at_once_are_versions_one_after_the_other(
    connection: psycopg.Connection[Any], database_url: str, user: UUID
) -> None:
    workflow = insert_workflow(connection, user, nodes=2)
    with psycopg.connect(database_url) as other, psycopg.connect(database_url) as third:
        other.execute("UPDATE public.nodes SET name = 'other' WHERE node_id = 'n0'")
        third.execute("UPDATE public.nodes SET name = 'third' WHERE node_id = 'n1'")
        other.commit()
        third.commit()
    last = saved(connection, workflow)[-1]
    assert last["digest"] == digest_of(connection, definition_of(connection, workflow))
    assert len(saved(connection, workflow)) == 3


def _edit_in_turn(
    url: str, first: UUID, second: UUID, node: str, barrier: threading.Barrier, failed: list[str]
) -> None:
    with psycopg.connect(url) as connection:
        for n in range(30):
            for workflow in (first, second):
                connection.execute(
                    "UPDATE public.nodes SET parameters = %s WHERE workflow_id = %s AND node_id = %s",
                    (f'{{"n": {n}}}', workflow, node),
                )
            barrier.wait(60)
            try:
                connection.commit()
            except psycopg.errors.DeadlockDetected as error:
                failed.append(str(error))
                connection.rollback()


def _race(url: str, user: UUID) -> list[str]:
    """Let two threads edit different nodes of the same two workflows, in opposite order, and commit together."""
    with psycopg.connect(url, autocommit=True) as connection:
        first, second = sorted(insert_workflow(connection, user, nodes=2) for _ in range(2))
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '50ms'").format(name))
    barrier, failed = threading.Barrier(2), []
    threads = [
        threading.Thread(target=_edit_in_turn, args=(url, *order, node, barrier, failed))
        for order, node in (((first, second), "n0"), ((second, first), "n1"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_two_transactions_that_edit_two_workflows_do_not_deadlock(database_url: str, user: UUID) -> None:
    assert _race(database_url, user) == []


def test_control_appended_one_by_one_they_deadlock(
    connection: psycopg.Connection[Any], database_url: str, user: UUID
) -> None:
    """The trigger as it would be if each firing appended for its own workflow, in the order of the edits."""
    source = connection.execute("SELECT pg_get_functiondef('runfold.append_definitions()'::regprocedure)").fetchone()
    assert source is not None
    one = source[0].replace("runfold.append_definitions()", "runfold.append_one(edited_id uuid)")
    one = one.replace("e.xid = pg_current_xact_id()", "e.xid = pg_current_xact_id() AND e.workflow_id = edited_id")
    assert one.count("edited_id") == 2
    connection.execute(one)
    connection.execute(
        "CREATE OR REPLACE FUNCTION runfold.append_definition_saved() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM runfold.append_one(NEW.workflow_id); RETURN NULL; END $$"
    )
    assert _race(database_url, user) != []


def _noted_while_folding(connection: psycopg.Connection[Any], url: str, user: UUID) -> int:
    """Fold executions of a workflow, and return how many notes of an edit that made."""
    connection.execute(
        "CREATE TABLE public.noted (n int); CREATE FUNCTION public.count_note() RETURNS trigger"
        " LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO public.noted VALUES (1); RETURN NULL; END $$;"
    )
    workflow = insert_workflow(connection, user, nodes=1)
    connection.execute(
        "CREATE TRIGGER counted AFTER INSERT ON runfold.edited_workflows"
        " FOR EACH ROW EXECUTE FUNCTION public.count_note()"
    )
    log = Log(connection)
    for n in range(10):
        log.append_many(
            [(f"execution-e{n}-{m}", run(f"e{n}-{m}", nodes=0, workflow_id=str(workflow))) for m in range(100)],
            user_id=user,
        )
    drain(url)

    def copied() -> bool:
        connection.execute("SELECT runfold.sync_workflows()")
        row = connection.execute("SELECT latest_execution_id FROM public.workflows").fetchone()
        return row is not None and row[0] is not None

    eventually(copied)
    row = connection.execute("SELECT count(*) FROM public.noted").fetchone()
    assert row is not None
    return int(row[0])


def test_a_fold_notes_no_edit(connection: psycopg.Connection[Any], database_url: str, user: UUID) -> None:
    assert _noted_while_folding(connection, database_url, user) == 0


def test_control_a_trigger_without_its_condition_notes_some(
    connection: psycopg.Connection[Any], database_url: str, user: UUID
) -> None:
    connection.execute("DROP TRIGGER edited_workflows_are_noted ON public.workflows")
    connection.execute(
        "CREATE TRIGGER edited_workflows_are_noted AFTER UPDATE ON public.workflows"
        " FOR EACH ROW EXECUTE FUNCTION runfold.note_edited_workflow()"
    )
    assert _noted_while_folding(connection, database_url, user) > 0


def test_who_edits_is_said(connection: psycopg.Connection[Any], user: UUID) -> None:
    workflow = insert_workflow(connection, user, nodes=1)
    with connection.transaction():
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (f'{{"sub": "{user}"}}',))
        connection.execute("UPDATE public.nodes SET name = 'other'")
    assert [event["by"] for event in saved(connection, workflow)] == [connection.info.user, str(user)]


@pytest.mark.parametrize("first", [True, False])
def test_a_workflow_that_is_given_to_another_user_can_be_edited(
    connection: psycopg.Connection[Any], user: UUID, first: bool
) -> None:
    """Its history stays with the tenant who began it; one of nobody's begins its history then. The new body is new."""
    workflow = insert_workflow(connection, user if first else None, nodes=1)
    other = a_user(connection)
    connection.execute("UPDATE public.workflows SET user_id = %s", (other,))
    connection.execute("UPDATE public.workflows SET name = 'moved'")
    events = connection.execute("SELECT user_id FROM runfold.events WHERE type = 'DefinitionSaved'").fetchall()
    assert events == [(user if first else other,)] * 2
    last = saved(connection, workflow)[-1]["digest"]
    assert connection.execute("SELECT user_id FROM runfold.definitions WHERE digest = %s", (last,)).fetchall() == [
        (other,)
    ]


def test_connections_are_noted_as_nodes_are(connection: psycopg.Connection[Any], user: UUID) -> None:
    workflow = insert_workflow(connection, user, nodes=3)
    insert_connection(connection, workflow, "n0", "n2", connection_type="ERROR", conditions={"code": 500})
    assert [event["connections"] for event in saved(connection, workflow)] == [2, 3]


def test_a_workflow_without_a_user_has_no_versions(connection: psycopg.Connection[Any]) -> None:
    workflow = insert_workflow(connection, None, nodes=2)
    connection.execute("UPDATE public.nodes SET name = 'other'")
    assert saved(connection) == []
    assert connection.execute("SELECT count(*) FROM runfold.streams").fetchone() == (0,)
    definition = json.dumps({"id": str(workflow), "nodes": []})
    row = connection.execute(
        "SELECT version, changed FROM runfold.save_workflow_of(NULL, %s)", (definition,)
    ).fetchone()
    assert row == (0, False)
    assert left_over(connection) == 0
