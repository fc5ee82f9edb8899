"""Homes of blobs beside the database: a folder, or anything that has the four methods of `BlobHome`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol
from uuid import UUID

from runfold.events.ids import new_id
from runfold.files import sync_folder, write_file


class BlobHome(Protocol):
    """Where contents are: a folder, or an object store of yours. Contents are named by tenant and digest.

    The row in `runfold.blobs` says which there are; encryption and checks are done before and after.
    """

    def put(self, user_id: UUID, sha256: str, content: bytes, /) -> None:
        """Keep a content durably; again it changes nothing."""

    def get(self, user_id: UUID, sha256: str, /) -> bytes | None:
        """Return a content, None where there is none."""

    def delete(self, user_id: UUID, sha256: str, /) -> None:
        """Delete a content; one that is not there is no error."""

    def delete_all(self, user_id: UUID, /) -> int:
        """Delete all contents of a tenant, and return how many there were."""


class FolderBlobs:
    """Contents as files `<folder>/<user_id>/<sha256>`, for the owner of the folder only."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).expanduser()

    def put(self, user_id: UUID, sha256: str, content: bytes, /) -> None:
        """Write a file, and return when it is on the disk."""
        path = self._path(user_id, sha256)
        if path.exists():
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A name of its own: two processes may put the same content.
        write_file(path, content, by=path.with_name(f".{new_id().hex}"))

    def get(self, user_id: UUID, sha256: str, /) -> bytes | None:
        """Return a file's content, None without one."""
        try:
            return self._path(user_id, sha256).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, user_id: UUID, sha256: str, /) -> None:
        """Delete a file."""
        self._path(user_id, sha256).unlink(missing_ok=True)

    def delete_all(self, user_id: UUID, /) -> int:
        """Delete the folder of a tenant, and return how many files were in it."""
        folder = self.folder / str(user_id)
        if not folder.is_dir():
            return 0
        count = sum(1 for path in folder.iterdir() if not path.name.startswith("."))
        shutil.rmtree(folder)
        sync_folder(self.folder)
        return count

    def _path(self, user_id: UUID, sha256: str) -> Path:
        return self.folder / str(user_id) / sha256
