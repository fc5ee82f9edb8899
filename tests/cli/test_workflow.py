"""`runfold workflow`: lists, definitions and their versions for people and for scripts; restore with its preview."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold
from tests.cli.running import ask, run
from tests.client.workflows.definitions import chain, support_desk
from tests.client.workflows.tables import a_user, saved

ID = "018f3a5c-0000-7000-8000-000000000001"


@pytest.fixture
def user(connection: psycopg.Connection[Any]) -> UUID:
    return a_user(connection)


@pytest.fixture
def store(database_url: str, user: UUID) -> Iterator[runfold.Store]:
    with runfold.connect(database_url, user_id=user) as store:
        yield store


@pytest.fixture
def workflow(store: runfold.Store, user: UUID) -> UUID:
    """A workflow of two versions; the second has another name and one node less."""
    definition = support_desk()
    done = store.workflows.save({**definition, "id": ID})
    definition["name"] = "Help desk"
    del definition["workflow_data"]["nodes"][-1]
    definition["workflow_data"]["connections"] = definition["workflow_data"]["connections"][:2]
    store.workflows.save({**definition, "id": done.workflow_id})
    return done.workflow_id


def test_list_for_people_and_for_scripts(store: runfold.Store, workflow: UUID, database_url: str) -> None:
    store.workflows.save({**chain(2), "active": False})
    shown = run(database_url, "workflow", "list").stdout
    assert "Help desk" in shown
    assert "inactive" in shown
    rows = ask(database_url, "workflow", "list", "--active")
    assert [(row["workflow_id"], row["version"], row["nodes"]) for row in rows] == [(ID, 2, 7)]
    assert [row["name"] for row in ask(database_url, "workflow", "list", "--name", "CHAIN")] == ["chain"]
    first = ask(database_url, "workflow", "list", "--limit", "1")
    rest = ask(database_url, "workflow", "list", "--after", first[0]["page_token"])
    assert [row["name"] for row in first + rest] == ["chain", "Help desk"]


def test_an_empty_list(database_url: str) -> None:
    assert run(database_url, "workflow", "list").stdout == "no workflows\n"
    assert ask(database_url, "workflow", "list") == []


def test_show_prints_what_save_takes(store: runfold.Store, workflow: UUID, database_url: str) -> None:
    shown = run(database_url, "workflow", "show", ID[:8]).stdout
    assert "agent" in shown
    assert "search, memory" in shown
    assert "MEMORY_ATTACHMENT" not in shown
    answer = ask(database_url, "workflow", "show", ID)
    assert answer["version"] == 2
    assert store.workflows.save({**answer["definition"], "id": ID}).changed is False
    earlier = ask(database_url, "workflow", "show", ID, "--version", "1")
    assert earlier["definition"]["name"] == "Support desk"
    assert "MEMORY_ATTACHMENT" in run(database_url, "workflow", "show", ID, "--version", "1").stdout


def test_history_of_a_workflow_that_is_there_or_gone(
    store: runfold.Store, workflow: UUID, database_url: str, connection: psycopg.Connection[Any]
) -> None:
    rows = ask(database_url, "workflow", "history", ID[:10])
    assert [(row["version"], row["nodes"], row["erased"]) for row in rows] == [(2, 7, False), (1, 8, False)]
    connection.execute("DELETE FROM runfold.definitions WHERE digest = %s", (rows[1]["digest"],))
    store.workflows.delete(workflow)
    shown = run(database_url, "workflow", "history", ID).stdout
    assert "erased" in shown
    assert rows[0]["digest"][:12] in shown


def test_diff_says_what_differs_and_exits_with_one(workflow: UUID, database_url: str) -> None:
    done = run(database_url, "workflow", "diff", ID, "1", "2")
    assert done.returncode == 1
    assert "/nodes/count" in done.stdout
    assert "Help desk" in done.stdout
    changes = json.loads(run(database_url, "workflow", "diff", ID, "1", "--json").stdout)
    assert {"path": "/name", "before": "Support desk", "after": "Help desk"} in changes
    same = run(database_url, "workflow", "diff", ID, "2")
    assert (same.returncode, same.stdout) == (0, "the definitions do not differ\n")


def test_restore_shows_first_and_then_restores(
    workflow: UUID, database_url: str, connection: psycopg.Connection[Any]
) -> None:
    shown = run(database_url, "workflow", "restore", ID, "1", "--dry-run")
    assert shown.returncode == 0
    assert "/nodes/count" in shown.stdout
    assert len(saved(connection, workflow)) == 2, "a preview changes nothing"
    done = run(database_url, "workflow", "restore", ID, "1")
    assert done.stdout == f"workflow {ID} is what it was in version 1; that is version 3\n"
    digests = [event["digest"] for event in saved(connection, workflow)]
    assert digests[0] == digests[2] != digests[1]
    assert ask(database_url, "workflow", "restore", ID, "1")["changed"] is False
    assert ask(database_url, "workflow", "restore", ID, "1", "--dry-run")["changes"] == []


def test_a_deleted_workflow_is_restored(store: runfold.Store, workflow: UUID, database_url: str, user: UUID) -> None:
    store.workflows.delete(workflow)
    assert "/nodes/agent" in run(database_url, "workflow", "restore", ID, "2", "--dry-run").stdout
    assert ask(database_url, "workflow", "restore", ID, "2")["version"] == 2
    assert store.workflows.load(workflow).user_id == user


@pytest.mark.parametrize(
    ("words", "said", "exit_code"),
    [
        (("show", "ffffffff"), "there is no workflow", 1),
        (("history", "ffffffff"), "there is no workflow with a history", 1),
        (("show", "ffffffff-0000-4000-8000-000000000000"), "there is no workflow", 1),
        (("show", ID, "--version", "9"), "never had version 9", 1),
        (("diff", ID, "1", "9"), "never had version 9", 1),
        (("restore", ID, "9"), "never had version 9", 1),
        (("restore", ID, "1", "--expected-version", "1"), "at version 2, expected 1", 1),
        (("show", "no id"), None, 2),
        (("diff", ID, "0"), None, 2),
    ],
)
def test_mistakes_are_said(
    workflow: UUID, database_url: str, words: tuple[str, ...], said: str | None, exit_code: int
) -> None:
    done = run(database_url, "workflow", *words, "--json")
    assert done.returncode == exit_code
    assert said is None or said in done.stderr
