"""`runfold up`: starts a database, migrates it and runs a worker; its end says what still runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runfold
from runfold.database.server import EmbeddedServer
from tests.cli.running import ask, execution
from tests.fixtures.servers import is_running, remove


@pytest.fixture
def server(tmp_path: Path, postgres_bin: Path) -> Iterator[EmbeddedServer]:
    """The embedded server in the test's folder, which `up` starts."""
    server = EmbeddedServer(tmp_path / "home", postgres_bin)
    try:
        yield server
    finally:
        remove(server)


def up(cwd: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runfold", *words, "up"],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def facts(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return the facts that `up` prints when everything runs."""
    assert process.stdout is not None
    shown: dict[str, str] = {}
    for said in process.stdout:
        name, _, value = said.strip().partition(" ")
        shown[name] = value.strip()
        if name == "worker":
            return shown
    raise AssertionError(f"it ended: {process.communicate()[1]}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_up_makes_a_database_folds_and_leaves_it_running(
    tmp_path: Path, postgres_bin: Path, server: EmbeddedServer, number: signal.Signals
) -> None:
    process = up(tmp_path, "--home", str(server.home), RUNFOLD_POSTGRES_BIN=str(postgres_bin))
    try:
        shown = facts(process)
        assert shown["url"] == server.url
        with runfold.connect(shown["url"]) as store:
            (appended,) = store.append_many([execution("e1")])
            store.wait_for(appended.last_position, timeout=60)
        assert [row["execution_id"] for row in ask(shown["url"], "execution", "list")] == ["e1"]
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        assert f"stop it with `runfold --home {server.home} db stop`" in said
        assert is_running(server)
        assert ask(shown["url"], "status")["leader"] is None
    finally:
        process.kill()
        process.communicate()


def test_up_on_a_database_of_ones_own_shows_no_password_and_starts_no_server(
    tmp_path: Path, empty_database_url: str
) -> None:
    process = up(tmp_path, "--url", empty_database_url)
    try:
        shown = facts(process)
        assert "url" not in shown
        assert "@" not in shown["database"]
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "db stop" not in said
        assert not (tmp_path / ".runfold").exists()
    finally:
        process.kill()
        process.communicate()
