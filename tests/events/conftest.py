"""A connection to a migrated database, whose data these tests never change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.events.judging import install
from tests.fixtures.databases import create_database, drop_database


@pytest.fixture(scope="module")
def connection(server_url: str, template_database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to one database for a module, because its tests only read."""
    url = create_database(server_url, template=template_database)
    try:
        with psycopg.connect(url, autocommit=True) as made:
            install(made)
            yield made
    finally:
        drop_database(server_url, url)
