"""The page on upgrades of PostgreSQL, typed by a test: from Debian's 15 to the newest, by pg_upgrade --link."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from tests.docs.pages import DOCS
from tests.faults.test_holes import append_and_roll_back
from tests.fixtures.evidence import Evidence
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import assert_nothing_differs, drain, eventually, folded, worker
from tests.fixtures.servers import DEBIAN_POSTGRES_15
from tests.projections.reconciling.rebuilding import append_everything
from tests.recovery.machine import Machine

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(not DEBIAN_POSTGRES_15.is_dir(), reason=f"there is no PostgreSQL 15 in {DEBIAN_POSTGRES_15}"),
]

PAGE = DOCS / "how-to" / "upgrade-postgresql.md"

STATE = """
SELECT (SELECT md5(string_agg(e::text, '|' ORDER BY e.position)) FROM runfold.events e),
       (SELECT md5(string_agg(s::text, '|' ORDER BY s.stream_id COLLATE "C")) FROM runfold.streams s),
       (SELECT last_value FROM runfold.events_position), runfold.safe_head(),
       'runfold.events'::regclass::oid, (SELECT id FROM runfold.log_identity)
"""


@pytest.fixture
def old(machine: Machine, postgres_bin: Path, schema_copy: Path) -> str:
    """A server of PostgreSQL 15 as the page has it, with a log that has holes at its end; returns its URL."""
    data = machine.folder / "old"
    port = machine.make_server(data, bin_dir=DEBIAN_POSTGRES_15)
    url = machine.create_database(port)
    migrate(url, folder=schema_copy)
    machine.given |= {
        "OLD_BIN": str(DEBIAN_POSTGRES_15),
        "NEW_BIN": str(postgres_bin),
        "OLD_DATA": str(data),
        "NEW_DATA": str(machine.folder / "new"),
        "RUNFOLD_DATABASE_URL": url,
    }
    return url


def state(url: str) -> Any:
    with psycopg.connect(url) as connection:
        return connection.execute(STATE.encode()).fetchone()


def test_the_log_is_the_same_after_pg_upgrade_and_goes_on(machine: Machine, old: str, evidence: Evidence) -> None:
    with psycopg.connect(old, autocommit=True) as connection:
        log = Log(connection)
        append_everything(log, appends=6)
        drain(old)
        append_everything(log, seed=2, appends=6)  # not folded when it is upgraded
        append_and_roll_back(old, 20)
        assert connection.info.server_version // 10000 == 15
    before = state(old)
    assert before[2] > log.events[-1].position, "the last positions were rolled back"
    assert machine.type(PAGE, "Before") == "", "a prepared transaction is left"
    machine.type(PAGE, "Make the new server", "Upgrade")
    assert state(old) == before
    machine.type(PAGE, "After")
    with psycopg.connect(old, autocommit=True) as connection:
        assert connection.info.server_version // 10000 >= 18
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        other = Log(connection, list(log.events), dict(log.versions))
        other.assert_folded()
        with worker(old):
            last = other.append("execution-afterwards", *run("afterwards"))
            assert other.events[-1].position > before[2]
            eventually(lambda: folded(connection, last))
        other.assert_folded()
    assert_nothing_differs(old)
    evidence.note(events=len(other.events), rolled_back_up_to=before[2])


def test_control_checksums_that_differ_are_refused(machine: Machine, old: str) -> None:
    machine.type(PAGE, "Before")
    machine.type(PAGE, "Make the new server", replaced={" --no-data-checksums": ""})
    with pytest.raises(AssertionError, match="data checksums"):
        machine.type(PAGE, "Upgrade")
