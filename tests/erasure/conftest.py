"""Fixtures: a log in the test's database."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.fixtures.logs import Log


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)
