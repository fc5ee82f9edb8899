"""Verify, rebuild, replay and retry of a log of which a part is archived: with the files, and without them."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from runfold.errors import ArchiveMissing, LogArchived, StreamArchived
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling import archived, pair
from runfold.projections.reconciling.archived_events import ArchivedEvents
from runfold.projections.reconciling.replay import replay
from runfold.projections.reconciling.verify import Verification, verify
from tests.fixtures.archiving import archive_streams
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain
from tests.projections.reconciling.rebuilding import TABLES, Rebuilder, append_everything, damage

SLICED = {item.name for item in load_catalogue().projections if not item.cross_stream}
ACROSS = {item.name for item in load_catalogue().projections if item.cross_stream}
NEVER = ("deployment", "definition", "tenant")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def folded(log: Log, database_url: str) -> Log:
    append_everything(log)
    drain(database_url)
    return log


def may_leave(log: Log) -> list[str]:
    """The streams that could be in an archive; here they need not have ended."""
    return sorted({each.stream_id for each in log.events if each.stream_id.partition("-")[0] not in NEVER})


def half(log: Log, seed: int = 1) -> list[str]:
    streams = may_leave(log)
    return Random(seed).sample(streams, len(streams) // 2)


def digests(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """The md5 of every read table's rows."""
    found = {}
    for table in TABLES:
        rows = connection.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1".encode()).fetchall()
        found[table] = md5("\n".join(row for (row,) in rows).encode()).hexdigest()
    return found


def found(url: str, *names: str, **options: Any) -> dict[str, Verification]:
    with psycopg.connect(url, autocommit=True) as connection:
        return {item.projection: item for item in verify(connection, load_catalogue(), names, **options)}


def test_tables_are_the_same_after_a_rebuild_with_what_is_archived(
    folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path
) -> None:
    before = digests(folded.connection)
    archive_streams(database_url, folder, half(folded), cuts=[len(folded.events) // 3, len(folded.events) // 2])
    assert damage(folded.connection) > 5
    assert digests(folded.connection) != before
    rebuilt = rebuilder(archive=folder)
    assert {item.projection for item in rebuilt.values() if item.archived} == set()
    assert sum(item.differing for item in rebuilt.values()) > 5
    assert digests(folded.connection) == before
    assert sum(item.differing for item in rebuilder(archive=folder).values()) == 0


def test_verify_with_what_is_archived_finds_nothing_in_healthy_tables_and_every_damage(
    folded: Log, database_url: str, folder: Path
) -> None:
    archive_streams(database_url, folder, half(folded), cuts=[7, 8, len(folded.events) // 2])
    healthy = found(database_url, archive=folder)
    assert {name: item.differences for name, item in healthy.items() if item.differing} == {}
    assert set(healthy) == SLICED | ACROSS
    damage(folded.connection)
    assert {name for name, item in found(database_url, archive=folder).items() if item.differing} > {
        "workflow_executions"
    }


def test_control_without_the_files_the_rows_of_archived_streams_would_be_lost(
    folded: Log, database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive_streams(database_url, folder, half(folded))
    monkeypatch.setattr(ArchivedEvents, "behind", lambda self, cursor, after, upto: (upto, "runfold.events"))
    assert found(database_url, archive=folder)["workflow_executions"].differing


def test_without_the_files_rows_of_archived_streams_are_left_and_counted(
    folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path
) -> None:
    before = digests(folded.connection)
    archive_streams(database_url, folder, half(folded))
    seen = found(database_url)
    assert {name for name, item in seen.items() if item.archived} == ACROSS
    assert {name: item.differences for name, item in seen.items() if item.differing} == {}
    assert seen["workflow_executions"].archived_rows > 0
    rebuilt = rebuilder()
    assert {name for name, item in rebuilt.items() if item.archived} == ACROSS
    assert rebuilt["workflow_executions"].archived_rows == seen["workflow_executions"].archived_rows
    assert sum(item.differing for item in rebuilt.values()) == 0
    assert digests(folded.connection) == before


def test_without_the_files_rows_of_other_streams_are_mended(
    folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path
) -> None:
    gone, kept = "a1", "c1"
    before = digests(folded.connection)
    archive_streams(database_url, folder, [f"execution-{gone}", f"log-{gone}"])
    folded.connection.execute("UPDATE public.workflow_executions SET mode = 'RETRY' WHERE execution_id = 'c1'")
    assert found(database_url)["workflow_executions"].differing == 1
    assert rebuilder()["workflow_executions"].updated == 1
    assert digests(folded.connection) == before
    assert kept


def test_control_a_comparison_that_does_not_leave_archived_rows_out_loses_them(
    folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digests(folded.connection)
    archive_streams(database_url, folder, half(folded))
    monkeypatch.setattr(pair, "archived_head", lambda cursor: 0)
    assert rebuilder()["workflow_executions"].deleted > 0
    assert digests(folded.connection) != before


@pytest.mark.parametrize("name", sorted(ACROSS))
def test_a_table_across_streams_is_refused_by_name(
    folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path, name: str
) -> None:
    (manifest,) = archive_streams(database_url, folder, half(folded))
    for refusing in (lambda: rebuilder(name), lambda: found(database_url, name)):
        with pytest.raises(LogArchived) as refused:
            refusing()
        assert name in refused.value.message
        assert manifest.file in refused.value.message
        assert "--archived" in str(refused.value.hint)
        assert refused.value.archived_head == len(folded.events)
    rebuilder(name, archive=folder)


def test_a_table_of_another_version_needs_what_is_archived(
    folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path
) -> None:
    archive_streams(database_url, folder, half(folded))
    folded.connection.execute("UPDATE runfold.projections SET version = 77 WHERE name = 'node_executions'")
    with pytest.raises(LogArchived, match="node_executions was built with version 77"):
        rebuilder("node_executions")
    rebuilder("node_executions", archive=folder)
    assert folded.connection.execute(
        "SELECT version FROM runfold.projections WHERE name = 'node_executions'"
    ).fetchone() == (1,)


def test_a_file_that_is_not_there_is_named_and_nothing_is_written(
    folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path
) -> None:
    before = digests(folded.connection)
    (manifest,) = archive_streams(database_url, folder, half(folded))
    (folder / manifest.file).unlink()
    for refusing in (lambda: rebuilder(archive=folder), lambda: found(database_url, archive=folder)):
        with pytest.raises(ArchiveMissing, match=manifest.file):
            refusing()
    assert digests(folded.connection) == before


def test_what_comes_back_while_a_rebuild_runs_makes_it_begin_again(
    folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the rows of a stream that is restored after its slice was folded would be taken for surplus."""
    before = digests(folded.connection)
    stream = "execution-a1"
    rows = folded.connection.execute("SELECT * FROM runfold.events WHERE stream_id = %s", (stream,)).fetchall()
    archive_streams(database_url, folder, [stream])
    looked = []
    real = archived.archived_head

    def restore_once(group: str, step: str, done: int, of: int) -> None:
        if step == "compare" and not looked:
            looked.append(group)
            with psycopg.connect(database_url) as connection:
                connection.execute("SET session_replication_role = replica")
                for row in rows:
                    marks = ", ".join(["%s"] * len(row))
                    values = [psycopg.types.json.Jsonb(v) if isinstance(v, dict) else v for v in row]
                    connection.execute(f"INSERT INTO runfold.events VALUES ({marks})".encode(), values)
                connection.execute(
                    "UPDATE runfold.streams SET archived_at = NULL, archived_version = NULL, archived_digest = NULL"
                )
                connection.execute("UPDATE runfold.archives SET state = 'restored', left_events = 0, left_streams = 0")

    rebuilder(progress=restore_once)
    assert looked
    assert digests(folded.connection) == before
    assert real(folded.connection.cursor()) == 0


def test_replay_of_an_archived_stream_is_refused_with_its_file(folded: Log, database_url: str, folder: Path) -> None:
    (manifest,) = archive_streams(database_url, folder, ["execution-a1"])
    before = digests(folded.connection)
    for options in ({}, {"dry_run": True}):
        with psycopg.connect(database_url, autocommit=True) as connection, pytest.raises(StreamArchived) as refused:
            replay(connection, load_catalogue(), "execution-a1", **options)
        assert manifest.file in refused.value.message
        assert "runfold archive restore --stream execution-a1" in str(refused.value.hint)
    with pytest.raises(StreamArchived):
        found(database_url, streams=["execution-a1"])
    assert digests(folded.connection) == before


def test_replay_beside_archived_streams_leaves_what_depends_on_them(log: Log, database_url: str, folder: Path) -> None:
    workflow = "00000000-0000-4000-8000-0000000000ff"
    for name in ("old", "new"):
        log.append(f"execution-{name}", *run(name, workflow_id=workflow))
    drain(database_url)
    archive_streams(database_url, folder, ["execution-old"])
    log.connection.execute("UPDATE public.workflow_executions SET mode = 'RETRY'")
    with psycopg.connect(database_url, autocommit=True) as connection:
        done = {item.projection: item for item in replay(connection, load_catalogue(), "execution-new")}
    assert done["workflow_executions"].updated == 1
    modes = log.connection.execute("SELECT execution_id, mode = 'RETRY' FROM public.workflow_executions").fetchall()
    assert dict(modes) == {"old": True, "new": False}


def test_a_late_event_of_an_archived_stream_is_folded_on_its_row(log: Log, database_url: str, folder: Path) -> None:
    log.append("execution-a", *run("a"))
    drain(database_url)
    archive_streams(database_url, folder, ["execution-a"])
    with psycopg.connect(database_url, autocommit=True) as connection:
        ((version,),) = connection.execute("SELECT version FROM runfold.streams").fetchall()
        kind, data = event("ExecutionMetadataSet", metadata={"late": 1})
        from tests.fixtures.logs import append_all

        late: dict[str, Any] = {"type": kind, "data": data, "occurred_at": "2026-01-01T00:00:00Z"}
        late["event_id"] = "00000000-0000-7000-8000-000000000001"
        append_all(connection, [{"stream_id": "execution-a", "expected_version": version, "events": [late]}])
        drain(database_url)
        ((metadata, status),) = connection.execute("SELECT metadata, status FROM public.workflow_executions").fetchall()
        assert (metadata["late"], status) == (1, "SUCCESS")
        assert {item.projection for item in found(database_url, archive=folder).values() if item.differing} == set()
        assert {item.projection for item in found(database_url).values() if item.differing} == set()


NEW_GROUP = ("workflow_execution_logs", "model_calls")


@pytest.fixture
def new_group(folded: Log, database_url: str, folder: Path) -> dict[str, str]:
    """The group `log` as if it were new, where a part of the log is archived; the md5 of its tables from before."""
    before = digests(folded.connection)
    archive_streams(database_url, folder, half(folded))
    folded.connection.execute("DELETE FROM runfold.checkpoints WHERE group_name = 'log'")
    folded.connection.execute("DELETE FROM runfold.projections WHERE group_name = 'log'")
    for table in NEW_GROUP:
        folded.connection.execute(f"DELETE FROM public.{table}".encode())
    return before


def test_a_group_that_begins_below_what_is_archived_waits(
    new_group: dict[str, str], folded: Log, database_url: str, rebuilder: Rebuilder
) -> None:
    waiting = drain(database_url)
    assert "events up to" in waiting["log"]
    assert "--archived" in waiting["log"]
    assert folded.connection.execute("SELECT count(*) FROM public.workflow_execution_logs").fetchall() == [(0,)]
    with pytest.raises(LogArchived, match="begins at position 0"):
        rebuilder(*NEW_GROUP)


def test_with_the_files_it_has_everything_and_goes_on(
    new_group: dict[str, str], folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path
) -> None:
    drain(database_url)
    rebuilder(*NEW_GROUP, archive=folder)
    assert digests(folded.connection) == new_group
    assert drain(database_url) == {}
    folded.append("log-c1", event("LogAppended"))
    drain(database_url)
    assert {item.projection for item in found(database_url, archive=folder).values() if item.differing} == set()
    assert digests(folded.connection) != new_group


def test_without_them_it_begins_when_that_is_said(
    new_group: dict[str, str], folded: Log, database_url: str, rebuilder: Rebuilder, folder: Path
) -> None:
    drain(database_url)
    rebuilder(*NEW_GROUP, skip_archived=True)
    assert drain(database_url) == {}
    assert digests(folded.connection) != new_group
    assert {item.projection for item in found(database_url).values() if item.differing} == set()
