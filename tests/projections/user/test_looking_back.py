"""Users' tables as they were: the past of a user's file is what the table held, and the file runs as the login only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

import runfold
from runfold.errors import DatabaseReadOnly, FoldFailed, InvalidInput, PermissionDenied, ProjectionEscaped, UnknownRow
from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.past.as_of import AsOf
from runfold.reading.past.why import Why, why
from tests.fixtures.logs import Log
from tests.fixtures.processes import drain
from tests.fixtures.user_logins import LOGIN, as_login
from tests.projections.user.costs import PYTHON_FORM, SQL_FORM, TABLE, actual, spend, write_form
from tests.projections.user.groups import user_login, user_settings
from tests.projections.user.test_replay import PYTHON, rows, write
from tests.projections.user.test_replay import TABLE as RUNS

BOTH = pytest.mark.parametrize("form", ["sql", "py"])
COSTS = "SELECT workflow_id::text, cost, nodes FROM costs"
WORKFLOWS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(3)]


@pytest.fixture
def costs(log: Log) -> Log:
    log.connection.execute(TABLE)
    log.connection.execute(RUNS)
    return log


def as_of(url: str, folder: Path, *, reader: str | None = None, **wanted: Any) -> AsOf:
    return AsOf(reader or url, user_settings(url, projections=folder), **wanted)


def table_of(past: Any) -> dict[str, Any]:
    return {workflow: (cost, nodes) for workflow, cost, nodes in past.execute(COSTS).fetchall()}


def grow(log: Log, url: str, folder: Path) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Fold a log in steps; returns what the tables held at each."""
    seen = []
    for n in range(6):
        spend(log, f"run{n}", [n, 0.5], workflow=WORKFLOWS[n % 3])
        assert drain(url, folder) == {}
        seen.append((log.events[-1].position, actual(log.connection), rows(log)))
    return seen


@BOTH
def test_a_user_s_table_of_the_past_is_what_it_held(costs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    folder = write(write_form(tmp_path / "own", form), form)
    seen = grow(costs, database_url, folder)
    # What is broken now was right then: the past is folded, not kept.
    costs.connection.execute("UPDATE projections.costs SET cost = 0")
    for position, then, _ in seen:
        with as_of(database_url, folder, position=position) as past:
            assert table_of(past) == then
            # They are joined with runfold's.
            joined = "SELECT count(*) FROM costs c JOIN workflow_executions e ON e.workflow_id = c.workflow_id"
            assert past.execute(joined).fetchone() == (seen.index((position, then, _)) + 1,)
    assert costs.connection.execute("SELECT FROM pg_class WHERE relpersistence = 't'").fetchall() == []


@BOTH
def test_of_some_streams_only_their_rows_are_there(costs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    folder = write(write_form(tmp_path / "own", form), form)
    position, _, then = grow(costs, database_url, folder)[3]
    with as_of(database_url, folder, position=position, streams=["execution-run2"]) as past:
        found = past.execute("SELECT run, nodes, cost::float FROM runs").fetchall()
        assert {run: (nodes, cost) for run, nodes, cost in found} == {"execution-run2": then["execution-run2"]}
        with pytest.raises(InvalidInput, match="rows of costs depend on more streams") as refused:
            past.execute(COSTS)
        assert refused.value.code == "streams_too_few"


def test_a_reader_without_other_rights_sees_it(costs: Log, database_url: str, tmp_path: Path) -> None:
    folder = write_form(tmp_path / "own", "py")
    seen = grow(costs, database_url, folder)
    costs.connection.execute("CREATE ROLE runfold_test_reader LOGIN PASSWORD 'x' IN ROLE runfold_engine")
    try:
        reader = as_login(database_url, "runfold_test_reader", "x")
        with as_of(database_url, folder, reader=reader, position=seen[2][0]) as past:
            assert table_of(past) == seen[2][1]
    finally:
        costs.connection.execute("DROP OWNED BY runfold_test_reader; DROP ROLE runfold_test_reader")


# Whose rights

WRITE = "INSERT INTO projections.costs VALUES (gen_random_uuid(), '2026-01-01', 1, 1)"
HARM: dict[str, tuple[str, type[BaseException]]] = {
    "another session": (f'assert connection.info.user == "{LOGIN}", "somebody else"', NotImplementedError),
    "the live table": (f'connection.execute("{WRITE}")', DatabaseReadOnly),
    "the live table after a COMMIT": (
        f'connection.execute("COMMIT"); connection.execute("{WRITE}"); connection.execute("COMMIT")',
        runfold.errors.RunfoldError,
    ),
    "leaving its transaction": ('connection.execute("ROLLBACK")', ProjectionEscaped),
    "a read table": ('connection.execute("SELECT * FROM public.workflow_executions")', PermissionDenied),
    "an error of its own": ("raise KeyError('x')", FoldFailed),
}


@pytest.mark.parametrize("harm", HARM)
def test_the_file_runs_as_the_login_and_writes_nothing(
    costs: Log, database_url: str, tmp_path: Path, harm: str
) -> None:
    folder = write_form(tmp_path / "own", "py")
    seen = grow(costs, database_url, folder)
    said, error = HARM[harm]
    write_form(folder, "py", text=PYTHON_FORM + f"    {said}\n")
    look = as_of(database_url, folder, position=seen[-1][0])
    if harm == "another session":
        with look as past:
            assert table_of(past) == seen[-1][1]
    else:
        with pytest.raises((error, psycopg.Error)), look as past:
            past.execute(COSTS)
    assert actual(costs.connection) == seen[-1][1]


# Why a value is what it is


def asked(url: str, folder: Path, *words: str, login: bool = True) -> Why:
    with psycopg.connect(url, autocommit=True) as connection:
        return why(connection, load_catalogue(folder), *words, login=user_login(url) if login else None)


@BOTH
def test_why_names_the_last_event_that_changed_a_user_s_value(
    costs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    folder = write(write_form(tmp_path / "own", form), form)
    grow(costs, database_url, folder)
    day = costs.events[-1].occurred_at.date().isoformat()
    found = asked(database_url, folder, "costs", f"{WORKFLOWS[1]},{day}", "nodes")
    last = [each for each in costs.events if each.stream_id == "execution-run4"][-1]
    assert (found.event["position"], found.before, found.after, found.kind) == (last.position, 3, 4, "changed")
    found = asked(database_url, folder, "runs", "execution-run2", "cost")
    last = [each for each in costs.events if each.stream_id == "execution-run2"][-1]
    assert (found.event["position"], found.kind, float(found.after)) == (last.position, "changed", 2.5)
    found = asked(database_url, folder, "runs", "execution-run2", "run")
    assert (found.kind, found.event["stream_id"]) == ("made", "execution-run2")
    with pytest.raises(UnknownRow):
        asked(database_url, folder, "runs", "execution-nobody", "cost")
    with pytest.raises(InvalidInput, match="no login is given"):
        asked(database_url, folder, "runs", "execution-run2", "cost", login=False)


def test_why_of_a_column_that_is_computed_from_others(costs: Log, database_url: str, tmp_path: Path) -> None:
    computed = "ADD COLUMN twice numeric GENERATED ALWAYS AS (cost * 2) STORED"
    costs.connection.execute(f"ALTER TABLE projections.costs {computed}")
    folder = write_form(tmp_path / "own", "sql", text=SQL_FORM)
    grow(costs, database_url, folder)
    day = costs.events[-1].occurred_at.date().isoformat()
    found = asked(database_url, folder, "costs", f"{WORKFLOWS[1]},{day}", "twice")
    last = [each for each in costs.events if each.stream_id == "execution-run4"][-1]
    assert (found.event["position"], float(found.after)) == (last.position, 12.0)


def test_why_of_a_row_that_a_function_removes_and_makes_again(costs: Log, database_url: str, tmp_path: Path) -> None:
    writes = "        connection.execute(WRITE,"
    removes = '        if cost == 9:\n            connection.execute("DELETE FROM runs")\n            continue\n'
    folder = write(tmp_path / "own", "py", text=PYTHON.replace(writes, removes + writes))
    spend(costs, "again", [1, 9, 2, 2])
    spend(costs, "gone", [4, 9])
    assert drain(database_url, folder) == {}
    nodes = {name: [each.position for each in costs.events if each.stream_id == f"execution-{name}"] for name in
             ("again", "gone")}  # fmt: skip
    found = asked(database_url, folder, "runs", "execution-gone", "nodes")
    assert (found.event["position"], found.kind, found.before) == (nodes["gone"][-1], "removed", 1)
    with as_of(database_url, folder, position=nodes["again"][-1]) as past:
        assert past.execute("SELECT run, nodes FROM runs").fetchall() == [("execution-again", 2)]
