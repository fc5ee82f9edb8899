"""Migrations are applied once, with any number of migrators, runs and kills."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from runfold.database.compatibility import Stamp, declared
from runfold.database.migrations import check, ensure_migrated, migrate, migrations, verify_checksums, write_checksums
from runfold.errors import DatabaseUnavailable, MigrationFailed, PermissionDenied, SchemaNewer, SchemaOutdated
from runfold.settings import migrations_dir
from tests.database.catalogs import catalogs, schema_and_versions
from tests.fixtures.commands import run_command
from tests.fixtures.databases import create_database, drop_database, with_database
from tests.fixtures.servers import PrivateServerFactory

MIGRATE = (
    "import sys; from pathlib import Path; from runfold.database.migrations import migrate; "
    "migrate(sys.argv[1], folder=Path(sys.argv[2]))"
)


def migrator_of(url: str, folder: Path) -> list[str]:
    """Return the command of a process that migrates."""
    return [sys.executable, "-c", MIGRATE, url, str(folder)]


@pytest.fixture
def folder(in_three: Path, tmp_path: Path) -> Path:
    """A copy of several migrations that a test may damage."""
    return Path(shutil.copytree(in_three, tmp_path / "schema"))


@pytest.fixture(scope="session")
def fresh_catalogs(server_url: str, template_database: str, postgres_bin: Path) -> str:
    """The catalogs after an undisturbed migration."""
    return catalogs(with_database(server_url, template_database), postgres_bin)


def run_cli(url: str, *args: str) -> subprocess.CompletedProcess[str]:
    return run_command("--url", url, *args, environment=os.environ)


def test_the_manifest_lists_every_migration_as_it_is() -> None:
    verify_checksums(migrations_dir())


def test_every_migration_ends_with_the_stamp_of_its_version() -> None:
    for migration in migrations():
        since = declared(migration.path.read_text()) or migration.version
        stamp = Stamp(migration.version, since).statement()
        assert migration.path.read_text().endswith(f"\n\n{stamp}\n-- migrate:down\n"), "run `make checksums`"


def test_a_fresh_database_is_migrated_and_a_second_run_changes_nothing(
    empty_database_url: str, schema_copy: Path, postgres_bin: Path, fresh_catalogs: str
) -> None:
    versions = [migration.version for migration in migrations(schema_copy)]
    before = check(empty_database_url, folder=schema_copy)
    assert (before.applied, before.pending) == ([], versions)
    for _ in range(2):
        state = migrate(empty_database_url, folder=schema_copy)
        assert (state.applied, state.pending, state.newer) == (versions, [], [])
        assert catalogs(empty_database_url, postgres_bin) == fresh_catalogs


def test_a_schema_made_in_several_steps_is_the_one_made_at_once(
    server_url: str, template_database: str, empty_database_url: str, in_three: Path, postgres_bin: Path
) -> None:
    migrate(empty_database_url, folder=in_three)
    in_steps, versions = schema_and_versions(empty_database_url, postgres_bin)
    at_once, version = schema_and_versions(with_database(server_url, template_database), postgres_bin)
    assert in_steps == at_once
    assert versions.endswith(version)


def test_a_database_is_refused_until_it_is_migrated(empty_database_url: str, database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection, pytest.raises(SchemaOutdated, match="runfold migrate"):
        ensure_migrated(connection)
    with psycopg.connect(database_url) as connection:
        ensure_migrated(connection)
        for role in ("runfold_engine", "runfold_projector", "runfold_operator", "anon"):
            connection.execute(f"SET ROLE {role}")  # type: ignore[arg-type]
            ensure_migrated(connection)


def test_a_half_migrated_database_is_refused_and_then_completed(
    empty_database_url: str, folder: Path, in_three: Path, postgres_bin: Path, undisturbed: str
) -> None:
    migrations(folder)[-1].path.unlink()
    write_checksums(folder)
    migrate(empty_database_url, folder=folder)
    with psycopg.connect(empty_database_url) as connection, pytest.raises(SchemaOutdated):
        ensure_migrated(connection)
    migrate(empty_database_url, folder=in_three)
    assert catalogs(empty_database_url, postgres_bin) == undisturbed


def test_a_database_of_a_newer_runfold_is_refused(database_url: str, schema_copy: Path) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("COMMENT ON SCHEMA runfold IS 'runfold schema 29990101000000'")
    with psycopg.connect(database_url) as connection, pytest.raises(SchemaNewer, match="upgrade runfold"):
        ensure_migrated(connection)
    with pytest.raises(SchemaNewer, match="upgrade runfold"):
        migrate(database_url, folder=schema_copy)
    assert check(database_url, folder=schema_copy).newer == ["29990101000000"]


def test_migrations_of_the_users_own_project_in_the_same_table_do_not_matter(
    database_url: str, schema_copy: Path
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO supabase_migrations.schema_migrations (version, name) VALUES ('29990101000000', 'add_shop')"
        )
        ensure_migrated(connection)
    assert migrate(database_url, folder=schema_copy).current


@pytest.mark.parametrize("damage", ["edited", "added", "removed", "no manifest"])
def test_files_that_differ_from_the_manifest_are_refused_before_anything_runs(
    empty_database_url: str, folder: Path, damage: str
) -> None:
    last = migrations(folder)[-1].path
    if damage == "edited":
        last.write_text(last.read_text().replace("-- migrate:down", "-- a harmless remark\n-- migrate:down"))
    elif damage == "added":
        shutil.copy(last, folder / "29990101000000_add_something.sql")
    elif damage == "removed":
        last.unlink()
    else:
        (folder / "checksums.sha256").unlink()
    with pytest.raises(MigrationFailed, match=r"edited|not in|missing"):
        migrate(empty_database_url, folder=folder)
    with psycopg.connect(empty_database_url) as connection:
        row = connection.execute("SELECT to_regnamespace('runfold'), to_regnamespace('supabase_migrations')").fetchone()
        assert row == (None, None)


@pytest.mark.process
def test_the_manifest_is_what_sha256sum_reads(folder: Path) -> None:
    checked = subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=folder, check=False)
    assert checked.returncode == 0


def test_a_failing_statement_rolls_its_file_back_and_is_named(
    empty_database_url: str, folder: Path, in_three: Path, postgres_bin: Path, undisturbed: str
) -> None:
    second = migrations(folder)[1].path
    text = second.read_text()
    made = re.findall(r"^CREATE FUNCTION runfold\.(\w+)", text, re.MULTILINE)
    assert made
    second.write_text(text.replace("-- migrate:down", "SELECT 1 / 0;\n-- migrate:down"))
    write_checksums(folder)
    with pytest.raises(MigrationFailed, match=f"{second.name} failed.*division by zero"):
        migrate(empty_database_url, folder=folder)
    with psycopg.connect(empty_database_url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_proc WHERE proname = ANY (%s)", [made]).fetchone()
        assert found == (0,)
    migrate(empty_database_url, folder=in_three)
    assert catalogs(empty_database_url, postgres_bin) == undisturbed


def test_three_migrators_at_once_all_succeed_and_each_migration_is_applied_once(
    empty_database_url: str, in_three: Path, postgres_bin: Path, undisturbed: str
) -> None:
    migrators = [subprocess.Popen(migrator_of(empty_database_url, in_three), stderr=subprocess.PIPE) for _ in range(3)]
    for migrator in migrators:
        _, complaint = migrator.communicate(timeout=120)
        assert migrator.returncode == 0, complaint.decode()
    assert catalogs(empty_database_url, postgres_bin) == undisturbed


def test_two_databases_of_one_cluster_are_migrated_at_once(
    private_server: PrivateServerFactory, schema_copy: Path
) -> None:
    server_url = private_server().start()  # where no database made the roles yet
    migrators = [
        subprocess.Popen(migrator_of(url, schema_copy), stderr=subprocess.PIPE)
        for url in (create_database(server_url), create_database(server_url), create_database(server_url))
    ]
    for migrator in migrators:
        _, complaint = migrator.communicate(timeout=120)
        assert migrator.returncode == 0, complaint.decode()


def test_a_migrator_needs_no_superuser(private_server: PrivateServerFactory, schema_copy: Path) -> None:
    server = private_server()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE migrator LOGIN CREATEROLE PASSWORD 'secret'")
        connection.execute("CREATE DATABASE theirs OWNER migrator")
    url = f"postgresql://migrator:secret@127.0.0.1:{server.port}/theirs"
    assert migrate(url, folder=schema_copy).current


def test_a_role_that_may_not_migrate_is_told_so(server_url: str, empty_database_url: str, schema_copy: Path) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS runfold_test_reader")
        connection.execute("CREATE ROLE runfold_test_reader LOGIN PASSWORD 'secret'")
    try:
        _, _, place = empty_database_url.rpartition("@")
        with pytest.raises(PermissionDenied):
            migrate(f"postgresql://runfold_test_reader:secret@{place}", folder=schema_copy)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute("DROP ROLE runfold_test_reader")


def test_supabases_own_objects_are_left_alone(empty_database_url: str, schema_copy: Path) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(
            """
            CREATE SCHEMA auth;
            CREATE TABLE auth.users (instance_id uuid, id uuid PRIMARY KEY, email varchar(255), role varchar(255));
            CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
                AS $$ SELECT '00000000-0000-0000-0000-000000000001'::uuid $$;
            """
        )
    migrate(empty_database_url, folder=schema_copy)
    with psycopg.connect(empty_database_url) as connection:
        columns = connection.execute(
            "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute "
            "WHERE attrelid = 'auth.users'::regclass AND attnum > 0"
        ).fetchone()
        assert columns == (["instance_id", "id", "email", "role"],)
        assert connection.execute("SELECT auth.uid()::text").fetchone() == ("00000000-0000-0000-0000-000000000001",)


def test_the_stand_in_for_auth_uid_reads_the_jwt_as_supabases_does(connection: psycopg.Connection[tuple[str]]) -> None:
    user = "11111111-1111-1111-1111-111111111111"
    assert connection.execute("SELECT auth.uid()").fetchone() == (None,)
    for name, setting in (("request.jwt.claims", json.dumps({"sub": user})), ("request.jwt.claim.sub", user)):
        with connection.transaction():
            connection.execute("SELECT set_config(%s, %s, true)", [name, setting])
            connection.execute("SET LOCAL ROLE authenticated")
            assert connection.execute("SELECT auth.uid()::text").fetchone() == (user,)
        assert connection.execute("SELECT auth.uid()").fetchone() == (None,)


def test_nobody_is_granted_what_a_migration_did_not_grant(connection: psycopg.Connection[tuple[str]]) -> None:
    open_to_all = connection.execute(
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('runfold', 'auth') AND has_function_privilege('public', p.oid, 'EXECUTE')
        ORDER BY 1
        """
    ).fetchall()
    assert open_to_all == []
    unpinned = connection.execute(
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('runfold', 'auth') AND p.prosecdef
            AND NOT coalesce(p.proconfig::text ~ 'search_path=', false)
        ORDER BY 1
        """
    ).fetchall()
    assert unpinned == [], "a SECURITY DEFINER function without a search_path runs the caller's objects as its owner"
    to_tenants = connection.execute(
        """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'runfold') AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
            AND (has_table_privilege('anon', c.oid, 'SELECT') OR has_table_privilege('authenticated', c.oid, 'SELECT'))
        """
    ).fetchall()
    assert to_tenants == [], "tenants read only what row security guards"


@pytest.mark.database  # it asks for a server that is away
def test_an_unreachable_server_is_said_to_be_so(schema_copy: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        migrate("postgresql://nobody@127.0.0.1:1/nothing", folder=schema_copy)
    assert caught.value.retryable


def test_check_reports_and_changes_nothing(empty_database_url: str, database_url: str, postgres_bin: Path) -> None:
    pending = run_cli(empty_database_url, "migrate", "--check", "--json")
    assert pending.returncode == 1, pending.stderr
    assert json.loads(pending.stdout)["pending"] == [migration.version for migration in migrations()]
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regnamespace('supabase_migrations')").fetchone() == (None,)
    done = run_cli(database_url, "migrate", "--check", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["current"] is True


def test_a_migrator_killed_with_all_its_processes_leaves_what_a_rerun_completes(
    server_url: str, folder: Path, in_three: Path, postgres_bin: Path, undisturbed: str
) -> None:
    """SIGKILL to the process group in the middle of a statement: the wait for the advisory lock."""
    url = create_database(server_url)
    third = migrations(folder)[2].path
    third.write_text(third.read_text().replace("-- migrate:up", "-- migrate:up\nSELECT pg_advisory_xact_lock(4711);"))
    write_checksums(folder)
    try:
        with psycopg.connect(url, autocommit=True) as holder:
            holder.execute("SELECT pg_advisory_lock(4711)")
            migrator = subprocess.Popen(migrator_of(url, folder), start_new_session=True, stderr=subprocess.PIPE)
            waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
            while holder.execute(waiting).rowcount == 0:
                assert migrator.poll() is None, migrator.stderr.read() if migrator.stderr else ""
            os.killpg(migrator.pid, signal.SIGKILL)
            migrator.communicate()
        migrate(url, folder=in_three)
        assert catalogs(url, postgres_bin) == undisturbed
    finally:
        drop_database(server_url, url)
