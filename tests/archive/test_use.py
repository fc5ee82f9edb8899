"""The archive as people use it: by the command line, by a worker, with other programs, and after an erasure."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import psycopg
import pytest

from runfold.archive.files import read_manifest, read_segment
from runfold.archive.listing import read_archives, verify_archives
from runfold.archive.restoring import restore_range, restore_stream
from runfold.archive.rewriting import rewrite_without
from runfold.database.connections import mapped_errors
from runfold.errors import InvalidInput, TenantErased
from tests.archive.segments import Segmented
from tests.cli.conftest import Answer, run_console_script
from tests.fixtures.logs import TENANT, event
from tests.fixtures.processes import eventually, folded, worker


@pytest.fixture
def closed(log: Segmented) -> Segmented:
    log.runs(5)
    log.fill()
    log.folded()
    return log


def command(database_url: str, *words: str, **environment: str) -> Answer:
    return run_console_script("archive", *words, RUNFOLD_DATABASE_URL=database_url, columns=200, **environment)


@pytest.mark.process
def test_the_command_line(closed: Segmented, database_url: str, folder: Path) -> None:
    given = ("--archive", str(folder))
    before = closed.rows()
    assert command(database_url, "write").code == 2
    dry = command(database_url, "write", "--dry-run", "--older-than", "0s")
    assert dry.out == "10 streams with 40 events would leave the log\n", dry.err
    assert command(database_url, "list").out == "nothing is archived\n"
    assert command(database_url, "write", *given, "--older-than", "1d").out == "0 streams with 0 events left the log\n"
    wrote = command(database_url, "write", *given, "--older-than", "0s")
    (file,) = folder.glob("*.parquet")
    assert wrote.out == f"10 streams with 40 events left the log\nwrote {file}\n", wrote.err
    (listed,) = command(database_url, "list", "--json", RUNFOLD_ARCHIVE=str(folder)).json()
    assert (listed["file"], listed["found"], listed["archive"]["left_streams"]) == (file.name, "ok", 10)
    assert "archived" in command(database_url, "list", *given).out
    assert command(database_url, "verify", *given).code == 0
    assert command(database_url, "restore", *given).code == 2
    assert command(database_url, "restore", "5..4", *given).code == 2
    one = command(database_url, "restore", "--stream", "execution-r1", *given)
    assert one.out == "1 streams with 7 events are in the log again\n", one.err
    assert command(database_url, "restore", "1..100", *given).out == "9 streams with 33 events are in the log again\n"
    assert closed.rows() == before
    file.write_bytes(b"PAR1")
    found = command(database_url, "verify", *given)
    assert (found.code, "is not what was entered" in found.out) == (1, True)
    refused = command(database_url, "restore", "--stream", "execution-nobody", *given)
    assert (refused.code != 0, "there is no stream execution-nobody" in refused.err) == (True, True)


def test_a_leader_archives_once_a_day_where_a_policy_is_on(log: Segmented, database_url: str, folder: Path) -> None:
    log.runs(5)
    log.fill()
    connection = log.connection
    connection.execute("UPDATE runfold.retention SET keep = '0' WHERE category IN ('execution', 'log')")
    connection.execute("UPDATE runfold.retention SET ran_at = now() - interval '25 hours' WHERE kind = 'archive'")
    with worker(database_url):
        eventually(lambda: folded(connection, 101))
    assert log.archived() == set(), "no folder is set"
    with worker(database_url, archive=folder):  # type: ignore[arg-type]
        eventually(lambda: len(log.archived()) == 10)
        eventually(lambda: ran(connection))
    assert len(list(folder.glob("*.parquet"))) == 1
    with_rows = connection.execute(
        "SELECT count(*) FROM public.workflow_executions WHERE status = 'SUCCESS'"
    ).fetchone()
    assert with_rows == (5,), "the rows stay"


def ran(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(
        "SELECT bool_and(ran_at > now() - interval '1 hour') FROM runfold.retention WHERE kind = 'archive'"
    ).fetchone()
    return bool(row and row[0])


def test_duckdb_opens_the_folder_as_it_is(closed: Segmented, folder: Path) -> None:
    before = closed.connection.execute(
        "SELECT position, stream_id, data ->> 'activation', occurred_at, event_id::text FROM runfold.events"
        " WHERE position <= 100 ORDER BY position"
    ).fetchall()
    closed.archive(folder)
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        found = duck.execute(
            "SELECT position, stream_id, json_extract_string(data, '$.activation'), epoch_us(occurred_at), event_id"
            f" FROM read_parquet('{folder}/*.parquet') ORDER BY position"
        ).fetchall()
        kinds = dict(
            duck.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{folder}/*.parquet')").fetchall()
        )
    assert found == [(*row[:3], round(row[3].timestamp() * 1e6), row[4]) for row in before]
    assert kinds["occurred_at"] == "TIMESTAMP WITH TIME ZONE"
    assert (kinds["position"], kinds["data"], kinds["payload"]) == ("BIGINT", "VARCHAR", "BLOB")


def test_the_seals_of_a_segment_are_in_its_manifest_and_verify_from_its_file(closed: Segmented, folder: Path) -> None:
    while closed.connection.execute("SELECT * FROM runfold.seal_range(true)").fetchone() is not None:
        pass
    closed.archive(folder)
    (archive,) = read_archives(closed.connection)
    manifest = read_manifest(folder / archive.file)
    assert manifest.seals
    assert manifest.seals[-1]["last_position"] == 100
    records = [item for group in read_segment(folder / archive.file) for item in group]
    for seal in manifest.seals:
        inside = [item for item in records if seal["first_position"] <= item.position <= seal["last_position"]]
        assert hashlib.sha256(b"".join(item.hash() for item in inside)).hexdigest() == seal["range_digest"]
        assert len(inside) == seal["events"]


OTHER = UUID("6f0c6a3e-0000-4000-8000-000000000001")


def test_an_erased_tenant_stays_in_the_files_as_hashes(closed: Segmented, folder: Path) -> None:
    connection = closed.connection
    closed.log.append("log-other", event("LogAppended"), user_id=OTHER)
    closed.fill()
    closed.folded()
    connection.execute("SELECT runfold.set_archive_policy('log', NULL)")
    closed.archive(folder)
    digests = [each.digest for each in read_archives(connection)]
    with pytest.raises(InvalidInput, match="is not erased"), mapped_errors():
        rewrite_without(connection, folder, str(TENANT))
    connection.execute("INSERT INTO runfold.erased_tenants (user_id, position) VALUES (%s, 1)", (TENANT,))
    first = folder / read_archives(connection)[0].file
    found = rewrite_without(connection, folder, str(TENANT))
    assert found.events > 40
    assert not first.exists()
    archives = read_archives(connection)
    assert [each.digest for each in archives] == digests
    assert [each.erased for each in archives] == [[str(TENANT)]] * len(archives)
    assert [each.found for each in verify_archives(connection, folder)] == ["ok"] * len(archives)
    records = [item for each in archives for group in read_segment(folder / each.file) for item in group]
    assert {(item.data, item.payload) for item in records if item.user_id == str(TENANT)} == {(None, None)}
    assert all(item.data for item in records if item.user_id != str(TENANT))
    assert rewrite_without(connection, folder, str(TENANT)).events == 0
    with pytest.raises(TenantErased):
        restore_stream(connection, folder, "execution-r1")
    restored = restore_range(connection, folder, 1, 10**9)
    assert (restored.streams, restored.erased) == (0, 10)
