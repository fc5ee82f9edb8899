"""Restored logs, younger clusters, full disks, and forgotten transactions."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

import runfold
from runfold.database.connections import mapped_errors
from runfold.database.migrations import migrate
from runfold.errors import CheckpointAhead, DiskFull
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding import registry
from runfold.projections.reconciling.verify import verify
from tests.fixtures.databases import create_database, drop_database, with_database
from tests.fixtures.evidence import Evidence
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, checkpoint, drain, eventually, folded, worker
from tests.fixtures.servers import PrivateServerFactory
from tests.projections.reconciling.rebuilding import Rebuilder, append_everything, damage
from tests.projections.reconciling.test_commands import typed

LOG_TABLES = ("events", "streams", "event_ids", "claims", "commands")


def server_tool(tool: Path, url: str, *words: str, **options: Any) -> bytes:
    """Run one of PostgreSQL's programs on a database and return its output."""
    info = conninfo_to_dict(url)
    environment = {f"PG{name}": str(info[key]) for name, key in
                   (("HOST", "host"), ("PORT", "port"), ("USER", "user"), ("PASSWORD", "password"),
                    ("DATABASE", "dbname")) if info.get(key)}  # fmt: skip
    done = subprocess.run([tool, *words], env={**os.environ, **environment}, check=True, capture_output=True, **options)
    return done.stdout


# D4


def restore_the_older_log(log: Log, url: str, postgres_bin: Path) -> int:
    """Dump the log, append and fold more, and restore the older log, as an operator in a hurry does; return its end."""
    append_everything(log, appends=5)
    drain(url)
    last = log.events[-1].position
    tables = ["--table=runfold.events", "--table=runfold.events_position", "--table=runfold_partitions.events_*"]
    tables += [f"--table=runfold.{name}" for name in LOG_TABLES[1:]]
    dump = server_tool(postgres_bin / "pg_dump", url, "--data-only", *tables)
    kept = len(log.events)
    append_everything(log, seed=2, appends=5)
    drain(url)
    script = "SET session_replication_role = replica;\n"
    script += "".join(f"TRUNCATE runfold.{name};\n" for name in LOG_TABLES)
    server_tool(postgres_bin / "psql", url, "--quiet", "-v", "ON_ERROR_STOP=1", input=script.encode() + dump)
    del log.events[kept:]
    log.versions = {}
    for item in log.events:
        log.versions[item.stream_id] = item.stream_version
    return last


def test_a_checkpoint_ahead_of_the_log_is_refused_by_all(
    log: Log, database_url: str, rebuilder: Rebuilder, postgres_bin: Path
) -> None:
    last = restore_the_older_log(log, database_url, postgres_bin)
    assert checkpoint(log.connection) > last
    log.append("execution-next", *run("next"))
    waiting = drain(database_url)
    assert set(waiting) == set(load_catalogue().groups)
    assert f"the group execution has folded up to {checkpoint(log.connection)}" in waiting["execution"]
    assert "--restored" in waiting["execution"]
    with psycopg.connect(database_url, autocommit=True) as connection, pytest.raises(CheckpointAhead):
        verify(connection, load_catalogue())
    with pytest.raises(CheckpointAhead) as refused:
        rebuilder("workflow_executions")
    assert (refused.value.code, refused.value.facts["group"]) == ("checkpoint_ahead", "execution")
    assert log.connection.execute("SELECT FROM public.workflow_executions WHERE execution_id = 'next'").fetchall() == []
    code, _, said = typed(database_url, "verify")
    assert (code, said.count("\n"), said.startswith("error: ")) == (1, 1, True)


def test_what_the_restored_log_holds_is_taken_when_that_is_said(
    log: Log, database_url: str, rebuilder: Rebuilder, postgres_bin: Path
) -> None:
    restore_the_older_log(log, database_url, postgres_bin)
    log.append("execution-next", *run("next"))
    rebuilder(restored=True)
    log.assert_folded()
    log.append("execution-more", *run("more"))
    assert drain(database_url) == {}
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_a_promoted_standby_goes_on_from_what_it_got(
    private_server: PrivateServerFactory, schema_copy: Path, tmp_path: Path, evidence: Evidence
) -> None:
    """Checkpoint and rows came with the log, so none is ahead; events that were never shipped are lost for all."""
    primary = private_server()
    migrate(primary.url, folder=schema_copy)
    primary.stop()
    home = tmp_path / "standby"
    subprocess.run(["/bin/cp", "-a", primary.home, home], check=True)
    (home / "port").unlink()
    subprocess.run(["/bin/cp", "-a", home / "data" / "PG_VERSION", home / "data" / "standby.signal"], check=True)
    primary.start()
    with psycopg.connect(primary.url, autocommit=True) as connection:
        log = Log(connection)
        append_everything(log, appends=5)
        drain(primary.url)
        shipped = log.events[-1].position
        connection.execute("SELECT pg_switch_wal()")
        shipping = {"restore_command": f'cp "{primary.data}/pg_wal/%f" "%p"', "hot_standby": "on"}
        standby = private_server(home=home, settings=shipping)
        with psycopg.connect(standby.url, autocommit=True) as replica:
            eventually(lambda: folded(replica, shipped))
            with runfold.connect(standby.url) as reader:
                assert all(item.position <= shipped for item in reader.read_all(limit=10_000))
                with pytest.raises(runfold.errors.DatabaseReadOnly):
                    reader.append(
                        "log-7", [runfold.events.LogAppended(level="INFO", event_type="step_output", message="m")]
                    )
            replica.execute("SELECT pg_promote()")
            # Acknowledged and folded by the primary, and never seen by the standby.
            log.append("execution-lost", *run("lost"))
            drain(primary.url)
            lost = log.events[-1].position
            primary.stop("immediate")
            got = replica.execute("SELECT max(position) FROM runfold.events").fetchone() or (0,)
            evidence.note(shipped=shipped, lost_up_to=lost, got=got[0])
            assert got[0] == shipped
            assert checkpoint(replica) <= shipped
    log.events = [item for item in log.events if item.position <= shipped]
    log.versions = {item.stream_id: item.stream_version for item in log.events}
    with psycopg.connect(standby.url, autocommit=True) as connection:
        log.connection = connection
        log.append("execution-next", *run("next"))
        assert drain(standby.url) == {}
        log.assert_folded()
    assert_nothing_differs(standby.url)


def test_control_an_obeyed_checkpoint_skips_what_is_appended(
    log: Log, database_url: str, postgres_bin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_the_older_log(log, database_url, postgres_bin)
    monkeypatch.setattr(registry, "check_checkpoint", lambda *_: 0)
    log.append("execution-next", *run("next"))
    assert drain(database_url) == {}
    assert log.connection.execute("SELECT FROM public.workflow_executions WHERE execution_id = 'next'").fetchall() == []


# D5


def test_a_dump_restored_into_a_younger_cluster_hides_nothing(
    log: Log, database_url: str, private_server: PrivateServerFactory, postgres_bin: Path, evidence: Evidence
) -> None:
    append_everything(log, appends=6)
    drain(database_url)
    append_everything(log, seed=2, appends=6)  # not folded when it is dumped
    dump = server_tool(postgres_bin / "pg_dump", database_url)
    younger = private_server()
    url = with_database(younger.url, "postgres")
    migrated = create_database(url)
    migrate(migrated)  # makes the roles that the dump names
    restored = create_database(url)
    server_tool(postgres_bin / "psql", restored, "--quiet", "-v", "ON_ERROR_STOP=1", input=dump)
    query = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    (old,) = log.connection.execute(query).fetchone() or (0,)
    with psycopg.connect(restored, autocommit=True) as connection:
        (new,) = connection.execute(query).fetchone() or (0,)
        other = Log(connection, list(log.events), dict(log.versions))
        assert drain(restored) == {}
        other.assert_folded()
        append_everything(other, seed=3, appends=6)
        with worker(restored):
            eventually(lambda: folded(connection, other.events[-1].position))
        other.assert_folded()
        assert_nothing_differs(restored)
        damage(connection)
        Rebuilder(restored)()
        other.assert_folded()
    evidence.note(events=len(other.events), older_transaction=old, younger_transaction=new)


# D3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("to mount a small file system takes root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, *, but: int) -> Path:
    """Fill the disk up to this many bytes."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free - but
    with ballast.open("wb") as file:
        while free > 0:
            free -= file.write(b"\0" * min(free, 1 << 20))
    return ballast


def test_a_full_disk_is_an_error_and_no_damage(
    small_disk: Path, tmp_path: Path, private_server: PrivateServerFactory, initialized_home: Path, evidence: Evidence
) -> None:
    home = small_disk / "server"
    subprocess.run(["/bin/cp", "-a", initialized_home, home], check=True)
    # The write-ahead log lies elsewhere: where that is full, PostgreSQL stops by itself, which is no error to map.
    wal = tmp_path / "wal"
    subprocess.run(["/bin/cp", "-a", home / "data" / "pg_wal", wal], check=True)
    for each in tmp_path.parents:
        if each.is_relative_to(tmp_path.parents[2]):
            each.chmod(0o755)
    shutil.rmtree(home / "data" / "pg_wal")
    (home / "data" / "pg_wal").symlink_to(wal)
    server = private_server(home=home, settings={"max_wal_size": "64MB", "shared_buffers": "16MB"})
    url = create_database(with_database(server.url, "postgres"))
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        log = Log(connection)
        append_everything(log, appends=5)
        drain(url)
        log.append("execution-big", *run("big"))
        connection.execute("CHECKPOINT")
        ballast = fill(small_disk, but=2_000_000)
        refused: list[DiskFull] = []
        appended = 0
        while len(refused) < 3:
            line = event("LogAppended", message=secrets.token_hex(30_000))
            try:
                with mapped_errors():
                    log.append(f"log-big{appended}", line)
                appended += 1
            except DiskFull as exc:
                refused.append(exc)
        assert all(error.retryable for error in refused)
        # What cannot be written is not written at all.
        rows = connection.execute("SELECT count(*) FROM runfold.events").fetchone()
        assert rows == (len(log.events),)
        with pytest.raises(DiskFull), mapped_errors():
            Rebuilder(url)()
        with worker(url) as running:
            eventually(lambda: "tried again" in running.output)
            assert "No space left on device" in running.output
            ballast.unlink()
            more = log.append("execution-more", *run("more"))
            eventually(lambda: folded(connection, more), within=60)
        log.assert_folded()
        assert_nothing_differs(url)
        damage(connection)
        Rebuilder(url)()
        log.assert_folded()
    evidence.note(appended=appended, refused=len(refused))


# G3


@pytest.mark.parametrize("where", ["the same database", "another database"])
def test_a_foreign_long_transaction_delays_neither_worker_nor_rebuild(
    log: Log, server_url: str, database_url: str, rebuilder: Rebuilder, where: str
) -> None:
    append_everything(log, appends=5)
    drain(database_url)
    elsewhere = create_database(server_url)
    try:
        with psycopg.connect(database_url if where == "the same database" else elsewhere) as foreign:
            foreign.execute("CREATE TABLE public.foreign_work (n integer)")
            foreign.execute("INSERT INTO public.foreign_work VALUES (1)")
            damage(log.connection)
            with worker(database_url):
                last = log.append("execution-late", *run("late"))
                eventually(lambda: folded(log.connection, last))
            rebuilder()
            log.assert_folded()
            assert_nothing_differs(database_url)
            assert foreign.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    finally:
        drop_database(server_url, elsewhere)


def test_a_forgotten_prepared_append_is_named_and_a_rebuild_does_not_wait_for_it(
    log: Log, database_url: str, rebuilder: Rebuilder
) -> None:
    (allowed,) = log.connection.execute("SELECT current_setting('max_prepared_transactions')::int").fetchone() or (0,)
    if not allowed:
        pytest.skip("this server has max_prepared_transactions = 0")
    gid = "forgotten while it was rebuilt"
    append_everything(log, appends=5)
    drain(database_url)
    standing = checkpoint(log.connection)
    with psycopg.connect(database_url, autocommit=True) as engine:
        stuck = Log(engine, log.events, log.versions)
        engine.execute("BEGIN")
        stuck.append("execution-stuck", *run("stuck"))
        engine.execute(sql.SQL("PREPARE TRANSACTION {}").format(gid))
    try:
        with worker(database_url):
            log.append("execution-behind", *run("behind"))
            damage(log.connection)
            done = rebuilder()
            assert done["workflow_executions"].position == standing
            holders = log.connection.execute("SELECT prepared_gid FROM runfold.head_holders()").fetchall()
            assert holders == [(gid,)]
            log.connection.execute(sql.SQL("COMMIT PREPARED {}").format(gid))
            eventually(lambda: folded(log.connection, log.events[-1].position))
    except BaseException:
        log.connection.execute(sql.SQL("ROLLBACK PREPARED {}").format(gid))
        raise
    log.assert_folded()
    assert_nothing_differs(database_url)
