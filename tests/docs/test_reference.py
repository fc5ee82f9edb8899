"""The reference agrees with the code, and everything in the database that people use is described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from runfold.events import VOCABULARY
from runfold.reference.catalog import Catalog, read_catalog
from runfold.reference.commands import commands
from runfold.reference.pages import FOLDER, pages, stale
from tests.docs.pages import anchors


def test_the_reference_is_not_stale(connection: psycopg.Connection[Any]) -> None:
    assert not stale(pages(connection), FOLDER), "run `python -m runfold.reference --write`"


def test_a_stale_page_is_noticed(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    made = pages(connection)
    for name, text in made.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert stale(made, tmp_path) == []
    connection.execute("COMMENT ON FUNCTION runfold.safe_head() IS 'something else'")
    assert stale(pages(connection), tmp_path) == ["sql.md"]
    (tmp_path / "cli.md").unlink()
    assert stale(made, tmp_path) == ["cli.md"]


def without_comment(catalog: Catalog) -> list[str]:
    """Return the tables, views and functions without a comment, as a COMMENT statement would name them."""
    return [
        *(f"{one.kind.upper()} {one.schema}.{one.name}" for one in catalog.relations if not one.comment),
        *(f"FUNCTION runfold.{one.name}({one.identity})" for one in catalog.functions if not one.comment),
    ]


def test_every_table_view_and_function_has_a_comment(connection: psycopg.Connection[Any]) -> None:
    assert not without_comment(read_catalog(connection))


def test_a_missing_comment_is_noticed(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE public.silent (id integer)")
    connection.execute("CREATE FUNCTION runfold.silent() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    found = without_comment(read_catalog(connection))
    assert {"TABLE public.silent", "FUNCTION runfold.silent()"} <= set(found)


def test_every_event_table_and_command_has_its_place(connection: psycopg.Connection[Any]) -> None:
    assert {name.lower() for name in VOCABULARY} <= anchors(FOLDER / "events.md")
    tables = {one.name for one in read_catalog(connection).relations if one.schema == "public"}
    assert tables <= anchors(FOLDER / "read-tables.md")
    assert {name.replace(" ", "-") for name in commands()} <= anchors(FOLDER / "cli.md")
