"""The keyring: one key a tenant until it is old or used up, closed without keys, and never a key that was destroyed."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet

from runfold.errors import ExtraMissing, InvalidInput, KeyDestroyed, KeyUnavailable, LedgerMissing, NotOpened
from runfold.keys.cipher import TenantKey, has_cipher, new_key, secret_place
from runfold.keys.directory_home import DirectoryKeyHome
from runfold.keys.home import KeyHome, StoredKey
from runfold.keys.keyring import Keyring
from runfold.keys.ledger import FileLedger
from runfold.keys.masters import MasterKeys
from runfold.keys.opening import open_home, open_keyring
from runfold.keys.rotation import rotate
from runfold.settings import Settings, load_settings
from tests.fixtures.servers import PrivateServerFactory


def test_a_value_opens_for_its_tenant_and_its_field_only() -> None:
    user, other = uuid4(), uuid4()
    key = TenantKey(uuid4(), user, new_key())
    content = key.encrypt_field(b"a secret", identity="1", field="data")
    assert key.open_field(content, user_id=user, field="data") == b"a secret"
    assert key.encrypt_field(b"a secret", identity="1", field="data") == content
    assert key.encrypt_field(b"a secret", identity="2", field="data") != content
    changed = content[:-1] + bytes([content[-1] ^ 1])
    attempts: list[Callable[[], bytes]] = [
        lambda: key.open_field(content, user_id=other, field="data"),
        lambda: key.open_field(content, user_id=user, field="headers"),
        lambda: key.open_field(changed, user_id=user, field="data"),
        lambda: key.open_field(b"short", user_id=user, field="data"),
        lambda: TenantKey(key.key_id, user, new_key()).open_field(content, user_id=user, field="data"),
    ]
    for attempt in attempts:
        with pytest.raises(NotOpened):
            attempt()


def test_a_secret_opens_in_its_row_and_column_only() -> None:
    user, row = uuid4(), uuid4()
    key = TenantKey(uuid4(), user, new_key())
    place = secret_place(user, "oauth_tokens", "access_token", row)
    content = key.encrypt_secret(b"token", place)
    assert key.open_secret(content, place, "access_token") == b"token"
    assert key.encrypt_secret(b"token", place) != content
    for moved in (
        secret_place(uuid4(), "oauth_tokens", "access_token", row),
        secret_place(user, "user_external_credentials", "access_token", row),
        secret_place(user, "oauth_tokens", "refresh_token", row),
        secret_place(user, "oauth_tokens", "access_token", uuid4()),
    ):
        with pytest.raises(NotOpened):
            key.open_secret(content, moved, "access_token")


def test_processes_of_one_home_use_one_key(home: KeyHome, masters: MasterKeys) -> None:
    user = uuid4()
    first = Keyring(home, masters).encrypting_key(user)
    second = Keyring(home, masters).encrypting_key(user)
    assert first.key_id == second.key_id
    content = first.encrypt_field(b"x", identity="1", field="data")
    assert second.open_field(content, user_id=user, field="data") == b"x"


def test_threads_that_begin_together_all_get_a_key_that_opens(home: KeyHome, masters: MasterKeys) -> None:
    user = uuid4()
    rings = [Keyring(home, masters) for _ in range(4)]
    made: list[tuple[TenantKey, bytes]] = []

    def encrypt(ring: Keyring) -> None:
        key = ring.encrypting_key(user)
        made.append((key, key.encrypt_field(b"x", identity="1", field="data")))

    threads = [threading.Thread(target=encrypt, args=(ring,)) for ring in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = Keyring(home, masters)
    for key, content in made:
        opening = late.opening_key(user, key.key_id)
        assert opening is not None
        assert opening.open_field(content, user_id=user, field="data") == b"x"


def test_a_tenant_gets_a_new_key_when_its_own_is_old_and_the_old_one_still_opens(
    home: KeyHome, masters: MasterKeys
) -> None:
    user = uuid4()
    old = StoredKey(uuid4(), user, masters.wrap(new_key()), created_at=datetime.now(UTC) - timedelta(days=90))
    home.add(old)
    ring = Keyring(home, masters)
    assert ring.encrypting_key(user).key_id != old.key_id
    assert ring.opening_key(user, old.key_id) is not None
    almost = uuid4()
    home.add(
        StoredKey(
            kept := uuid4(),
            almost,
            masters.wrap(new_key()),
            created_at=datetime.now(UTC) - timedelta(days=89, hours=23),
        )
    )
    assert ring.encrypting_key(almost).key_id == kept


def test_a_tenant_gets_a_new_key_after_so_many_values(home: KeyHome, masters: MasterKeys) -> None:
    user = uuid4()
    ring = Keyring(home, masters, key_values=5000)
    used: list[Any] = [ring.encrypting_key(user).key_id for _ in range(20_000)]
    assert len(set(used)) >= 3
    assert max(map(used.count, set(used))) <= 5000 + 2 * 4096


def test_a_destroyed_key_is_not_a_missing_one(home: KeyHome, masters: MasterKeys) -> None:
    user = uuid4()
    ring = Keyring(home, masters)
    key = ring.encrypting_key(user)
    with pytest.raises(KeyUnavailable, match="in none of its records"):
        ring.opening_key(user, uuid4())
    ring.destroy(user)
    assert ring.opening_key(user, key.key_id) is None
    with pytest.raises(KeyDestroyed):
        ring.encrypting_key(user)
    assert [one.is_destroyed for one in ring.destroy(user)] == [True]


def test_what_another_process_destroyed_opens_here_for_a_minute_at_most(home: KeyHome, masters: MasterKeys) -> None:
    user = uuid4()
    here = Keyring(home, masters, cache_seconds=3600)
    assert here._cache_seconds == 60
    here._cache_seconds = 0  # the minute is over
    key = here.encrypting_key(user)
    Keyring(home, masters).destroy(user)
    assert here.opening_key(user, key.key_id) is None


# Master keys


def test_without_master_keys_nothing_is_opened(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="no master keys"):
        open_keyring(Settings(key_home=str(tmp_path)), "postgresql://nowhere")
    with pytest.raises(KeyUnavailable, match="no master keys"):
        MasterKeys.of(Settings(), list)


def test_without_the_package_the_extra_is_named(master: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'runfold\[encryption\]'") as missing:
        MasterKeys([master])
    assert missing.value.facts == {"extra": "encryption"}


def test_without_the_cipher_the_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(_: bytes) -> None:
        raise UnsupportedAlgorithm("AES-GCM-SIV is not supported by this version of OpenSSL")

    monkeypatch.setattr("cryptography.hazmat.primitives.ciphers.aead.AESGCMSIV", without)
    assert not has_cipher()
    with pytest.raises(KeyUnavailable, match=r"OpenSSL 3\.2"):
        TenantKey(uuid4(), uuid4(), new_key())


def test_without_a_home_nothing_is_opened(master: str) -> None:
    with pytest.raises(KeyUnavailable, match="where tenants' keys are"):
        open_home(Settings(database_url="postgresql://nowhere"), "postgresql://nowhere")


def test_the_embedded_server_has_its_keys_in_a_folder_beside_its_data(private_server: PrivateServerFactory) -> None:
    server = private_server()
    home = open_home(Settings(home=server.home), server.url)
    assert isinstance(home, DirectoryKeyHome)
    assert home.folder == server.home / "keys"
    assert server.data not in home.folder.parents


def test_master_keys_come_from_the_environment_a_file_or_a_callable(
    master: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = Fernet.generate_key().decode()
    wrapped = MasterKeys([older]).wrap(b"k" * 32)
    monkeypatch.setenv("RUNFOLD_MASTER_KEYS", f"{master}, {older}")
    assert MasterKeys.of(load_settings()).unwrap(wrapped) == b"k" * 32
    monkeypatch.delenv("RUNFOLD_MASTER_KEYS")
    file = tmp_path / "masters"
    file.write_text(f"{master}\n{older}\n")
    monkeypatch.setenv("RUNFOLD_MASTER_KEYS_FILE", str(file))
    assert MasterKeys.of(load_settings()).unwrap(wrapped) == b"k" * 32
    assert MasterKeys.of(Settings(), lambda: [master, older]).unwrap(wrapped) == b"k" * 32
    file.unlink()
    with pytest.raises(KeyUnavailable, match="cannot be read"):
        MasterKeys.of(load_settings())


def test_a_master_key_that_is_none_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidInput) as refused:
        MasterKeys(["canary-not-a-key"])
    assert (refused.value.code, refused.value.pointer) == ("invalid_setting", "RUNFOLD_MASTER_KEYS")
    assert "canary" not in repr(refused.value)


def test_keys_and_settings_show_nothing_and_keys_cannot_be_pickled(master: str, tmp_path: Path) -> None:
    settings = Settings(master_keys=master)  # type: ignore[arg-type]
    ring = Keyring(DirectoryKeyHome(tmp_path), MasterKeys([master]))
    key = ring.encrypting_key(uuid4())
    for thing in (ring, ring.masters, key):
        assert master not in repr(thing)
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)
    pickled = pickle.dumps(settings)
    assert master.encode() not in pickled
    assert pickle.loads(pickled).pool_max_size == settings.pool_max_size
    assert master not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_control_a_pickle_without_the_rule_would_hold_the_master_keys(master: str) -> None:
    settings = Settings(master_keys=master)  # type: ignore[arg-type]
    assert master.encode() in pickle.dumps(vars(settings))


# Rotation


def test_after_a_rotation_the_old_master_is_needed_no_more(home: KeyHome, master: str) -> None:
    newer = Fernet.generate_key().decode()
    before = Keyring(home, MasterKeys([master]))
    users = [uuid4() for _ in range(7)]
    contents = {user: before.encrypting_key(user).encrypt_field(b"x", identity="1", field="data") for user in users}
    before.destroy(users[0])
    both = Keyring(home, MasterKeys([newer, master]))
    *_, planned = rotate(both, dry_run=True, batch=2)
    assert (planned.keys, planned.rewrapped, planned.destroyed) == (7, 6, 1)
    *_, done = rotate(both, batch=2)
    assert (done.rewrapped, done.current, done.unreadable) == (6, 0, 0)
    *_, again = rotate(both, batch=2)
    assert (again.rewrapped, again.current) == (0, 6)
    after = Keyring(home, MasterKeys([newer]))
    for user in users[1:]:
        key = after.encrypting_key(user)
        assert key.open_field(contents[user], user_id=user, field="data") == b"x"


def test_a_rotation_that_was_stopped_goes_on(home: KeyHome, master: str) -> None:
    newer = Fernet.generate_key().decode()
    before = Keyring(home, MasterKeys([master]))
    for _ in range(6):
        before.encrypting_key(uuid4())
    both = Keyring(home, MasterKeys([newer, master]))
    assert next(iter(rotate(both, batch=2))).rewrapped == 2  # and here its process is killed
    *_, rest = rotate(both, batch=2)
    assert (rest.rewrapped, rest.current) == (4, 2)


def test_control_before_the_rotation_the_new_master_alone_opens_nothing(home: KeyHome, master: str) -> None:
    user = uuid4()
    Keyring(home, MasterKeys([master])).encrypting_key(user)
    alone = Keyring(home, MasterKeys([Fernet.generate_key().decode()]))
    with pytest.raises(KeyUnavailable, match="no master key"):
        alone.encrypting_key(user)
    *_, found = rotate(alone)
    assert (found.unreadable, found.rewrapped) == (1, 0)


# The erasure ledger


def test_keys_in_the_database_itself_need_a_ledger(database_url: str, master: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"master_keys": master, "key_home": "database"}
    with pytest.raises(LedgerMissing):
        open_keyring(Settings(**given), database_url)
    ledger = tmp_path / "ledger"
    with_ledger = Settings(**given, erasure_ledger=str(ledger))
    ring = open_keyring(with_ledger, database_url)
    ring.encrypting_key(uuid4())
    ring.close()
    ledger.unlink()
    with pytest.raises(LedgerMissing, match="cannot be read"):
        open_keyring(with_ledger, database_url)


@pytest.mark.parametrize("kind", ["file", pytest.param("database", marks=pytest.mark.database)])
def test_a_ledger_that_is_ahead_destroys_before_the_first_key_is_opened(
    home: KeyHome, masters: MasterKeys, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "file":
        ledger: Any = FileLedger(tmp_path / "ledger")
        ledger.create()
    else:
        from runfold.keys.ledger import DatabaseLedger

        ledger = DatabaseLedger(request.getfixturevalue("empty_database_url"), Settings())
    erased, kept = uuid4(), uuid4()
    ring = Keyring(home, masters, ledger=ledger)
    key, other = ring.encrypting_key(erased), ring.encrypting_key(kept)
    restored = {user: home.get(user) for user in (erased, kept)}
    ring.destroy(erased)
    ring.destroy(erased)
    assert [(one.user_id, one.key_ids) for one in ledger.entries()] == [(erased, (key.key_id,))]
    older = _Restored(home, restored)
    late = Keyring(older, masters, ledger=ledger)
    assert late.opening_key(kept, other.key_id) is not None
    assert late.opening_key(erased, key.key_id) is None
    without = Keyring(_Restored(home, restored), masters)
    assert without.opening_key(erased, key.key_id) is not None  # the control: what the ledger prevents
    ledger.close()


class _Restored:
    """A home as an older backup has it."""

    needs_ledger = True
    description = "a backup"

    def __init__(self, home: KeyHome, keys: dict[Any, list[StoredKey]]) -> None:
        self.home = home
        self.keys = dict(keys)

    def get(self, user_id: Any) -> list[StoredKey]:
        return self.keys.get(user_id, [])

    def destroy(self, user_id: Any, at: datetime) -> list[StoredKey]:
        self.keys[user_id] = [key.destroyed(at) for key in self.keys.get(user_id, [])]
        return self.keys[user_id]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.home, name)
