"""Files that are on the disk when a function returns, and that only their owner reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

OWNER_ONLY = 0o600


def opened(path: Path, flags: int) -> int:
    """Open a file that only its owner reads, and that no child inherits; return its descriptor."""
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), OWNER_ONLY)


def write_all(file: int, data: bytes) -> None:
    """Write all bytes at the file's place."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


@contextmanager
def placed_file(path: Path, *, by: Path | None = None) -> Iterator[BinaryIO]:
    """Write a file in the place of another one, whole or not at all; it is written under the name `by` first."""
    made = path.with_name(f"{path.name}.new") if by is None else by
    try:
        with os.fdopen(opened(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_file(path: Path, data: bytes, *, by: Path | None = None) -> None:
    """Put a file in the place of another one, whole or not at all; it is written under the name `by` first."""
    with placed_file(path, by=by) as file:
        write_all(file.fileno(), data)


def append_line(path: Path, line: bytes) -> None:
    """Append a line to a file, all or nothing."""
    file = opened(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        size = os.fstat(file).st_size
        try:
            write_all(file, line)
            os.fsync(file)
            if size == 0:
                sync_folder(path.parent)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def sync_folder(folder: Path) -> None:
    """Put a folder's names on the disk."""
    if os.name != "posix":
        return
    file = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(file)
    finally:
        os.close(file)
