"""Clocks decide nothing: neither the producers' nor the server's, if they are a day wrong in either direction."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

import runfold
from runfold.database.migrations import migrate
from tests.factories import line, streams
from tests.faults.feeds import Judgement, committed, safe
from tests.fixtures.evidence import Evidence
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import eventually, folded, leader, worker
from tests.fixtures.servers import PrivateServerFactory

Connection = psycopg.Connection[Any]

DAY = timedelta(days=1)
LONGER_THAN_A_BEAT = 2.0


def libfaketime() -> Path:
    """The library of Debian's package libfaketime, or the one that RUNFOLD_TEST_LIBFAKETIME names."""
    given = os.environ.get("RUNFOLD_TEST_LIBFAKETIME")
    found = [Path(given)] if given else [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
    if not found:
        pytest.skip("libfaketime is not installed")
    return found[0]


def test_producers_whose_clocks_are_a_day_off_change_no_order(
    store: runfold.Store, connection: Connection, evidence: Evidence
) -> None:
    now, names = datetime.now(UTC), streams(4)
    for _ in range(evidence.scaled(50)):
        clock = now + evidence.rng.choice((-DAY, timedelta(), DAY))
        store.append(evidence.rng.choice(names), [line(occurred_at=clock), line(occurred_at=clock - DAY)])
    log = committed(connection)
    judged = Judgement.of(safe(connection, 0), log)
    by_clock = connection.execute(
        "SELECT position, stream_id, stream_version FROM runfold.events ORDER BY occurred_at, position"
    ).fetchall()
    evidence.note(judged=judged, by_the_producers_clocks=Judgement.of(by_clock, log))
    assert judged.is_faultless
    assert not Judgement.of(by_clock, log).is_faultless  # the control


@dataclass(frozen=True)
class FakeClock:
    """Binaries whose `postgres` has a clock of the test; set it to an offset like `-1d`, also while it runs."""

    bin_dir: Path
    file: Path

    def set_to(self, offset: str) -> None:
        self.file.write_text(f"{offset}\n")


@pytest.fixture
def fake_clock(postgres_bin: Path) -> Iterator[FakeClock]:
    """A folder of PostgreSQL's binaries, in which `postgres` is a script that loads libfaketime into the real one."""
    library = libfaketime()
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the server may run as another system user
        yield link_binaries(FakeClock(Path(folder) / "bin", Path(folder) / "clock"), postgres_bin, library)


def link_binaries(made: FakeClock, postgres_bin: Path, library: Path) -> FakeClock:
    made.set_to("+0")
    made.bin_dir.mkdir()
    for program in postgres_bin.iterdir():
        if program.name != "postgres":
            (made.bin_dir / program.name).symlink_to(program)
    script = made.bin_dir / "postgres"
    script.write_text(
        f"""#!/bin/sh
export LD_PRELOAD="{library}" FAKETIME_TIMESTAMP_FILE="{made.file}"
export FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1
exec "{postgres_bin / "postgres"}" "$@"
"""
    )
    script.chmod(0o755)
    return made


def test_a_server_whose_clock_jumps_by_days_keeps_order_folds_and_lease(
    private_server: PrivateServerFactory,
    schema_copy: Path,
    fake_clock: FakeClock,
    evidence: Evidence,
) -> None:
    server = private_server(bin_dir=fake_clock.bin_dir)
    migrate(server.url, folder=schema_copy)
    offsets, epochs = ("+1d", "-1d", "+0", "+2d", "-2d"), []
    with psycopg.connect(server.url, autocommit=True) as connection, worker(server.url):
        log = Log(connection)
        for number, offset in enumerate(offsets):
            fake_clock.set_to(offset)
            time.sleep(LONGER_THAN_A_BEAT)
            last = log.append(f"execution-{number}", *run(f"{number}"))
            eventually(lambda last=last: folded(connection, last))  # type: ignore[misc]
            epochs.append(leader(connection)[0])
        log.assert_folded()
        stored = committed(connection)
        by_clock = connection.execute(
            "SELECT position, stream_id, stream_version FROM runfold.events ORDER BY recorded_at, position"
        ).fetchall()
        (spread,) = connection.execute("SELECT max(recorded_at) - min(recorded_at) FROM runfold.events").fetchone() or (
            DAY,
        )
        evidence.note(
            judged=Judgement.of(safe(connection, 0), stored), spread_of_recorded_at=str(spread), epochs=epochs
        )
        assert spread > 3 * DAY  # the control: the server's clock did jump
        assert by_clock != stored
        assert Judgement.of(safe(connection, 0), stored).is_faultless
        assert len(set(epochs)) == 1  # nobody lost the lease
