"""Migrations as in a later release: several files, each with everything that the next one needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pglast
import pytest

from runfold.database.migrations import Migration, migrate, migrations, write_checksums
from tests.database.catalogs import catalogs
from tests.fixtures.databases import create_database, drop_database
from tests.fixtures.evidence import evidence

__all__ = ["evidence"]


def statements(migration: Migration) -> list[str]:
    """Return the migration's statements, each with the comments before it."""
    text = migration.path.read_text().partition("-- migrate:down")[0]
    starts = [statement.start for statement in pglast.split(text, only_slices=True)]
    return [text[start:end] for start, end in pairwise([0, *starts[1:], len(text)])]


def cut_in_three(folder: Path) -> None:
    """Cut the first migration into three; the last one keeps its version, and the others are older."""
    first = migrations(folder)[0]
    parts = statements(first)
    cuts = [0, len(parts) // 3, 2 * len(parts) // 3]
    first.path.unlink()
    for number, (start, end) in enumerate(pairwise([*cuts, len(parts)])):
        name = first.path.name if end == len(parts) else f"{int(first.version) - 2 + number}_create_part.sql"
        text = "".join(parts[start:end]).removeprefix("-- migrate:up")
        (folder / name).write_text(f"-- migrate:up\n{text}\n-- migrate:down\n")
    write_checksums(folder)


@pytest.fixture(scope="session")
def in_three(schema_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the migrations, with the first one cut into three."""
    folder = Path(shutil.copytree(schema_copy, tmp_path_factory.mktemp("in_three") / "schema"))
    cut_in_three(folder)
    assert len(migrations(folder)) == len(migrations(schema_copy)) + 2
    return folder


@pytest.fixture(scope="session")
def undisturbed(server_url: str, in_three: Path, postgres_bin: Path) -> Iterator[str]:
    """The catalogue and the versions after the three files without a disturbance."""
    url = create_database(server_url)
    try:
        migrate(url, folder=in_three)
        yield catalogs(url, postgres_bin)
    finally:
        drop_database(server_url, url)
