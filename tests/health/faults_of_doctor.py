"""Every fault that the doctor finds, planted on a real server.

A fault is a generator: up to its first `yield` it prepares a store that is well, then it plants the fault and yields
the beginning of the object that the finding names.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from runfold.emitter.spool import Spool
from runfold.files import append_line
from runfold.health.backups import note_backup
from runfold.keys import cipher
from runfold.settings import migrations_dir
from tests.factories import append, call, lines
from tests.fixtures.archiving import archive_streams
from tests.fixtures.doctors import Ill
from tests.fixtures.logs import run
from tests.fixtures.processes import drain, eventually, leader, worker
from tests.projections.folding.test_parking import POISON, smuggle

Fault = Callable[[Ill], Iterator[str | None]]

FAULTS: dict[str, Fault] = {}

WAITS = "a_prepared_transaction"


def fault(name: str) -> Callable[[Fault], Fault]:
    """Enter a fault under the check that finds it."""

    def entered(planted: Fault) -> Fault:
        assert name not in FAULTS
        FAULTS[name] = planted
        return planted

    return entered


def by_statements(name: str, found: str, *statements: str, before: tuple[str, ...] = ()) -> None:
    """Enter a fault that statements plant."""

    def planted(ill: Ill) -> Iterator[str | None]:
        ill.run(*before)
        yield None
        ill.run(*statements)
        yield found

    FAULTS[name] = planted


def by_setting(check: str, name: str, value: str) -> None:
    """Enter a fault that a setting of the running server plants."""

    def planted(ill: Ill) -> Iterator[str | None]:
        yield None
        ill.alter_system(name, value)
        yield "server"

    FAULTS[check] = planted


PARTITION = "runfold_partitions.events_000000000001"

by_setting("fsync-off", "fsync", "off")
by_setting("full-page-writes-off", "full_page_writes", "off")
by_setting("no-synchronous-standby", "synchronous_standby_names", "nobody")
by_statements("jit-on", "server", "SET jit = on")
by_statements("sequence-cache", "runfold.events_position", "ALTER SEQUENCE runfold.events_position CACHE 10")
by_statements(
    "few-spare-partitions",
    "runfold.events",
    "SELECT setval('runfold.events_position', runfold.log_end() - 100)",
)
by_statements(
    "default-partition",
    "runfold_partitions.rest",
    "CREATE TABLE runfold_partitions.rest (LIKE runfold.events INCLUDING ALL)",
    "ALTER TABLE runfold.events ATTACH PARTITION runfold_partitions.rest DEFAULT",
)
by_statements("partition-lacks-index", PARTITION, "CREATE INDEX by_type ON ONLY runfold.events (type)")
by_statements(
    "log-can-be-changed", "runfold.events", "ALTER TABLE runfold.events DISABLE TRIGGER events_are_never_changed"
)
by_statements(
    "partition-can-be-truncated", PARTITION, f"ALTER TABLE {PARTITION} DISABLE TRIGGER events_are_never_truncated"
)
by_statements("log-writable", "role runfold_engine", "GRANT INSERT ON runfold.events TO runfold_engine")
by_statements(
    "function-open-to-everybody", "runfold.safe_head()", "GRANT EXECUTE ON FUNCTION runfold.safe_head() TO PUBLIC"
)
by_statements("session-settings", "database", "ALTER DATABASE {database} SET statement_timeout = '5s'")
by_statements("protection-off-for-role", "database", "ALTER DATABASE {database} SET session_replication_role = replica")
by_statements("synchronous-commit-off", "database", "ALTER DATABASE {database} SET synchronous_commit = off")
by_statements("autovacuum-off", "runfold.streams", "ALTER TABLE runfold.streams SET (autovacuum_enabled = false)")
by_statements(
    "group-stopped",
    "group execution",
    "INSERT INTO runfold.checkpoints (group_name, stopped_error) VALUES ('execution', 'its file is broken')",
)
by_statements(
    "group-retries",
    "group execution",
    "INSERT INTO runfold.checkpoints (group_name, retried_error, retried_since)"
    " VALUES ('execution', 'the disk is full', now() - interval '1 hour')",
)
by_statements(
    "checkpoint-ahead",
    "group execution",
    "INSERT INTO runfold.checkpoints (group_name, position) VALUES ('execution', 1000)",
)
by_statements(
    "log-lines-outside-months",
    "runfold_partitions.workflow_execution_logs_default",
    "INSERT INTO public.workflow_execution_logs (id, execution_id, event_type, message, last_event_position,"
    " created_at) VALUES (gen_random_uuid(), 'e', 'workflow_progress', 'm', 1, '1990-01-01')",
    "SELECT pg_stat_force_next_flush()",
)
by_statements(
    "not-verified",
    "projection workflow_status",
    "INSERT INTO runfold.projections (name, group_name, version, digest, built_at)"
    " VALUES ('workflow_status', 'execution', 1, '', now() - interval '31 days')",
)
by_statements(
    "verify-differs",
    "projection workflow_status",
    "INSERT INTO runfold.verifications (projection, position, differences) VALUES ('workflow_status', 1, 3)",
)
by_statements(
    "engine-silent",
    "engine e1",
    "INSERT INTO runfold.engines (engine_id, name, host, pid, patience) VALUES (gen_random_uuid(), 'e1', 'h', 1, 4)",
    "UPDATE runfold.leader SET beat = 10",
)
by_statements(
    "retention-late",
    "public.workflow_execution_logs",
    "UPDATE runfold.retention SET blocked_since = now() - interval '2 days'"
    " WHERE table_name = 'public.workflow_execution_logs'",
)
by_statements(
    "erasure-unfinished",
    "tenant ",
    "INSERT INTO runfold.erased_tenants (user_id, begun_at) VALUES (gen_random_uuid(), now() - interval '1 hour')",
)
by_statements("schema-outdated", "database", "COMMENT ON SCHEMA runfold IS 'runfold schema 20200101000000'")
by_statements("schema-newer", "database", "COMMENT ON SCHEMA runfold IS 'runfold schema 29990101000000'")


@fault("postgres-too-old")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.thresholds["oldest_postgres"] = 990000
    yield "server"


@fault("transaction-ids-old")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.thresholds["transaction_ids_age"] = 1
    yield f"database {ill.name}"


@fault("connections-used")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.thresholds["connections_used"] = 0
    yield "server"


@fault("sequence-behind-log")
def _(ill: Ill) -> Iterator[str | None]:
    ill.log.append("execution-e", *run("e"))
    yield None
    ill.run("SELECT setval('runfold.events_position', 1)")
    yield "runfold.events_position"


@fault("invalid-index")
def _(ill: Ill) -> Iterator[str | None]:
    ill.run("CREATE TABLE projections.twice AS SELECT 1 AS a FROM generate_series(1, 2)")
    yield None
    try:
        ill.run("CREATE UNIQUE INDEX CONCURRENTLY once ON projections.twice (a)")
    except psycopg.errors.UniqueViolation:
        yield "projections.once"


@fault("unrestrained-login")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.another(application_name="runfold")
    yield f"role {ill.connection.info.user}"


@fault("head-held")
def _(ill: Ill) -> Iterator[str | None]:
    ill.thresholds["head_holder_seconds"] = 0
    yield None
    open_append = ill.another()
    open_append.execute("SELECT runfold.append_events(%s)", [call(append(events=1))])
    yield f"pid {open_append.info.backend_pid}"


@fault("prepared-transaction")
def _(ill: Ill) -> Iterator[str | None]:
    ill.thresholds["transaction_seconds"] = 0
    yield None
    ill.run("BEGIN", "SELECT pg_current_xact_id()", f"PREPARE TRANSACTION '{WAITS}'")
    ill.at_the_end(f"ROLLBACK PREPARED '{WAITS}'")
    yield f"prepared transaction {WAITS}"


@fault("idle-in-transaction")
def _(ill: Ill) -> Iterator[str | None]:
    ill.thresholds["transaction_seconds"] = 0
    yield None
    idle = ill.another()
    idle.execute("SELECT 1")
    yield f"pid {idle.info.backend_pid}"


def _slot(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.run("SELECT pg_create_physical_replication_slot('nobodys', true)")
    ill.at_the_end("SELECT pg_drop_replication_slot('nobodys')")
    yield "slot nobodys"


FAULTS["replication-slot"] = FAULTS["restored-slots"] = _slot


@fault("slots-may-fill-the-disk")
def _(ill: Ill) -> Iterator[str | None]:
    for found in _slot(ill):
        yield "server" if found else None


@fault("logical-subscription")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.run("CREATE SUBSCRIPTION follows CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)")
    ill.at_the_end("DROP SUBSCRIPTION follows")
    ill.at_the_end("ALTER SUBSCRIPTION follows SET (slot_name = NONE)")
    yield "subscription follows"


@fault("dead-rows")
def _(ill: Ill) -> Iterator[str | None]:
    ill.thresholds["dead_rows"] = 5
    ill.run("CREATE TABLE projections.dying AS SELECT n FROM generate_series(1, 20) AS n")
    yield None
    ill.run("DELETE FROM projections.dying", "SELECT pg_stat_force_next_flush()")
    yield "projections.dying"


@fault("parked-streams")
def _(ill: Ill) -> Iterator[str | None]:
    log = ill.log
    log.append("execution-e", *run("e"))
    drain(ill.url)
    yield None
    smuggle(log, "execution-sick", *POISON["a bad cast"][:2])
    drain(ill.url)
    yield "group execution"


@fault("no-leader")
def _(ill: Ill) -> Iterator[str | None]:
    with worker(ill.url):
        eventually(lambda: leader(ill.connection)[0])
        yield None
    eventually(lambda: ill.report("no-leader").findings)
    yield "worker"


@fault("leader-frozen")
def _(ill: Ill) -> Iterator[str | None]:
    with worker(ill.url) as process:
        eventually(lambda: leader(ill.connection)[0])
        yield None
        ill.thresholds["beat_age_seconds"] = 1
        process.send(signal.SIGSTOP)
        eventually(lambda: ill.report("leader-frozen").findings)
        yield "worker "


@fault("random-event-ids")
def _(ill: Ill) -> Iterator[str | None]:
    # The factories' ids are of version 7.
    ill.connection.execute("SELECT runfold.append_events(%s)", [call(append(events=150))])
    yield None
    ill.log.append("log-random", *[("LogAppended", _line())] * 200)
    yield "runfold.events"


@fault("large-events")
def _(ill: Ill) -> Iterator[str | None]:
    ill.log.append("execution-e", *run("e"))
    yield None
    ill.run("ALTER TABLE runfold.settings DISABLE TRIGGER USER", "UPDATE runfold.settings SET value = 8000000")
    text = "".join(str(uuid4()) for _ in range(60_000))
    ill.log.append("log-large", ("LogAppended", {**_line(), "data": {"text": text}}))
    yield "event at "


@fault("clock-went-back")
def _(ill: Ill) -> Iterator[str | None]:
    ill.log.append("execution-e", *run("e"))
    yield None
    position = smuggle(ill.log, "log-x", "LogAppended", _line())
    ill.run(
        "ALTER TABLE runfold.events DISABLE TRIGGER USER",
        f"UPDATE runfold.events SET recorded_at = now() + interval '1 hour' WHERE position = {position}",
    )
    yield f"event at {position}"


def _subscribed(ill: Ill) -> None:
    ill.connection.execute("SELECT FROM runfold.begin_subscription('billing')")
    ill.log.append("execution-e", *run("e"))


@fault("bookmark-unmoved")
def _(ill: Ill) -> Iterator[str | None]:
    _subscribed(ill)
    yield None
    ill.run("UPDATE runfold.subscriptions SET moved_at = now() - interval '31 days'")
    yield "subscription billing"


@fault("subscription-behind")
def _(ill: Ill) -> Iterator[str | None]:
    _subscribed(ill)
    yield None
    ill.thresholds["subscription_lag_seconds"] = 0
    yield "subscription billing"


@fault("subscription-fails")
def _(ill: Ill) -> Iterator[str | None]:
    _subscribed(ill)
    yield None
    ill.run("UPDATE runfold.subscriptions SET failed_error = 'no route', failed_since = now(), failed_tries = 3")
    yield "subscription billing"


@fault("restored-subscriptions")
def _(ill: Ill) -> Iterator[str | None]:
    _subscribed(ill)
    yield None
    ill.run("UPDATE runfold.subscriptions SET server = '1/00000001'")
    yield "subscription billing"


def _archiver(ill: Ill) -> Iterator[str | None]:
    ill.run("SELECT pg_stat_reset_shared('archiver')")
    yield None
    ill.alter_system("archive_command", "/bin/false")
    ill.at_the_end("SELECT pg_stat_reset_shared('archiver')")
    ill.thresholds["wal_archive_age_seconds"] = 0
    ill.run("SELECT pg_switch_wal()", "CREATE TABLE projections.more ()", "SELECT pg_switch_wal()")
    failed = "SELECT last_failed_time FROM pg_stat_archiver WHERE last_failed_time IS NOT NULL"
    eventually(lambda: ill.connection.execute(failed).fetchone())
    yield "server"


FAULTS["archiver-fails"] = FAULTS["archiver-behind"] = _archiver


@fault("backup-old")
def _(ill: Ill) -> Iterator[str | None]:
    ill.log.append("execution-e", *run("e"))
    note_backup(ill.connection, label="today's")
    yield None
    ill.run("UPDATE runfold.backups SET taken_at = now() - interval '8 days'")
    yield "backup"


@fault("projection-version")
def _(ill: Ill) -> Iterator[str | None]:
    drain(ill.url)
    yield None
    ill.run("UPDATE runfold.projections SET version = 999 WHERE name = 'workflow_status'")
    yield "projection workflow_status"


@fault("projection-text")
def _(ill: Ill) -> Iterator[str | None]:
    drain(ill.url)
    yield None
    ill.run("UPDATE runfold.projections SET digest = 'another' WHERE name = 'workflow_status'")
    yield "projection workflow_status"


@fault("group-behind")
def _(ill: Ill) -> Iterator[str | None]:
    ill.thresholds["group_lag_seconds"] = 0
    ill.log.append("execution-e", *run("e"))
    drain(ill.url)
    yield None
    ill.log.append("execution-f", *run("f"))
    yield "group execution"


@fault("migrations-edited")
def _(ill: Ill) -> Iterator[str | None]:
    ill.migrations = ill.folder / "migrations"
    shutil.copytree(migrations_dir(), ill.migrations)
    yield None
    edited = next(ill.migrations.glob("*.sql"))
    edited.write_text(edited.read_text() + "-- edited\n")
    yield "migrations"


@fault("disk-fills")
def _(ill: Ill) -> Iterator[str | None]:
    ill.run("INSERT INTO runfold.table_size_samples SELECT current_date - 7, 'public.t', 0, 0")
    ill.run("INSERT INTO runfold.table_size_samples SELECT current_date, 'public.t', 1000, 0")
    yield None
    ill.run("UPDATE runfold.table_size_samples SET bytes = 10::numeric ^ 16 WHERE day = current_date")
    yield "disk"


@fault("spool-waits")
def _(ill: Ill) -> Iterator[str | None]:
    _spool(ill)
    yield None
    ill.thresholds["spool_oldest_seconds"] = 0
    yield "spool "


@fault("spool-refused")
def _(ill: Ill) -> Iterator[str | None]:
    spool = _spool(ill)
    yield None
    stored = {"stream_id": "log-x", "event": {"event_id": str(uuid4())}, "error": {"code": "x"}}
    append_line(spool / "refused.jsonl", json.dumps(stored).encode() + b"\n")
    yield "spool "


@fault("spool-damaged")
def _(ill: Ill) -> Iterator[str | None]:
    spool = _spool(ill)
    yield None
    (spool / "damaged-00000001").write_bytes(b"?")
    yield "spool "


def _spool(ill: Ill) -> Path:
    folder = ill.folder / "spool"
    with Spool.open(folder, None) as spool:
        spool.append(call(append(events=lines(2))).encode())
        spool.sync()
    ill.spools = [folder]
    return folder


@fault("cipher-unavailable")
def _(ill: Ill) -> Iterator[str | None]:
    """An installation with an older OpenSSL is not to be had here: its refusal is put in the library's place."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import aead

    ill.settings["key_home"] = str(ill.folder / "keys")
    yield None
    patched = ill.stack.enter_context(pytest.MonkeyPatch.context())

    def refuse(key: bytes) -> None:
        raise UnsupportedAlgorithm("AES-GCM-SIV is not supported by this version of OpenSSL")

    patched.setattr(aead, "AESGCMSIV", refuse)
    assert not cipher.has_cipher()
    yield "installation"


@fault("restored-claims")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.run(
        "INSERT INTO runfold.claims (kind, key, stream_id, claimed_at) VALUES ('webhook', '/a', 'deployment-x', now())"
    )
    yield "claims of webhook"


@fault("restored-engines")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.run(
        "INSERT INTO runfold.engines (engine_id, name, host, pid, patience) VALUES (gen_random_uuid(), 'e1', 'h', 1, 4)"
    )
    yield "engine e1"


@fault("restored-tenants")
def _(ill: Ill) -> Iterator[str | None]:
    ledger = ill.folder / "ledger"
    ledger.touch()
    ill.settings["erasure_ledger"] = str(ledger)
    yield None
    tenant = uuid4()
    said = {"user_id": str(tenant), "key_ids": [str(uuid4())], "destroyed_at": datetime.now(UTC).isoformat()}
    append_line(ledger, json.dumps(said).encode() + b"\n")
    yield f"tenant {tenant}"


@fault("restored-blobs")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    ill.settings["blob_folder"] = ill.folder / "blobs"
    yield "folder "


def _line() -> dict[str, object]:
    return {"level": "INFO", "event_type": "workflow_progress", "message": "m"}


def _sealed(ill: Ill) -> None:
    ill.log.append("execution-e", *run("e"))
    assert ill.connection.execute("SELECT last_position FROM runfold.seal_range(true)").fetchone() is not None


@fault("seals-behind")
def _(ill: Ill) -> Iterator[str | None]:
    ill.thresholds["seal_age_seconds"] = 0
    _sealed(ill)
    yield None
    ill.log.append("execution-f", *run("f"))
    yield "runfold.seals"


@fault("log-differs")
def _(ill: Ill) -> Iterator[str | None]:
    _sealed(ill)
    yield None
    ill.run(
        "ALTER TABLE runfold.events DISABLE TRIGGER USER",
        'UPDATE runfold.events SET metadata = \'{{"by": "nobody"}}\' WHERE position = 3',
    )
    yield "positions 1 to 7"


@fault("restored-seals")
def _(ill: Ill) -> Iterator[str | None]:
    yield None
    _sealed(ill)
    yield "seals"


@fault("backfill-pending")
def _(ill: Ill) -> Iterator[str | None]:
    ill.run(
        "INSERT INTO runfold.backfills (name, about, since, started_at, stepped_at)"
        " VALUES ('amounts', 'fills amounts', '20260101000000', now(), now())"
    )
    yield None
    ill.run("UPDATE runfold.backfills SET stepped_at = now() - interval '2 days'")
    yield "backfill amounts"


def _archived(ill: Ill) -> Path:
    """Archive a stream, and return the file of its segment."""
    folder = ill.folder / "archive"
    folder.mkdir()
    ill.log.append("execution-e", *run("e"))
    drain(ill.url)
    (made,) = archive_streams(ill.url, folder, ["execution-e"])
    ill.settings["archive"] = folder
    return folder / made.file


@fault("archive-file")
def _(ill: Ill) -> Iterator[str | None]:
    file = _archived(ill)
    yield None
    file.unlink()
    yield f"archive file {file.name}"


@fault("restored-archives")
def _(ill: Ill) -> Iterator[str | None]:
    file = _archived(ill)
    yield None
    ill.run("DELETE FROM runfold.archives")
    yield f"archive file {file.name}"
