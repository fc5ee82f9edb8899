"""A flood drains in bounded memory, the worker's and its backends'."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.model.payloads import BASE
from tests.worker.log import Log, run
from tests.worker.processes import checkpoint, drain, forked

EVENTS = int(60_000 * float(os.environ.get("RUNFOLD_TEST_SCALE", "1")))
MOST_BYTES = 200 * 1024 * 1024


class Memory:
    """The greatest private memory that this database's worker backends were seen with, and the worker's peak."""

    def __init__(self, url: str) -> None:
        self.backend = 0
        self.looks = 0
        self._url = url
        self._stop = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.wait(0.05):
                rows = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                    " AND (application_name LIKE 'runfold worker%' OR application_name = 'spender')"
                ).fetchall()
                for (pid,) in rows:
                    if (found := private_bytes(pid)) is not None:
                        self.looks += 1
                        self.backend = max(self.backend, found)


def private_bytes(pid: int) -> int | None:
    """What a process has written to and shares with nobody; None where that can not be read."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Private_Dirty:"))


def peak_of(body: Any) -> int:
    """The greatest resident memory of a process that runs this, above what a fork begins with."""
    into, out = os.pipe()

    def report() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
        body()
        status = Path("/proc/self/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
        os.write(out, json.dumps([before, peak * 1024]).encode())

    with forked(report) as child:
        assert child.wait(600) == 0, child.output
        os.close(out)
        _, peak = json.loads(os.read(into, 1000))
        os.close(into)
    return int(peak)


def flood(log: Log) -> int:
    """Put executions of ten events into the log until it holds so many; returns the last position."""
    events = run("{}", nodes=3, metadata={"note": "x" * 300})
    last = 0
    with log.connection.transaction():
        for first in range(0, EVENTS // len(events), 500):
            call = []
            for n in range(first, min(first + 500, EVENTS // len(events))):
                name = f"flood-{n}"
                call.append({"stream_id": f"execution-{name}", "user_id": None, "events": [
                    {"event_id": str(uuid4()), "type": kind, "occurred_at": BASE.isoformat(),
                     "data": {**data, "execution_id": name} if kind == "ExecutionCreated" else data}
                    for kind, data in events]})  # fmt: skip
            row = log.connection.execute(
                "SELECT max(last_position) FROM runfold.append_events(%s)", (json.dumps(call),)
            ).fetchone()
            assert row is not None
            last = row[0]
    return last


@pytest.fixture
def quick(connection: psycopg.Connection[Any]) -> Iterator[None]:
    connection.execute("SET synchronous_commit = off")
    yield


def test_a_flood_drains_in_bounded_memory(log: Log, database_url: str, quick: None) -> None:
    last = flood(log)
    with Memory(database_url) as memory:
        python = peak_of(lambda: drain(database_url))
    assert checkpoint(log.connection) >= last
    row = log.connection.execute("SELECT count(*) FROM public.workflow_executions WHERE status = 'SUCCESS'").fetchone()
    assert row == (EVENTS // 9,)
    assert python < MOST_BYTES, f"{python:,} bytes in Python"
    if memory.looks == 0:
        pytest.skip(f"the backends' memory can not be read here; Python needed {python:,} bytes")
    assert memory.backend < MOST_BYTES, f"{memory.backend:,} bytes in a backend"
    print(f"{EVENTS:,} events: Python {python:,} bytes at most, a backend {memory.backend:,} private")


def test_control_the_measuring_sees_memory(log: Log, database_url: str) -> None:
    def spend() -> None:
        with psycopg.connect(database_url, application_name="spender") as connection:
            # 50 million numbers in one array, in the backend; and as much again here.
            connection.execute("SET work_mem = '1GB'; SET max_parallel_workers_per_gather = 0")
            connection.execute("SELECT sum(hashtext(a::text)) FROM (SELECT array_agg(n) AS a FROM generate_series(1, 30000000) n) x")
        kept = bytearray(MOST_BYTES)
        kept[::4096] = b"x" * len(kept[::4096])

    with Memory(database_url) as memory:
        assert peak_of(spend) > MOST_BYTES
    if memory.looks == 0:
        pytest.skip("the backends' memory can not be read here")
    assert memory.backend > MOST_BYTES
