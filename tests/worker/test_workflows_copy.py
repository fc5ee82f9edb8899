"""Columns of `workflows` follow workflow_status, even while users edit the row, and no edit delays the projection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.status import read_status
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, eventually, folded, verified, worker
from tests.model.payloads import WORKFLOWS

WORKFLOW = UUID(WORKFLOWS[0])
COPIED = ("latest_execution_id", "latest_execution_status", "deployment_status")
NOTHING = (None, "IDLE", "IDLE")


def insert(connection: psycopg.Connection[Any], workflow: UUID = WORKFLOW, **columns: Any) -> None:
    named = {"id": workflow, "name": "w", "workflow_data": "{}", "created_at": 0, "updated_at": 0, **columns}
    connection.execute(
        f"INSERT INTO public.workflows ({', '.join(named)}) VALUES ({', '.join(['%s'] * len(named))})",
        list(named.values()),
    )


def copied(log: Log) -> tuple[Any, ...] | None:
    return log.connection.execute(
        f"SELECT {', '.join(COPIED)} FROM public.workflows WHERE id = %s", (WORKFLOW,)
    ).fetchone()


def stale(log: Log) -> int:
    row = log.connection.execute("SELECT count(*) FROM runfold.stale_workflows").fetchone()
    return -1 if row is None else int(row[0])


def test_a_workflow_shows_its_latest_execution(log: Log, database_url: str) -> None:
    insert(log.connection)
    assert copied(log) == NOTHING
    log.append("execution-a", *run("a")[:-1])
    drain(database_url)
    assert copied(log) == ("a", "RUNNING", "IDLE")
    log.append("execution-a", event("ExecutionSucceeded"))
    drain(database_url)
    assert copied(log) == ("a", "SUCCESS", "IDLE")
    assert stale(log) == 0


def test_a_workflow_that_is_inserted_later_shows_it_at_once(log: Log, database_url: str) -> None:
    log.append("execution-a", *run("a"))
    drain(database_url)
    insert(log.connection, latest_execution_status="MADE UP")
    assert copied(log) == ("a", "SUCCESS", "IDLE")


EDITS: dict[str, Callable[[psycopg.Connection[Any]], object]] = {
    "locks it": lambda connection: connection.execute("SELECT FROM public.workflows FOR UPDATE"),
    "updates it": lambda connection: connection.execute("UPDATE public.workflows SET name = 'renamed'"),
    "shares it": lambda connection: connection.execute("SELECT FROM public.workflows FOR SHARE"),
    "deletes it and thinks again": lambda connection: connection.execute("DELETE FROM public.workflows"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_open_edit_delays_nobody_and_the_copy_comes_after_it(log: Log, database_url: str, edit: str) -> None:
    insert(log.connection)
    with worker(database_url), closing(psycopg.connect(database_url)) as user:
        EDITS[edit](user)
        log.append("execution-a", *run("a"))
        eventually(lambda: folded(log.connection, log.events[-1].position), within=10)
        assert copied(log) == NOTHING, "the edit was not open: this proves nothing"
        assert stale(log) > 0
        # Nothing that waits to be copied is a difference.
        assert_nothing_differs(database_url)
        _ = user.rollback() if "delete" in edit else user.commit()
        eventually(lambda: copied(log) == ("a", "SUCCESS", "IDLE"), within=10)
        eventually(lambda: stale(log) == 0, within=10)
    assert_nothing_differs(database_url)


def test_the_copy_comes_also_while_the_log_never_rests(log: Log, database_url: str) -> None:
    insert(log.connection)
    with worker(database_url), closing(psycopg.connect(database_url)) as user:
        EDITS["locks it"](user)
        log.append("execution-a", *run("a"))
        eventually(lambda: folded(log.connection, log.events[-1].position))
        user.commit()

        def busy() -> bool:
            log.append("log-a", event("LogAppended"))
            return copied(log) == ("a", "SUCCESS", "IDLE")

        eventually(busy, within=10, every=0)


def test_an_insert_that_is_open_while_the_status_changes_shows_the_change(log: Log, database_url: str) -> None:
    with worker(database_url), closing(psycopg.connect(database_url)) as user:
        insert(user)
        log.append("execution-a", *run("a"))
        eventually(lambda: folded(log.connection, log.events[-1].position), within=10)
        user.commit()
        eventually(lambda: copied(log) == ("a", "SUCCESS", "IDLE"), within=10)
    assert_nothing_differs(database_url)


def test_control_without_the_note_an_open_insert_stays_behind(log: Log, database_url: str) -> None:
    log.connection.execute("DROP TRIGGER new_workflows_are_synced_again ON public.workflows")
    with closing(psycopg.connect(database_url)) as user:
        insert(user)
        log.append("execution-a", *run("a"))
        drain(database_url)
        user.commit()
    drain(database_url)
    assert copied(log) == NOTHING
    assert sum(item.differing for item in verified(database_url)) == 1


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_nobody_s_update_changes_the_copy(log: Log, database_url: str, isolation: str) -> None:
    insert(log.connection)
    log.append("execution-a", *run("a"))
    drain(database_url)
    with log.connection.transaction():
        log.connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        log.connection.execute(
            "UPDATE public.workflows SET latest_execution_status = 'ERROR', latest_execution_id = 'x',"
            " deployment_status = 'DEPLOYED', deployment_version = 7, deployed_at = now(), name = 'renamed'"
        )
    assert copied(log) == ("a", "SUCCESS", "IDLE")
    row = log.connection.execute("SELECT name, deployment_version, deployed_at FROM public.workflows").fetchone()
    assert row == ("renamed", 1, None)
    assert_nothing_differs(database_url)


def test_a_user_who_is_gone_is_no_deployer_and_stops_nothing(log: Log, database_url: str) -> None:
    gone, here = uuid4(), uuid4()
    for user in (gone, here):
        log.connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
    insert(log.connection)
    log.append("execution-a", *run("a"))
    drain(database_url)

    def deploy(user: UUID) -> None:
        log.connection.execute("UPDATE public.workflow_status SET deployed_by = %s, deployed_at = now()", (user,))
        log.connection.execute("SELECT runfold.sync_workflows()")

    def deployer() -> Any:
        row = log.connection.execute("SELECT deployed_by FROM public.workflows").fetchone()
        return None if row is None else row[0]

    deploy(gone)
    assert deployer() == gone
    log.connection.execute("DELETE FROM auth.users WHERE id = %s", (gone,))
    assert deployer() is None
    log.append("execution-b", *run("b"))
    drain(database_url)
    assert deployer() is None
    row = log.connection.execute("SELECT count(*) FROM runfold.parked_streams").fetchone()
    assert row == (0,)
    deploy(here)
    assert deployer() == here


# What a user puts on the table


def trigger(body: str, *, when: str = "BEFORE UPDATE", kind: str = "", name: str = "public.of_a_user") -> str:
    """Return the statements that put a trigger on `workflows`, which concerns the row named `legacy` only."""
    function = f"{name}()"
    return (
        f"CREATE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.name = 'legacy' THEN {body} END IF; RETURN NEW; END $$;"
        f" CREATE {kind} TRIGGER of_a_user {when} ON public.workflows"
        f" {'DEFERRABLE INITIALLY DEFERRED' if kind else ''} FOR EACH ROW EXECUTE FUNCTION {function}"
    )


RULES: dict[str, tuple[str, str]] = {
    "a constraint": (
        "ALTER TABLE public.workflows ADD CONSTRAINT new_rule CHECK (name <> 'legacy') NOT VALID",
        "new_rule",
    ),
    "a trigger that raises": (trigger("RAISE EXCEPTION 'not that one';"), "not that one"),
    "a trigger that skips": (trigger("RETURN NULL;"), "leaves the row as it is"),
    "a deferred trigger": (
        trigger("RAISE EXCEPTION 'at the commit';", when="AFTER UPDATE", kind="CONSTRAINT"),
        "at the commit",
    ),
    "a trigger that takes its time": (trigger("PERFORM pg_sleep(600);"), "takes longer than 1 s"),
}
REPAIR = (
    "ALTER TABLE public.workflows DROP CONSTRAINT IF EXISTS new_rule;"
    " DROP FUNCTION IF EXISTS public.of_a_user CASCADE;"
    " UPDATE runfold.stale_workflows SET try_at = now()"
)


def failing(log: Log) -> list[dict[str, Any]]:
    """Return what the status shows of copies that fail."""
    found: list[dict[str, Any]] = read_status(log.connection, load_catalogue())["workflow_copies"]["failing"]
    return found


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_of_a_user_stops_a_fold_and_the_copy_is_skipped_shown_and_retried(
    log: Log, database_url: str, rule: str
) -> None:
    statements, said = RULES[rule]
    insert(log.connection, name="legacy")
    insert(log.connection, UUID(WORKFLOWS[1]))
    log.connection.execute(statements.encode())
    with worker(database_url) as running:
        log.append("execution-a", *run("a"))
        log.append("execution-b", *run("b", workflow_id=WORKFLOWS[1]))
        eventually(lambda: folded(log.connection, log.events[-1].position))
        eventually(lambda: [row["workflow_id"] for row in failing(log)] == [str(WORKFLOW)])
        assert said in failing(log)[0]["error"]
        assert copied(log) == NOTHING
        others = "SELECT latest_execution_id FROM public.workflows WHERE id = %s"
        eventually(lambda: log.connection.execute(others, (WORKFLOWS[1],)).fetchone() == ("b",))
        # Folds go on, and what waits to be copied is no difference.
        log.append("execution-a2", *run("a2"))
        eventually(lambda: folded(log.connection, log.events[-1].position))
        assert_nothing_differs(database_url)
        assert log.connection.execute("SELECT count(*) FROM runfold.parked_streams").fetchone() == (0,)
        log.connection.execute(REPAIR.encode())
        eventually(lambda: copied(log) in {("a", "SUCCESS", "IDLE"), ("a2", "SUCCESS", "IDLE")})
        eventually(lambda: stale(log) == 0)
        assert running.alive
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_control_a_fold_that_writes_the_copy_itself_is_stopped_by_a_constraint(log: Log, database_url: str) -> None:
    log.connection.execute(
        "CREATE OR REPLACE FUNCTION runfold.copy_status_to_workflows() RETURNS trigger LANGUAGE plpgsql"
        " SECURITY DEFINER AS $$ BEGIN UPDATE public.workflows w SET latest_execution_id = w.latest_execution_id"
        " FROM changed c WHERE c.workflow_id = w.id; RETURN NULL; END $$"
    )
    insert(log.connection, name="legacy")
    log.connection.execute(RULES["a constraint"][0].encode())
    log.append("execution-a", *run("a"))
    drain(database_url)
    row = log.connection.execute("SELECT stream_id, sqlstate FROM runfold.parked_streams").fetchone()
    assert row == ("execution-a", "23514")


def test_a_note_of_a_failing_copy_is_kept_once_however_often_its_status_changes(log: Log, database_url: str) -> None:
    insert(log.connection, name="legacy")
    log.connection.execute(RULES["a constraint"][0].encode())
    for n in range(5):
        log.append(f"execution-{n}", *run(str(n)))
        drain(database_url)
        log.connection.execute("SELECT runfold.sync_workflows()")
    assert stale(log) == 1
