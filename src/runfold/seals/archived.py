"""Ranges of which events have left for the archive: verified by the archive's files, and what remained by these."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from runfold.archive.files import read_segment
from runfold.archive.listing import Archive, read_archives
from runfold.archive.records import Record
from runfold.errors import ArchiveDamaged, ArchiveMissing, ExtraMissing
from runfold.runtime_sql import runtime_sql
from runfold.seals.marks import Difference, Mark, compare_marks

statement = runtime_sql("runfold.seals")

UNREADABLE = (ArchiveMissing, ArchiveDamaged, ExtraMissing)
"""Why a range of the archive is not checked."""


class Compared(NamedTuple):
    """What a file and the log hold of a range: the file's events, what differs, and whether something does."""

    records: Sequence[Record]
    differences: list[Difference]
    differs: bool


class Archives:
    """The segments of which something left the log, and their files, read from the front to the back once."""

    def __init__(self, connection: psycopg.Connection[Any], folder: Path | None) -> None:
        self._connection = connection
        self._folder = folder
        self._file: str | None = None
        self._groups: Iterator[list[Record]] = iter(())
        self._ahead: list[Record] = []

    def of(self, position: int) -> Archive | None:
        """Return the segment of a position, if something of it left the log."""
        for archive in read_archives(self._connection):
            if archive.from_position <= position <= archive.to_position and archive.state == "archived":
                return archive
        return None

    def read(self, archive: Archive, first: int, last: int) -> list[Record]:
        """Return the events that a segment's file holds of a range; ranges are asked for in their order.

        Raises ArchiveMissing, also without a folder, ArchiveDamaged and ExtraMissing.
        """
        if self._folder is None:
            raise ArchiveMissing(
                f"{archive.file} is needed, and no folder of the archive is known", hint="set RUNFOLD_ARCHIVE"
            )
        if self._file != archive.file:
            self._groups = read_segment(self._folder / archive.file, after=first - 1)
            self._file, self._ahead = archive.file, []
        try:
            while not self._ahead or self._ahead[-1].position <= last:
                self._ahead += next(self._groups)
        except StopIteration:
            pass
        except UNREADABLE:
            self._file = None
            raise
        found = [record for record in self._ahead if first <= record.position <= last]
        self._ahead = [record for record in self._ahead if record.position > last]
        return found

    def compare(
        self,
        records: Sequence[Record],
        *,
        sealed: tuple[bytes, dict[int, Mark] | None],
        remaining: tuple[bytes, dict[int, Mark]],
    ) -> Compared:
        """Compare what a file holds of a range with its seal, and what remained in the log with the file.

        `sealed` and `remaining` are a digest and marks. What is not in the log has to have left it as its stream did.
        """
        leaves = {record.position: record.hash() for record in records}
        marks = {
            record.position: Mark(leaves[record.position][:4], UUID(record.event_id).bytes[-4:]) for record in records
        }
        in_file = digest_of(leaves.values()) == sealed[0]
        found = [] if in_file or sealed[1] is None else list(compare_marks(sealed[1], marks))
        kept = remaining[1]
        in_log = kept.keys() <= leaves.keys() and digest_of(leaves[at] for at in sorted(kept)) == remaining[0]
        if not in_log:
            found += [
                Difference(at, "changed" if at in marks else "added")
                for at in sorted(kept)
                if marks.get(at) != kept[at]
            ]
        gone = [record for record in records if record.position not in kept]
        missing = self._without_leave(gone)
        found += [Difference(record.position, "missing") for record in missing]
        return Compared(records, sorted(set(found)), not (in_file and in_log) or bool(missing))

    def _without_leave(self, gone: list[Record]) -> list[Record]:
        """The events that are not in the log although their stream has not left it, or not up to there."""
        rows = self._connection.execute(
            statement("streams_that_left"), {"streams": sorted({record.stream_id for record in gone})}
        ).fetchall()
        left = dict(rows)
        return [record for record in gone if record.stream_version > left.get(record.stream_id, -1)]


def digest_of(leaves: Any) -> bytes:
    """Return the digest of leaves in their order, as runfold.range_digest does."""
    return hashlib.sha256(b"".join(leaves)).digest()
