"""A flood drains in bounded memory, both of the worker and of its backends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.fixtures.logs import Log, run
from tests.fixtures.processes import checkpoint
from tests.model.payloads import BASE

EVENTS = int(60_000 * float(os.environ.get("RUNFOLD_TEST_SCALE", "1")))
MOST_BYTES = 200 * 1024 * 1024
SPENDER = "spender"
EXECUTION = run("", nodes=3, metadata={"note": "x" * 300})


def private_bytes(pid: int) -> int | None:
    """Return the memory that a process wrote and shares with nobody; None if it cannot be read."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Private_Dirty:"))


def peak_bytes(pid: int) -> int:
    """Return the peak of a process's resident memory so far; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def measured(url: str, *arguments: str) -> tuple[int, int | None]:
    """Run Python with these arguments and return the peak of its resident memory, in bytes.

    Return also the greatest private memory of its backends, if it can be read. A new program is started, not a fork,
    because memory that a fork shares with the test run counts as its own.
    """
    python = 0
    most: int | None = None
    with (
        psycopg.connect(url, autocommit=True) as connection,
        subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL) as child,
    ):
        while child.poll() is None:
            python = max(python, peak_bytes(child.pid))
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name IN (%s, 'runfold worker fold')",
                (SPENDER,),
            ).fetchall()
            seen = [found for (pid,) in rows if (found := private_bytes(pid)) is not None]
            most = max([*seen, most or 0]) if seen or most else most
            time.sleep(0.02)
    assert child.returncode == 0
    return python, most


def flood(log: Log, count: int) -> int:
    """Append whole executions until the log has this many events; return the last position."""
    events = EXECUTION
    last = 0
    with log.connection.transaction():
        for first in range(0, count // len(events), 500):
            call = []
            for n in range(first, min(first + 500, count // len(events))):
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


@pytest.mark.parametrize("count", [EVENTS, pytest.param(1_000_000, marks=pytest.mark.large)])
def test_a_flood_drains_in_bounded_memory(log: Log, database_url: str, count: int) -> None:
    log.connection.execute("SET synchronous_commit = off")
    last = flood(log, count)
    python, backend = measured(database_url, "-m", "runfold", "--url", database_url, "worker", "--once")
    print(f"{count:,} events: Python {python:,} bytes at most, a backend {backend or 0:,} private")
    assert checkpoint(log.connection) >= last
    row = log.connection.execute("SELECT count(*) FROM public.workflow_executions WHERE status = 'SUCCESS'").fetchone()
    assert row == (count // len(EXECUTION),)
    assert python < MOST_BYTES, f"{python:,} bytes in Python"
    if backend is None:
        pytest.skip(f"the backends' memory cannot be read here; Python needed {python:,} bytes")
    assert backend < MOST_BYTES, f"{backend:,} bytes in a backend"


SPENDING = """
import sys, psycopg
url, spender, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
with psycopg.connect(url, application_name=spender) as connection:
    # 30 million numbers in one array in the backend, and the same here.
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.execute("SELECT array_length(array_agg(n), 1), pg_sleep(0.3) FROM generate_series(1, 30000000) n")
    kept = bytearray(size)
    kept[::4096] = b"x" * len(kept[::4096])
    connection.execute("SELECT pg_sleep(0.3)")
"""


def test_control_the_measuring_sees_memory(database_url: str) -> None:
    python, backend = measured(database_url, "-c", SPENDING, database_url, SPENDER, str(MOST_BYTES))
    assert python > MOST_BYTES
    if backend is None:
        pytest.skip("the backends' memory cannot be read here")
    assert backend > MOST_BYTES
