"""Opens a log wherever it comes from: a file, a pipe or standard input, plain or gzipped.

What a file is, is seen by its first bytes and never by its name, and nothing is read twice: a pipe cannot be rewound.
"""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runfold.errors import ImportFailed

CHUNK = 64 * 1024
STANDARD_INPUT = Path("-")

_GZIP = b"\x1f\x8b"
_PACKED = {
    b"PK\x03\x04": ("a zip archive", "unzip -p"),
    b"BZh": ("packed by bzip2", "bzip2 -dc"),
    b"\xfd7zXZ\x00": ("packed by xz", "xz -dc"),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "zstd -dc"),
    b"7z\xbc\xaf": ("a 7z archive", "7z x -so"),
}
_LONGEST_MAGIC = 6


@dataclass(frozen=True, slots=True)
class Source:
    """A log that is open: what it is called in messages, its name if it has none inside, and its bytes, unpacked.

    `name` is None for what is not a file: a pipe has another name in every run, and ids are made from the log's name.
    """

    shown: str
    name: str | None
    chunks: Iterator[bytes]


def check_readable(path: Path) -> None:
    """Raise ImportFailed where there is no such file to read; a pipe is not touched."""
    if path != STANDARD_INPUT and (path.is_file() or path.is_dir() or not path.exists()):
        try:
            path.open("rb").close()
        except OSError as unreadable:
            raise unreadable_log(str(path), unreadable) from unreadable


def unreadable_log(shown: str, error: OSError) -> ImportFailed:
    """Return what a caller is to know about an OSError of open or read."""
    return ImportFailed(f"{shown} cannot be read: {error.strerror or error}", hint="check the path and its permissions")


@contextmanager
def open_source(path: Path, *, on_bytes: Callable[[int], None] | None = None) -> Iterator[Source]:
    """Open a log, `-` for standard input. `on_bytes` gets the number of bytes read so far, packed ones if they are.

    Raises OSError here and while the bytes are read, and then zlib.error and EOFError as well where they are packed.
    """
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise OSError("it is closed")
        yield Source("standard input", None, _chunks(sys.stdin.buffer, "standard input", on_bytes))
        return
    with path.open("rb") as raw:
        name = path.name.removesuffix(".gz").removesuffix(".xes") or path.name
        yield Source(path.name, name if path.is_file() else None, _chunks(raw, path.name, on_bytes))


def _chunks(raw: BinaryIO, shown: str, on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    begun = _Begun(raw)
    if (packed := next((what for magic, what in _PACKED.items() if begun.begins_with(magic)), None)) is not None:
        what, unpack = packed
        raise ImportFailed(f"{shown} is {what}", hint=f"unpack it first: {unpack} FILE | runfold import FORMAT -")
    content = gzip.GzipFile(fileobj=io.BufferedReader(begun, CHUNK)) if begun.begins_with(_GZIP) else begun
    while chunk := content.read(CHUNK):
        yield chunk
        if on_bytes is not None:
            on_bytes(begun.count)


class _Begun(io.RawIOBase):
    """A stream whose first bytes have been looked at already and come once more; counts what was read."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self.count = 0
        self._raw = raw
        self._first = b""
        # A pipe gives as few bytes at a time as its writer wrote.
        while len(self._first) < _LONGEST_MAGIC and (more := raw.read(_LONGEST_MAGIC - len(self._first))):
            self._first += more
        self._ahead = self._first

    def begins_with(self, magic: bytes) -> bool:
        return self._first.startswith(magic)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        chunk = self.read(len(view)) or b""
        view[: len(chunk)] = chunk
        return len(chunk)

    def read(self, size: int = -1) -> bytes:
        if self._ahead:
            chunk, self._ahead = self._ahead, b""
        else:
            chunk = _read_some(self._raw, size)
        self.count += len(chunk)
        return chunk


def _read_some(raw: BinaryIO, size: int) -> bytes:
    """What is there, at most `size` bytes; nothing at the end only. A slow pipe must not hold back what it gave."""
    return raw.read1(size) if isinstance(raw, io.BufferedReader) else raw.read(size)
