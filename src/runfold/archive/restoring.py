"""Brings events of the archive back into the log, where they were: whole streams, and nothing but what left."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg

from runfold.archive.files import read_manifest, read_segment, unchanged_file
from runfold.archive.listing import read_archives
from runfold.archive.records import write_records
from runfold.archive.writing import alone, finish
from runfold.errors import TenantErased, UnknownStream
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.archive")


@dataclass(frozen=True, slots=True)
class Restored:
    """How many streams and events came back, and how many streams cannot, because their tenants are erased."""

    streams: int
    events: int
    erased: int = 0


def restore_range(connection: psycopg.Connection[Any], folder: Path, from_position: int, to_position: int) -> Restored:
    """Restore every stream that has left a range of positions, all of it; the connection is in autocommit.

    Events of such a stream that lie in other segments come back as well. Raises ArchiveMissing, ArchiveDamaged, and
    ArchiveDiffers if a file holds something else than what left.
    """
    bounds = {"from": from_position, "to": to_position}
    with alone(connection):
        finish(connection)
        return _restore(connection, folder, connection.execute(statement("streams_that_left"), bounds).fetchall())


def restore_stream(connection: psycopg.Connection[Any], folder: Path, stream_id: str) -> Restored:
    """Restore one stream, as restore_range does; nothing if it has not left. Raises UnknownStream."""
    with alone(connection):
        finish(connection)
        row = connection.execute(statement("stream_that_left"), {"stream": stream_id}).fetchone()
        if row is None:
            raise UnknownStream(f"there is no stream {stream_id}", stream_id=stream_id)
        if not row[3]:
            return Restored(0, 0)
        found = _restore(connection, folder, [row[:3]])
        if found.erased:
            raise TenantErased(f"the tenant of {stream_id} was erased, and with it what the archive held of it")
        return found


def _restore(connection: psycopg.Connection[Any], folder: Path, left: list[tuple[Any, ...]]) -> Restored:
    connection.execute(statement("clear_restored"))
    if not left:
        return Restored(0, 0)
    first, last = min(row[1] for row in left), max(row[2] for row in left)
    streams = {row[0] for row in left}
    paths = [
        unchanged_file(folder, archive.file, archive.sha256)
        for archive in read_archives(connection)
        if archive.from_position <= last and archive.to_position >= first and archive.state == "archived"
    ]
    erased = {
        item.stream_id
        for path in paths
        if read_manifest(path).erased
        for group in read_segment(path, streams=streams)
        for item in group
        if item.erased is not None
    }
    try:
        with connection.transaction():
            with connection.cursor().copy(statement("copy_restored")) as copy:
                groups = (group for path in paths for group in read_segment(path, streams=streams - erased))
                write_records(copy, chain.from_iterable(groups))
            row = connection.execute(statement("land_restored")).fetchone()
    except BaseException:
        if not connection.closed:
            connection.execute(statement("clear_restored"))
        raise
    assert row is not None
    return Restored(row[0], row[1], len(erased))
