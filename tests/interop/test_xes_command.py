"""`runfold import xes`: on a new home, with two logs of the same names, and what it says when no node came out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from runfold.database.server import EmbeddedServer
from runfold.settings import bundled_postgres_bin
from tests.fixtures.commands import run_command
from tests.interop.xes_files import XesTraceText, trace_of, write_log

Connection = psycopg.Connection[tuple[Any, ...]]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNFOLD_", "COLUMNS"))}
    return run_command(*arguments, environment=kept | environment)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.database  # it starts the embedded server of a new home
def test_import_makes_and_migrates_an_embedded_database_that_is_not_there(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("1", ("a", None))])
    home = tmp_path / "home"
    server = EmbeddedServer(home, bundled_postgres_bin())
    try:
        done = run("--home", str(home), "import", "xes", str(path), "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert orjson.loads(done.stdout)["events_appended"] == 4
        again = run("--home", str(home), "import", "xes", str(path), "--json")
        assert orjson.loads(again.stdout)["events_repeated"] == 4
    finally:
        server.stop("immediate")


@pytest.mark.process
@pytest.mark.parametrize("options", [["--timezone", "nowhere"], ["--transition", "a"], ["absent"], ["--dry-run"]])
def test_import_that_does_not_begin_makes_no_database(tmp_path: Path, options: list[str]) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("1", ("a", None))])
    home = tmp_path / "home"
    given = [str(tmp_path / "absent.xes")] if options == ["absent"] else [str(path), *options]
    done = run("--home", str(home), "import", "xes", *given)
    assert done.returncode == (0 if options == ["--dry-run"] else 1 if options == ["absent"] else 2)
    assert not home.exists()


def test_database_of_ones_own_that_is_not_migrated_is_refused_with_the_command(
    empty_database_url: str, tmp_path: Path
) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("1", ("a", None))])
    refused = run("--url", empty_database_url, "import", "xes", str(path))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "runfold migrate" in refused.stderr


def test_second_log_with_the_same_trace_names_goes_beside_the_first_by_a_prefix(
    database_url: str, connection: Connection, tmp_path: Path
) -> None:
    orders = write_log(tmp_path / "orders.xes", [trace_of(case, ("pay", None)) for case in "123"], name="orders")
    tickets = write_log(tmp_path / "tickets.xes", [trace_of(case, ("close", None)) for case in "123"], name="tickets")
    command = ["--url", database_url, "import", "xes"]
    assert run(*command, str(orders)).returncode == 0
    query = "SELECT stream_id, event_id, data FROM runfold.events ORDER BY position"
    before = connection.execute(query).fetchall()
    refused = run(*command, str(tickets))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "--prefix" in refused.stderr
    for _ in range(2):
        assert run(*command, str(tickets), "--prefix", "tickets/").returncode == 0
    after = connection.execute(query).fetchall()
    assert after[: len(before)] == before
    assert {row[0] for row in after[len(before) :]} == {f"execution-tickets/{case}" for case in "123"}
    assert len(after) == 2 * len(before)


def test_log_of_which_no_event_is_a_node_is_said_to_be_one(database_url: str, tmp_path: Path) -> None:
    steps = [("Accepted", "In Progress"), ("Queued", "Awaiting Assignment"), ("Queued", "In Progress")]
    path = write_log(tmp_path / "log.xes", [trace_of("1", *steps)])
    command = ["--url", database_url, "import", "xes", str(path)]
    for options in ([], ["--dry-run"]):
        said = words(run(*command, *options).stdout)
        assert "nodes 0" in said
        assert "3 events, by their transition: In Progress (2), Awaiting Assignment (1)" in said
        assert "no event became a node: the log's lifecycle is not the standard one" in said
        assert "--transition 'In Progress=start'" in said
    explained = words(run(*command, "--dry-run", "--transition", "In Progress=start").stdout)
    assert "nodes 2" in explained
    assert "no event became a node" not in explained
    summary = orjson.loads(run(*command, "--json").stdout)
    assert (summary["nodes"], summary["events_logged"]) == (0, 3)
    assert summary["transitions_logged"] == {"In Progress": 2, "Awaiting Assignment": 1}


@pytest.mark.process
def test_log_without_events_is_said_to_have_none(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", [XesTraceText("1")])
    said = words(run("import", "xes", str(path), "--dry-run").stdout)
    assert "no trace has an event" in said
    assert "lifecycle" not in said


def test_import_with_other_options_leaves_what_is_there_and_says_so(database_url: str, tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("1", ("a", "In Progress"))])
    command = ["--url", database_url, "import", "xes", str(path)]
    assert run(*command).returncode == 0
    changed = run(*command, "--transition", "In Progress=start")
    assert changed.returncode == 1
    assert "changed, left as imported 1" in words(changed.stdout)
    beside = run(*command, "--transition", "In Progress=start", "--prefix", "2/")
    assert beside.returncode == 0
