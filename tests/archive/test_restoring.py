"""What left the log comes back where it was, whole, and nothing else ever comes in that way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.archive.files import read_manifest, read_segment, write_manifest, write_segment
from runfold.archive.listing import list_archives, read_archives, verify_archives
from runfold.archive.restoring import Restored, restore_range, restore_stream
from runfold.database.connections import mapped_errors
from runfold.errors import (
    ArchiveDamaged,
    ArchiveDiffers,
    ArchiveMissing,
    EventIdConflict,
    StreamArchived,
    UnknownStream,
    VersionConflict,
)
from tests.archive.segments import Segmented
from tests.fixtures.logs import created, event


@pytest.fixture
def archived(log: Segmented, folder: Path) -> Segmented:
    """A log of three segments, of which most has left; `kept` is the log as it was, `kept_ids` its event ids."""
    log.append("execution-long", created("long"), event("ExecutionStarted"))
    log.runs(5, "a")
    log.fill()
    log.append("execution-long", event("ExecutionSucceeded"))
    log.runs(5, "b")
    log.fill()
    log.folded()
    log.connection.execute("CREATE TABLE public.kept AS SELECT * FROM runfold.events")
    log.connection.execute("CREATE TABLE public.kept_ids AS SELECT * FROM runfold.event_ids")
    log.connection.execute("CREATE TABLE public.kept_streams AS SELECT * FROM runfold.streams")
    assert log.archive(folder).streams == 21
    return log


def differing(log: Segmented) -> list[tuple[Any, ...]]:
    """Rows that the log has and had not, or had and has not, compared as bytes."""
    return log.connection.execute(
        "SELECT count(*) FROM public.kept k FULL JOIN runfold.events e USING (position)"
        " WHERE e.stream_id IS NULL OR k.stream_id IS NULL"
        " UNION ALL SELECT count(*) FROM public.kept k JOIN runfold.events e USING (position)"
        "  WHERE k *<> e"
        " UNION ALL SELECT count(*) FROM public.kept_ids k FULL JOIN runfold.event_ids i USING (event_id)"
        "  WHERE i.stream_version IS DISTINCT FROM k.stream_version"
        " UNION ALL SELECT count(*) FROM public.kept_streams k FULL JOIN runfold.streams s USING (stream_id)"
        "  WHERE ROW(k.*) IS DISTINCT FROM ROW(s.*)"
    ).fetchall()


def test_a_range_comes_back_as_it_was(archived: Segmented, folder: Path) -> None:
    gone = differing(archived)
    assert all(count > 0 for (count,) in (gone[0], gone[2], gone[3]))
    assert restore_range(archived.connection, folder, 1, 100).streams == 11, "and the long stream's other segment"
    assert archived.connection.execute("SELECT runfold.archived_head()").fetchone() == (200,)
    second = restore_range(archived.connection, folder, 1, 10**9)
    assert second.streams == 10
    assert differing(archived) == [(0,)] * 4
    assert [(each.state, each.left_events) for each in read_archives(archived.connection)] == [("restored", 0)] * 2
    assert archived.connection.execute("SELECT runfold.archived_head()").fetchone() == (0,)
    assert restore_range(archived.connection, folder, 1, 10**9) == Restored(0, 0)
    assert archived.archive(folder).files == [], "the files are still there"


def test_one_stream_comes_back_alone(archived: Segmented, folder: Path) -> None:
    assert restore_stream(archived.connection, folder, "execution-long") == Restored(1, 3)
    kept = archived.connection.execute(
        "SELECT * FROM public.kept WHERE stream_id = 'execution-long' ORDER BY position"
    ).fetchall()
    assert archived.rows("stream_id = 'execution-long'") == kept
    assert len(archived.archived()) == 20
    assert restore_stream(archived.connection, folder, "execution-long") == Restored(0, 0)
    with pytest.raises(UnknownStream):
        restore_stream(archived.connection, folder, "execution-nobody")


def test_a_missing_and_a_changed_file_are_said_and_nothing_comes_in(archived: Segmented, folder: Path) -> None:
    before = archived.rows()
    (first, second) = [folder / each.file for each in read_archives(archived.connection)]
    whole = second.read_bytes()
    second.write_bytes(whole[:-1] + b"x")
    with pytest.raises(ArchiveDamaged, match="has changed"):
        restore_stream(archived.connection, folder, "execution-long")
    found = {each.file: each.found for each in verify_archives(archived.connection, folder)}
    assert found == {first.name: "ok", second.name: "damaged"}
    second.write_bytes(whole[:-1])
    assert [each.found for each in list_archives(archived.connection, folder)] == ["ok", "changed"]
    second.unlink()
    with pytest.raises(ArchiveMissing):
        restore_stream(archived.connection, folder, "execution-long")
    assert [each.found for each in list_archives(archived.connection, folder)] == ["ok", "missing"]
    assert archived.rows() == before


def test_what_did_not_leave_never_comes_in(archived: Segmented, folder: Path) -> None:
    """An archive that was written anew with another content, by somebody who may write to the table of archives."""
    before = archived.rows()
    archive = read_archives(archived.connection)[0]
    manifest = read_manifest(folder / archive.file)
    records = [item for group in read_segment(folder / archive.file) for item in group]
    forged = [
        item._replace(data='{"forged": true}')
        if item.stream_id == "execution-a1" and item.stream_version == 2
        else item
        for item in records
    ]
    facts = {name: getattr(manifest, name) for name in ("log", "schema_version", "postgres", "written_at")}
    for content in (forged, [item for item in records if item.stream_id != "execution-a1" or item.stream_version != 2]):
        made = write_segment(folder, content, from_position=1, to_position=100, facts=facts)
        archived.connection.execute(
            "UPDATE runfold.archives SET sha256 = decode(%s, 'hex') WHERE from_position = 1", (made.sha256,)
        )
        with pytest.raises(ArchiveDiffers) as refused, mapped_errors():
            restore_stream(archived.connection, folder, "execution-a1")
        assert refused.value.stream_id == "execution-a1"
    archived.connection.execute("INSERT INTO runfold.restored_events SELECT * FROM public.kept LIMIT 1")
    archived.connection.execute("UPDATE runfold.restored_events SET stream_id = 'execution-new'")
    with pytest.raises(ArchiveDiffers), mapped_errors():
        archived.connection.execute("SELECT runfold.land_restored()")
    assert archived.rows() == before


def test_an_id_that_was_used_since_then_is_said(archived: Segmented, folder: Path) -> None:
    archived.connection.execute(
        "INSERT INTO runfold.event_ids SELECT event_id, 1 FROM public.kept WHERE stream_id = 'execution-a1' LIMIT 1"
    )
    with pytest.raises(EventIdConflict), mapped_errors():
        restore_stream(archived.connection, folder, "execution-a1")
    assert "execution-a1" in archived.archived()


def test_a_restored_database_finds_files_that_it_does_not_know(archived: Segmented, folder: Path) -> None:
    """As after a restore to a moment before the archive was written."""
    archived.connection.execute("DELETE FROM runfold.archives WHERE from_position > 1")
    found = [(each.file, each.found) for each in list_archives(archived.connection, folder)]
    assert found == [
        ("events-000000000001-000000000100.parquet", "ok"),
        ("events-000000000101-000000000200.parquet", "not archived in this log"),
    ]
    manifest = read_manifest(folder / found[0][0])
    write_manifest(folder, manifest.__class__(**{**as_dict(manifest), "events": 99}))
    assert list_archives(archived.connection, folder)[0].found == "changed"


def as_dict(manifest: Any) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in manifest.__dataclass_fields__}


CALL = (
    '[{{"stream_id": "execution-a1", {expected} "events": [{{"event_id": "{id}", "type": "ExecutionMetadataSet",'
    ' "data": {{"metadata": {{}}}}, "occurred_at": "2026-01-01T00:00:00Z"}}]}}]'
)


def append(
    connection: psycopg.Connection[Any], expected: int | None, event_id: str, repeats: str | None = None
) -> tuple[Any, ...] | None:
    text = CALL.format(expected="" if expected is None else f'"expected_version": {expected},', id=event_id)
    with mapped_errors():
        return connection.execute(
            "SELECT version, repeated FROM runfold.append_events(%s, NULL, %s)", (text, repeats)
        ).fetchone()


NEW = "00000000-0000-7000-8000-00000000000{}"


def test_an_archived_stream_takes_an_append_at_its_version_only(archived: Segmented, folder: Path) -> None:
    connection = archived.connection
    version = connection.execute("SELECT version FROM runfold.streams WHERE stream_id = 'execution-a1'").fetchone()
    assert version is not None
    for repeats in (None, "skip"):
        with pytest.raises(StreamArchived, match=r"events-0+1-0+100\.parquet") as refused:
            append(connection, None, NEW.format(1), repeats)
        assert (refused.value.stream_id, refused.value.archived_version) == ("execution-a1", version[0])
        assert refused.value.facts["pointer"] == "/0/stream_id"
    with pytest.raises(StreamArchived):
        append(connection, version[0], NEW.format(1), "skip")
    with pytest.raises(VersionConflict):
        append(connection, 0, NEW.format(1))
    assert append(connection, version[0], NEW.format(1)) == (version[0] + 1, False)
    assert append(connection, version[0], NEW.format(1)) == (version[0] + 1, True), "sent again"
    with pytest.raises(StreamArchived):
        append(connection, None, NEW.format(2))
    # It came back with more than left it: both are there, and the new event stays.
    restore_stream(connection, folder, "execution-a1")
    rows = archived.rows("stream_id = 'execution-a1'")
    assert [row[3] for row in rows] == list(range(1, version[0] + 2))
    assert append(connection, None, NEW.format(2)) == (version[0] + 2, False)


@pytest.mark.parametrize("expected", [None, 0, 7])
def test_a_batch_is_answered_as_an_append_is(archived: Segmented, expected: int | None) -> None:
    def batch() -> tuple[Any, ...] | None:
        with mapped_errors():
            return archived.connection.execute(
                "SELECT version FROM runfold.append_batch(ARRAY['execution-a1'], ARRAY[1], ARRAY[%s::bigint],"
                " NULL, ARRAY[%s::uuid], ARRAY['ExecutionMetadataSet'], NULL,"
                " ARRAY['{\"metadata\": {}}'], NULL, ARRAY[now()])",
                (expected, NEW.format(1)),
            ).fetchone()

    if expected == 7:
        assert batch() == (8,)
    else:
        with pytest.raises(StreamArchived if expected is None else VersionConflict):
            batch()


def test_an_opaque_append_at_the_right_version_is_taken(log: Segmented, folder: Path) -> None:
    connection = log.connection

    def append_opaque(first: int, event_id: str) -> Any:
        with mapped_errors():
            return connection.execute(
                "SELECT * FROM runfold.append_opaque_events('note', ARRAY['x'], ARRAY[%s::bigint], ARRAY[1],"
                " ARRAY['Noted'], ARRAY[1], ARRAY['\\x01'::bytea], ARRAY[%s::uuid], now())",
                (first, event_id),
            ).fetchone()

    connection.execute("INSERT INTO runfold.applications VALUES ('note', 'notes')")
    append_opaque(0, NEW.format(0))
    log.fill()
    log.folded()
    assert log.archive(folder).streams == 0, "there is no policy of its category"
    connection.execute("SELECT runfold.set_archive_policy('note', '1 day')")
    connection.execute("UPDATE runfold.retention SET keep = '0' WHERE category = 'note'")
    assert log.archive(folder).streams == 1
    with pytest.raises(VersionConflict):
        append_opaque(0, NEW.format(0))
    with pytest.raises(VersionConflict):
        append_opaque(3, NEW.format(1))
    append_opaque(1, NEW.format(1))
    assert restore_stream(connection, folder, "note-x") == Restored(1, 1)
    assert [row[3] for row in log.rows("stream_id = 'note-x'")] == [0, 1]


def test_what_was_appended_since_stays_when_the_rest_comes_back(archived: Segmented, folder: Path) -> None:
    """Also when that is in a file of its own, because its segment was archived for the sake of other streams."""
    append(archived.connection, 7, NEW.format(1))
    archived.runs(2, "c")
    archived.fill()
    archived.folded()
    before = archived.whole(folder)
    assert archived.archive(folder).streams == 4
    assert restore_stream(archived.connection, folder, "execution-a1") == Restored(1, 7)
    assert [row[3] for row in archived.rows("stream_id = 'execution-a1'")] == list(range(1, 9))
    assert archived.whole(folder) == before
