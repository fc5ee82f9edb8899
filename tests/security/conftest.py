"""Fixtures of the security tests."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.fixtures.evidence import evidence
from tests.fixtures.logs import Log
from tests.fixtures.stores import store

__all__ = ["evidence", "store"]


@pytest.fixture(scope="module")
def has_vectors(module_database_url: str) -> bool:
    """Whether the server has pgvector, so that the second part of the schema is there."""
    with psycopg.connect(module_database_url) as connection:
        return connection.execute("SELECT to_regclass('public.vector_embeddings')").fetchone() != (None,)


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)
