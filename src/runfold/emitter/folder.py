"""A spool's folder: who has it, and how far it is done."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from runfold.database.forks import renew
from runfold.errors import SpoolTaken
from runfold.files import opened

LOCK = "lock"
CURSOR = "cursor"
REFUSED = "refused.jsonl"

_taken: set[tuple[int, int]] = set()
"""The folders that this process has: the system's lock keeps out other processes, and not this one."""
_taking = threading.Lock()


class FolderLock:
    """Keeps every other spool out of a folder, until it is released or the process ends. A forked child lacks it."""

    def __init__(self, folder: Path) -> None:
        """Take it; raises SpoolTaken."""
        self._folder = folder
        self._pid = os.getpid()
        self._file = -1
        found = folder.stat()
        self._key = (found.st_dev, found.st_ino)
        with _taking:
            # Before the lock's file is opened: a process that closes a second copy of it gives the lock free.
            if self._key in _taken:
                raise taken(folder, os.getpid())
            file = opened(folder / LOCK, os.O_RDWR | os.O_CREAT)
            try:
                # flock would be the child's, too, after a fork, and would outlive this process.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as failed:
                pid = _pid_in(file)
                os.close(file)
                if failed.errno not in (errno.EACCES, errno.EAGAIN):
                    raise
                raise taken(folder, pid) from None
            with suppress(OSError):  # on a full disk no message names this process
                os.ftruncate(file, 0)
                os.pwrite(file, b"%d\n" % self._pid, 0)
            self._file = file
            _taken.add(self._key)
        renew(self)

    def require(self) -> None:
        """Raise SpoolTaken where this process does not have the folder."""
        if self._file < 0:
            raise taken(self._folder, self._pid if self._pid != os.getpid() else None)

    def release(self) -> None:
        """Give the folder free."""
        if self._file >= 0:
            with _taking:
                os.close(self._file)
                self._file = -1
                _taken.discard(self._key)

    def _after_fork(self) -> None:
        global _taking
        _taking = threading.Lock()
        _taken.clear()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Cursor:
    """The offset up to which all is done. It is not synced: one that is behind repeats calls, which the log knows."""

    def __init__(self, folder: Path) -> None:
        self.at = read_cursor(folder)
        self._file = opened(folder / CURSOR, os.O_RDWR | os.O_CREAT)

    def move(self, to: int) -> None:
        """Note how far all is done."""
        self.at = to
        text = b"%020d" % to
        with suppress(OSError):
            os.pwrite(self._file, text + b" %08x\n" % crc32(text), 0)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_cursor(folder: Path) -> int:
    """Return the offset up to which all is done: 0 where that cannot be read, so that calls are repeated."""
    try:
        text, checksum = (folder / CURSOR).read_bytes().split()
        return int(text) if int(checksum, 16) == crc32(text) else 0
    except (OSError, ValueError):
        return 0


def owner_of(folder: Path) -> int | None:
    """Return the process that has the folder, if there is one; never takes the lock."""
    try:
        found = folder.stat()
        if (found.st_dev, found.st_ino) in _taken:
            return os.getpid()  # before the file is opened: closing that would give the lock free
        file = opened(folder / LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return _pid_in(file)
    finally:
        os.close(file)
    return None


def taken(folder: Path, pid: int | None) -> SpoolTaken:
    """Return the error of a folder that another one has."""
    who = "another emitter" if pid is None else "an emitter of this process" if pid == os.getpid() else f"process {pid}"
    return SpoolTaken(
        f"{who} uses the spool {folder}",
        hint="give each emitter a folder of its own, or stop the other one first",
        folder=str(folder),
        pid=pid,
    )


def write_at(file: int, data: bytes, at: int) -> None:
    """Write all bytes at an offset."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written


def _pid_in(file: int) -> int | None:
    text = os.pread(file, 20, 0).strip()
    return int(text) if text.isdigit() else None
