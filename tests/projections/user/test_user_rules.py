"""A user's file is refused by name when it is read if it breaks a rule; else it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from runfold.errors import ProjectionInvalid, ProjectionReserved
from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.settings import load_settings
from tests.projections.user.costs import PYTHON_FORM, SQL_FORM
from tests.projections.user.groups import HONEST, text

SETTINGS = load_settings(projections_url="postgresql://nobody@nowhere/none")


def group(folder: Path, body: str, name: str = "mine", ending: str = "sql") -> Group:
    (folder / f"{name}.{ending}").write_text(body)
    (found,) = [each for each in load_catalogue(folder).groups.values() if each.of_user]
    return found


TAKEN = {
    "the product's own form": SQL_FORM.replace("costs", "mine"),
    "an upsert": text(f"{HONEST} ON CONFLICT (id) DO UPDATE SET id = excluded.id"),
    "an update with a row lock": text("UPDATE mine SET id = id WHERE id IN (SELECT id FROM mine FOR UPDATE)"),
    "a delete": text("DELETE FROM ONLY mine USING batch b WHERE id = b.stream_id"),
    "words in strings": text(
        "INSERT INTO mine (id) SELECT 'DELETE; pg_sleep(1) now() public.x' || b.stream_id FROM batch b"
    ),
    "words in comments": text(f"-- DELETE pg_sleep(1)\n{HONEST} /* now() TRUNCATE */"),
    "a function of runfold's": text(
        "INSERT INTO mine (id) SELECT runfold.row_id(b.stream_id, 'x', 'y')::text FROM batch b"
    ),
    "a column that is named as a verb": text('INSERT INTO mine (id) SELECT b."position"::text FROM batch b'),
}

REFUSED = {
    "another table": (text("DELETE FROM other"), "changes other, not the table of the header"),
    "the log": (text("DELETE FROM runfold.events"), "changes runfold.events, not the table"),
    "its table with a schema": (text("DELETE FROM projections.mine"), "changes projections.mine, not the table"),
    "a table of a schema": (
        text(f"{HONEST} WHERE b.stream_id IN (SELECT id FROM public.x)"),
        "public.x is named with",
    ),
    "runfold's tables": (
        text(f"{HONEST} WHERE EXISTS (SELECT FROM runfold.streams)"),
        "runfold.streams is named",
    ),
    "quoted": (
        text(f'{HONEST} WHERE EXISTS (SELECT FROM "runfold"."streams")'),
        "runfold.streams is named",
    ),
    "a second verb": (
        text("INSERT INTO mine WITH x AS (DELETE FROM y RETURNING id) SELECT id FROM x"),
        "a second DELETE",
    ),
    "pg_sleep": (text(f"{HONEST} WHERE pg_sleep(1) IS NULL"), "pg_sleep is not for projections"),
    "set_config": (text("INSERT INTO mine SELECT set_config('role', 'x', false)"), "set_config is not for projections"),
    "in capitals": (text("INSERT INTO mine SELECT PG_READ_FILE('x')"), "PG_READ_FILE is not for projections"),
    "with its schema": (text("INSERT INTO mine SELECT pg_catalog.lo_import('x')"), "lo_import is not for"),
    "dynamic SQL": (text("INSERT INTO mine SELECT query_to_xml('x', true, true, '')::text"), "query_to_xml is not for"),
    "its own checkpoint": (
        text("INSERT INTO mine SELECT move_checkpoint('mine', 0, 9, 1)"),
        "is not for projections",
    ),
    "a clock": (text(f"{HONEST} WHERE now() > b.occurred_at"), "now gives another answer each time"),
    "a clock that is a word": (
        text(f"{HONEST} WHERE CURRENT_DATE > b.occurred_at"),
        "CURRENT_DATE gives another",
    ),
    "chance": (text(f"{HONEST} WHERE random() > 0.5"), "random gives another answer each time"),
}

RESERVED = {
    "a group of runfold's": text().replace("-- group: mine", "-- group: execution"),
    "a table of runfold's": text().replace("projections.mine", "public.workflow_executions"),
    "the schema of the log": text().replace("projections.mine", "runfold.mine"),
    "the catalog": text().replace("projections.mine", "pg_catalog.mine"),
    "a view of runfold's": "-- part_of: anomalies\n" + text(),
    "runfold's copies": "-- copies: workflow_copies\n" + text(),
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_a_file_may_say(tmp_path: Path, what: str) -> None:
    assert group(tmp_path, TAKEN[what]).name == "mine"


@pytest.mark.parametrize("why", REFUSED)
def test_what_a_file_may_not_say(tmp_path: Path, why: str) -> None:
    body, said = REFUSED[why]
    with pytest.raises(ProjectionInvalid, match="mine") as refusal:
        group(tmp_path, body)
    assert said in str(refusal.value)


@pytest.mark.parametrize("why", RESERVED)
def test_what_is_runfold_s_is_refused(tmp_path: Path, why: str) -> None:
    with pytest.raises(ProjectionReserved) as refusal:
        group(tmp_path, RESERVED[why])
    assert refusal.value.code == "projection_reserved"


# In Python

BROKEN_MODULES = {
    "a module that fails": ("1 / 0", "cannot be loaded: ZeroDivisionError"),
    "no list of types": (PYTHON_FORM.replace('["NodeSucceeded"]', '"NodeSucceeded"'), "types and key are lists"),
    "an async function": (PYTHON_FORM.replace("def costs", "async def costs"), "not an async one"),
    "no name": (PYTHON_FORM.replace('name="costs"', 'name="Costs"'), "'Costs' is not a name"),
    "no types": (PYTHON_FORM.replace('["NodeSucceeded"]', "[]"), "the header lacks events"),
    "a version that is none": (
        PYTHON_FORM.replace('name="costs"', 'name="costs", version=0'),
        "version is a whole",
    ),
    "a group of runfold's": (PYTHON_FORM.replace('name="costs"', 'name="costs", group="execution"'), "is runfold's"),
}


@pytest.mark.parametrize("why", BROKEN_MODULES)
def test_a_module_that_breaks_the_contract_is_refused(tmp_path: Path, why: str) -> None:
    body, said = BROKEN_MODULES[why]
    with pytest.raises(ProjectionInvalid) as refusal:
        group(tmp_path, body, "costs", "py")
    assert said in str(refusal.value)


def test_a_projection_in_python_has_what_a_file_has(tmp_path: Path) -> None:
    found = group(tmp_path, PYTHON_FORM, "costs", "py")
    (projection,) = found.projections
    assert (projection.name, projection.version, projection.group) == ("costs", 1, "costs")
    assert (projection.schema, projection.table, projection.key) == ("projections", "costs", ("workflow_id", "day"))
    assert (projection.events, projection.cross_stream, projection.statements) == (("NodeSucceeded",), True, ())
    (tmp_path / "_left_out.py").write_text("1 / 0")
    (tmp_path / "costs.py").write_text(PYTHON_FORM + "# another text\n")
    (changed,) = [each for each in load_catalogue(tmp_path).projections if each.name == "costs"]
    assert changed.digest != projection.digest


def test_a_module_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_engine_of_a_test").mkdir()
    (tmp_path / "my_engine_of_a_test" / "__init__.py").write_text("")
    (tmp_path / "my_engine_of_a_test" / "projections.py").write_text(PYTHON_FORM)
    (tmp_path / "my_engine_of_a_test" / "none.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "costs" in load_catalogue(Path("my_engine_of_a_test.projections")).groups
    with pytest.raises(ProjectionInvalid, match="defines no projection"):
        load_catalogue(Path("my_engine_of_a_test.none"))
    with pytest.raises(ProjectionInvalid, match="there is no folder no_engine_at_all"):
        load_catalogue(Path("no_engine_at_all.projections"))
