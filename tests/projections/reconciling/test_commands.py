"""`runfold projection rebuild, replay and verify`, as an operator runs them."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.fixtures.commands import run_command
from tests.fixtures.logs import Log
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.projections.reconciling.rebuilding import append_everything, damage


@pytest.fixture
def folded(log: Log, database_url: str) -> Log:
    append_everything(log, appends=6)
    drain(database_url)
    return log


def typed(url: str, *words: str) -> tuple[int, str, str]:
    """Return the exit code and the output of `runfold projection`."""
    environment = {**os.environ, "RUNFOLD_DATABASE_URL": url, "COLUMNS": "200"}
    done = run_command("projection", *words, environment=environment)
    return done.returncode, done.stdout, done.stderr


def printed(url: str, *words: str) -> tuple[int, Any]:
    code, said, complained = typed(url, *words, "--json")
    assert said, complained
    return code, json.loads(said)


def test_rebuild_says_first_what_it_would_do_and_then_what_it_did(folded: Log, database_url: str) -> None:
    damage(folded.connection)
    code, dry = printed(database_url, "rebuild", "--all", "--dry-run")
    assert code == 1
    assert sum(item["differing"] for item in dry) > 5
    assert any(item["differences"] for item in dry)
    code, said, _ = typed(database_url, "rebuild", "--all", "--dry-run")
    assert code == 1
    assert "surplus" in said
    assert "last_event_position" in said
    code, done = printed(database_url, "rebuild", "--all")
    assert code == 0
    assert [item["differing"] for item in done] == [item["differing"] for item in dry]
    assert_nothing_differs(database_url)
    code, said, _ = typed(database_url, "rebuild", "node_executions")
    assert code == 0
    assert "workflow_executions" in said


def test_rebuild_wants_names_or_all(folded: Log, database_url: str) -> None:
    assert typed(database_url, "rebuild")[0] == 2
    assert typed(database_url, "rebuild", "node_executions", "--all")[0] == 2
    code, _, said = typed(database_url, "rebuild", "nothing")
    assert (code, said.count("\n")) == (1, 1)


def test_replay_mends_one_stream(folded: Log, database_url: str) -> None:
    folded.connection.execute("UPDATE public.workflow_executions SET status = 'ERROR' WHERE execution_id = 'c1'")
    code, dry = printed(database_url, "replay", "--stream", "execution-c1", "--dry-run")
    assert code == 1
    (differing,) = [item for item in dry if item["differing"]]
    assert differing["differences"][0]["columns"] == {"status": ["ERROR", "SUCCESS"]}
    code, said, _ = typed(database_url, "replay", "--stream", "execution-c1")
    assert code == 0
    assert "SUCCESS" in said
    assert_nothing_differs(database_url)
    code, _, said = typed(database_url, "replay", "--stream", "execution-nobody")
    assert (code, said.count("\n")) == (1, 1)
