"""Blobs: once a content and tenant, checked when read, a tenant's own, in the database, a folder or another home."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet

import runfold
from runfold.blobs import references
from runfold.blobs.homes import FolderBlobs
from runfold.blobs.references import in_words, is_reference
from runfold.errors import BlobDamaged, BlobMissing, InvalidInput, PermissionDenied
from runfold.settings import load_settings
from tests.fixtures.commands import run_command
from tests.memory.conftest import ENGINE, add_user


class Elsewhere:
    """A home as a user may write one: an object store in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, str], bytes] = {}

    def put(self, user_id: UUID, sha256: str, content: bytes, /) -> None:
        self.kept[user_id, sha256] = content

    def get(self, user_id: UUID, sha256: str, /) -> bytes | None:
        return self.kept.get((user_id, sha256))

    def delete(self, user_id: UUID, sha256: str, /) -> None:
        self.kept.pop((user_id, sha256), None)

    def delete_all(self, user_id: UUID, /) -> int:
        gone = [key for key in self.kept if key[0] == user_id]
        for key in gone:
            del self.kept[key]
        return len(gone)


@pytest.fixture(params=["database", "folder", "elsewhere"])
def store(request: pytest.FixtureRequest, module_database_url: str, tmp_path: Path) -> Iterator[runfold.Store]:
    chosen = load_settings(blob_folder=tmp_path / "blobs" if request.param == "folder" else None)
    with runfold.connect(module_database_url + ENGINE, settings=chosen) as opened:
        if request.param == "elsewhere":
            opened.keep_blobs_in(Elsewhere())
        yield opened


@pytest.fixture
def user(module_database_url: str) -> UUID:
    return add_user(module_database_url)


def rows(url: str, user: UUID) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT sha256, bytes, type, content FROM runfold.blobs WHERE user_id = %s", [user]
        ).fetchall()


def test_a_content_is_read_by_its_reference(store: runfold.Store, user: UUID) -> None:
    content = os.urandom(3_000_000)
    reference = store.put_blob(content, type="image/png", user_id=user)
    assert reference == {"$blob": sha256(content).hexdigest(), "bytes": 3_000_000, "type": "image/png"}
    assert is_reference(reference)
    assert store.get_blob(reference, user_id=user) == content
    assert store.put_blob(b"", user_id=user) == {
        "$blob": sha256(b"").hexdigest(),
        "bytes": 0,
        "type": "application/octet-stream",
    }


def test_a_content_is_kept_once_a_tenant(store: runfold.Store, user: UUID, module_database_url: str) -> None:
    first = store.put_blob(b"same", user_id=user)
    assert store.put_blob(b"same", user_id=user) == first
    other = add_user(module_database_url)
    assert store.put_blob(b"same", user_id=other) == first
    assert len(rows(module_database_url, user)) == len(rows(module_database_url, other)) == 1
    assert store.delete_blob(first, user_id=user) is True
    assert store.delete_blob(first, user_id=user) is False
    with pytest.raises(BlobMissing):
        store.get_blob(first, user_id=user)
    assert store.get_blob(first, user_id=other) == b"same"


def test_no_tenant_reads_a_blob_of_another(store: runfold.Store, user: UUID, module_database_url: str) -> None:
    reference = store.put_blob(b"mine", user_id=user)
    other = add_user(module_database_url)
    with pytest.raises(BlobMissing):
        store.get_blob(reference, user_id=other)
    with runfold.connect(module_database_url, settings=store._settings) as login:
        if store.blobs.home is not None:
            login.keep_blobs_in(store.blobs.home)
        assert login.as_user(user).get_blob(reference) == b"mine"
        with pytest.raises(BlobMissing):
            login.as_user(other).get_blob(reference)
        assert login.as_user(other).fetch("SELECT * FROM runfold.blobs") == []
        with pytest.raises(PermissionDenied):
            login.as_user(other).fetch("DELETE FROM runfold.blobs")


def test_a_changed_content_is_noticed(store: runfold.Store, user: UUID, module_database_url: str) -> None:
    reference = store.put_blob(b"right", user_id=user)
    home = store.blobs.home
    if isinstance(home, FolderBlobs):
        (home.folder / str(user) / reference["$blob"]).write_bytes(b"wrong")
    elif isinstance(home, Elsewhere):
        home.kept[user, reference["$blob"]] = b"wrong"
    else:
        with psycopg.connect(module_database_url) as connection:
            connection.execute("UPDATE runfold.blobs SET content = 'wrong' WHERE user_id = %s", [user])
    with pytest.raises(BlobDamaged) as damaged:
        store.get_blob(reference, user_id=user)
    assert damaged.value.sha256 == reference["$blob"]


def test_a_content_that_the_home_lost_is_said(store: runfold.Store, user: UUID) -> None:
    if store.blobs.home is None:
        pytest.skip("the content is in the row")
    reference = store.put_blob(b"lost", user_id=user)
    store.blobs.home.delete(user, reference["$blob"])
    with pytest.raises(BlobMissing, match="the content of blob"):
        store.get_blob(reference, user_id=user)


def test_files_are_for_their_owner_only_and_none_is_left_half_written(
    module_database_url: str, tmp_path: Path, user: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = FolderBlobs(tmp_path)
    home.put(user, "a" * 64, b"content")
    (file,) = (tmp_path / str(user)).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        home.put(user, "b" * 64, b"content")
    assert [path.name for path in (tmp_path / str(user)).iterdir()] == ["a" * 64]


def test_the_limit_of_a_blob(store: runfold.Store, user: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "MAX_BLOB_BYTES", 1000)
    store.put_blob(b"x" * 1000, user_id=user)
    with pytest.raises(InvalidInput) as refused:
        store.put_blob(b"x" * 1001, user_id=user)
    assert (refused.value.code, refused.value.pointer) == ("blob_too_large", "/content")
    assert (refused.value.limit, refused.value.found) == (1000, 1001)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [("text", "a/b", "wrong_type"), (b"", "", "blank"), (b"", "x" * 256, "too_long"), (b"", 7, "blank")],
)
def test_bad_contents_and_types_are_refused(
    store: runfold.Store, user: UUID, content: Any, kind: Any, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.put_blob(content, type=kind, user_id=user)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "reference", [{}, None, {"$blob": "x", "bytes": 1, "type": "a"}, {"$blob": "a" * 64}, "a" * 64]
)
def test_what_is_no_reference_is_refused(store: runfold.Store, user: UUID, reference: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.get_blob(reference, user_id=user)
    assert refused.value.code == "not_a_blob"


def test_a_blob_needs_a_user_that_there_is(store: runfold.Store) -> None:
    with pytest.raises(InvalidInput) as missing:
        store.put_blob(b"x")
    assert (missing.value.code, missing.value.pointer) == ("required", "/user_id")
    with pytest.raises(InvalidInput) as unknown:
        store.put_blob(b"x", user_id=uuid4())
    assert unknown.value.code == "unknown_user"


def test_asyncio_has_the_same(module_database_url: str, user: UUID) -> None:
    async def run() -> bytes:
        async with await runfold.connect_async(module_database_url + ENGINE, user_id=user) as store:
            return await store.get_blob(await store.put_blob(b"async"))

    assert asyncio.run(run()) == b"async"


def test_a_tenants_blobs_are_encrypted_where_policies_name_it(database_url: str, tmp_path: Path) -> None:
    user, other = add_user(database_url), add_user(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO runfold.encryption_policies (user_id, event_type, field) VALUES (%s, '*', 'output_data')",
            [user],
        )
    chosen = load_settings(
        master_keys=Fernet.generate_key().decode(), key_home="database", erasure_ledger=str(tmp_path / "ledger")
    )
    (tmp_path / "ledger").touch()
    with runfold.connect(database_url, settings=chosen) as store:
        references_ = [store.put_blob(b"secret content", user_id=tenant) for tenant in (user, other)]
        assert [store.get_blob(each, user_id=tenant) for each, tenant in zip(references_, (user, other), strict=True)]
    ((_, _, _, kept),) = rows(database_url, user)
    ((_, _, _, plain),) = rows(database_url, other)
    assert b"secret" not in kept
    assert plain == b"secret content"


# -- the rules of the table --------------------------------------------------------------------------------------------

SHA = b"a" * 32


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"sha256": b"A" * 31}, "blob_sha256_has_its_length"),
        ({"bytes": -1}, "blob_has_a_size"),
        ({"bytes": references.MAX_BLOB_BYTES + 1}, "blob_has_a_size"),
        ({"type": ""}, "blob_type_is_short"),
        ({"type": "x" * 256}, "blob_type_is_short"),
        ({"sha256": SHA}, "blobs_pkey"),
        ({"user_id": uuid4()}, "blobs_user_id_fkey"),
    ],
)
def test_each_rule_of_the_table(module_database_url: str, user: UUID, changed: dict[str, Any], constraint: str) -> None:
    insert = (
        "INSERT INTO runfold.blobs (user_id, sha256, bytes, type) VALUES (%(user_id)s, %(sha256)s, %(bytes)s, %(type)s)"
    )
    row = {"user_id": user, "sha256": b"b" * 32, "bytes": references.MAX_BLOB_BYTES, "type": "x" * 255}
    with psycopg.connect(module_database_url) as connection:
        connection.execute(insert, row | {"sha256": SHA})
        with pytest.raises(psycopg.IntegrityError) as broken:
            connection.execute(insert, row | changed)
        assert broken.value.diag.constraint_name == constraint
        connection.rollback()


def test_in_words() -> None:
    words = {
        0: "0 bytes",
        999: "999 bytes",
        1500: "1.5 kB",
        250_000: "250 kB",
        3_000_000: "3.0 MB",
        2_000_000_000: "2.0 GB",
    }
    for size, said in words.items():
        assert (
            in_words({"$blob": "a" * 64, "bytes": size, "type": "image/png"}) == f"blob aaaaaaaaaaaa, {said}, image/png"
        )


def test_execution_show_says_size_and_type(database_url: str) -> None:
    user = add_user(database_url)
    environment = {"PATH": os.environ["PATH"], "RUNFOLD_DATABASE_URL": database_url}
    with runfold.connect(database_url, user_id=user) as store:
        reference = store.put_blob(b"x" * 2_500_000, type="application/pdf")
        with store.executions.create(workflow_id=uuid4(), mode="MANUAL") as run:
            with run.node("report", node_type="ACTION") as node:
                node.succeed(reference)
            name = run.execution_id
    assert run_command("worker", "--once", environment=environment).returncode == 0
    shown = run_command("execution", "show", name, "--full", environment=environment).stdout
    assert f"output: blob {reference['$blob'][:12]}, 2.5 MB, application/pdf" in shown
    as_json = json.loads(run_command("execution", "show", name, "--json", environment=environment).stdout)
    assert [node["output_data"] for node in as_json["nodes"]] == [reference]
