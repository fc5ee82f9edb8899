"""Fixtures: the console as an application over the test's database, and a browser that is not one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from runfold.console.app import build
from runfold.console.options import Options
from runfold.projections.definition.catalogue import load_catalogue
from runfold.settings import Settings
from tests.console import sample

Open = Callable[..., TestClient]
HOST = "http://127.0.0.1:7433"


@contextmanager
def opened(url: str, **options: Any) -> Iterator[TestClient]:
    """Open the console over a database; redirections are not followed."""
    app = build(url, Settings(), load_catalogue(), Options(**options))
    base = HOST + options.get("base_path", "")
    with TestClient(app, base_url=base, follow_redirects=False, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> str:
    """A database with a claim that was paid, one that failed, one that waits, one that runs, and another tenant's."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        sample.workflows(connection)
        for name, ends in (
            ("claim-1", "success"),
            ("claim-2", "error"),
            ("claim-3", "waiting"),
            ("claim-4", "running"),
        ):
            sample.claim(connection, name, ends=ends)
        sample.claim(connection, "foreign-1", ends="error", user_id=sample.OTHER, workflow=sample.OTHER_WORKFLOW)
        sample.claim(connection, "foreign-2", ends="waiting", user_id=sample.OTHER, workflow=sample.OTHER_WORKFLOW)
        sample.fan_out(connection, "large-1", 400)
    sample.fold(module_database_url)
    return module_database_url


@pytest.fixture(scope="module")
def console(filled: str) -> Iterator[TestClient]:
    """The console of an operator over the filled database."""
    with opened(filled) as client:
        yield client


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of tokens: `operate` is an operator's, `tenant` and `other` are tenants'."""
    entries = [
        {"name": "Olga", "sha256": hashlib.sha256(b"operate").hexdigest(), "role": "operator"},
        {
            "name": "Tim",
            "sha256": hashlib.sha256(b"tenant").hexdigest(),
            "role": "tenant",
            "user_id": str(sample.TENANT),
        },
        {"name": "Ota", "sha256": hashlib.sha256(b"other").hexdigest(), "role": "tenant", "user_id": str(sample.OTHER)},
    ]
    file = tmp_path_factory.mktemp("tokens") / "tokens.json"
    file.write_text(json.dumps(entries))
    return file
