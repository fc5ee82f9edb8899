"""Fixtures: a log in the test's database, and a rebuild of its tables."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.fixtures.evidence import evidence
from tests.fixtures.logs import Log
from tests.projections.reconciling.rebuilding import Rebuilder


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)


@pytest.fixture
def rebuilder(database_url: str) -> Rebuilder:
    """A function that rebuilds tables of `database_url`."""
    return Rebuilder(database_url)


__all__ = ["evidence"]
