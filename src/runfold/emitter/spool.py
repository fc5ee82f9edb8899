"""The spool: a folder in which an emitter keeps its calls while the database is away. No database is needed for it.

    with Spool.open(folder, log=None, limit=1 << 30) as spool:
        offset = spool.append(call)       # written, not durable
        spool.sync()                      # now all that was appended is: acknowledge it as spooled
        for record in spool.records():    # in order, those of a former process first
            ...                           # offer record.call to the log
            spool.done(record)            # it is in the log, or `refuse` has it: the next one is offered
        spool.bind(log)                   # as soon as a database answers: raises SpoolBelongsElsewhere
        spool.bytes, spool.oldest_seconds, spool.refused_total

A record is a call, byte for byte what `append_events` gets. Records are done in their order. Appending goes on while
records are read: an iterator ends where the spool ended when it was last asked, and a new one goes on from there.

What is promised: after `sync` a record is offered, by whoever opens the folder, until it is done. What a crash can undo
is `done`, because the cursor is not synced: a call is then sent again, which the log recognizes.

One process has the folder, by a lock that a forked child does not inherit. Files are readable by their owner only, and
hold events as they were emitted: fields are encrypted when they are sent.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import orjson

from runfold.database.forks import renew
from runfold.emitter.folder import REFUSED, Cursor, FolderLock, write_at
from runfold.emitter.segments import (
    HEAD,
    TIME,
    Record,
    Segment,
    good_segments,
    header,
    path_of,
    paths,
    read_records,
    record_of,
)
from runfold.errors import InvalidInput, SpoolBelongsElsewhere, SpoolDamaged, SpoolFull
from runfold.files import append_line, opened, sync_folder, write_all, write_file

LIMIT = 1 << 30
LEAST_LIMIT = 1 << 16
_SEGMENT_BYTES = 16 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_log = logging.getLogger(__name__)


class Spool:
    """Calls on disk, in their order, until each is done. Safe to share between threads. Make it by `open`."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self.log: UUID | None = None
        """The log that the records are for; None as long as no database has said it."""
        self._segment_bytes = min(_SEGMENT_BYTES, limit // 4)
        self._lock = threading.RLock()
        self._owner = FolderLock(folder)
        self._file = -1
        self._synced = 0
        self._tail_is_bad = False
        self._skipped = 0
        try:
            self._cursor = Cursor(folder)
        except BaseException:
            self._owner.release()
            raise
        renew(self)

    @classmethod
    def open(cls, folder: str | Path, log: UUID | None = None, *, limit: int = LIMIT) -> Self:
        """Open a folder, made where it is missing, and return its spool. `limit`: bytes on disk, 64 KiB at least.

        `log` is the identity of the log that its records go to, if a database has said it. Raises SpoolTaken,
        SpoolBelongsElsewhere, SpoolDamaged, SpoolFull where the disk has no room, and InvalidInput.
        """
        if limit < LEAST_LIMIT:
            raise InvalidInput(
                f"a spool of {limit} bytes is too small: give it {LEAST_LIMIT} at least",
                code="out_of_range",
                pointer="/spool_limit",
                limit=LEAST_LIMIT,
                found=limit,
            )
        path = Path(folder).expanduser().absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            spool = cls(path, limit)
            try:
                spool._recover()
                spool.bind(log)
            except BaseException:
                spool.close()
                raise
        except OSError as failed:
            raise _unwritable(path, failed) from failed
        return spool

    def append(self, call: bytes) -> int:
        """Write a call behind the others and return its offset; it is durable after `sync`. Raises SpoolFull."""
        if not call:
            raise InvalidInput("a call is empty, and the spool takes none such: give it its bytes", code="required")
        data = record_of(call, time.time())
        with self._lock:
            self._owner.require()
            last = self._segments[-1]
            fills = last.end - last.start >= self._segment_bytes
            is_spent = self._used() + len(data) > self.limit and self.is_empty and not last.is_bare
            if self._tail_is_bad or fills or is_spent:
                self._roll(len(data))
                last = self._segments[-1]
            self._require_room(self._used() + len(data), len(data))
            offset = last.end
            try:
                write_at(self._file, data, offset - last.start)
            except OSError as failed:
                self._cut_tail()
                raise _unwritable(self.folder, failed) from failed
            last.end += len(data)
            return offset

    def sync(self) -> None:
        """Return when all that was appended is on the disk. Raises SpoolFull, and then what was not synced is gone."""
        with self._lock:
            self._owner.require()
            last = self._segments[-1]
            if self._synced == last.end:
                return
            try:
                os.fdatasync(self._file)
            except OSError as failed:
                # After a failed sync the system takes the pages for written: this file is not asked again, and
                # offsets are not used again, because a cursor may be beyond them.
                self._skipped = last.end
                last.end = self._synced
                self._cut_tail()
                self._tail_is_bad = True
                raise _unwritable(self.folder, failed) from failed
            self._synced = last.end

    def records(self) -> Iterator[Record]:
        """Yield the records that are not done, in their order, up to the present end."""
        after = self._cursor.at
        while True:
            with self._lock:
                self._owner.require()
                segment = next((one for one in self._segments if one.end > max(after, one.begin)), None)
                until = 0 if segment is None else segment.end
            if segment is None:
                return
            for record in read_records(segment, max(after, segment.begin), until):
                yield record
                after = record.end

    def done(self, record: Record) -> None:
        """Note that a record is in the log or refused; files of which all records are done are removed."""
        with self._lock:
            self._owner.require()
            oldest = self._oldest()
            if oldest is None or record.offset < oldest[1]:
                return  # it is done already, or a sync that failed took it away
            if record.offset > oldest[1]:
                raise ValueError(f"the record at {record.offset} is done before the one at {oldest[1]}")
            self._cursor.move(record.end)
            self._remove_done()

    def refuse(self, entry: Mapping[str, Any]) -> None:
        """Keep what the log refused for good, with its error, in refused.jsonl; it is durable on return."""
        line = orjson.dumps(dict(entry), default=str) + b"\n"
        with self._lock:
            self._owner.require()
            try:
                append_line(self.folder / REFUSED, line)
            except OSError as failed:
                raise _unwritable(self.folder, failed) from failed
            self.refused_total += 1

    def put_refused(self, lines: list[bytes]) -> None:
        """Keep these lines of refused.jsonl, and no others."""
        with self._lock:
            self._owner.require()
            write_file(self.folder / REFUSED, b"".join(line + b"\n" for line in lines))
            self.refused_total = len(lines)

    def bind(self, log: UUID | None, *, force: bool = False) -> None:
        """Say which log the records go to. Raises SpoolBelongsElsewhere if the folder has some for another one.

        `force` sends them to this one all the same.
        """
        with self._lock:
            self._owner.require()
            known = {one.log for one in self._segments if one.end > max(self._cursor.at, one.begin)} - {None}
            if log is not None and not force and (other := next(iter(known - {log}), None)) is not None:
                raise elsewhere(self.folder, other, log, f"run `runfold spool send {self.folder} --to-this-log`")
            last = self._segments[-1].log if self._segments else None
            self.log = log or next(iter(known), last)
            if not self._segments or last != self.log:
                self._roll(0)

    @property
    def is_empty(self) -> bool:
        """Whether every record is done."""
        return self._oldest() is None

    @property
    def bytes(self) -> int:
        """The bytes of the records that are not done."""
        with self._lock:
            return sum(max(0, one.end - max(self._cursor.at, one.begin)) for one in self._segments)

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest record waits; 0 without one."""
        with self._lock:
            if (oldest := self._oldest()) is None:
                return 0.0
            segment, offset = oldest
            with segment.path.open("rb") as file:
                file.seek(offset - segment.start + HEAD.size)
                spooled_at: int = TIME.unpack(file.read(TIME.size))[0]
        return max(0.0, time.time() - spooled_at / 1_000_000)

    def close(self) -> None:
        """Give the folder free. Records that are not done stay in it."""
        with self._lock:
            self._close_files()
            self._owner.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _after_fork(self) -> None:
        """The folder stays the parent's: the child closes its copies of the files, and any use is refused."""
        self._lock = threading.RLock()
        self._close_files()

    def _close_files(self) -> None:
        self._cursor.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _recover(self) -> None:
        """Read what is there, cut what is torn, and find where to go on."""
        self.refused_total = 0
        with suppress(FileNotFoundError):
            self.refused_total = (self.folder / REFUSED).read_bytes().count(b"\n")
        self._segments = good_segments(self.folder)
        for path in paths(self.folder):
            if path not in {one.path for one in self._segments}:
                path.unlink()  # not even its first record was written whole
        if not self._segments:
            return
        last = self._segments[-1]
        self._cut_to_the_good(last)
        self._file = opened(last.path, os.O_RDWR)
        self._synced = last.end
        # A cursor that is ahead of what a power cut left must not hide what comes next.
        self._tail_is_bad = self._cursor.at > last.end
        self._skipped = self._cursor.at

    def _cut_to_the_good(self, last: Segment) -> None:
        """Cut the last file behind its last good record. What is more than a torn record is kept beside it."""
        good = last.end - last.start
        if last.size <= good:
            return
        with last.path.open("r+b") as file:
            file.seek(good)
            tail = file.read()
            length = HEAD.unpack_from(tail)[0] if len(tail) >= HEAD.size else 0
            if any(tail) and HEAD.size + length < len(tail):
                kept = self.folder / f"damaged-{last.end}"
                write_file(kept, tail)
                _log.warning("%s: %d bytes behind a bad record are now in %s", last.path, len(tail), kept)
            file.truncate(good)
            os.fsync(file.fileno())

    def _roll(self, more: int) -> None:
        """Go on in a new file."""
        if self._segments:
            self.sync()
        before = (self._segments[-1].start, self._segments[-1].end) if self._segments else (0, 0)
        start = max(before[1], self._cursor.at, self._skipped)
        first = header(self.log, start, before)
        waiting = sum(one.end - one.start for one in self._segments if one.end > max(self._cursor.at, one.begin))
        self._require_room(waiting + len(first) + more, more)
        path = path_of(self.folder, start)
        file = -1
        try:
            file = opened(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            write_all(file, first)
            os.fdatasync(file)
            sync_folder(self.folder)
        except OSError as failed:
            if file >= 0:
                os.close(file)
                path.unlink(missing_ok=True)
            raise _unwritable(self.folder, failed) from failed
        if self._file >= 0:
            os.close(self._file)
        self._file = file
        self._tail_is_bad = False
        begin = start + len(first)
        self._segments.append(Segment(path, start, begin, begin, before, self.log, len(first)))
        self._synced = begin
        self._remove_done()

    def _remove_done(self) -> None:
        """Remove the files of which no record waits, but for the one that is written."""
        while len(self._segments) > 1 and self._segments[0].end <= max(self._cursor.at, self._segments[0].begin):
            self._segments.pop(0).path.unlink(missing_ok=True)

    def _oldest(self) -> tuple[Segment, int] | None:
        """The first record that waits."""
        for one in self._segments:
            if one.end > (offset := max(self._cursor.at, one.begin)):
                return one, offset
        return None

    def _used(self) -> int:
        return sum(one.end - one.start for one in self._segments)

    def _cut_tail(self) -> None:
        last = self._segments[-1]
        try:
            os.ftruncate(self._file, last.end - last.start)
        except OSError:
            self._tail_is_bad = True

    def _require_room(self, needed: int, more: int) -> None:
        if needed > self.limit:
            raise SpoolFull(
                f"the spool {self.folder} may have {self.limit:,} bytes, and would have {needed:,} with {more:,} more",
                hint="wait until the database answers, or set a larger spool_limit",
                limit=self.limit,
                bytes=needed - more,
            )


def elsewhere(folder: Path, log: UUID | None, found: UUID | None, otherwise: str) -> SpoolBelongsElsewhere:
    """Return the error of a folder whose events are for another log than the one that is `found`."""
    return SpoolBelongsElsewhere(
        f"{folder} holds events for the log {log}, and this one is {found}",
        hint=f"connect to that log, or {otherwise}",
        folder=str(folder),
        log=str(log),
        found=str(found),
    )


def _unwritable(folder: Path, failed: OSError) -> SpoolFull | SpoolDamaged:
    if failed.errno in _NO_ROOM:
        return SpoolFull(
            f"the spool {folder} cannot be written: {failed.strerror}",
            hint="free some space on its disk, or wait until the database answers",
            limit=None,
            bytes=0,
        )
    return SpoolDamaged(
        f"the spool {folder} cannot be used: {failed.strerror}",
        hint="check the folder and its disk, or give the emitter another folder",
        file=str(failed.filename or folder),
        offset=0,
    )


__all__ = ["LEAST_LIMIT", "LIMIT", "Record", "Spool", "elsewhere"]
