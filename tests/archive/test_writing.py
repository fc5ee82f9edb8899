"""What may leave the log leaves it whole, what must stay stays, and nothing is lost or doubled."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.archive.files import read_manifest
from runfold.archive.listing import read_archives
from runfold.archive.writing import write_archives
from runfold.database.connections import mapped_errors
from runfold.errors import ArchiveDamaged, ArchiveMissing, ArchiveWaits, LogImmutable
from tests.archive.segments import Segmented
from tests.fixtures.logs import created, event, run


def test_old_executions_leave_and_open_ones_stay(log: Segmented, folder: Path) -> None:
    names = log.runs(10)
    log.append("execution-open", created("open"))
    log.append("log-open", event("LogAppended"))
    log.fill()
    log.folded()
    before, ids = log.whole(), log.ids()
    written = log.archive(folder)
    assert log.archived() == {f"{kind}-{name}" for name in names for kind in ("execution", "log")}
    assert log.streams() == {"execution-open", "log-open"}
    assert (written.streams, written.stayed, len(written.files)) == (20, 0, 1)
    assert log.whole(folder) == before
    left = {row[0] for row in log.connection.execute("SELECT event_id FROM runfold.events").fetchall()}
    assert log.ids() == left
    assert ids - left
    (archive,) = read_archives(log.connection)
    assert (archive.from_position, archive.to_position, archive.state) == (1, 100, "archived")
    assert (archive.left_events, archive.left_streams) == (written.events, 20)
    manifest = read_manifest(folder / archive.file)
    assert (manifest.events, manifest.live_streams) == (100, ["execution-open", "log-open"])
    assert log.connection.execute("SELECT runfold.archived_head()").fetchone() == (100,)
    assert log.archive(folder).streams == 0


def test_a_dry_run_counts_and_changes_nothing(log: Segmented, folder: Path) -> None:
    log.runs(3)
    log.fill()
    log.folded()
    before = log.rows()
    written = log.archive(folder, dry_run=True)
    assert (written.streams, written.events, written.files) == (6, 24, [])
    assert not folder.exists()
    assert log.rows() == before
    assert read_archives(log.connection) == []


def test_a_stream_over_several_segments_leaves_all_of_them_at_once(log: Segmented, folder: Path) -> None:
    log.append("execution-long", created("long"), event("ExecutionStarted"))
    log.fill()
    log.fill()
    log.append("execution-long", event("ExecutionSucceeded"))
    log.folded()
    assert log.archive(folder).streams == 0, "its last segment is open"
    log.fill()
    log.folded()
    before = log.whole()
    assert log.archive(folder).streams == 1
    assert log.whole(folder) == before
    assert [each.left_events for each in read_archives(log.connection) if each.state == "archived"] == [2, 1]


STAYS = {
    "it has not ended": "",
    "a group is behind": "UPDATE runfold.checkpoints SET position = 6 WHERE group_name = 'log'",
    "no group has begun": "DELETE FROM runfold.checkpoints",
    "a subscription is behind": "INSERT INTO runfold.subscriptions (name, position, server) VALUES ('s', 6, 'x')",
    "it is parked": "INSERT INTO runfold.parked_streams VALUES ('execution', 'execution-r0', 3, 'XX000', 'bad')",
    "it holds a claim": "INSERT INTO runfold.claims VALUES ('pause', 'p', 'execution-r0', now())",
    "an engine holds it": "hold",
}


@pytest.mark.parametrize("why", STAYS)
def test_what_must_stay_stays(log: Segmented, folder: Path, why: str) -> None:
    log.append("execution-r0", *run("r0")[: -1 if why == "it has not ended" else None])
    log.fill()
    log.folded()
    if STAYS[why]:
        if STAYS[why] == "hold":
            hold(log.connection)
        else:
            log.connection.execute(STAYS[why].encode())
    assert log.archive(folder).streams == 0


def hold(connection: psycopg.Connection[Any]) -> None:
    columns = {
        row[0]
        for row in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'runfold'"
            " AND table_name = 'engines' AND is_nullable = 'NO' AND column_default IS NULL"
        )
    }
    values = {"engine_id": "gen_random_uuid()"}
    names = ", ".join(sorted(columns))
    given = ", ".join(values.get(name, "'10'") for name in sorted(columns))
    connection.execute(
        f"WITH e AS (INSERT INTO runfold.engines ({names}) VALUES ({given}) RETURNING engine_id)"
        " INSERT INTO runfold.holds (execution_id, engine_id, epoch) SELECT 'r0', engine_id, 0 FROM e".encode()
    )


def test_the_policy_of_its_category_says_how_old_a_stream_must_be(log: Segmented, folder: Path) -> None:
    log.runs(1)
    log.fill()
    log.folded()
    connection = log.connection
    assert write_archives(connection, folder).streams == 0, "no policy is on"
    connection.execute("SELECT runfold.set_archive_policy('log', '30 days')")
    assert write_archives(connection, folder).streams == 0
    connection.execute("ALTER TABLE runfold.events DISABLE TRIGGER USER")
    connection.execute("UPDATE runfold.events SET recorded_at = now() - interval '31 days'")
    connection.execute("ALTER TABLE runfold.events ENABLE TRIGGER USER")
    assert write_archives(connection, folder).streams == 1
    assert log.archived() == {"log-r0"}
    assert write_archives(connection, folder, older_than=timedelta(days=32)).streams == 0
    assert write_archives(connection, folder, older_than=timedelta(days=31)).streams == 1


@pytest.mark.parametrize("change", ["an append", "a claim", "a group that begins"])
def test_what_has_changed_since_it_was_chosen_stays(
    log: Segmented, database_url: str, folder: Path, change: str
) -> None:
    log.runs(3)
    log.fill()
    log.folded()
    before = log.whole()
    changes = {
        "a claim": "INSERT INTO runfold.claims VALUES ('pause', 'p', 'execution-r1', now())",
        "a group that begins": "INSERT INTO runfold.checkpoints (group_name, position) VALUES ('mine', 0)",
    }

    def change_it(seconds: float) -> None:
        if change == "an append":
            log.append("execution-r1", event("ExecutionMetadataSet"))
        else:
            log.connection.execute(changes[change].encode())
        holder.rollback()

    # The first try finds the lock taken, and so the change comes between choosing and swapping.
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE runfold.events IN ACCESS SHARE MODE")
        written = log.archive(folder, tries=2, wait=change_it)
    staying = (
        {"execution-r1"} if change != "a group that begins" else {s for s in log.streams() if s != "execution-open"}
    )
    assert written.stayed == len(staying)
    assert log.archived().isdisjoint(staying)
    assert staying <= log.streams()
    if change != "an append":
        assert log.whole(folder) == before
    assert sum(each.left_events for each in read_archives(log.connection)) == written.events


def test_it_waits_while_somebody_holds_the_log_and_says_who(log: Segmented, database_url: str, folder: Path) -> None:
    log.runs(1)
    log.fill()
    log.folded()
    before = log.rows()
    waited: list[float] = []
    with psycopg.connect(database_url, application_name="a long fold") as holder:
        holder.execute("SELECT count(*), pg_sleep(1.1) FROM runfold.events")
        with pytest.raises(ArchiveWaits, match="a long fold"):
            log.archive(folder, tries=3, wait=waited.append)
    assert waited == [30, 30]
    assert log.rows() == before
    assert log.connection.execute("SELECT count(*) FROM runfold.swaps").fetchone() == (0,)
    assert log.archive(folder).streams == 2


def test_two_at_once_do_not_meet(log: Segmented, database_url: str, folder: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 8)")
        with pytest.raises(ArchiveWaits, match="another process"):
            log.archive(folder)


def test_a_file_is_written_once_and_streams_leave_it_later(log: Segmented, folder: Path) -> None:
    log.append("execution-late", created("late"), event("ExecutionStarted"))
    log.runs(2)
    log.fill()
    log.append("execution-late", event("ExecutionSucceeded"))
    log.folded()
    log.archive(folder)
    (first,) = read_archives(log.connection)
    log.fill()
    log.folded()
    before = log.whole(folder)
    written = log.archive(folder)
    assert (written.streams, len(written.files)) == (1, 1), "the file of the second segment only"
    assert log.whole(folder) == before
    again = read_archives(log.connection)[0]
    assert (again.sha256, again.written_at) == (first.sha256, first.written_at)
    assert again.left_events == first.left_events + 2


def test_a_file_that_is_gone_or_changed_stops_what_would_need_it(log: Segmented, folder: Path) -> None:
    log.append("execution-late", created("late"), event("ExecutionStarted"))
    log.runs(2)
    log.fill()
    log.append("execution-late", event("ExecutionSucceeded"))
    log.folded()
    log.archive(folder)
    log.fill()
    log.folded()
    rows = log.rows()
    (archive,) = read_archives(log.connection)
    path = folder / archive.file
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ArchiveDamaged, match="has changed"):
        log.archive(folder)
    path.unlink()
    with pytest.raises(ArchiveMissing):
        log.archive(folder)
    assert log.rows() == rows


def test_the_remainder_is_a_partition_as_any_other(log: Segmented, folder: Path) -> None:
    connection = log.connection
    about = """
        SELECT (SELECT array_agg(regexp_replace(pg_get_indexdef(i.indexrelid), '.* ON [^ ]+ ', '')
                                 ORDER BY i.indkey::text, pg_get_indexdef(i.indexrelid, 1, false))
                  FROM pg_index i WHERE i.indrelid = c.oid),
               (SELECT array_agg(regexp_replace(pg_get_triggerdef(t.oid), ' ON [^ ]+ ', '') ORDER BY t.tgname)
                  FROM pg_trigger t WHERE t.tgrelid = c.oid),
               (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY pg_get_constraintdef(k.oid))
                  FROM pg_constraint k WHERE k.conrelid = c.oid),
               (SELECT array_agg((a.attname, a.atttypid, a.attnotnull, a.attstorage, a.attcompression, a.attcollation,
                                  a.attstattarget)::text ORDER BY a.attnum)
                  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
               c.relrowsecurity, c.relacl, c.reloptions, c.relowner,
               (SELECT count(*) FROM pg_statistic_ext x WHERE x.stxrelid = c.oid)
          FROM pg_class c WHERE c.oid = %s::regclass"""
    log.runs(3)
    log.fill()
    log.folded()
    (partition,) = connection.execute("SELECT partition FROM runfold.segments() LIMIT 1").fetchone() or ("",)
    before = connection.execute(about, (partition,)).fetchone()
    log.archive(folder)
    assert connection.execute("SELECT partition FROM runfold.segments() LIMIT 1").fetchone() == (partition,)
    assert connection.execute(about, (partition,)).fetchone() == before
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'runfold_partitions'::regnamespace AND relkind = 'r'"
        " AND relname ~ '^(remains|left)_'"
    ).fetchall()
    assert tables == []
    with pytest.raises(LogImmutable), mapped_errors():
        connection.execute(f"TRUNCATE {partition}".encode())
    with pytest.raises(LogImmutable), mapped_errors():
        connection.execute("DELETE FROM runfold.events")


def test_a_running_rebuild_keeps_everything_in_the_log(log: Segmented, folder: Path) -> None:
    log.runs(1)
    log.fill()
    log.folded()
    log.connection.execute("INSERT INTO runfold.rebuilds VALUES ('execution', 'd', 1, 1, '{}', 1)")
    assert log.archive(folder).streams == 0
    log.connection.execute("DELETE FROM runfold.rebuilds")
    assert log.archive(folder).streams == 2
