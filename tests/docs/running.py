"""Runs a page's blocks in their order, as its reader would: one folder, one database, one worker."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

import runfold
from tests.docs.pages import Block
from tests.worker.processes import worker

_FILE = re.compile(r"\A-- name: (\w+)\n")
_ROLE = re.compile(r"CREATE ROLE (my_\w+)")


class Runner:
    """Python blocks share their names; an SQL block that is a projection file is saved for the worker."""

    def __init__(self, url: str, folder: Path, ended: ExitStack) -> None:
        self.url = url
        self.projections = folder / "my-projections"
        self._ended = ended
        self._working = False
        self._module = ModuleType("documented")
        # Aggregates of the eventsourcing library are found by their module's name.
        sys.modules[self._module.__name__] = self._module
        ended.callback(sys.modules.pop, self._module.__name__)
        ended.callback(self._close_stores)

    def run(self, block: Block) -> None:
        """Run one block; whatever it raises fails the test with the place of the block."""
        if block.language == "sql":
            self._run_sql(block.text)
            return
        if "wait_for" in block.text:
            self.start_worker()
        # Filled with empty lines, so that a traceback names the page's own line.
        code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec", dont_inherit=True)
        exec(code, vars(self._module))

    def start_worker(self, url: str | None = None) -> None:
        """A worker with the projections that were saved, until the test ends."""
        if not self._working:
            folders = [self.projections] if self.projections.is_dir() else []
            self._ended.enter_context(worker(url or self.url, *folders, timeout_interval=0.1))
            self._working = True

    def _run_sql(self, text: str) -> None:
        if (named := _FILE.match(text)) is not None:
            self.projections.mkdir(exist_ok=True)
            (self.projections / f"{named[1]}.sql").write_text(text, encoding="utf-8")
            return
        for role in _ROLE.findall(text):
            self._ended.callback(_drop_role, self.url, role)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(text.encode())

    def _close_stores(self) -> None:
        for value in vars(self._module).values():
            if isinstance(value, runfold.Store):
                value.close()


def _drop_role(url: str, role: str) -> None:
    """Roles belong to the whole server, so they outlive the test's database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


@pytest.fixture
def runner(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """Runs blocks in an empty folder, against a fresh migrated database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNFOLD_DATABASE_URL", database_url)
    with ExitStack() as ended:
        yield Runner(database_url, tmp_path, ended)


def login(url: str, role: str, password: str) -> str:
    """The same database for another role."""
    parameters: dict[str, Any] = {**psycopg.conninfo.conninfo_to_dict(url), "user": role, "password": password}
    return psycopg.conninfo.make_conninfo("", **parameters)
