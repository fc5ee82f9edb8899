"""A stream's id is its category and its name, in Python as in PostgreSQL."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runfold.database.sources.files import sources_dir
from runfold.events.streams import stream_category, stream_id, stream_name

NAMES = ["e1", "a-b-c", "with space", "-", "ä", "0190a000-0000-7000-8000-000000000000"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("category", ["execution", "log", "my_app2"])
def test_an_id_is_made_of_its_parts_and_cut_into_them(
    connection: psycopg.Connection[Any], category: str, name: str
) -> None:
    whole = stream_id(category, name)
    assert (stream_category(whole), stream_name(whole)) == (category, name)
    row = connection.execute(
        "SELECT runfold.stream_id(%s, %s), runfold.stream_name(%s)", [category, name, whole]
    ).fetchone()
    assert row == (whole, name)


def test_a_uuid_is_written_as_postgresql_writes_it(connection: psycopg.Connection[Any]) -> None:
    name = UUID(NAMES[-1])
    row = connection.execute("SELECT runfold.stream_id('interaction', %s::uuid::text)", [name]).fetchone()
    assert row == (stream_id("interaction", name),)


def test_both_are_inlined_so_that_an_index_serves(connection: psycopg.Connection[Any]) -> None:
    plan = connection.execute(
        "EXPLAIN SELECT runfold.stream_name(s.stream_id) FROM runfold.streams s"
        " WHERE s.stream_id = runfold.stream_id('execution', 'e1')"
    ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "stream_id = 'execution-e1'" in text
    verbose = connection.execute(
        "EXPLAIN VERBOSE SELECT runfold.stream_name(stream_id) FROM runfold.streams"
    ).fetchall()
    assert "runfold.stream_name" not in "\n".join(line for (line,) in verbose)


def test_no_function_cuts_or_glues_an_id_by_hand() -> None:
    # They judge ids that need not be any.
    judging = {"append_is_valid", "raise_stream_id_fault", "raise_event_fault", "event_is_valid"}
    folders = [sources_dir() / name for name in ("functions", "steps", "generated/functions")]
    for path in (path for folder in folders for path in folder.rglob("*.sql")):
        code = re.sub(r"--[^\n]*", "", path.read_text())
        if path.stem not in judging | {"stream_id", "stream_name"}:
            assert not re.search(r"substr\(\w*\.?stream_id|'(?!/)\w*-' *\|\|", code), path.name
