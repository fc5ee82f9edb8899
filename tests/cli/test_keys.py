"""`runfold keys`: what it shows and changes, and what it says when keys are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet

import runfold as runfold_package
from runfold.keys.directory_home import DirectoryKeyHome
from runfold.keys.keyring import Keyring
from runfold.keys.masters import MasterKeys
from runfold.keys.policy import add_policies
from runfold.settings import Settings
from tests.cli.conftest import Runfold
from tests.fixtures.processes import drain
from tests.keys.test_encryption import SECRET, everything


@pytest.fixture
def master() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def keys(tmp_path: Path, master: str) -> dict[str, str]:
    """The environment of a process that has keys in a folder."""
    return {"RUNFOLD_MASTER_KEYS": master, "RUNFOLD_KEY_HOME": str(tmp_path / "keys")}


def _keyring(keys: dict[str, str]) -> Keyring:
    masters = MasterKeys(keys["RUNFOLD_MASTER_KEYS"].split(","))
    return Keyring(DirectoryKeyHome(Path(keys["RUNFOLD_KEY_HOME"])), masters)


def test_status_counts_keys_and_lists_policies(runfold: Runfold, keys: dict[str, str]) -> None:
    ring = _keyring(keys)
    for _ in range(3):
        ring.encrypting_key(erased := uuid4())
    ring.destroy(erased)
    assert runfold("keys", "encrypt", "input_data", "output_data", "--type", "*", **keys).code == 0
    said = runfold("keys", "status", "--json", **keys).json()
    assert (said["tenants"], said["keys"], said["by_newest_master"], said["destroyed"]) == (3, 3, 2, 1)
    assert [policy["field"] for policy in said["policies"]] == ["input_data", "output_data"]
    shown = runfold("keys", "status", **keys)
    assert shown.code == 0
    assert "AES-256-GCM-SIV" in shown.out
    assert "every tenant" in shown.out


def test_rotate_says_what_it_would_do_does_it_and_has_nothing_left_to_do(
    runfold: Runfold, keys: dict[str, str], master: str
) -> None:
    ring = _keyring(keys)
    for _ in range(5):
        ring.encrypting_key(uuid4())
    newer = Fernet.generate_key().decode()
    both = {**keys, "RUNFOLD_MASTER_KEYS": f"{newer},{master}"}
    assert runfold("keys", "rotate", "--dry-run", "--json", **both).json()["rewrapped"] == 5
    done = runfold("keys", "rotate", "--batch", "2", **both)
    assert "5 keys wrapped again" in done.out
    assert done.err.count("keys seen") == 3
    assert runfold("keys", "rotate", "--json", **both).json()["rewrapped"] == 0
    assert runfold("keys", "status", "--json", **{**keys, "RUNFOLD_MASTER_KEYS": newer}).code == 0
    assert runfold("keys", "status", "--json", **keys).code == 1  # the old master alone reads none


def test_encrypt_states_and_ends_policies(
    runfold: Runfold, keys: dict[str, str], connection: psycopg.Connection[Any]
) -> None:
    user = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [user])
    said = runfold("keys", "encrypt", "*", "--tenant", str(user), **keys)
    assert f"encrypted from now on (1 new), for tenant {user}" in said.out
    assert "(0 new)" in runfold("keys", "encrypt", "*", "--tenant", str(user), **keys).out
    stopped = runfold("keys", "encrypt", "*", "--tenant", str(user), "--stop")
    assert "not encrypted any more (1 removed)" in stopped.out
    assert connection.execute("SELECT FROM runfold.encryption_policies").fetchall() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["encrypt", "execution_id"], "execution_id is never encrypted"),
        (["encrypt", "headers", "--type", "NodeStarted"], "NodeStarted has no field headers"),
        (["encrypt", "*", "--tenant", "7f2c6a0e-5a53-4f0e-b1d0-3a9d34b7a7aa"], "there is no user"),
    ],
)
def test_what_cannot_be_encrypted_is_refused(
    runfold: Runfold, keys: dict[str, str], words: list[str], says: str
) -> None:
    said = runfold("keys", *words, **keys)
    assert said.code != 0
    assert says in said.err


def test_without_keys_nothing_can_be_stated_or_shown(runfold: Runfold, keys: dict[str, str]) -> None:
    for words in (["status"], ["rotate"], ["encrypt", "*"]):
        said = runfold("keys", *words)
        assert said.code != 0
        assert "RUNFOLD_MASTER_KEYS" in said.err
    said = runfold("keys", "status", RUNFOLD_MASTER_KEYS=keys["RUNFOLD_MASTER_KEYS"])
    assert "RUNFOLD_KEY_HOME" in said.err
    same = {**keys, "RUNFOLD_KEY_HOME": "database"}
    assert "RUNFOLD_ERASURE_LEDGER" in runfold("keys", "status", **same).err
    bad = runfold("keys", "status", **{**keys, "RUNFOLD_MASTER_KEYS": "canary"})
    assert "canary" not in bad.err + bad.out


@pytest.mark.parametrize(
    "words",
    [
        ["execution", "list"],
        ["execution", "show", "{execution}", "--full"],
        ["execution", "at", "{execution}", "--event", "99"],
        ["execution", "tail", "{execution}", "--no-follow"],
        ["execution", "tail", "--from", "0", "--no-follow"],
        ["interaction", "list", "--status", "all"],
        ["response", "list"],
        ["interaction", "show", "{interaction}"],
    ],
    ids=" ".join,
)
def test_commands_open_what_they_print_where_they_have_the_keys(
    runfold: Runfold, keys: dict[str, str], connection: psycopg.Connection[Any], database_url: str, words: list[str]
) -> None:
    add_policies(connection, ["*"])
    user = uuid4()
    given: dict[str, Any] = {name.removeprefix("RUNFOLD_").lower(): value for name, value in keys.items()}
    with runfold_package.connect(database_url, settings=Settings(**given), user_id=user) as store:
        execution = everything(store)
        last = store.executions.get(execution).state.version
    drain(database_url)
    (interaction,) = connection.execute("SELECT id FROM human_interactions").fetchone() or ("",)
    asked = [str(last) if word == "99" else word.format(execution=execution, interaction=interaction) for word in words]
    with_keys = runfold(*asked, "--json", **keys)
    assert with_keys.code == 0, with_keys.err
    assert SECRET in with_keys.out
    assert SECRET in runfold(*asked, columns=300, **keys).out
    without = runfold(*asked, "--json")
    assert without.code == 0, without.err
    assert SECRET not in without.out
    assert "encrypted" in without.out
    _keyring(keys).destroy(user)
    erased = runfold(*asked, "--json", **keys)
    assert erased.code == 0, erased.err
    assert "[erased]" in erased.out
    assert SECRET not in erased.out
    assert runfold(*asked, **keys).code == 0
