"""PostgreSQL's copy of the vocabulary is the models'. When this fails, a migration carries what
`python -m runfold.events.sql` prints."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from runfold.events.sql import BEGIN_MARK, END_MARK, fault_rows, field_rows, generated, type_rows
from runfold.settings import schema_dir


def _rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]


def test_faults_are_the_same(connection: psycopg.Connection[Any]) -> None:
    assert sorted(_rows(connection, "SELECT code, message, hint FROM runfold.faults")) == sorted(fault_rows())


def test_types_are_the_same(connection: psycopg.Connection[Any]) -> None:
    found = _rows(connection, "SELECT category, type, schema_version FROM runfold.event_types WHERE closed")
    assert sorted(found) == sorted(type_rows())


def test_fields_are_the_same(connection: psycopg.Connection[Any]) -> None:
    found = _rows(
        connection,
        "SELECT type, ordinal, field, required, kind, minimum, maximum, allowed FROM runfold.event_fields",
    )
    assert sorted(found, key=lambda row: row[:2]) == sorted(field_rows(), key=lambda row: row[:2])


def test_the_quick_path_is_the_generated_one(connection: psycopg.Connection[Any]) -> None:
    [(body,)] = _rows(connection, "SELECT prosrc FROM pg_proc WHERE oid = to_regproc('runfold.event_is_valid')")
    written = re.search(r"\$valid\$(.*)\$valid\$", generated(), re.DOTALL)
    assert written
    assert written.group(1) == body


def test_the_schema_carries_what_the_models_generate() -> None:
    """Without a database: the last file of the schema with a generated part carries the models'."""
    parts = [text for path in sorted(schema_dir().rglob("*.sql")) if BEGIN_MARK in (text := path.read_text())]
    begin, end = parts[-1].index(BEGIN_MARK), parts[-1].index(END_MARK) + len(END_MARK)
    assert parts[-1][begin:end] == generated(), "run `python -m runfold.events.sql`"
