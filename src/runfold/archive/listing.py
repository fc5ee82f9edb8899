"""What is archived: the database's entries and the folder's files side by side, and whether they are as they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

from runfold.archive.files import Manifest, read_manifest, verify_file
from runfold.errors import ArchiveDamaged, ArchiveMissing
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.archive")


@dataclass(frozen=True, slots=True)
class Archive:
    """A segment that has a file, as the database has it entered; hashes are hexadecimal.

    `left_events` of its `events` are in the file only, of `left_streams` streams.
    """

    from_position: int
    to_position: int
    file: str
    sha256: str
    bytes: int
    events: int
    digest: str
    written_at: datetime
    state: str
    swapped_at: datetime | None
    left_events: int
    left_streams: int
    erased: list[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """A segment's file: `found` says `ok`, `missing`, `changed`, `damaged` or `not archived in this log`."""

    file: str
    found: str
    archive: Archive | None
    text: str | None = None


def read_archives(connection: psycopg.Connection[Any]) -> list[Archive]:
    """Return every segment that has a file, in the order of the log."""
    with connection.cursor(row_factory=class_row(Archive)) as cursor:
        return cursor.execute(statement("archives")).fetchall()


def list_archives(connection: psycopg.Connection[Any], folder: Path | None) -> list[Finding]:
    """Return every segment that has a file, and the folder's files that this log does not know; looks at manifests.

    Without a folder only the database's entries are looked at. A file is `changed` if its size or its manifest differs.
    """
    archives = read_archives(connection)
    if folder is None:
        return [Finding(each.file, "ok", each) for each in archives]
    known = {each.file for each in archives}
    strangers = [
        Finding(path.name, "not archived in this log", None)
        for path in sorted(folder.glob("events-*.parquet"))
        if path.name not in known
    ]
    return [_look(folder, each) for each in archives] + strangers


def verify_archives(
    connection: psycopg.Connection[Any], folder: Path, from_position: int = 1, to_position: int | None = None
) -> Iterator[Finding]:
    """Read every file of a range of the log, and return what was found of each: sha256, counts and digests."""
    for archive in read_archives(connection):
        if archive.to_position < from_position or (to_position is not None and archive.from_position > to_position):
            continue
        found = _look(folder, archive)
        if found.found == "ok":
            try:
                verify_file(folder, read_manifest(folder / archive.file))
            except ArchiveMissing as error:
                found = Finding(archive.file, "missing", archive, str(error))
            except ArchiveDamaged as error:
                found = Finding(archive.file, "damaged", archive, str(error))
        yield found


def _look(folder: Path, archive: Archive) -> Finding:
    path = folder / archive.file
    try:
        manifest = read_manifest(path)
        size = manifest.path(folder).stat().st_size
    except ArchiveMissing as error:
        return Finding(archive.file, "missing", archive, str(error))
    except ArchiveDamaged as error:
        return Finding(archive.file, "damaged", archive, str(error))
    if size != archive.bytes or not _agrees(manifest, archive):
        return Finding(archive.file, "changed", archive, f"{path} or its manifest is not what was entered for it")
    return Finding(archive.file, "ok", archive)


def _agrees(manifest: Manifest, archive: Archive) -> bool:
    given = (manifest.from_position, manifest.to_position, manifest.sha256, manifest.events, manifest.digest)
    return given == (archive.from_position, archive.to_position, archive.sha256, archive.events, archive.digest)
