"""A migrator is killed at any statement: the next run completes its work, and the result equals a fresh database."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from runfold.database.migrations import Migration, migrate, migrations, write_checksums
from runfold.errors import MigrationFailed
from tests.database.catalogs import catalogs
from tests.database.conftest import statements
from tests.fixtures.databases import create_database, drop_database

GATE = 4711
WAITING = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE} AND NOT granted"
APPLIED = "SELECT count(*) FROM supabase_migrations.schema_migrations"
CATALOG = (
    "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_constraint), "
    "(SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_type), (SELECT count(*) FROM pg_namespace)"
)


def gated(folder: Path, migration: Migration, number: int) -> None:
    """Make the migration wait for an advisory lock before the statement with this number."""
    parts = statements(migration)
    parts.insert(number, f"\nSELECT pg_advisory_xact_lock({GATE});\n")
    text = "".join(parts)
    if number == 0:
        text = "-- migrate:up\n" + text.replace("-- migrate:up", "", 1)
    (folder / migration.path.name).write_text(text + "\n-- migrate:down\n")
    write_checksums(folder)


def kill_at_the_gate(url: str, holder: psycopg.Connection[tuple[int]], folder: Path) -> None:
    """Run a migrator, and kill it by SIGKILL while it waits for the lock."""
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            migrate(url, folder=folder)
            ended.append(None)
        except MigrationFailed as exc:
            ended.append(exc)

    migrator = threading.Thread(target=run)
    migrator.start()
    while (waiting := holder.execute(WAITING).fetchone()) is None:
        assert not ended, ended
        time.sleep(0.002)
    for child in psutil.Process().children():
        if child.name().startswith("dbmate"):
            child.send_signal(signal.SIGKILL)
    migrator.join()
    assert isinstance(ended[0], MigrationFailed)
    # The server notices by itself (client_connection_check_interval, or the end of the statement): be quick.
    holder.execute("SELECT pg_terminate_backend(%s, 5000)", [waiting[0]])


@pytest.fixture
def database(server_url: str) -> Iterator[str]:
    url = create_database(server_url)
    try:
        yield url
    finally:
        drop_database(server_url, url)


@pytest.mark.parametrize(
    "stride", [pytest.param(12, id="every twelfth"), pytest.param(1, id="every one", marks=pytest.mark.large)]
)
def test_a_migrator_killed_at_each_statement_converges_to_a_fresh_database(
    database: str, undisturbed: str, in_three: Path, tmp_path: Path, postgres_bin: Path, stride: int
) -> None:
    files = migrations(in_three)
    kills = 0
    with psycopg.connect(database, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [GATE])
        for done, migration in enumerate(files):
            clean = None
            total = len(statements(migration))
            for number in sorted({0, *range(kills % stride, total, stride), total - 1}):
                folder = Path(shutil.copytree(in_three, tmp_path / f"{migration.version}_{number}"))
                gated(folder, migration, number)
                kill_at_the_gate(database, holder, folder)
                kills += 1
                # The files before it are applied and nothing of this one: the catalogs are as after the first kill.
                assert holder.execute(APPLIED).fetchone() == (done,)
                clean = clean or holder.execute(CATALOG).fetchone()
                assert holder.execute(CATALOG).fetchone() == clean
    assert kills > 2 * len(files)
    assert migrate(database, folder=in_three).current
    assert catalogs(database, postgres_bin) == undisturbed


def test_the_comparison_sees_a_single_missing_grant(database_url: str, postgres_bin: Path) -> None:
    before = catalogs(database_url, postgres_bin)
    with psycopg.connect(database_url) as connection:
        connection.execute("REVOKE SELECT ON public.nodes FROM runfold_operator")
    assert catalogs(database_url, postgres_bin) != before
