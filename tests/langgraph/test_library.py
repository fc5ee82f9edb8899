"""The cases that LangGraph publishes for its InMemoryStore pass with ours in its place."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.large

CONFTEST = '''
import os

import psycopg
import pytest

import langgraph.store.memory
import runfold
from runfold.langgraph import RunfoldStore

url = os.environ["RUNFOLD_CASES_URL"]
store = runfold.connect(url)


class EmptyStore(RunfoldStore):
    """A store of a new user each time, as each InMemoryStore is empty."""

    def __init__(self, *, index=None):
        with psycopg.connect(url, autocommit=True) as connection:
            (user,) = connection.execute("INSERT INTO auth.users DEFAULT VALUES RETURNING id").fetchone()
        super().__init__(store.as_user(user), index=index)


langgraph.store.memory.InMemoryStore = EmptyStore


@pytest.fixture
def anyio_backend():
    return "asyncio"


def pytest_sessionfinish():
    store.close()
'''


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the library's own tests, from the source of the version that is installed."""
    folder = tmp_path_factory.mktemp("langgraph")
    wanted = f"langgraph-checkpoint=={version('langgraph-checkpoint')}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        ":all:",
        "-d",
        folder,
        wanted,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"the library's source cannot be downloaded: {done.stderr.strip().splitlines()[-1:]}")
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)  # Python 3.11.2's tarfile has no filters
    (tests,) = folder.glob("*/tests")
    return tests


def run(cases: Path, url: str, conftest: str) -> str:
    (cases / "conftest.py").write_text(conftest)
    (cases.parent / "pytest.ini").write_text("[pytest]\nanyio_mode = auto\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rA",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "tests/test_store.py",
    ]
    environment = {"RUNFOLD_CASES_URL": url, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(cases.parent)}
    return subprocess.run(command, cwd=cases.parent, env=environment, capture_output=True, text=True).stdout


def outcomes(output: str, outcome: str) -> set[str]:
    return set(re.findall(rf"^{outcome} tests/test_store\.py::(\w+)", output, re.MULTILINE))


def test_the_librarys_cases_pass(cases: Path, database_url: str) -> None:
    output = run(cases, database_url, CONFTEST)
    assert outcomes(output, "FAILED") | outcomes(output, "ERROR") == set(), output[-5000:]
    assert len(outcomes(output, "PASSED")) > 30


def test_control_a_store_that_forgets_fails_the_cases(cases: Path, database_url: str) -> None:
    forgetful = CONFTEST + "\nEmptyStore._put = lambda self, batch, vectors: None\n"
    assert len(outcomes(run(cases, database_url, forgetful), "FAILED")) > 5
