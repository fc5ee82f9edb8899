"""Fixtures: a log to fold, and a user's group that folds it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.fixtures.logs import Log
from tests.projections.user.groups import OTHER_TABLE, TABLE


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, and two tables of users in that database."""
    connection.execute(TABLE)
    connection.execute(OTHER_TABLE)
    return Log(connection)
