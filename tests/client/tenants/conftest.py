"""Fixtures of the tests of tenants: a database with rows of two tenants, and the login of a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from tests.fixtures.tenants import login_of_gateway

ONE = UUID("11111111-1111-4111-8111-111111111111")
OTHER = UUID("22222222-2222-4222-8222-222222222222")
ROWS = {ONE: 3, OTHER: 5}
"""So many workflows has each tenant; one more has none."""


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A superuser's connection to the test's database, which has workflows of two tenants."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for tenant, count in ROWS.items():
            connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [tenant])
            connection.execute(
                """INSERT INTO workflows (user_id, name, workflow_data, created_at, updated_at)
                   SELECT %s, 'w' || n, '{}', n, n FROM generate_series(1, %s) AS n""",
                [tenant, count],
            )
        yield connection


@pytest.fixture
def gateway_url(database_url: str, connection: psycopg.Connection[tuple[object, ...]]) -> str:
    """The URL of a login that may act for tenants and do nothing else."""
    return login_of_gateway(database_url)
