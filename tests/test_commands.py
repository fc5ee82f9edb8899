"""A command of the process that waits is what a started process would be: its code, output, folder and environment."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.fixtures.commands import run_command, scripts

pytestmark = pytest.mark.process


def test_a_command_prints_and_ends_as_a_process_does() -> None:
    done = run_command("--version", environment=os.environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"runfold {version('runfold')}\n", "")
    wrong = run_command("nonsense", environment=os.environ)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "nonsense" in wrong.stderr


def test_it_has_the_given_environment_and_folder_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNFOLD_POOL_TIMEOUT", "soon")
    refused = run_command("db", "stop", environment=os.environ, cwd=tmp_path)
    assert "RUNFOLD_POOL_TIMEOUT" in refused.stderr
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    assert run_command("db", "stop", environment=environment, cwd=tmp_path).returncode == 0
    run_command("projection", "new", "counts", "--projections", "here", environment=environment, cwd=tmp_path)
    assert (tmp_path / "here").is_dir()


def test_one_command_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    debugged = run_command("--debug", "nonsense", environment=os.environ, cwd=tmp_path)
    assert run_command("nonsense", environment=os.environ).stderr == debugged.stderr


def test_a_shell_runs_it_between_other_programs(tmp_path: Path) -> None:
    line = "runfold --version | tr a-z A-Z && ! runfold nonsense 2> said && cat said"
    environment = {"PATH": f"{scripts()}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"RUNFOLD {version('runfold')}\n")
    assert "nonsense" in done.stdout


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    fifo = tmp_path / "log.xes"
    os.mkfifo(fifo)
    with pytest.raises(subprocess.TimeoutExpired):
        run_command("import", "xes", str(fifo), "--dry-run", environment=os.environ, timeout=0.3)
