"""A dump from before an erasure opens nothing: in each home of keys, with its ledger and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet

import runfold
from runfold.errors import LedgerMissing
from runfold.events import LogAppended
from runfold.events.encrypted_forms import Erased
from runfold.keys.policy import add_policies
from runfold.settings import Settings
from tests.fixtures.databases import create_database, drop_database
from tests.projections.reconciling.test_disasters import server_tool

SECRET = "readable before the erasure"


# What is in a dump takes the place of what a migrated database has.
_EMPTIED = """
SET session_replication_role = replica;
DO $$
BEGIN
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(c.oid::regclass::text, ', ') FROM pg_class c
              WHERE c.relnamespace = 'runfold'::regnamespace AND c.relkind IN ('r', 'p'));
END
$$;
"""


def dumped(url: str, postgres_bin: Path) -> bytes:
    """Return a dump of what runfold keeps: the log, and the keys where they are in the database."""
    return server_tool(postgres_bin / "pg_dump", url, "--data-only", "--schema=runfold*")


@pytest.fixture
def restored(server_url: str, template_database: str, postgres_bin: Path) -> Iterator[Callable[[bytes], str]]:
    """A function that restores a dump into a database of its own."""
    made: list[str] = []

    def restore(dump: bytes) -> str:
        made.append(create_database(server_url, template=template_database))
        script = _EMPTIED.encode() + dump
        server_tool(postgres_bin / "psql", made[-1], "--quiet", "--set", "ON_ERROR_STOP=1", input=script)
        return made[-1]

    yield restore
    for url in made:
        drop_database(server_url, url)


@pytest.mark.parametrize("home", ["folder", "other database", "same database"])
def test_a_dump_from_before_the_erasure_opens_nothing(
    home: str,
    database_url: str,
    empty_database_url: str,
    restored: Callable[[bytes], str],
    postgres_bin: Path,
    tmp_path: Path,
) -> None:
    where = {"folder": str(tmp_path / "keys"), "other database": empty_database_url, "same database": "database"}
    given: dict[str, Any] = {"master_keys": Fernet.generate_key().decode(), "key_home": where[home]}
    with_ledger = Settings(**given, erasure_ledger=str(tmp_path / "ledger"))
    user, other = uuid4(), uuid4()
    with psycopg.connect(database_url, autocommit=True) as connection:
        add_policies(connection, ["*"])
    with runfold.connect(database_url, settings=with_ledger) as store:
        for stream, tenant in (("log-1", user), ("log-2", other)):
            line = LogAppended(level="INFO", event_type="step_output", message=SECRET)
            store.append(stream, [line], user_id=tenant)
        dump = dumped(database_url, postgres_bin)
        store.encryption.keyring().destroy(user)
    assert SECRET.encode() not in dump
    copy = restored(dump)
    with runfold.connect(copy, settings=with_ledger) as store:
        assert [event.data["message"] for event in store.read_stream("log-1")] == [Erased()]
        assert [event.data["message"] for event in store.read_stream("log-2")] == [SECRET]
    again = restored(dump)
    with runfold.connect(again, settings=Settings(**given)) as store:
        if home == "same database":
            with pytest.raises(LedgerMissing):
                store.read_stream("log-1")
        else:
            assert [event.data["message"] for event in store.read_stream("log-1")] == [Erased()]


def test_control_keys_in_the_dump_would_open_it_without_a_ledger(
    database_url: str,
    restored: Callable[[bytes], str],
    postgres_bin: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runfold.keys.opening.require_ledger", lambda *_: None)
    settings = Settings(master_keys=Fernet.generate_key().decode(), key_home="database")  # type: ignore[arg-type]
    user = uuid4()
    with psycopg.connect(database_url, autocommit=True) as connection:
        add_policies(connection, ["*"])
    with runfold.connect(database_url, settings=settings, user_id=user) as store:
        store.append("log-1", [LogAppended(level="INFO", event_type="step_output", message=SECRET)])
        dump = dumped(database_url, postgres_bin)
        store.encryption.keyring().destroy(user)
    with runfold.connect(restored(dump), settings=settings) as store:
        assert [event.data["message"] for event in store.read_stream("log-1")] == [SECRET]
