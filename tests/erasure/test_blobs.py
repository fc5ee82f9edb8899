"""An erasure deletes a tenant's blobs, in the database and in a folder, and leaves those of others."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold
from runfold.settings import load_settings
from tests.fixtures.commands import run_command
from tests.fixtures.processes import worker
from tests.memory.conftest import add_user


@pytest.mark.parametrize("in_folder", [False, True])
def test_a_tenants_blobs_go_with_it(database_url: str, tmp_path: Path, in_folder: bool) -> None:
    users = [add_user(database_url), add_user(database_url)]
    folder = tmp_path / "blobs" if in_folder else None
    with runfold.connect(database_url, settings=load_settings(blob_folder=folder)) as store:
        kept = [store.put_blob(os.urandom(1000), user_id=user) for user in users]
        assert len(kept) == 2
        done = erase(database_url, users[0], folder)
        assert done["rows"]["runfold.blobs"] == 1
        assert done["left"] == {}
        assert done["blobs_deleted"] == (1 if in_folder else None)
        assert store.get_blob(kept[1], user_id=users[1])
        with pytest.raises(runfold.errors.BlobMissing):
            store.get_blob(kept[0], user_id=users[0])
    if folder is not None:
        assert [path.name for path in folder.iterdir()] == [str(users[1])]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT user_id FROM runfold.blobs").fetchall() == [(users[1],)]


def test_control_without_the_folder_its_files_stay(database_url: str, tmp_path: Path) -> None:
    user = add_user(database_url)
    folder = tmp_path / "blobs"
    with runfold.connect(database_url, settings=load_settings(blob_folder=folder)) as store:
        store.put_blob(b"stays", user_id=user)
    assert erase(database_url, user, None)["blobs_deleted"] is None
    assert [path.name for path in folder.iterdir()] == [str(user)]


def erase(url: str, user: UUID, folder: Path | None) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "RUNFOLD_DATABASE_URL": url}
    if folder is not None:
        environment["RUNFOLD_BLOB_FOLDER"] = str(folder)
    with worker(url):
        done = run_command("tenant", "erase", str(user), "--yes", "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
