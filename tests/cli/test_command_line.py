"""The command line's conventions: an example in every help, one line for an error, and the exit codes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from runfold.cli.app import build
from runfold.database.server import EmbeddedServer
from tests.fixtures.commands import run_command
from tests.fixtures.servers import remove


def runfold(*args: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_command(*args, environment={**os.environ, **environment}, cwd=cwd)


def commands() -> Iterator[tuple[str, Any]]:
    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if children is None:
            yield name, command
        for child, found in (children or {}).items():
            yield from below(f"{name} {child}", found)

    yield from below("runfold", typer.main.get_command(build()))


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda part: part if isinstance(part, str) else "")
def test_every_help_says_what_the_command_does_and_carries_an_example(name: str, command: Any) -> None:
    assert command.help, name
    assert "xample" in (command.epilog or ""), name
    assert name in command.epilog, f"the example of {name} shows another command"


@pytest.mark.database  # it asks for a server that is away
def test_errors_are_one_line_and_exit_with_1_and_wrong_usage_with_2(tmp_path: Path) -> None:
    away = runfold("--url", "postgresql://u:secret@127.0.0.1:1/x", "migrate", "--check", cwd=tmp_path)
    assert away.returncode == 1
    assert away.stderr.startswith("error: the database cannot be reached")
    assert away.stderr.count("\n") == 1
    assert "secret" not in away.stderr
    shown = runfold("--debug", "--url", "postgresql://u@127.0.0.1:1/x", "migrate", "--check", cwd=tmp_path)
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr
    assert runfold("migrate", "--nonsense", cwd=tmp_path).returncode == 2
    assert runfold("nonsense", cwd=tmp_path).returncode == 2
    assert runfold("migrate", cwd=tmp_path, RUNFOLD_POOL_MAX_SIZE="many").returncode == 1
    assert not (tmp_path / ".runfold").exists()


@pytest.mark.process
def test_version_is_printed() -> None:
    assert runfold("--version").stdout.startswith("runfold ")


def test_the_embedded_server_from_the_command_line(tmp_path: Path, postgres_bin: Path) -> None:
    environment = {"RUNFOLD_POSTGRES_BIN": str(postgres_bin)}
    try:
        started = runfold("db", "start", "--json", cwd=tmp_path, **environment)
        assert started.returncode == 0, started.stderr
        facts = json.loads(started.stdout)
        assert runfold("db", "url", cwd=tmp_path, **environment).stdout.strip() == facts["url"]
        assert runfold("db", "url", "--socket", cwd=tmp_path, **environment).stdout.strip() == facts["socket_url"]
        asked = runfold("db", "psql", "-Atc", "SELECT 6 * 7", cwd=tmp_path, **environment)
        assert asked.stdout == "42\n", asked.stderr
        assert json.loads(runfold("db", "stop", "--json", cwd=tmp_path, **environment).stdout) == {"stopped": True}
        assert json.loads(runfold("db", "stop", "--json", cwd=tmp_path, **environment).stdout) == {"stopped": False}
    finally:
        remove(EmbeddedServer(tmp_path / ".runfold", postgres_bin))
