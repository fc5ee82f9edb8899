"""What a restore to a moment leaves ahead of the log, and what to do with each: checks of `--after-restore`.

What lies outside of the database and was not named cannot be looked at: of that a check gives advice, always.
"""

from __future__ import annotations

from collections.abc import Iterator

from runfold.archive.listing import list_archives
from runfold.health.doctor_checks import Found, NotApplicable, Patient, Severity, check, statement
from runfold.keys.opening import open_ledger


@check("restored-log", Severity.ADVICE, see="how-to/after-a-restore.md", when=(True,))
def _restored_log(found: Patient) -> Iterator[Found]:
    """Bookmarks that consumers keep themselves may lie behind the end of the restored log.

    A reader whose bookmark names an event that this log does not have is refused with `log_differs`; one that keeps a
    position alone is not.
    """
    row = found.row(statement("log_end"))
    if row is None:
        return
    recorded = row["recorded_at"]
    end = "it has no event" if recorded is None else f"it ends at {row['position']}, {recorded:%Y-%m-%d %H:%M:%S} UTC"
    yield Found(
        "log",
        f"{end}: a bookmark that lies behind its end is of another log",
        "let consumers keep position and event id, and begin again from an event that both have",
        facts={"position": row["position"], "recorded_at": row["recorded_at"]},
    )


@check("restored-identity", Severity.ADVICE, see="how-to/after-a-restore.md", when=(True,))
def _restored_identity(found: Patient) -> Iterator[Found]:
    """A restored database has the identity of the log that it was restored from.

    That is right where it replaces that one: spools are sent to it. A copy for tests would take them as well.
    """
    row = found.row(statement("identity"))
    if row is not None:
        yield Found(
            "log",
            f"it is the log {row['id']}, as the one that it was restored from",
            "if that one still runs, make this a log of its own: `runfold db adopt --new-identity`",
        )


@check("restored-spools", Severity.ADVICE, see="how-to/after-a-restore.md", when=(True,))
def _restored_spools(found: Patient) -> Iterator[Found]:
    """Spools of engines are offered to the restored log, and fill a part of the gap.

    What was sent before the restore is in no spool any more.
    """
    row = found.row(statement("identity"))
    for spool in found.spools:
        other = spool.log is not None and row is not None and str(spool.log) != str(row["id"])
        yield Found(
            f"spool {spool.folder}",
            f"it holds {spool.events} events" + (" of another log" if other else ""),
            f"`runfold spool send {spool.folder}{' --to-this-log' if other else ''}`, or start its engine",
            severity=Severity.WARNING if spool.events else None,
            facts={"events": spool.events, "of_another_log": other},
        )
    if not found.spools:
        yield Found(
            "spools",
            "engines may hold events on their machines that this log lacks",
            "start the engines, or `runfold spool send DIR`; --spool DIR looks into a folder",
        )


@check("restored-tenants", Severity.ERROR, see="how-to/after-a-restore.md", when=(True,))
def _restored_tenants(found: Patient) -> Iterator[Found]:
    """A tenant that was erased is back: the backup is from before its erasure.

    The erasure ledger, outside of the database, knows it. Without a ledger nobody does.
    """
    ledger = open_ledger(found.settings)
    if ledger is None:
        yield Found(
            "erasure ledger",
            "none is configured: tenants that were erased after the moment that was restored are back",
            "set RUNFOLD_ERASURE_LEDGER, or erase those tenants again by your own list",
            severity=Severity.ADVICE,
        )
        return
    try:
        entries = ledger.entries()
    finally:
        ledger.close()
    erased = {row["user_id"] for row in found.rows(statement("erased_tenants"))}
    for entry in entries:
        if entry.user_id not in erased:
            yield Found(
                f"tenant {entry.user_id}",
                f"it was erased at {entry.destroyed_at:%Y-%m-%d %H:%M:%S} UTC, and this database does not know it",
                f"`runfold tenant erase {entry.user_id}`",
            )


@check("restored-archives", Severity.WARNING, see="how-to/after-a-restore.md", when=(True,))
def _restored_archives(found: Patient) -> Iterator[Found]:
    """A file of the archive was written after the moment that was restored: its segment is in the log again.

    The file does no harm. It is not overwritten, and the segment is written again when its time comes.
    """
    folder = found.settings.archive
    if folder is None:
        raise NotApplicable("no archive is configured: set RUNFOLD_ARCHIVE")
    for each in list_archives(found.connection, folder):
        if each.archive is None:
            yield Found(
                f"archive file {each.file}",
                "this log does not know it: its events are in the log again, or are gone",
                "keep it until the segment is archived again; `runfold archive list` shows it",
            )


@check("restored-seals", Severity.ADVICE, see="how-to/after-a-restore.md", when=(True,))
def _restored_seals(found: Patient) -> Iterator[Found]:
    """Exports of seals may be longer than the restored chain.

    That is a restore and no tampering, and `runfold log seal check` tells the two apart.
    """
    row = found.row(statement("sealed"))
    if row is None or row["position"] is None:
        raise NotApplicable("this log has no seals")
    yield Found(
        "seals",
        f"the chain ends at {row['position']}: an export of later has seals that this log lacks",
        "`runfold log seal check FILE` says whether the export and the log agree up to there",
        facts={"position": row["position"]},
    )


@check("restored-blobs", Severity.ADVICE, see="how-to/after-a-restore.md", when=(True,))
def _restored_blobs(found: Patient) -> Iterator[Found]:
    """Blobs in a folder are at another moment than the log.

    Files that no event refers to do no harm; a value whose file was deleted meanwhile is missing.
    """
    if found.settings.blob_folder is not None:
        yield Found(
            f"folder {found.settings.blob_folder}",
            "its files are of another moment than the restored log",
            "restore the folder of the same moment or a later one; a missing file is named where it is read",
        )
