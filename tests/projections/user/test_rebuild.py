"""A user's rebuild is a rebuild: slices, fill, `--park` and `--restored`, all of it in sessions of the users' login."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.errors import CheckpointAhead, ProjectionEscaped, RebuildFailed, TableMissing
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.user_session import UserConnection
from runfold.projections.reconciling import group_rebuild, shadow_build, slices
from runfold.projections.reconciling.pair import Pair
from runfold.projections.reconciling.rebuild import Rebuilt, rebuild
from tests.fixtures.logs import Log
from tests.fixtures.processes import assert_nothing_differs, checkpoint, drain, forked
from tests.fixtures.user_logins import LOGIN
from tests.projections.user.costs import PYTHON_FORM, SQL_FORM, TABLE, actual, expected, spend, write_form
from tests.projections.user.groups import user_login
from tests.projections.user.test_replay import PYTHON, SQL, rows, write
from tests.projections.user.test_replay import TABLE as RUNS
from tests.worker.dying_worker import after

BOTH = pytest.mark.parametrize("form", ["sql", "py"])


@pytest.fixture
def costs(log: Log) -> Log:
    """A log in which nodes cost something, and the tables of both files."""
    log.connection.execute(TABLE)
    log.connection.execute(RUNS)
    for n in range(8):
        spend(log, f"run{n}", [n, 0.5], workflow="00000000-0000-4000-8000-00000000000" + str(n % 3))
    return log


def rebuilt(url: str, folder: Path, name: str = "costs", **options: Any) -> Rebuilt:
    (found,) = rebuild(
        lambda: psycopg.connect(url, autocommit=True),
        load_catalogue(folder),
        [name],
        login=user_login(url),
        **options,
    )
    return found


def parked(log: Log) -> list[Any]:
    return log.connection.execute("SELECT group_name, stream_id FROM runfold.parked_streams ORDER BY 1, 2").fetchall()


def leftovers(log: Log) -> list[Any]:
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'runfold_user_shadow'::regnamespace"
    noted = "SELECT group_name FROM runfold.rebuilds UNION ALL SELECT group_name FROM runfold.rebuild_slices"
    return log.connection.execute(query).fetchall() + log.connection.execute(noted).fetchall()


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the tasks that are folded from now on, each in a session of the users' login."""
    tasks: list[int] = []
    whole = slices._fold

    def fold(cursor: psycopg.Cursor[Any], plan: slices.Plan, task: int) -> None:
        assert isinstance(cursor.connection, UserConnection)
        tasks.append(task)
        whole(cursor, plan, task)

    monkeypatch.setattr(slices, "_fold", fold)
    return tasks


@BOTH
def test_a_file_whose_rows_belong_to_one_stream_each_is_folded_in_slices(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    folder = write(tmp_path / "own", form)
    drain(database_url, folder)
    right = rows(costs)
    costs.connection.execute("UPDATE projections.runs SET nodes = 9 WHERE run ~ '1$'")
    costs.connection.execute("DELETE FROM projections.runs WHERE run ~ '2$'")
    monkeypatch.setattr(shadow_build, "slices_for", lambda *_: 3)
    tasks = counting(monkeypatch)
    done = rebuilt(database_url, folder, "runs", jobs=2)
    assert (done.inserted, done.updated, done.deleted) == (1, 1, 0)
    assert rows(costs) == right
    # A function in Python may look at what it wrote before: it is folded batch by batch.
    assert sorted(tasks) == ([0, 1, 2] if form == "sql" else [])
    assert leftovers(costs) == []
    assert_nothing_differs(database_url, folder)


def test_slices_that_were_done_before_a_kill_are_not_folded_again(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "own", "sql")
    drain(database_url, folder)
    right = rows(costs)
    costs.connection.execute("TRUNCATE projections.runs")
    monkeypatch.setattr(shadow_build, "slices_for", lambda *_: 4)

    def body() -> None:
        slices._do = after(3)(slices._do)
        rebuilt(database_url, folder, "runs", jobs=1)

    with forked(body) as dying:
        assert dying.wait() == -signal.SIGKILL, dying.output
    assert rows(costs) == {}
    tasks = counting(monkeypatch)
    assert rebuilt(database_url, folder, "runs", jobs=1).inserted == 8
    assert tasks == [3]
    assert rows(costs) == right
    assert leftovers(costs) == []


def test_two_streams_with_a_row_of_one_key_are_refused(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SQL.replace("b.stream_id AS run", "'all' AS run")
    folder = write(tmp_path / "own", "sql", text=text)
    drain(database_url, folder)
    monkeypatch.setattr(shadow_build, "slices_for", lambda *_: 3)
    with pytest.raises(RebuildFailed, match="two streams have a row of one key"):
        rebuilt(database_url, folder, "runs")
    assert leftovers(costs) == []


# Streams that cannot be folded

FAILS_AT_4 = {
    "costs.sql": SQL_FORM.replace("sum((b", "sum(1 / CASE WHEN (b").replace(
        "::numeric) AS cost", "::numeric = 4 THEN 0 ELSE 1 END) AS cost"
    ),
    "costs.py": PYTHON_FORM.replace("        day[0] += cost\n", "        day[0] += 1 // (0 if cost == 4 else 1)\n"),
    "runs.sql": SQL.replace("sum((b", "sum(1 / CASE WHEN (b").replace(
        "::numeric) AS cost", "::numeric = 4 THEN 0 ELSE 1 END) AS cost"
    ),
    "runs.py": PYTHON.replace('["cost_usd"]))\n', '["cost_usd"]))\n        1 / (0 if cost == 4 else 1)\n'),
}


@pytest.mark.parametrize("file", FAILS_AT_4)
def test_a_stream_that_can_not_be_folded_is_named_and_with_park_parked(
    costs: Log, database_url: str, tmp_path: Path, file: str
) -> None:
    name, _, form = file.partition(".")
    writing = write_form if name == "costs" else write
    folder = writing(tmp_path / "own", form)
    drain(database_url, folder)
    costs.connection.execute(f"DELETE FROM projections.{name}")
    writing(folder, form, text=FAILS_AT_4[file])
    (sick,) = [
        event.position
        for event in costs.events
        if event.type == "NodeSucceeded" and event.data["output_data"]["usage"]["cost_usd"] == 4
    ]
    with pytest.raises(RebuildFailed, match="stream execution-run4 cannot be folded from position") as refused:
        rebuilt(database_url, folder, name)
    assert (refused.value.facts["stream_id"], refused.value.facts["position"]) == ("execution-run4", sick)
    assert (parked(costs), leftovers(costs)) == ([], [])
    done = rebuilt(database_url, folder, name, park=True)
    assert done.newly_parked == ["execution-run4"]
    assert parked(costs) == [(name, "execution-run4")]
    (nodes,) = costs.connection.execute(f"SELECT sum(nodes) FROM projections.{name}").fetchone() or (0,)
    assert nodes == 14
    assert_nothing_differs(database_url, folder)


@BOTH
def test_a_row_that_only_many_streams_make_wrong_parks_the_later_stream(
    costs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    """A sum over streams that a CHECK refuses: each alone can be folded, as the worker finds it."""
    workflow = spend(costs, "first", [900])
    spend(costs, "second", [901], workflow=workflow)
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    assert parked(costs) == [("costs", "execution-second")]
    costs.connection.execute("DELETE FROM runfold.parked_streams")
    costs.connection.execute("TRUNCATE projections.costs")
    done = rebuilt(database_url, folder, park=True)
    assert done.newly_parked == ["execution-second"]
    assert actual(costs.connection) == expected(costs, without=["execution-second"])


def test_a_function_that_commits_in_a_rebuild_leaves_nothing_behind(
    costs: Log, database_url: str, tmp_path: Path
) -> None:
    """What it committed of a batch is in shadows that no later rebuild resumes."""
    folder = write_form(tmp_path / "own", "py")
    drain(database_url, folder)
    write_form(folder, "py", text=PYTHON_FORM + "    connection.execute('COMMIT')\n")
    with pytest.raises(ProjectionEscaped, match="ended its transaction"):
        rebuilt(database_url, folder)
    assert leftovers(costs) == []
    assert actual(costs.connection) == expected(costs)
    assert rebuilt(database_url, write_form(folder, "py")).differing == 0


# A log that was restored


@BOTH
def test_a_checkpoint_ahead_of_its_log_is_taken_back_where_that_is_wanted(
    costs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    costs.connection.execute("UPDATE runfold.checkpoints SET position = position + 100 WHERE group_name = 'costs'")
    costs.connection.execute("INSERT INTO runfold.parked_streams VALUES ('costs', 'execution-lost', 1000, 'x', 'x')")
    costs.connection.execute("UPDATE projections.costs SET cost = cost + 1")
    with pytest.raises(CheckpointAhead):
        rebuilt(database_url, folder)
    done = rebuilt(database_url, folder, restored=True)
    assert done.position == costs.events[-1].position == checkpoint(costs.connection, "costs")
    assert parked(costs) == []
    assert actual(costs.connection) == expected(costs)
    spend(costs, "later", [7])
    assert drain(database_url, folder) == {}
    assert actual(costs.connection) == expected(costs)
    assert_nothing_differs(database_url, folder)


# Lost tables


@BOTH
def test_a_lost_table_is_filled_in_parts(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    costs.connection.execute("TRUNCATE projections.costs")
    monkeypatch.setattr(group_rebuild, "_FILL_FROM", 1)
    monkeypatch.setattr(group_rebuild, "_FIRST_PART", 1)
    parts: list[int] = []
    insert = Pair.insert_numbered

    def insert_numbered(self: Pair, cursor: psycopg.Cursor[Any], begin: int, upto: int) -> int:
        assert isinstance(cursor.connection, UserConnection)
        parts.append(begin)
        return insert(self, cursor, begin, upto)

    monkeypatch.setattr(Pair, "insert_numbered", insert_numbered)
    assert rebuilt(database_url, folder).inserted == 3
    assert parts[:1] == [0]
    assert actual(costs.connection) == expected(costs)
    assert leftovers(costs) == []


# Whose rights


@BOTH
def test_only_the_login_folds_and_writes(costs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    """A trigger on the table, and the function, fail in any other session; so do the ones on the operator's."""
    text = PYTHON_FORM + f'    assert connection.info.user == "{LOGIN}"\n' if form == "py" else SQL_FORM
    folder = write_form(tmp_path / "own", form, text=text)
    drain(database_url, folder)
    costs.connection.execute("UPDATE projections.costs SET cost = cost + 1 WHERE workflow_id::text ~ '1$'")
    costs.connection.execute("DELETE FROM projections.costs WHERE workflow_id::text ~ '2$'")
    costs.connection.execute("INSERT INTO projections.costs VALUES (gen_random_uuid(), '2026-01-01', 1, 1)")
    costs.connection.execute(
        "CREATE FUNCTION projections.only_the_login() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN ASSERT session_user = '{LOGIN}'; RETURN coalesce(NEW, OLD); END $$"
    )
    costs.connection.execute(
        "CREATE TRIGGER only_the_login BEFORE INSERT OR UPDATE OR DELETE ON projections.costs"
        " FOR EACH ROW EXECUTE FUNCTION projections.only_the_login()"
    )
    with pytest.raises(psycopg.errors.AssertFailure):
        costs.connection.execute("UPDATE projections.costs SET cost = 0")
    done = rebuilt(database_url, folder)
    assert (done.inserted, done.updated, done.deleted) == (1, 1, 1)
    assert actual(costs.connection) == expected(costs)


@BOTH
def test_of_a_dropped_table_of_a_user_verify_says_how_it_comes_back_and_so_it_does(
    costs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    write_form(tmp_path, form)
    drain(database_url, tmp_path)
    before = actual(costs.connection)
    costs.connection.execute("DROP TABLE projections.costs")
    for look in (lambda: assert_nothing_differs(database_url, tmp_path), lambda: rebuilt(database_url, tmp_path)):
        with pytest.raises(TableMissing, match="create it again, by the statement that made it") as missing:
            look()
        assert "`runfold projection rebuild costs`" in str(missing.value)
    costs.connection.execute(TABLE)
    rebuilt(database_url, tmp_path)
    assert actual(costs.connection) == before
    assert_nothing_differs(database_url, tmp_path)
