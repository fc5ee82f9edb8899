"""The form of a spool's files: how a record is written, and where a file's readable part ends.

A file is named by the offset of its first byte, and begins with a record of its own: the form's version and the log.
Each record is `u32 length, u32 crc32, body`, little-endian; a body is the time as u64 microseconds, and a call. A
record is never empty, so a file that a power cut filled with zeros does not read as records.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

import orjson

from runfold.errors import SpoolDamaged

FORM = 1
SUFFIX = ".calls"
HEAD = struct.Struct("<II")
TIME = struct.Struct("<Q")
OVERHEAD = HEAD.size + TIME.size
"""The bytes that a record takes besides its call."""


_HEADER_BYTES = 512
"""More than a header has."""


class Record(NamedTuple):
    """A call in the spool. Offsets grow over all files, and are never used again."""

    offset: int
    end: int
    spooled_at: float
    call: bytes


@dataclass(slots=True)
class Segment:
    """One file of a spool, as it was read: `end` is the offset behind its last good record."""

    path: Path
    start: int
    begin: int
    """The offset of its first call."""
    end: int
    before: tuple[int, int]
    """Where the file before it starts, and where its records end; what is behind was never synced."""
    log: UUID | None
    size: int

    @property
    def is_bare(self) -> bool:
        """Whether it has no call."""
        return self.end == self.begin


def framed(body: bytes) -> bytes:
    """Return a body with its length and checksum in front."""
    return HEAD.pack(len(body), crc32(body)) + body


def record_of(call: bytes, spooled_at: float) -> bytes:
    """Return the bytes of a record."""
    return framed(TIME.pack(int(spooled_at * 1_000_000)) + call)


def header(log: UUID | None, start: int, before: tuple[int, int]) -> bytes:
    """Return the record that a file begins with; `before`: the start of the file before it, and its good part's end."""
    named = None if log is None else str(log)
    return framed(orjson.dumps({"form": FORM, "log": named, "start": start, "before": before}))


def path_of(folder: Path, start: int) -> Path:
    """Return where the file that starts at an offset is."""
    return folder / f"{start:020d}{SUFFIX}"


def paths(folder: Path) -> list[Path]:
    """Return the files of a spool in their order."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())


def read_segment(path: Path) -> Segment | None:
    """Return a file's extent; None if not even its first record was written whole. Raises SpoolDamaged."""
    start = int(path.stem)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = _body(file.read(HEAD.size), file.read)
        if first is None and size > _HEADER_BYTES:
            raise damaged(path, 0, start)  # its header was synced before a record came
        if first is None:
            return None
        try:
            said = orjson.loads(first)
            form, log, begins, before = said["form"], said["log"], said["start"], tuple(said["before"])
        except (ValueError, TypeError, KeyError):
            form, log, begins, before = None, None, None, (0, 0)
        if form != FORM or begins != start:
            raise SpoolDamaged(
                f"{path} is not a file of this version's spools",
                hint="send it with the version that wrote it, or move it away to continue without its events",
                file=str(path),
                offset=start,
            )
        begin = end = start + file.tell()
        while (body := _body(file.read(HEAD.size), file.read)) is not None:
            if len(body) <= TIME.size:
                break
            end += HEAD.size + len(body)
    return Segment(path, start, begin, end, before, None if log is None else UUID(log), size)


def read_records(segment: Segment, at: int, until: int) -> Iterator[Record]:
    """Yield the records of a file from the one at offset `at` on, up to the one that ends at `until`."""
    offset = at
    with segment.path.open("rb") as file:
        file.seek(offset - segment.start)
        while offset < until:
            if (body := _body(file.read(HEAD.size), file.read)) is None:
                raise damaged(segment.path, offset - segment.start, offset)
            end = offset + HEAD.size + len(body)
            (spooled_at,) = TIME.unpack_from(body)
            yield Record(offset, end, spooled_at / 1_000_000, body[TIME.size :])
            offset = end


def good_segments(folder: Path) -> list[Segment]:
    """Return the files of a spool, each with the end of its good part. Changes nothing.

    Raises SpoolDamaged where records are missing that were synced: only the last file may be torn.
    """
    found: list[Segment] = []
    files = paths(folder)
    for path in files:
        segment = read_segment(path)
        if segment is None:
            if path != files[-1]:
                raise damaged(path, 0, int(path.stem))
            continue  # it was made, and the first record not yet written
        if found and found[-1].start == segment.before[0]:
            earlier = found[-1]
            if earlier.end < segment.before[1]:
                raise damaged(earlier.path, earlier.end - earlier.start, earlier.end)
            earlier.end = segment.before[1]
        found.append(segment)
    return found


def damaged(path: Path, at: int, offset: int) -> SpoolDamaged:
    """Return the error of a file whose records cannot be read from a byte on."""
    return SpoolDamaged(
        f"{path} cannot be read at byte {at:,}",
        hint="restore it, or move it away to continue without its events",
        file=str(path),
        offset=offset,
    )


def _body(head: bytes, read: Callable[[int], bytes]) -> bytes | None:
    """Return the body that follows a record's head; None where there is none, or where it is not what was written."""
    if len(head) < HEAD.size:
        return None
    length, checksum = HEAD.unpack(head)
    # A length that a torn head made up may be 4 GiB: `read` of a file returns what there is.
    body = read(length) if length else b""
    return body if body and len(body) == length and crc32(body) == checksum else None
