"""Run the blocks of a page in order, as its reader would: in one folder, one database, with one worker."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

import runfold
from tests.docs.pages import Block
from tests.fixtures.commands import scripts
from tests.fixtures.processes import CONSOLE_SCRIPT, PATIENCE, worker
from tests.fixtures.user_logins import login_of_users

# What a page also tells a reader to type, and what other tests run or nothing here can: it is left out. So is a command
# about a question or a deployment of the reader's own, of which a page only shows how its id may begin: `7d0c…`.
ELSEWHERE = {"cp", "git", "make", "pip", "psql", "python", "supabase"}

_FILE = re.compile(r"\A-- name: (\w+)\n")
_MODULE = re.compile(r"\A# my-projections/(\w+\.py)\n")
_ROLE = re.compile(r"CREATE ROLE (my_\w+)")


class Runner:
    """Python blocks share their names, console blocks their exports; an SQL block that is a projection is saved."""

    def __init__(self, url: str, folder: Path, ended: ExitStack) -> None:
        self.url = url
        self.administrator = url
        self.projections = folder / "my-projections"
        self._ended = ended
        self._working = False
        # Aggregates of the eventsourcing library are found by their module's name, which it takes once.
        self._module = ModuleType(f"documented_{secrets.token_hex(6)}")
        sys.modules[self._module.__name__] = self._module
        ended.callback(sys.modules.pop, self._module.__name__)
        self._environment: dict[str, str] = {
            "PATH": f"{scripts()}:{os.environ['PATH']}",
            "HOME": str(folder),
        }
        ended.callback(self._close_stores)

    def run(self, block: Block) -> None:
        """Run one block; an error fails the test with the place of the block."""
        if block.language == "sql":
            self._run_sql(block.text)
            return
        if block.language == "console":
            for line in typed(block.text):
                self._run_command(block, line)
            return
        if (named := _MODULE.match(block.text)) is not None:
            self.projections.mkdir(exist_ok=True)
            (self.projections / named[1]).write_text(block.text, encoding="utf-8")
            return
        if "wait_for" in block.text:
            self.start_worker()
        # Filled with empty lines, so that a traceback names the page's own line.
        code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec", dont_inherit=True)
        exec(code, vars(self._module))

    def url_of(self, _words: list[str]) -> str:
        """Return the URL with which a command is run."""
        return self.url

    def start_worker(self, url: str | None = None) -> None:
        """Start a worker with the saved projections, until the test ends."""
        if not self._working:
            folders = [self.projections] if self.projections.is_dir() else []
            self._ended.enter_context(worker(url or self.url_of(["runfold", "worker"]), *folders, timeout_interval=0.1))
            self._working = True

    def _run_sql(self, text: str) -> None:
        if (named := _FILE.match(text)) is not None:
            self.projections.mkdir(exist_ok=True)
            (self.projections / f"{named[1]}.sql").write_text(text, encoding="utf-8")
            return
        for role in _ROLE.findall(text):
            self._ended.callback(_drop_role, self.administrator, role)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(text.encode())

    def _run_command(self, block: Block, line: str) -> None:
        """Run a command of a reader; it ends with 0, or runs until the test ends."""
        words = shlex.split(line, comments=True)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self._environment[name] = value
            return
        if words[0] in ELSEWHERE or ("…" in line and words[1] != "execution"):
            return
        assert words[0] == "runfold", f"{block}: nothing here runs {words[0]}"
        # The database of a page that names one is the test's.
        environment = {
            **self._environment,
            "RUNFOLD_DATABASE_URL": self.url_of(words),
            "RUNFOLD_PROJECTIONS_URL": login_of_users(self.url),
        }
        said = ["bash", "-c", self._with_names(line)]
        if runs_on(words):
            # It is interrupted, so it is a process of its own.
            environment["PATH"] = f"{CONSOLE_SCRIPT.parent}:{os.environ['PATH']}"
            self._ended.callback(_end, subprocess.Popen(said, env=environment, start_new_session=True))
            time.sleep(0.5)
            return
        ran = subprocess.run(said, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert ran.returncode == 0, f"{block}: {line} ended with {ran.returncode}: {ran.stderr or ran.stdout}"
        assert "Traceback" not in ran.stderr, f"{block}: {line}: {ran.stderr}"

    def _with_names(self, line: str) -> str:
        """Return the line with the newest execution's id, where the page shows only how an id begins: `7f0c…`."""
        if "…" not in line:
            return line
        with psycopg.connect(self.url) as connection:
            (newest,) = connection.execute(
                "SELECT substr(stream_id, 11) FROM runfold.events WHERE type = 'ExecutionCreated'"
                " ORDER BY position DESC LIMIT 1"
            ).fetchone() or ("none",)
        return re.sub(r"\S+…", newest, line)

    def _close_stores(self) -> None:
        for value in vars(self._module).values():
            if isinstance(value, runfold.Store):
                value.close()


def typed(text: str) -> list[str]:
    """Return the typed lines of a console block, which follow a prompt, without the output."""
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


def runs_on(words: list[str]) -> bool:
    """Return whether a command runs until it is interrupted."""
    return words[1:3] == ["execution", "tail"] or words[1] == "up" or (words[1] == "worker" and "--once" not in words)


def _end(running: subprocess.Popen[bytes]) -> None:
    """Interrupt a command that still runs; one that has ended, like the tail of an ended execution, is fine."""
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGINT)
        try:
            running.wait(PATIENCE)
        finally:
            running.kill()
    else:
        assert running.returncode == 0, f"{running.args} ended with {running.returncode}"


def _drop_role(url: str, role: str) -> None:
    """Drop a role: roles belong to the server, so they outlive the test's database."""
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
    """Return the URL of the same database for another role."""
    parameters: dict[str, Any] = {**psycopg.conninfo.conninfo_to_dict(url), "user": role, "password": password}
    return psycopg.conninfo.make_conninfo("", **parameters)
