"""Fixtures of the tests of the persistence module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runfold.eventsourcing import Datastore
from runfold.settings import load_settings
from tests.fixtures.evidence import evidence
from tests.fixtures.stores import store

__all__ = ["evidence", "store"]


@pytest.fixture
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The configuration of an application, also in the process's environment."""
    variables = {"PERSISTENCE_MODULE": "runfold.eventsourcing", "RUNFOLD_DATABASE_URL": database_url}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def datastore(database_url: str) -> Iterator[Datastore]:
    """Connections to the test's migrated database."""
    made = Datastore(load_settings(database_url=database_url, pool_max_size=15))
    try:
        yield made
    finally:
        made.close()
