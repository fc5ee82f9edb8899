"""Takes what is old out of the log: closed segments are written to files, and their remainders take their place.

Every step can be interrupted and run again: what a run had begun is ended, or dropped, by the next one.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.archive.files import Manifest, file_name, sha256_of, unchanged_file, write_segment
from runfold.archive.records import WIRE_TYPES, Record, from_wire
from runfold.errors import ArchiveDamaged, ArchiveWaits
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.archive")

log = logging.getLogger(__name__)

# Segments that are swapped in one transaction, so that a stream can leave all of them at once. The next ones begin with
# the last of these. Appends wait for the swap: for each segment a few milliseconds.
SPAN = 8
RETRY_SECONDS = 30.0
TRIES = 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the log that is closed, with its file if it has one."""

    from_position: int
    to_position: int
    file: str | None
    state: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """What left the log, or would: streams, events, the files that were written, and streams that stayed after all."""

    streams: int
    events: int
    files: list[str]
    stayed: int


def write_archives(
    connection: psycopg.Connection[Any],
    folder: Path,
    *,
    older_than: timedelta | None = None,
    dry_run: bool = False,
    wait: Callable[[float], object] = time.sleep,
    tries: int = TRIES,
) -> Written:
    """Archive what may leave the log, and return what did; the connection is in autocommit.

    Which streams leave is for `runfold.choose_leaving` to say. `older_than` archives executions and what belongs to
    them as if each of their policies were that. Raises ArchiveWaits where something held the log's lock at each try,
    and where another process is at it.
    """
    with alone(connection):
        if not dry_run:
            finish(connection)
        streams = events = stayed = 0
        files: list[str] = []
        for window in _windows(closed_segments(connection)):
            bounds = {"from": window[0].from_position, "to": window[-1].to_position, "older_than": older_than}
            with connection.transaction(force_rollback=dry_run):
                found = _row(connection, "choose_leaving", bounds)
            if dry_run or found[0] == 0:
                streams += found[0]
                events += found[1]
                continue
            for segment in window:
                files += _build(connection, folder, segment)
            found = _swap(connection, wait, tries)
            finish(connection)
            streams += found[0]
            events += found[1]
            stayed += found[2]
        return Written(streams, events, files, stayed)


def closed_segments(connection: psycopg.Connection[Any]) -> list[Segment]:
    """Return the segments that nothing can be added to, in their order."""
    (head,) = _row(connection, "safe_head")
    return [Segment(*row) for row in connection.execute(statement("closed_segments"), {"head": head})]


def finish(connection: psycopg.Connection[Any]) -> None:
    """End what an interrupted run had begun: drop what was built for a swap, forget the ids of what has left."""
    connection.execute(statement("drop_remainders"))
    while not forget(connection):
        pass


def forget(connection: psycopg.Connection[Any]) -> bool:
    """Delete the ids of a part of what has left, and its table when all are deleted; return whether nothing is left."""
    return bool(_row(connection, "forget_left")[0])


def _windows(segments: list[Segment]) -> Iterator[list[Segment]]:
    step = max(1, SPAN - 1)
    for first in range(0, max(1, len(segments) - 1), step):
        if window := segments[first : first + SPAN]:
            yield window


def _build(connection: psycopg.Connection[Any], folder: Path, segment: Segment) -> list[str]:
    """Write a segment's file if it has none, and build what remains of it; return the name of what was written."""
    bounds = {"from": segment.from_position, "to": segment.to_position}
    if not _row(connection, "leaves", bounds)[0]:
        return []
    written = _ensure_file(connection, folder, segment)
    _row(connection, "build_remainder", bounds)
    return written


def _ensure_file(connection: psycopg.Connection[Any], folder: Path, segment: Segment) -> list[str]:
    if segment.file is not None and segment.sha256 is not None:
        if segment.state == "archived":
            unchanged_file(folder, segment.file, segment.sha256)
            return []
        path = folder / segment.file
        if path.is_file() and sha256_of(path) == segment.sha256:
            return []
    manifest = write_file_of(connection, folder, segment.from_position, segment.to_position)
    _note(connection, folder, manifest)
    return [manifest.file]


def write_file_of(connection: psycopg.Connection[Any], folder: Path, from_position: int, to_position: int) -> Manifest:
    """Write a closed segment that is whole to its file, and return its manifest; nothing is entered in the database."""
    bounds = {"from": from_position, "to": to_position}
    with connection.cursor(row_factory=dict_row) as cursor:
        facts = dict(cursor.execute(statement("facts")).fetchone() or {})
        facts["seals"] = cursor.execute(statement("seals"), bounds).fetchall()
    facts["live_streams"] = [stream for (stream,) in connection.execute(statement("live_streams"), bounds)]
    return write_segment(
        folder, _records(connection, bounds), from_position=from_position, to_position=to_position, facts=facts
    )


def _records(connection: psycopg.Connection[Any], bounds: dict[str, int]) -> Iterator[Record]:
    with connection.cursor().copy(statement("copy_segment"), bounds) as copy:
        copy.set_types(list(WIRE_TYPES.values()))
        for row in copy.rows():
            yield from_wire(row)


def _note(connection: psycopg.Connection[Any], folder: Path, manifest: Manifest) -> None:
    seal = json.dumps(manifest.seals[-1]) if manifest.seals else None
    entered = _row(
        connection,
        "note_archive",
        {
            "from": manifest.from_position,
            "to": manifest.to_position,
            "file": manifest.file,
            "sha256": manifest.sha256,
            "bytes": manifest.bytes,
            "events": manifest.events,
            "digest": manifest.digest,
            "seal": seal,
            "schema_version": manifest.schema_version,
        },
    )
    if not entered[0]:
        path = folder / file_name(manifest.from_position, manifest.to_position)
        raise ArchiveDamaged(
            f"the log holds another number of events than {path}, which was written from it", file=str(path)
        )


def _swap(connection: psycopg.Connection[Any], wait: Callable[[float], object], tries: int) -> tuple[Any, ...]:
    """Swap what is built; tried again while somebody holds the log's lock, because each try may hold up appends."""
    said = "a lock of the log is held"
    for n in range(tries):
        if n:
            wait(RETRY_SECONDS)
        holder = connection.execute(statement("long_holders")).fetchone()
        if holder is not None:
            said = f"process {holder[0]} ({holder[1] or 'unnamed'}) has held a lock of the log for {holder[2]:.0f} s"
            log.info("the archive waits: %s", said)
            continue
        try:
            return _row(connection, "swap_segments")
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            log.info("the archive waits for a lock of the log")
    connection.execute(statement("drop_remainders"))
    raise ArchiveWaits(f"{said}, and nothing left the log", hint="run it again later; the files that are written stay")


@contextmanager
def alone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Be the only one who changes the archive; raises ArchiveWaits if somebody is."""
    if not _row(connection, "lock")[0]:
        raise ArchiveWaits("another process writes to the archive or restores from it", hint="run it again later")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(statement("unlock"))


def _row(connection: psycopg.Connection[Any], name: Any, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
    row = connection.execute(statement(name), parameters).fetchone()
    assert row is not None
    return tuple(row)
