"""`runfold console` serves until Ctrl-C, and says what is wrong before it listens."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from runfold.console.server import beside
from runfold.projections.definition.catalogue import load_catalogue
from runfold.settings import Settings
from tests.cli.running import run

ADDRESS = re.compile(r"runfold console: (http://127\.0\.0\.1:\d+\S*/); stop with Ctrl-C")


@pytest.fixture
def serving(database_url: str) -> Iterator[subprocess.Popen[str]]:
    """A console on a free port, below /store."""
    words = ["--url", database_url, "console", "--port", "0", "--base-path", "/store"]
    process = subprocess.Popen([sys.executable, "-m", "runfold", *words], stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def test_it_says_its_address_and_serves_until_ctrl_c(serving: subprocess.Popen[str]) -> None:
    assert serving.stderr is not None
    address = ADDRESS.search(serving.stderr.readline())
    assert address is not None
    with urllib.request.urlopen(f"{address[1]}executions", timeout=30) as answer:
        assert b"No execution has been recorded yet" in answer.read()
    serving.send_signal(signal.SIGINT)
    assert serving.wait(20) in (0, -signal.SIGINT, 130)


def test_another_address_needs_sign_in(database_url: str) -> None:
    done = run(database_url, "console", "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "without sign-in the console listens on the loopback address only" in done.stderr
    assert "--auth token --tokens FILE" in done.stderr


def test_a_port_in_use_is_said(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(database_url, "console", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--auth", "none", "--base-path", "x"], "is not a base path"),
        (["--auth", "basic"], "is not a way to sign in"),
        (["--auth", "token"], "needs --tokens"),
        (["--auth", "token", "--tokens", "none.json"], "is not a file of tokens"),
    ],
)
def test_wrong_options_are_refused(database_url: str, words: list[str], said: str) -> None:
    done = run(database_url, "console", "--port", "0", *words)
    assert done.returncode == 1
    assert said in done.stderr


def test_without_the_extra_it_says_what_to_install(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError(\"No module named 'fastapi'\", name='fastapi')")
    done = subprocess.run(
        [sys.executable, "-m", "runfold", "--url", database_url, "console", "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "fastapi" in done.stderr
    assert "pip install 'runfold[console]'" in done.stderr


def test_beside_a_worker_it_takes_a_free_port_where_its_own_is_taken(database_url: str) -> None:
    chosen = Settings(database_url=database_url)
    with beside(chosen, load_catalogue()) as first, beside(chosen, load_catalogue()) as second:
        assert first is not None
        assert second is not None
        assert first != second
        for address in (first, second):
            with urllib.request.urlopen(f"{address}healthz", timeout=30) as answer:
                assert answer.status == 200
