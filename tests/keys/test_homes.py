"""Each home of keys: what it is given it keeps, a destroyed key is gone and its record stays, whoever is faster."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runfold.errors import KeyDestroyed, KeyUnavailable
from runfold.events.ids import new_id
from runfold.keys.directory_home import DirectoryKeyHome
from runfold.keys.home import KeyHome, StoredKey

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_key(user_id: UUID, wrapped: bytes = b"wrapped", at: datetime = NOON) -> StoredKey:
    return StoredKey(new_id(), user_id, wrapped, created_at=at)


def test_a_key_is_kept_and_the_older_one_is_retired(home: KeyHome) -> None:
    user = uuid4()
    first, second = a_key(user), a_key(user, b"newer", NOON + timedelta(days=1))
    home.add(first)
    home.add(second)
    old, new = home.get(user)
    assert (old.key_id, old.wrapped, old.retired_at) == (first.key_id, b"wrapped", second.created_at)
    assert new == second
    assert home.get(uuid4()) == []


def test_a_destroyed_key_leaves_its_record_and_the_tenant_gets_no_other(home: KeyHome) -> None:
    user, other = uuid4(), uuid4()
    key, kept = a_key(user), a_key(other)
    home.add(key)
    home.add(kept)
    (gone,) = home.destroy(user, NOON + timedelta(days=2))
    assert gone.is_destroyed
    assert (gone.key_id, gone.destroyed_at) == (key.key_id, NOON + timedelta(days=2))
    assert home.destroy(user, NOON + timedelta(days=9)) == [gone]
    with pytest.raises(KeyDestroyed):
        home.add(a_key(user))
    assert home.get(other) == [kept]
    assert home.destroy(uuid4(), NOON) == []


def test_pages_go_by_tenant_and_end(home: KeyHome) -> None:
    users = sorted((uuid4() for _ in range(7)), key=str)
    for user in users:
        home.add(a_key(user))
        home.add(a_key(user, at=NOON + timedelta(days=1)))
    seen: list[UUID] = []
    after: UUID | None = None
    while page := home.page(after, 3):
        assert len({key.user_id for key in page}) <= 3
        seen += [key.user_id for key in page]
        after = page[-1].user_id
    assert seen == [user for user in users for _ in range(2)]


def test_a_key_is_rewrapped_unless_somebody_changed_it_meanwhile(home: KeyHome) -> None:
    key, changed, gone = (a_key(uuid4()) for _ in range(3))
    for one in (key, changed, gone):
        home.add(one)
    assert home.rewrap([(changed, b"by another")]) == 1
    home.destroy(gone.user_id, NOON)
    assert home.rewrap([(key, b"again"), (changed, b"again"), (gone, b"again")]) == 1
    assert [home.get(one.user_id)[0].wrapped for one in (key, changed, gone)] == [b"again", b"by another", None]


def test_values_are_counted_by_all_together(home: KeyHome) -> None:
    key = a_key(uuid4())
    home.add(key)

    def reserve() -> None:
        for _ in range(10):
            home.reserve(key, 7)

    threads = [threading.Thread(target=reserve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert home.get(key.user_id)[0].value_count == 280


def test_a_key_that_is_added_while_the_tenant_is_erased_is_destroyed_or_refused(home: KeyHome) -> None:
    for _ in range(10):
        user = uuid4()
        home.add(a_key(user))
        errors: list[Exception] = []

        def add(user: UUID = user, errors: list[Exception] = errors) -> None:
            try:
                home.add(a_key(user))
            except KeyDestroyed as error:
                errors.append(error)

        threads = [threading.Thread(target=add), threading.Thread(target=lambda u=user: home.destroy(u, NOON))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(key.is_destroyed for key in home.get(user))


# The folder


def _contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_destroyed_key_is_in_no_file(tmp_path: Path) -> None:
    folder = DirectoryKeyHome(tmp_path / "keys")
    key = a_key(uuid4(), b"a wrapped key of this test")
    folder.add(key)
    path = folder.folder / f"{key.user_id}.json"
    old = path.open("rb")  # the file that is replaced, which some other process may still hold
    with old:
        assert b"wrapped" in old.read()
        folder.destroy(key.user_id, NOON)
        old.seek(0)
        assert set(old.read()) == {0}
    assert b"YSB3cmFwcGVk" not in _contents(folder.folder)


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = DirectoryKeyHome(tmp_path / "keys")
    key = a_key(uuid4())
    folder.add(key)
    path = folder.folder / f"{key.user_id}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.folder.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(KeyUnavailable, match="others may read"):
        folder.get(key.user_id)


def test_a_file_that_was_cut_is_no_tenant_without_keys(tmp_path: Path) -> None:
    folder = DirectoryKeyHome(tmp_path / "keys")
    key = a_key(uuid4())
    folder.add(key)
    path = folder.folder / f"{key.user_id}.json"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(KeyUnavailable, match="holds no keys"):
        folder.get(key.user_id)


_ADD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from runfold.events.ids import new_id
from runfold.keys.directory_home import DirectoryKeyHome
from runfold.keys.home import StoredKey
home = DirectoryKeyHome(Path(sys.argv[1]))
for _ in range(20):
    home.add(StoredKey(new_id(), UUID(sys.argv[2]), b"wrapped", created_at=datetime.now(UTC)))
"""


@pytest.mark.process
def test_processes_that_add_keys_at_once_lose_none(tmp_path: Path) -> None:
    user = uuid4()
    running = [subprocess.Popen([sys.executable, "-c", _ADD, str(tmp_path / "keys"), str(user)]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert len(DirectoryKeyHome(tmp_path / "keys").get(user)) == 60


# The tables


def _broken(connection: psycopg.Connection[Any], statement: str, parameters: dict[str, Any]) -> str | None:
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute(statement, parameters)
    return refused.value.diag.constraint_name


_KEY = "INSERT INTO runfold.tenant_keys (key_id, user_id, wrapped, created_at, retired_at, destroyed_at, value_count)"
_POLICY = "INSERT INTO runfold.encryption_policies (user_id, event_type, field)"


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("tenant_keys_pkey", f"{_KEY} VALUES (%(known)s, %(user)s, 'x', now(), NULL, NULL, 0)"),
        ("key_is_destroyed_or_there", f"{_KEY} VALUES (%(id)s, %(user)s, NULL, now(), NULL, NULL, 0)"),
        ("key_is_destroyed_or_there", f"{_KEY} VALUES (%(id)s, %(user)s, 'x', now(), NULL, now(), 0)"),
        (
            "key_retires_after_its_creation",
            f"{_KEY} VALUES (%(id)s, %(user)s, 'x', now(), now() - interval '1 s', NULL, 0)",
        ),
        ("values_are_counted", f"{_KEY} VALUES (%(id)s, %(user)s, 'x', now(), NULL, NULL, -1)"),
        ("policy_is_stated_once", f"{_POLICY} VALUES (NULL, '*', 'data')"),
        ("policy_is_of_a_user", f"{_POLICY} VALUES (%(user)s, '*', 'data')"),
        ("event_type_is_given", f"{_POLICY} VALUES (NULL, '', 'data')"),
        ("field_may_be_encrypted", f"{_POLICY} VALUES (NULL, '*', 'execution_id')"),
    ],
)
def test_every_constraint_holds(connection: psycopg.Connection[Any], constraint: str, statement: str) -> None:
    known = uuid4()
    parameters = {"known": known, "id": uuid4(), "user": uuid4()}
    connection.execute(f"{_KEY} VALUES (%(known)s, %(user)s, 'x', now(), NULL, NULL, 0)", parameters)
    connection.execute(f"{_POLICY} VALUES (NULL, '*', 'data')")
    assert _broken(connection, statement, parameters) == constraint


def test_an_engine_neither_destroys_keys_nor_changes_policies(connection: psycopg.Connection[Any]) -> None:
    connection.execute(f"{_KEY} VALUES (gen_random_uuid(), gen_random_uuid(), 'x', now(), NULL, NULL, 0)")
    connection.execute("SET ROLE runfold_engine")
    connection.execute("UPDATE runfold.tenant_keys SET value_count = 1")
    attempts: list[Callable[[], object]] = [
        lambda: connection.execute("UPDATE runfold.tenant_keys SET wrapped = NULL, destroyed_at = now()"),
        lambda: connection.execute("DELETE FROM runfold.tenant_keys"),
        lambda: connection.execute(f"{_POLICY} VALUES (NULL, '*', '*')"),
    ]
    for attempt in attempts:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attempt()
    connection.execute("SET ROLE authenticated")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT FROM runfold.tenant_keys")
