"""The checks that one statement cannot make: of files, of this installation, of the way to the server.

What they ask the database is in their own transaction, which reads only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runfold.archive.listing import list_archives, read_archives
from runfold.database.connections import embedded_server
from runfold.database.migrations import ensure_migrated, verify_checksums
from runfold.database.sessions import backend_pid
from runfold.errors import MigrationFailed, SchemaNewer, SchemaOutdated
from runfold.health.doctor_checks import Found, NotApplicable, NotChecked, Patient, Severity, check, statement
from runfold.keys.cipher import has_cipher
from runfold.keys.opening import are_configured
from runfold.projections.definition.catalogue import Catalogue, load_catalogue
from runfold.reading.status import read_projections
from runfold.runtime_sql import runtime_sql
from runfold.settings import LOOPBACK, migrations_dir

_reading = runtime_sql("runfold.reading")

_GIB = 1 << 30


@check("schema-outdated", Severity.ERROR, see="how-to/use-your-own-postgresql.md", when=(False, True))
def _schema_outdated(found: Patient) -> Iterator[Found]:
    """The database is not migrated, or lacks migrations of this runfold.

    Commands and engines of this version refuse to work with it.
    """
    try:
        ensure_migrated(found.connection)
    except SchemaOutdated as error:
        yield Found("database", error.message, error.hint or "", facts=error.facts)
    except SchemaNewer:
        return


@check("schema-newer", Severity.ERROR, see="how-to/use-your-own-postgresql.md", when=(False, True))
def _schema_newer(found: Patient) -> Iterator[Found]:
    """A newer runfold has migrated the database.

    This version refuses to work with it, or its workers do: a worker of an older release waits, and engines go on.
    """
    for folds, severity in ((False, Severity.ERROR), (True, Severity.WARNING)):
        try:
            ensure_migrated(found.connection, folds=folds)
        except SchemaNewer as error:
            yield Found("database", error.message, error.hint or "", severity, error.facts)
            return
        except SchemaOutdated:
            return


@check("migrations-edited", Severity.ERROR, see="how-to/use-your-own-postgresql.md")
def _migrations_edited(found: Patient) -> Iterator[Found]:
    """A file of this installation's migrations differs from its checksum.

    `runfold migrate` refuses them all.
    """
    try:
        verify_checksums(found.migrations or migrations_dir())
    except MigrationFailed as error:
        yield Found("migrations", error.message, "reinstall runfold, so that the files are those of the release")


@check("behind-pooler", Severity.WARNING, see="how-to/use-your-own-postgresql.md")
def _behind_pooler(found: Patient) -> Iterator[Found]:
    """A pooler that shares sessions is between this URL and PostgreSQL.

    Engines and lists work through it. A worker needs a session of its own, and refuses to begin.
    """
    if backend_pid(found.connection) != found.connection.info.backend_pid and not found.settings.session_pooler:
        yield Found(
            "connection",
            "a pooler shares sessions between this URL and PostgreSQL: a worker cannot lead through it",
            "give the worker the address of PostgreSQL itself",
        )


@check("projection-version", Severity.ERROR, see="how-to/rebuild-and-verify.md#a-new-file-or-a-new-version-of-one")
def _projection_version(found: Patient) -> Iterator[Found]:
    """A read table was built by another version of its projection's file.

    Its group is stopped, or its old rows mean something else than its new ones.
    """
    for row in read_projections(found.connection, _catalogue(found)):
        if row["built_version"] not in (None, row["version"]):
            archived = found.row(statement("archived_events")) or {"events": 0}
            yield Found(
                f"projection {row['name']}",
                f"its table was built by version {row['built_version']}, and its file is version {row['version']}",
                f"`runfold projection rebuild {row['name']}{' --archived' if archived['events'] else ''}`",
                facts={"archived_events": archived["events"]},
            )


@check("projection-text", Severity.WARNING, see="how-to/rebuild-and-verify.md#a-new-file-or-a-new-version-of-one")
def _projection_text(found: Patient) -> Iterator[Found]:
    """The file of a projection was changed, and its version was not raised.

    Old rows may differ from what the file makes now.
    """
    for row in read_projections(found.connection, _catalogue(found)):
        if row["text_changed"] and row["built_version"] == row["version"]:
            yield Found(
                f"projection {row['name']}",
                "its file has another text than the one that built its table, and the same version",
                f"`runfold projection verify {row['name']}`; raise its version if rows differ",
            )


@check("group-behind", Severity.WARNING, see="how-to/run-the-worker.md", thresholds=("group_lag_seconds",))
def _group_behind(found: Patient) -> Iterator[Found]:
    """A group of projections has not folded an event that was recorded long ago.

    Its tables show the past. A stopped group and one that is tried again are named by other checks.
    """
    groups = _catalogue(found).groups
    limit = found.parameters["group_lag_seconds"]
    head = found.row(statement("safe_head")) or {"position": 0}
    for row in found.rows(_reading("group_states"), {"groups": list(groups)}):
        if row["stopped_error"] is not None or row["retried_error"] is not None:
            continue
        after = row["checkpoint"]
        asked = {
            "after": after,
            "upto": min(head["position"], after + 200_000),
            "types": groups[row["group"]].events,
            "most": 1,
        }
        lag = found.row(_reading("group_lag"), asked)
        if lag is not None and lag["lag_events"] and lag["lag_seconds"] > limit:
            yield Found(
                f"group {row['group']}",
                f"its next event was recorded {round(lag['lag_seconds'])} s ago, and it is at {after}",
                "run a worker; if one leads, its log says what it waits for",
                facts={"lag_seconds": lag["lag_seconds"], "checkpoint": after},
            )


@check("archive-file", Severity.ERROR, see="how-to/rebuild-and-verify.md")
def _archive_file(found: Patient) -> Iterator[Found]:
    """A file of the archive is missing, or is not the one that was entered.

    Its events are nowhere else. The size and the manifest are looked at; `runfold archive verify` reads the files.
    """
    segments = read_archives(found.connection)
    if not segments:
        raise NotApplicable("nothing is archived")
    folder = found.settings.archive
    if folder is None:
        raise NotChecked(f"{len(segments)} files are archived, and their folder is not known: set RUNFOLD_ARCHIVE")
    for each in list_archives(found.connection, folder):
        if each.found in ("missing", "changed", "damaged"):
            yield Found(
                f"archive file {each.file}",
                each.text or f"it is {each.found}",
                "restore it and its manifest from a backup, or name the folder that has it in RUNFOLD_ARCHIVE",
                facts={"found": each.found, "folder": str(folder)},
            )


@check("disk-fills", Severity.WARNING, see="how-to/use-your-own-postgresql.md", thresholds=("days_left",))
def _disk_fills(found: Patient) -> Iterator[Found]:
    """The disk of the data directory has little room, or is full soon at the growth of the last week.

    A full disk is an error at each append, and work goes on when there is room again. It can be looked at on the
    server's machine only.
    """
    free = os.statvfs(_data_directory(found))
    free_bytes = free.f_bavail * free.f_frsize
    row = found.row(statement("growth")) or {}
    growth, wal = row.get("bytes_a_day"), row.get("max_wal_bytes") or 0
    if free_bytes < wal:
        yield Found(
            "disk",
            f"{free_bytes / _GIB:.1f} GiB are free, and WAL alone may take {wal / _GIB:.1f} GiB (max_wal_size)",
            "free space, or make max_wal_size smaller",
            severity=Severity.ERROR,
            facts={"free_bytes": free_bytes, "max_wal_bytes": wal},
        )
    elif growth and free_bytes / growth < found.parameters["days_left"]:
        yield Found(
            "disk",
            f"{free_bytes / _GIB:.1f} GiB are free: at the growth of the last week it is full in"
            f" {free_bytes / growth:.0f} days",
            "add room, archive what is old, or keep rows for a shorter time",
            facts={"free_bytes": free_bytes, "bytes_a_day": growth},
        )


@check("cipher-unavailable", Severity.ERROR, see="how-to/encrypt-and-keep-credentials.md")
def _cipher_unavailable(found: Patient) -> Iterator[Found]:
    """Keys are configured, and this installation cannot encrypt.

    AES-GCM-SIV needs `cryptography` with OpenSSL 3.2 or newer. The wheels of PyPI have it.
    """
    if not are_configured(found.settings):
        raise NotApplicable("no keys of tenants are configured here")
    if not has_cipher():
        yield Found(
            "installation",
            "it has no AES-GCM-SIV: encrypted values can be neither written nor opened",
            "pip install 'runfold[encryption]' from PyPI's wheels, which bring OpenSSL 3.2 or newer",
        )


@check("spool-refused", Severity.WARNING, see="how-to/survive-crashes.md", thresholds=("refused_events",))
def _spool_refused(found: Patient) -> Iterator[Found]:
    """The log has refused events of an engine for good.

    They are in the folder's refused.jsonl and nowhere else. Name the folder with `--spool`.
    """
    for spool in _spools(found):
        if spool.refused > found.parameters["refused_events"]:
            yield Found(
                f"spool {spool.folder}",
                f"{spool.refused} events were refused for good",
                f"`runfold spool refused {spool.folder}`; fix the cause, then --resend",
                facts={"refused": spool.refused},
            )


@check("spool-waits", Severity.WARNING, see="how-to/survive-crashes.md", thresholds=("spool_oldest_seconds",))
def _spool_waits(found: Patient) -> Iterator[Found]:
    """Events wait in an engine's spool for long.

    They are on that machine's disk and not in the log. Name the folder with `--spool`.
    """
    now = datetime.now(UTC)
    for spool in _spools(found):
        if spool.oldest is not None and (now - spool.oldest).total_seconds() > found.parameters["spool_oldest_seconds"]:
            yield Found(
                f"spool {spool.folder}",
                f"{spool.events} events wait, the first since {spool.oldest:%Y-%m-%d %H:%M:%S} UTC",
                f"start its engine, or `runfold spool send {spool.folder}`",
                facts={"events": spool.events, "bytes": spool.bytes},
            )


@check("spool-damaged", Severity.ERROR, see="how-to/survive-crashes.md")
def _spool_damaged(found: Patient) -> Iterator[Found]:
    """A file of an engine's spool was damaged, and was set aside.

    Its events are not in the log. Name the folder with `--spool`.
    """
    for spool in _spools(found):
        if spool.damaged:
            yield Found(
                f"spool {spool.folder}",
                f"damaged files were set aside: {', '.join(spool.damaged)}",
                "keep them; what they hold may be in the engine's own log",
            )


def _spools(found: Patient) -> tuple[Any, ...]:
    if not found.spools:
        raise NotApplicable("no spool was named: give the folders of engines with --spool")
    return found.spools


def _catalogue(found: Patient) -> Catalogue:
    chosen = found.settings.projections
    return load_catalogue(*([chosen] if chosen is not None else []))


def _data_directory(found: Patient) -> Path:
    """Return the server's data directory on this machine; raises NotApplicable where it is elsewhere."""
    if found.settings.database_url is None:
        return embedded_server(found.settings).data
    host = found.connection.info.host
    if host not in ("", *LOOPBACK) and not host.startswith("/"):
        raise NotApplicable("the server is on another machine: watch its disk there")
    row = found.row(statement("data_directory"))
    if row is None or row["folder"] is None:
        raise NotChecked(f"it needs pg_read_all_settings: GRANT pg_monitor TO {found.connection.info.user}")
    folder = Path(row["folder"])
    if not os.path.isdir(folder):
        raise NotApplicable("the data directory is not on this machine: watch its disk there")
    return folder
