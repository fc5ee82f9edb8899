"""A dump from before an erasure, restored, opens nothing: wherever the keys are, with the ledger and without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet

import runfold
from runfold.erasure.erasing import erase_tenant, require_keys
from runfold.errors import KeyUnavailable, LedgerMissing
from runfold.keys.opening import open_keyring
from runfold.keys.policy import add_policies
from runfold.settings import Settings
from tests.cli.conftest import run_console_script
from tests.erasure.tenants import ANNE, BERT, CATALOGUE
from tests.fixtures.databases import create_database, drop_database
from tests.fixtures.processes import drain, worker
from tests.projections.reconciling.test_disasters import server_tool

SECRET = "a sentence that must not be readable"
HOMES = ("folder", "other database", "same database")


@pytest.fixture(params=HOMES)
def settings(request: pytest.FixtureRequest, tmp_path: Path, server_url: str) -> Iterator[Settings]:
    """A store's settings, with its keys in each home in turn; the same database has a ledger beside it."""
    home = {"folder": str(tmp_path / "keys"), "same database": "database"}.get(request.param)
    other = None if home is not None else create_database(server_url)
    ledger = str(tmp_path / "ledger") if request.param == "same database" else None
    made = {"master_keys": Fernet.generate_key().decode(), "key_home": home or other, "erasure_ledger": ledger}
    yield Settings(**made)  # type: ignore[arg-type]
    if other is not None:
        drop_database(server_url, other)


@pytest.fixture
def written(connection: psycopg.Connection[Any], database_url: str, settings: Settings) -> None:
    """Two tenants whose fields are encrypted, with a run each."""
    add_policies(connection, ["*"])
    for tenant in (ANNE, BERT):
        connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (tenant,))
        with runfold.connect(database_url, settings=settings, user_id=tenant) as store:
            run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", trigger_data={"body": SECRET})
            run.log(SECRET)
    drain(database_url)


@pytest.fixture
def restore(server_url: str, database_url: str, postgres_bin: Path) -> Iterator[Callable[[], str]]:
    """Dump the database now; the result restores the dump into a new one, and returns its URL."""
    dumps = [server_tool(postgres_bin / "pg_dump", database_url)]
    made: list[str] = []

    def restored() -> str:
        made.append(create_database(server_url))
        server_tool(postgres_bin / "psql", made[-1], "--quiet", "-v", "ON_ERROR_STOP=1", input=dumps[0])
        return made[-1]

    yield restored
    for url in made:
        drop_database(server_url, url)


def shown(url: str, settings: Settings, tenant: UUID) -> str:
    """Return all that a tenant's store shows of its events."""
    with runfold.connect(url, settings=settings, user_id=tenant) as store:
        return repr([event.data for event in store.read_all(limit=100) if event.user_id == tenant])


def erase(url: str, settings: Settings) -> int | None:
    with (
        psycopg.connect(url, autocommit=True) as operator,
        closing(open_keyring(settings, url)) as keys,
        worker(url),
    ):
        report = erase_tenant(operator, CATALOGUE, ANNE, keys=keys, timeout=30)
    assert report.is_erased
    return report.keys_destroyed


def test_a_dump_from_before_the_erasure_opens_nothing_of_the_tenant(
    database_url: str, settings: Settings, written: None, restore: Callable[[], str]
) -> None:
    assert SECRET in shown(restore(), settings, ANNE), "a dump that never opened proves nothing"
    assert erase(database_url, settings) == 1
    for url in (database_url, restore()):
        assert SECRET not in shown(url, settings, ANNE)
        assert SECRET in shown(url, settings, BERT)


def test_what_was_encrypted_is_not_counted_as_readable(
    connection: psycopg.Connection[Any], settings: Settings, written: None
) -> None:
    report = erase_tenant(connection, CATALOGUE, ANNE, dry_run=True)
    readable = {(found["type"], found["field"]) for found in report.readable}
    assert ("ExecutionCreated", "workflow_id") in readable
    assert {("ExecutionCreated", "trigger_data"), ("LogAppended", "message")}.isdisjoint(readable)


@pytest.mark.parametrize("settings", ["same database"], indirect=True)
def test_without_its_ledger_a_dump_that_holds_the_keys_opens_nothing_either(
    database_url: str, settings: Settings, written: None, restore: Callable[[], str]
) -> None:
    erase(database_url, settings)
    with pytest.raises(LedgerMissing):
        shown(restore(), settings.model_copy(update={"erasure_ledger": None}), ANNE)


@pytest.mark.parametrize("settings", ["folder"], indirect=True)
def test_the_command_destroys_the_keys_and_refuses_without_being_told_of_them(
    connection: psycopg.Connection[Any], database_url: str, settings: Settings, written: None
) -> None:
    with pytest.raises(KeyUnavailable, match="not told where the keys are"):
        require_keys(connection, ANNE)
    untold = run_console_script("--url", database_url, "tenant", "erase", str(ANNE), "--yes")
    assert untold.code == 1
    assert "not told where the keys are" in untold.err
    assert connection.execute("SELECT count(*) FROM auth.users").fetchone() == (2,)
    assert settings.master_keys is not None
    environment = {
        "RUNFOLD_MASTER_KEYS": settings.master_keys.get_secret_value(),
        "RUNFOLD_KEY_HOME": str(settings.key_home),
    }
    with worker(database_url):
        done = run_console_script(
            "--url", database_url, "tenant", "erase", str(ANNE), "--yes", "--timeout", "30", **environment
        )
    assert done.code == 0, done.err
    assert "1 keys are destroyed" in done.out
    assert SECRET not in shown(database_url, settings, ANNE)
