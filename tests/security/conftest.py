"""Fixtures of the security tests."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.fixtures.evidence import evidence
from tests.fixtures.logs import Log
from tests.fixtures.stores import store

__all__ = ["evidence", "store"]


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)
