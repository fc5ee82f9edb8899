"""The doctor finds every fault that it knows, names its place, and finds nothing where there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer
from runfold.emitter.spool import Spool
from runfold.health.doctor import Severity, examine, patient
from runfold.health.doctor_list import checks
from runfold.settings import load_settings
from tests.factories import append, call
from tests.fixtures.databases import create_database, drop_database
from tests.fixtures.doctors import Ill
from tests.fixtures.poolers import pgbouncer
from tests.fixtures.processes import eventually
from tests.fixtures.servers import PrivateServerFactory
from tests.health.faults_of_doctor import FAULTS

ALONE = {
    "data-checksums-off": "test_a_server_without_checksums_is_found",
    "encoding-not-utf8": "test_a_database_of_another_encoding_is_found",
    "standby-behind": "test_a_standby_that_is_behind_is_found",
    "behind-pooler": "test_a_pooler_in_between_is_found",
    "vectors-outdated": "test_a_database_without_the_tables_of_vectors_is_found",
    "restored-log": "test_after_a_restore_there_is_always_advice",
    "restored-identity": "test_after_a_restore_there_is_always_advice",
    "restored-spools": "test_spools_of_this_log_and_of_another_are_named_after_a_restore",
}
"""Faults that need a server of their own, or cannot be absent."""


def test_every_check_has_a_test() -> None:
    known = {each.name for each in checks()}
    assert set(FAULTS) | set(ALONE) == known
    assert not set(FAULTS) & set(ALONE)
    assert {name for name in ALONE.values() if name not in globals()} == set()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_is_found_and_named_and_nothing_is_found_before(ill: Ill, name: str) -> None:
    planting = FAULTS[name](ill)
    assert next(planting) is None
    before = ill.report(name)
    assert (before.findings, before.not_checked) == ([], {})
    assert name in (*before.checked, *before.not_applicable)
    place = next(planting)
    assert place is not None
    found = [each for each in ill.report(name).findings if each.object.startswith(place)]
    assert found, (place, ill.report(name))
    (known,) = [each for each in checks() if each.name == name]
    assert found[0].check == name
    assert found[0].severity is known.severity
    assert found[0].problem
    assert found[0].remedy
    assert found[0].page == f"docs/reference/doctor.md#{name}"
    planting.close()


def test_a_server_without_checksums_is_found(
    ill: Ill, private_server: PrivateServerFactory, postgres_bin: Path
) -> None:
    assert ill.report("data-checksums-off").checked == ["data-checksums-off"]
    assert ill.report("data-checksums-off").findings == []
    server = private_server()
    server.stop()
    subprocess.run([postgres_bin / "pg_checksums", "--disable", "-D", server.data], check=True, capture_output=True)
    server.start()
    with psycopg.connect(server.url, autocommit=True) as connection:
        report = examine(patient(connection, load_settings(database_url=server.url)), only=["data-checksums-off"])
    assert [each.object for each in report.findings] == ["server"]


def test_a_database_of_another_encoding_is_found(ill: Ill) -> None:
    assert ill.report("encoding-not-utf8").findings == []
    ill.run("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    ill.at_the_end("DROP DATABASE ascii")
    url = ill.url.replace(f"/{ill.name}", "/ascii")
    with psycopg.connect(url, autocommit=True) as connection:
        report = examine(patient(connection, load_settings(database_url=url)), only=["encoding-not-utf8"])
    assert [each.object for each in report.findings] == ["database ascii"]


def test_a_standby_that_is_behind_is_found(private_server: PrivateServerFactory) -> None:
    primary = private_server(settings={"wal_level": "replica"})
    migrate(primary.url)
    primary.stop()
    home = primary.home.with_name("standby")
    subprocess.run(["/bin/cp", "-a", primary.home, home], check=True)
    (home / "port").unlink()
    subprocess.run(["/bin/cp", "-a", home / "data" / "PG_VERSION", home / "data" / "standby.signal"], check=True)
    primary.start()
    standby = private_server(home=home, settings={"hot_standby": "on", "primary_conninfo": primary.url})
    with psycopg.connect(primary.url, autocommit=True) as connection:
        settings = load_settings(database_url=primary.url)

        def behind(seconds: float) -> list[str]:
            connection.execute("SELECT pg_logical_emit_message(false, 'x', 'y')")
            found = patient(connection, settings, thresholds={"replication_lag_seconds": seconds})
            return [each.object for each in examine(found, only=["standby-behind"]).findings]

        connected = "SELECT FROM pg_stat_replication WHERE state = 'streaming'"
        eventually(lambda: connection.execute(connected).fetchone() is not None)
        assert behind(60) == []
        (found,) = eventually(lambda: behind(0))
        assert found.startswith("standby ")
    # On the standby itself: what only a primary shows is not applicable, and nothing is silently well.
    with psycopg.connect(standby.url, autocommit=True) as connection:
        report = examine(patient(connection, load_settings(database_url=standby.url)))
    assert "no-leader" in report.not_applicable
    assert report.not_checked == {}


def test_a_pooler_in_between_is_found(ill: Ill) -> None:
    assert ill.report("behind-pooler").findings == []
    with pgbouncer(ill.url) as pooled, psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as connection:
        report = examine(patient(connection, load_settings(database_url=pooled)))
        assert "behind-pooler" in [each.check for each in report.findings]
        assert report.not_checked == {}
        trusted = load_settings(database_url=pooled, session_pooler=True)
        assert examine(patient(connection, trusted), only=["behind-pooler"]).findings == []


def test_a_database_without_the_tables_of_vectors_is_found(ill: Ill) -> None:
    row = ill.connection.execute("SELECT FROM pg_available_extensions WHERE name = 'vector'").fetchone()
    if row is None:
        pytest.skip("this server has no pgvector")
    assert ill.report("vectors-outdated").findings == []
    url = create_database(ill.url)
    migrate(url, vectors=False)
    with psycopg.connect(url, autocommit=True) as connection:
        report = examine(patient(connection, load_settings(database_url=url)), only=["vectors-outdated"])
    assert [each.object for each in report.findings] == ["vectors"]


def test_after_a_restore_there_is_always_advice(ill: Ill) -> None:
    report = ill.report(after_restore=True)
    assert report.not_checked == {}
    assert {"restored-log", "restored-identity", "restored-spools", "restored-tenants"} <= {
        each.check for each in report.findings
    }
    assert not report.ill


def test_spools_of_this_log_and_of_another_are_named_after_a_restore(ill: Ill) -> None:
    (identity,) = ill.connection.execute("SELECT id FROM runfold.log_identity").fetchone() or (None,)
    for name, log in (("ours", identity), ("theirs", uuid4())):
        with Spool.open(ill.folder / name, log) as spool:
            spool.append(call(append(events=2)).encode())
            spool.sync()
        ill.spools.append(ill.folder / name)
    found = {each.object: each for each in ill.report("restored-spools").findings}
    ours, theirs = (found[f"spool {ill.folder / name}"] for name in ("ours", "theirs"))
    assert (ours.facts["of_another_log"], theirs.facts["of_another_log"]) == (False, True)
    assert "--to-this-log" in theirs.remedy
    assert "--to-this-log" not in ours.remedy


def test_an_archive_whose_folder_is_not_known_is_not_checked(ill: Ill) -> None:
    """And a new version of a table of which a part is archived is rebuilt with that part."""
    planting = FAULTS["archive-file"](ill)
    next(planting)
    ill.settings["archive"] = None
    assert "set RUNFOLD_ARCHIVE" in ill.report("archive-file").not_checked["archive-file"]
    ill.run("UPDATE runfold.projections SET version = 999 WHERE name = 'workflow_executions'")
    (found,) = ill.report("projection-version").findings
    assert found.remedy == "`runfold projection rebuild workflow_executions --archived`"


def test_a_newer_schema_that_lets_engines_go_on_is_a_warning(ill: Ill) -> None:
    (stamp,) = ill.connection.execute("SELECT obj_description('runfold'::regnamespace, 'pg_namespace')").fetchone() or (
        "",
    )
    version = stamp.split()[2]
    ill.run(f"COMMENT ON SCHEMA runfold IS 'runfold schema 29990101000000, compatible from {version}'")
    (found,) = ill.report("schema-newer").findings
    assert found.severity is Severity.WARNING


def test_all_checks_can_be_made_on_the_oldest_server(postgres15: EmbeddedServer) -> None:
    url = create_database(postgres15.url)
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        report = examine(patient(connection, load_settings(database_url=url)))
    drop_database(postgres15.url, url)
    assert report.not_checked == {}
    assert "data-checksums-off" in [each.check for each in report.findings]
