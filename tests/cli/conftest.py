"""Fixtures: a log in the test's database, and the console script on it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.fixtures.commands import run_command
from tests.fixtures.logs import Log


@dataclass(frozen=True, slots=True)
class Answer:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Runfold = Callable[..., Answer]


def run_console_script(*words: str, columns: int = 80, **environment: str) -> Answer:
    """Run `runfold` as a person does, in a terminal of this width."""
    done = run_command(*words, environment={**os.environ, "COLUMNS": str(columns), **environment})
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    return Log(connection)


@pytest.fixture
def runfold(database_url: str) -> Runfold:
    """The console script on the test's database."""

    def run(*words: str, columns: int = 80, **environment: str) -> Answer:
        return run_console_script("--url", database_url, *words, columns=columns, **environment)

    return run
