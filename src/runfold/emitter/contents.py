"""What a spool holds, read while its emitter may use it: nothing is locked, and nothing changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from runfold.emitter.folder import CURSOR, LOCK, REFUSED, owner_of, read_cursor
from runfold.emitter.replay import read_refused
from runfold.emitter.segments import good_segments, read_records


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a spool: records that are not done yet, since when, for which log, and who has the folder."""

    folder: str
    used_by: int | None
    log: UUID | None
    calls: int
    events: int
    streams: int
    bytes: int
    oldest: datetime | None
    newest: datetime | None
    refused: int
    damaged: list[str]


def is_spool(folder: Path) -> bool:
    """Whether a folder was made by a spool."""
    return folder.is_dir() and ((folder / LOCK).exists() or (folder / CURSOR).exists())


def read_contents(folder: Path) -> Contents:
    """Return what is in a spool. Raises SpoolDamaged."""
    folder = folder.expanduser().absolute()
    cursor = read_cursor(folder)
    calls = events = size = 0
    streams: set[str] = set()
    times: list[float] = []
    log: UUID | None = None
    for segment in good_segments(folder):
        for record in read_records(segment, max(cursor, segment.begin), segment.end):
            log = log or segment.log
            call: list[dict[str, Any]] = orjson.loads(record.call)
            calls, size = calls + 1, size + record.end - record.offset
            events += sum(len(append["events"]) for append in call)
            streams.update(append["stream_id"] for append in call)
            times = [*times[:1], record.spooled_at]
        log = log or segment.log
    return Contents(
        folder=str(folder),
        used_by=owner_of(folder),
        log=log,
        calls=calls,
        events=events,
        streams=len(streams),
        bytes=size,
        oldest=datetime.fromtimestamp(times[0], UTC) if times else None,
        newest=datetime.fromtimestamp(times[-1], UTC) if times else None,
        refused=len(read_refusals(folder)),
        damaged=sorted(path.name for path in folder.glob("damaged-*")),
    )


def read_refusals(folder: Path) -> list[dict[str, Any]]:
    """Return what the log refused for good, each event once, oldest first."""
    path = folder / REFUSED
    return [entry for entry, _ in read_refused(path.read_bytes() if path.exists() else b"")]
