"""Keys in a folder: one file a tenant, for its owner alone (0600), durable at each change.

What is replaced is overwritten before its space is freed: a destroyed key is in no file. (Copies that a file system or
a disk made by itself, snapshots for instance, are out of reach.) Keep the folder outside of the database's backups.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from runfold.errors import KeyDestroyed, KeyUnavailable
from runfold.files import OWNER_ONLY, write_file
from runfold.keys.home import StoredKey

_FOLDER_MODE = 0o700


class DirectoryKeyHome:
    """Keys in a folder."""

    needs_ledger = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = f"the folder {folder}"

    def get(self, user_id: UUID) -> list[StoredKey]:
        """Return a tenant's keys, the oldest first."""
        return self._read(self._path(user_id))

    def page(self, after: UUID | None = None, limit: int = 1000) -> list[StoredKey]:
        """Return a page of keys by tenant."""
        if not self.folder.is_dir():
            return []
        names = sorted(path.name for path in self.folder.glob("*.json"))
        chosen = [name for name in names if after is None or name > f"{after}.json"][:limit]
        return [key for name in chosen for key in self._read(self.folder / name)]

    def add(self, key: StoredKey) -> None:
        """Add a tenant's new key, and retire its others."""
        with self._locked():
            keys = self.get(key.user_id)
            if any(one.is_destroyed for one in keys):
                raise KeyDestroyed(user_id=key.user_id)
            retired = [replace(one, retired_at=one.retired_at or key.created_at) for one in keys]
            self._write(key.user_id, [*retired, key])

    def reserve(self, key: StoredKey, count: int) -> int:
        """Reserve values under a key."""
        with self._locked():
            keys = self.get(key.user_id)
            counted = [
                replace(one, value_count=one.value_count + count) if one.key_id == key.key_id else one for one in keys
            ]
            self._write(key.user_id, counted)
        return next((one.value_count for one in counted if one.key_id == key.key_id), 0)

    def rewrap(self, keys: Sequence[tuple[StoredKey, bytes]]) -> int:
        """Replace wrapped keys that are still as given."""
        done = 0
        with self._locked():
            for user_id in {key.user_id for key, _ in keys}:
                wanted = {key.key_id: (key.wrapped, wrapped) for key, wrapped in keys if key.user_id == user_id}
                present = self.get(user_id)
                fits = [one.key_id in wanted and wanted[one.key_id][0] == one.wrapped for one in present]
                done += sum(fits)
                changed = [
                    replace(one, wrapped=wanted[one.key_id][1]) if fit else one
                    for one, fit in zip(present, fits, strict=True)
                ]
                if any(fits):
                    self._write(user_id, changed)
        return done

    def destroy(self, user_id: UUID, at: datetime) -> list[StoredKey]:
        """Destroy a tenant's keys for good."""
        with self._locked():
            keys = self.get(user_id)
            destroyed = [key.destroyed(at) for key in keys]
            if destroyed != keys:
                self._write(user_id, destroyed)
        return destroyed

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _path(self, user_id: UUID) -> Path:
        return self.folder / f"{user_id}.json"

    def _read(self, path: Path) -> list[StoredKey]:
        try:
            with path.open("rb") as file:
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise KeyUnavailable(f"others may read the keys in {path}", hint=f"chmod 600 {path}")
                return [_stored(one) for one in orjson.loads(file.read())["keys"]]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise KeyUnavailable(f"the keys in {path} cannot be read: {type(error).__name__}") from None
        except (ValueError, KeyError, TypeError):
            raise KeyUnavailable(
                f"the file {path} holds no keys", hint="restore it from a backup of the keys"
            ) from None

    def _write(self, user_id: UUID, keys: Sequence[StoredKey]) -> None:
        """Replace a tenant's file; what the old one held is overwritten."""
        path = self._path(user_id)
        text = orjson.dumps({"keys": [_written(key) for key in keys]}, option=orjson.OPT_INDENT_2)
        old = path.open("r+b") if path.exists() else None
        write_file(path, text)
        if old is not None:
            with old:
                old.write(bytes(os.fstat(old.fileno()).st_size))
                old.flush()
                os.fsync(old.fileno())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time change the folder."""
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        with os.fdopen(descriptor, "r+b") as file:
            _lock(file.fileno())
            yield


def _lock(descriptor: int) -> None:
    """Wait for the lock of a file, which is released when the file is closed."""
    try:
        import fcntl
    except ImportError:  # Windows: one process changes the keys at a time, or the last one wins
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _written(key: StoredKey) -> dict[str, Any]:
    return {
        "key_id": str(key.key_id),
        "user_id": str(key.user_id),
        "wrapped": None if key.wrapped is None else b64encode(key.wrapped).decode(),
        "created_at": key.created_at,
        "retired_at": key.retired_at,
        "destroyed_at": key.destroyed_at,
        "value_count": key.value_count,
    }


def _stored(said: dict[str, Any]) -> StoredKey:
    def time(name: str) -> datetime | None:
        return None if said[name] is None else datetime.fromisoformat(said[name]).astimezone(UTC)

    created = time("created_at")
    if created is None:
        raise ValueError("a key without created_at")
    return StoredKey(
        key_id=UUID(said["key_id"]),
        user_id=UUID(said["user_id"]),
        wrapped=None if said["wrapped"] is None else b64decode(said["wrapped"]),
        created_at=created,
        retired_at=time("retired_at"),
        destroyed_at=time("destroyed_at"),
        value_count=int(said["value_count"]),
    )
