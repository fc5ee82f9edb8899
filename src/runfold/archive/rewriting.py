"""Writes files of the archive anew without the data of an erased tenant, whose events stay in them as hashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from runfold.archive.files import Manifest, read_manifest, read_segment, verify_file, write_segment
from runfold.archive.listing import Archive, read_archives
from runfold.archive.records import Record
from runfold.archive.writing import alone, finish
from runfold.errors import InvalidInput
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.archive")

# What write_segment finds out by itself.
_OWN = [
    "file",
    "from_position",
    "to_position",
    "events",
    "first_position",
    "last_position",
    "bytes",
    "sha256",
    "digest",
    "format",
]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """How many events of the tenant are hashes now, and the files that were written for it."""

    events: int
    files: list[str]


def rewrite_without(connection: psycopg.Connection[Any], folder: Path, user_id: str) -> Rewritten:
    """Write each file anew that holds events of an erased tenant; the old files are removed.

    Digests stay as they are, because the hash of an event is what they are made of. A run that was interrupted is run
    again. Raises InvalidInput if the tenant is not erased, ArchiveMissing and ArchiveDamaged.
    """
    user = str(_uuid(user_id))
    connection.execute(statement("require_erased"), {"user": user})
    events, files = 0, []
    with alone(connection):
        finish(connection)
        for archive in read_archives(connection):
            found = _rewrite(connection, folder, archive, user)
            if found is not None:
                files.append(found[0])
                events += found[1]
    return Rewritten(events, files)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no tenant's id", hint="give a UUID", found=text) from None


def _rewrite(connection: psycopg.Connection[Any], folder: Path, archive: Archive, user: str) -> tuple[str, int] | None:
    path = folder / archive.file
    manifest = read_manifest(path)
    affected = sum(item.user_id == user and item.erased is None for group in read_segment(path) for item in group)
    if affected == 0:
        _remove_others(folder, archive.file)
        return None
    verify_file(folder, manifest)
    kept = {name: value for name, value in asdict(manifest).items() if name not in _OWN}
    kept["erased"] = sorted({*manifest.erased, user})
    made = write_segment(
        folder,
        _without(path, user),
        from_position=archive.from_position,
        to_position=archive.to_position,
        facts=kept,
        name=_next_name(archive.file),
    )
    _enter(connection, made)
    _remove_others(folder, made.file)
    return made.file, affected


def _without(path: Path, user: str) -> Iterator[Record]:
    for group in read_segment(path):
        for item in group:
            if item.user_id == user and item.erased is None:
                yield item._replace(data=None, payload=None, metadata="{}", erased=item.hash())
            else:
                yield item


def _enter(connection: psycopg.Connection[Any], made: Manifest) -> None:
    connection.execute(
        statement("note_rewritten"),
        {
            "from": made.from_position,
            "file": made.file,
            "sha256": made.sha256,
            "bytes": made.bytes,
            "digest": made.digest,
            "erased": json.dumps(made.erased),
        },
    )


def _next_name(file: str) -> str:
    stem, _, number = file.removesuffix(".parquet").partition(".")
    return f"{stem}.{int(number or 0) + 1}.parquet"


def _remove_others(folder: Path, file: str) -> None:
    """Remove the segment's other files: the one before, and one that an interrupted run wrote."""
    stem = file.removesuffix(".parquet").partition(".")[0]
    for path in folder.glob(f"{stem}*.parquet"):
        if path.name != file:
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)
