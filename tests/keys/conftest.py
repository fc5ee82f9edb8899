"""Fixtures: master keys, and each home of tenants' keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from runfold.keys.database_home import DatabaseKeyHome
from runfold.keys.directory_home import DirectoryKeyHome
from runfold.keys.home import KeyHome
from runfold.keys.masters import MasterKeys
from runfold.settings import Settings

HOMES = ("folder", "other database", "same database")


@pytest.fixture
def master() -> str:
    """A master key."""
    return Fernet.generate_key().decode()


@pytest.fixture
def masters(master: str) -> MasterKeys:
    return MasterKeys([master])


@pytest.fixture(
    params=["folder", *(pytest.param(name, marks=pytest.mark.database) for name in HOMES[1:])],
)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyHome]:
    """Each home in turn, empty."""
    made: KeyHome
    if request.param == "folder":
        made = DirectoryKeyHome(tmp_path / "keys")
    elif request.param == "other database":
        made = DatabaseKeyHome(request.getfixturevalue("empty_database_url"), Settings(), own=False)
    else:
        made = DatabaseKeyHome(request.getfixturevalue("database_url"), Settings(), own=True)
    yield made
    made.close()
