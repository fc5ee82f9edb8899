"""PostgreSQL's copy of the vocabulary equals the models'. If this fails: `make generated`, then `make migration`."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from runfold import errors
from runfold.events.checks_sql import table_files, with_words
from runfold.events.sql import TYPES_BY_MACHINE, fault_rows, field_rows, generated, type_rows, types_by_machine
from runfold.settings import migrations_dir


def _rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]


def test_faults_are_the_same(connection: psycopg.Connection[Any]) -> None:
    assert sorted(_rows(connection, "SELECT code, message, hint FROM runfold.faults")) == sorted(fault_rows())


def test_types_are_the_same(connection: psycopg.Connection[Any]) -> None:
    found = _rows(
        connection, "SELECT category, type, schema_version, closed, reserved FROM runfold.event_types WHERE closed"
    )
    assert sorted(found) == sorted(type_rows())


def test_fields_are_the_same(connection: psycopg.Connection[Any]) -> None:
    found = _rows(
        connection,
        "SELECT type, ordinal, field, required, kind, minimum, maximum, allowed FROM runfold.event_fields",
    )
    assert sorted(found, key=lambda row: row[:2]) == sorted(field_rows(), key=lambda row: row[:2])


def test_the_generated_files_are_what_the_models_give() -> None:
    folder = migrations_dir().parent / "generated"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.sql")} == set(generated())
    for name, text in generated().items():
        assert (folder / name).read_text(encoding="utf-8") == text, f"{name}: run `make generated`"


def test_the_types_that_headers_of_projections_name_are_those_of_the_models() -> None:
    assert TYPES_BY_MACHINE.read_text() == types_by_machine()


def test_the_lists_of_words_in_checks_are_those_of_the_vocabulary() -> None:
    files = table_files(migrations_dir().parent / "tables")
    assert len(files) == 11
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make generated`"


def test_control_a_list_that_lacks_a_word_is_noticed() -> None:
    marked = "    -- words: pause\n    CONSTRAINT valid CHECK (status IN ('active', 'resumed')),\n"
    assert with_words(marked) == marked.replace("'resumed'", "'resumed', 'timeout', 'cancelled'")
    with pytest.raises(ValueError, match="-- words: Nothing"):
        with_words(marked.replace("pause", "Nothing"))


def test_the_quick_path_is_the_generated_one(connection: psycopg.Connection[Any]) -> None:
    [(body,)] = _rows(connection, "SELECT prosrc FROM pg_proc WHERE oid = to_regproc('runfold.event_is_valid')")
    written = re.search(r"\$valid\$(.*)\$valid\$", generated()["functions/event_is_valid.sql"], re.DOTALL)
    assert written
    assert written.group(1) == body


def errors_by_sqlstate() -> dict[str, list[str]]:
    """Return the errors of each SQLSTATE that a class names itself."""
    found: dict[str, list[str]] = {}
    for name, error in vars(errors).items():
        if isinstance(error, type) and (state := vars(error).get("sqlstate")) is not None:
            found.setdefault(state, []).append(name)
    return found


def test_an_sqlstate_names_one_error() -> None:
    assert {state: names for state, names in errors_by_sqlstate().items() if len(names) > 1} == {}


def test_control_an_sqlstate_of_two_errors_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        errors, "Another", type("Another", (errors.RunfoldError,), {"sqlstate": "RF002"}), raising=False
    )
    assert errors_by_sqlstate()["RF002"] == ["VersionConflict", "Another"]
