"""Fixtures: a log in the test's database, and readers of its past."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.past.reader import Past, open_past
from tests.fixtures.logs import Log


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)


@contextmanager
def past_of(url: str, **wanted: Any) -> Iterator[Past]:
    """The past, on another connection."""
    with (
        psycopg.connect(url, autocommit=True) as connection,
        open_past(connection, load_catalogue(), **wanted) as past,
    ):
        yield past
