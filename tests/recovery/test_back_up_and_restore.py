"""The page on backups, typed by a test against servers that it starts and kills: nothing is hidden, nothing differs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from tests.docs.pages import DOCS
from tests.fixtures.evidence import Evidence
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import assert_nothing_differs, drain, eventually, folded, worker
from tests.projections.reconciling.rebuilding import append_everything
from tests.recovery.machine import Machine, kill_server

PAGE = DOCS / "how-to" / "back-up-and-restore.md"
START = "A base backup and the WAL"

Connection = psycopg.Connection[Any]


@pytest.fixture
def server(machine: Machine, schema_copy: Path) -> str:
    """A server as the page has it, with a migrated database; what it says of it is given."""
    data = machine.folder / "main"
    port = machine.make_server(data)
    url = machine.create_database(port)
    migrate(url, folder=schema_copy)
    machine.given |= {
        "PGDATA": str(data),
        "BACKUPS": str(machine.folder / "backups"),
        "RUNFOLD_DATABASE_URL": url,
        "SERVER_URL": machine.url(port, "postgres"),
    }
    machine.type(PAGE, START)
    return url


def appended(url: str, seed: int, *, known: Log | None = None) -> Log:
    """Append everything that a log may hold, behind what it holds; return the whole log."""
    with psycopg.connect(url, autocommit=True) as connection:
        log = Log(connection) if known is None else Log(connection, list(known.events), dict(known.versions))
        append_everything(log, seed=seed, appends=4)
    return log


def goes_on(url: str, log: Log) -> None:
    """Check the restored log: its rows are right, no event is hidden, and engines and the worker go on."""
    with psycopg.connect(url, autocommit=True) as connection:
        other = Log(connection, list(log.events), dict(log.versions))
        held = connection.execute("SELECT count(*), max(position) FROM runfold.events").fetchone()
        assert held == (len(log.events), log.events[-1].position)
        other.assert_folded()
        with worker(url):
            last = other.append("execution-afterwards", *run("afterwards"))
            eventually(lambda: folded(connection, last))
        other.assert_folded()
    assert_nothing_differs(url)


def now(url: str) -> str:
    with psycopg.connect(url) as connection:
        return str((connection.execute("SELECT clock_timestamp()").fetchone() or ("",))[0])


def lsn(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        return str((connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone() or ("",))[0])


@pytest.mark.parametrize(("target", "moment"), [("recovery_target_time", now), ("recovery_target_lsn", lsn)])
@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_a_base_backup_and_the_wal_restore_any_moment(
    machine: Machine, server: str, evidence: Evidence, target: str, moment: Callable[[str], str], killed: bool
) -> None:
    machine.type(PAGE, "Archive the WAL")
    log = appended(server, 1)
    machine.type(PAGE, "Take a base backup")
    log = appended(server, 2, known=log)
    drain(server)
    log = appended(server, 3, known=log)  # not folded when it is restored
    machine.given["RESTORE_TO"] = moment(server)
    time.sleep(0.01)
    lost = appended(server, 4, known=log)
    drain(server)
    if killed:
        kill_server(Path(machine.given["PGDATA"]))
    machine.type(PAGE, "Restore to a moment", replaced={"recovery_target_time": target})
    evidence.note(restored=len(log.events), left_out=len(lost.events) - len(log.events))
    assert len(lost.events) > len(log.events)
    goes_on(server, log)


def test_control_without_the_archived_wal_the_moment_is_not_reached(machine: Machine, server: str) -> None:
    machine.type(PAGE, "Archive the WAL", "Take a base backup")
    appended(server, 1)
    machine.given["RESTORE_TO"] = now(server)
    with pytest.raises(AssertionError, match="pg_ctl"):
        machine.type(PAGE, "Restore to a moment", replaced={"cp -n": "true", "cp $BACKUPS/wal/%f": "false"})
    log = (Path(machine.given["PGDATA"]) / "server.log").read_text()
    assert "recovery ended before configured recovery target was reached" in log


def test_a_dump_is_restored_into_the_same_server(machine: Machine, server: str) -> None:
    log = appended(server, 1)
    drain(server)
    log = appended(server, 2, known=log)
    machine.type(PAGE, "Take a dump")
    appended(server, 3, known=log)
    machine.type(PAGE, "Restore into the same server")
    goes_on(server, log)
    with psycopg.connect(server) as connection:
        row = connection.execute("SELECT datacl::text FROM pg_database WHERE datname = 'workflows'").fetchone()
        assert row is not None
        assert ",=c/" in row[0], f"everybody may make temporary tables: {row[0]}"


def test_a_dump_is_restored_into_a_younger_server(machine: Machine, server: str, evidence: Evidence) -> None:
    query = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    log = appended(server, 1)
    drain(server)
    with psycopg.connect(server, autocommit=True) as connection:
        for _ in range(5000):
            connection.execute("SELECT pg_current_xact_id()")
        (old,) = connection.execute(query).fetchone() or (0,)
    log = appended(server, 2, known=log)
    machine.type(PAGE, "Take a dump")
    port = machine.make_server(machine.folder / "younger")
    new = machine.url(port)
    machine.given |= {"NEW_SERVER": machine.url(port, "postgres"), "RUNFOLD_DATABASE_URL": new}
    machine.type(PAGE, "Restore into another server")
    with psycopg.connect(new, autocommit=True) as connection:
        (young,) = connection.execute(query).fetchone() or (0,)
    evidence.note(events=len(log.events), older_transaction=old, younger_transaction=young)
    assert young < old
    goes_on(new, log)


def test_a_line_that_fails_is_noticed(machine: Machine) -> None:
    with pytest.raises(AssertionError, match="ended with 3"):
        machine.run("exit 3")
