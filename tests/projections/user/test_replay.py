"""Replay and retry in a user's group: one stream is folded from its beginning if the file names its column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.errors import FoldFailed, ProjectionInvalid
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.discard import discard
from runfold.projections.reconciling.replay import Replayed, replay
from runfold.projections.reconciling.retry import retry
from tests.cli.conftest import run_console_script
from tests.fixtures.logs import Log
from tests.fixtures.processes import assert_nothing_differs, checkpoint, drain
from tests.fixtures.user_logins import login_of_users
from tests.projections.user.costs import SQL_FORM, spend, write_form
from tests.projections.user.costs import TABLE as COSTS
from tests.projections.user.groups import user_login

BOTH = pytest.mark.parametrize("form", ["sql", "py"])

TABLE = "CREATE TABLE projections.runs (run text PRIMARY KEY, nodes bigint NOT NULL, cost numeric NOT NULL, last text)"

SQL = """\
-- name: runs
-- version: 1
-- group: runs
-- table: projections.runs
-- key: run
-- stream_key: run
-- events: NodeSucceeded

MERGE INTO runs AS t
USING (SELECT b.stream_id AS run, count(*) AS nodes, sum((b.data #>> '{output_data,usage,cost_usd}')::numeric) AS cost,
              max(b.data ->> 'activation') AS last
         FROM batch b GROUP BY 1) AS f
   ON t.run = f.run
 WHEN MATCHED THEN UPDATE SET nodes = t.nodes + f.nodes, cost = t.cost + f.cost, last = greatest(t.last, f.last)
 WHEN NOT MATCHED THEN INSERT (run, nodes, cost, last) VALUES (f.run, f.nodes, f.cost, f.last);
"""

PYTHON = '''\
from decimal import Decimal

import runfold

WRITE = """
    INSERT INTO runs AS t (run, nodes, cost, last) VALUES (%s, 1, %s, %s)
        ON CONFLICT (run) DO UPDATE SET nodes = t.nodes + 1, cost = t.cost + excluded.cost, last = excluded.last
"""


@runfold.projection(name="runs", types=["NodeSucceeded"], key=["run"], stream_key="run")
def runs(batch, connection):
    for event in batch:
        cost = Decimal(str(event.data["output_data"]["usage"]["cost_usd"]))
        connection.execute(WRITE, (event.stream_id, cost, event.data["activation"]))
'''


def write(folder: Path, form: str, *, text: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("runs.*"):
        old.unlink()
    (folder / f"runs.{form}").write_text(text or (SQL if form == "sql" else PYTHON))
    return folder


def rows(log: Log) -> dict[str, Any]:
    found = log.connection.execute("SELECT run, nodes, cost::float FROM projections.runs").fetchall()
    return {run: (nodes, cost) for run, nodes, cost in found}


def replayed(url: str, folder: Path, stream_id: str, *, dry_run: bool = False) -> Replayed:
    catalogue = load_catalogue(folder)
    with psycopg.connect(url, autocommit=True) as connection:
        found = replay(connection, catalogue, stream_id, dry_run=dry_run, login=user_login(url))
    (one,) = [item for item in found if item.group in ("runs", "costs")]
    return one


@pytest.fixture
def runs(log: Log) -> Log:
    log.connection.execute(TABLE)
    for name, costs in {"a": [1, 2], "b": [4]}.items():
        spend(log, name, costs)
    return log


RIGHT = {"execution-a": (2, 3.0), "execution-b": (1, 4.0)}


@BOTH
def test_one_stream_s_rows_are_made_right_and_no_others(
    runs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    folder = write(tmp_path / "own", form)
    drain(database_url, folder)
    assert rows(runs) == RIGHT
    before = checkpoint(runs.connection, "runs")
    for broken in ("UPDATE projections.runs SET nodes = 9", "DELETE FROM projections.runs"):
        runs.connection.execute(broken)
        dry = replayed(database_url, folder, "execution-a", dry_run=True)
        assert (dry.differing, dry.inserted + dry.updated) == (1, 0)
        assert rows(runs).get("execution-a") != RIGHT["execution-a"]
        done = replayed(database_url, folder, "execution-a")
        assert (done.differing, done.inserted + done.updated, done.position) == (1, 1, before)
        assert rows(runs)["execution-a"] == RIGHT["execution-a"]
        assert rows(runs).get("execution-b") != RIGHT["execution-b"]
    replayed(database_url, folder, "execution-b")
    assert rows(runs) == RIGHT
    assert checkpoint(runs.connection, "runs") == before
    assert replayed(database_url, folder, "execution-b").differing == 0
    # The worker goes on from there.
    spend(runs, "c", [8])
    assert drain(database_url, folder) == {}
    assert_nothing_differs(database_url, folder)


@BOTH
def test_a_parked_stream_is_replayed_up_to_its_bad_event_and_retried_whole(
    runs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    spend(runs, "sick", [16, "much", 32])
    folder = write(tmp_path / "own", form)
    drain(database_url, folder)
    runs.connection.execute("DELETE FROM projections.runs")
    replayed(database_url, folder, "execution-sick")
    assert rows(runs) == {"execution-sick": (1, 16.0)}
    text = SQL.replace("sum((b", "sum((CASE WHEN b.data #>> '{output_data,usage,cost_usd}' <> 'much' THEN b").replace(
        "cost_usd}')::numeric", "cost_usd}' ELSE '0' END)::numeric"
    )
    repaired = text if form == "sql" else PYTHON.replace('["cost_usd"])', '["cost_usd"]).replace("much", "0")')
    write(folder, form, text=repaired)
    # Somebody changed the row meanwhile: retry folds the whole stream, not only the waiting events.
    runs.connection.execute("UPDATE projections.runs SET cost = 7")
    group = load_catalogue(folder).groups["runs"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert retry(connection, group, "execution-sick", login=user_login(database_url)) is None
    assert rows(runs) == {"execution-sick": (3, 48.0)}


@BOTH
def test_after_a_discard_the_whole_stream_is_folded(runs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    spend(runs, "sick", [16, "much", 32])
    folder = write(tmp_path / "own", form)
    drain(database_url, folder)
    runs.connection.execute("DELETE FROM projections.runs WHERE run = 'execution-sick'")
    group = load_catalogue(folder).groups["runs"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        login = user_login(database_url)
        given_up = discard(connection, group, "execution-sick", reason="a test sent it", by="ann", login=login)
    assert (given_up.stream_version, given_up.parked_again_at) == (4, None)
    assert rows(runs) == RIGHT | {"execution-sick": (2, 48.0)}
    assert_nothing_differs(database_url, folder)


@BOTH
def test_a_stream_key_that_does_not_name_the_stream_is_refused(
    runs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    text = (
        SQL.replace("stream_key: run", "stream_key: last")
        if form == "sql"
        else PYTHON.replace('stream_key="run"', 'stream_key="last"')
    )
    folder = write(tmp_path / "own", form, text=text)
    drain(database_url, folder)
    runs.connection.execute("UPDATE projections.runs SET nodes = 9")
    with pytest.raises(ProjectionInvalid, match="runs: its stream_key, last, is n1 in a row of execution-a"):
        replayed(database_url, folder, "execution-a")
    assert {nodes for nodes, _ in rows(runs).values()} == {9}


def test_control_unasked_it_would_find_nothing_wrong(
    runs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.projections.reconciling.replay._require_named", lambda *_: None)
    folder = write(tmp_path / "own", "sql", text=SQL.replace("stream_key: run", "stream_key: last"))
    drain(database_url, folder)
    runs.connection.execute("UPDATE projections.runs SET nodes = 9")
    assert replayed(database_url, folder, "execution-a").differing == 0


@BOTH
def test_what_can_not_be_folded_is_said_in_a_line(runs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    folder = write(tmp_path / "own", form)
    drain(database_url, folder)
    text = SQL.replace("::numeric", "::date") if form == "sql" else PYTHON.replace('["usage"]', '["use"]')
    write(folder, form, text=text)
    with pytest.raises(FoldFailed, match="execution-a cannot be folded in group runs: ") as error:
        replayed(database_url, folder, "execution-a")
    assert "\n" not in str(error.value)
    write(
        folder, form, text=(text.replace("version: 1", "version: 2").replace('name="runs"', 'name="runs", version=2'))
    )
    with pytest.raises(ProjectionInvalid, match="runs was built with version 1, its file is version 2"):
        replayed(database_url, folder, "execution-a")
    assert rows(runs) == RIGHT


def test_rows_of_several_streams_are_left_to_a_rebuild(runs: Log, database_url: str, tmp_path: Path) -> None:
    runs.connection.execute(COSTS)
    folder = write_form(tmp_path / "own", "sql", text=SQL_FORM)
    drain(database_url, folder)
    assert replayed(database_url, folder, "execution-a").left_out


def test_the_command_replays(runs: Log, database_url: str, tmp_path: Path) -> None:
    runs.connection.execute(COSTS)
    folder = write(write_form(tmp_path / "own", "sql"), "py")
    drain(database_url, folder)
    runs.connection.execute("UPDATE projections.runs SET nodes = 9")
    words = ("--url", database_url, "projection", "replay", "--stream", "execution-a", "--projections", str(folder))
    own = {"RUNFOLD_PROJECTIONS_URL": login_of_users(database_url)}
    dry = run_console_script(*words, "--dry-run", **own)
    assert (dry.code, dry.err) == (1, "")
    assert "costs: rows of its group do not belong to one stream, rebuild the projection instead" in dry.out
    done = run_console_script(*words, **own)
    assert (done.code, done.err) == (0, "")
    assert rows(runs)["execution-a"] == RIGHT["execution-a"]
