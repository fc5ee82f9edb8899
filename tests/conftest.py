"""The fixtures of all tests: servers and databases, one family in each file of `tests/fixtures/`."""

from __future__ import annotations

import os
import signal

import pytest

pytest_plugins = [
    "tests.fixtures.marks",
    "tests.fixtures.memory",
    "tests.fixtures.servers",
    "tests.fixtures.databases",
    "tests.fixtures.owned",
    "tests.fixtures.doctors",
]


def pytest_configure(config: pytest.Config) -> None:
    # A developer's own database is never a test's: tests name theirs.
    os.environ.pop("RUNFOLD_DATABASE_URL", None)
    os.environ.pop("RUNFOLD_HOME", None)
    # Where this is started in the background of a script, SIGINT is ignored, also by the processes that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Ended by SIGTERM (a time limit of CI), the fixtures still stop their servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
