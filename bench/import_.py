"""Importing the real log: the whole import against reading the file alone, and what either side does on one core.

Reading is a dry run: the file is unpacked, parsed, mapped to events and encoded, and nothing is sent. The import does
the same while PostgreSQL appends, so at best it takes as long as the slower of the two. Each import goes into a fresh
database, by one connection. The figures of one core are those of CPU time and not of the clock: what else the machine
does does not change them much.
"""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import psycopg

import runfold
from bench.rounds import Ratio, report
from bench.servers import REAL_LOG, Server, options, server
from runfold.interop.xes import ImportSummary, import_xes

EXPECTED_EVENTS_A_SECOND = 30_000


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, of user and system; not a number where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(store: runfold.Store | None) -> tuple[ImportSummary, float, float]:
    """An import, or a dry run without a store; its seconds by the clock and of the importer's CPU."""
    began, worked = perf_counter(), process_time()
    summary = import_xes(store, REAL_LOG, dry_run=store is None)
    return summary, perf_counter() - began, process_time() - worked


def measure(on: Server) -> dict[str, float]:
    read, seconds_to_read, _ = timed(None)
    url = on.create(migrated=True)
    backends = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with runfold.connect(url) as store, psycopg.connect(url, autocommit=True) as connection:
        summary, seconds, importer = timed(store)
        backend = sum(cpu_seconds(pid) for (pid,) in connection.execute(backends))
    on.drop(url)
    assert summary.events_appended == read.events_mapped
    return {
        "seconds to read": seconds_to_read,
        "seconds to import": seconds,
        "events/s": summary.events_read / seconds,
        "events/s of the importer on one core": summary.events_read / importer,
        "events/s of the server on one core": summary.events_read / backend,
        "events appended/s of the server on one core": summary.events_appended / backend,
    }


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    if not REAL_LOG.exists():
        print("bench.import_: skipped, ../shared/data/bpic2012.xes.gz is not here")
        return
    with server(arguments.url) as on:
        rounds = [measure(on) for _ in range(1 if arguments.quick else arguments.rounds)]
    sides = {name: [measured[name] for measured in rounds] for name in rounds[0]}
    expected = [float(EXPECTED_EVENTS_A_SECOND)] * len(rounds)
    report(
        "import_",
        [
            Ratio.of("t(reading alone) / t(import)", sides["seconds to read"], sides["seconds to import"]),
            Ratio.of(f"events/s over {EXPECTED_EVENTS_A_SECOND:,}", sides["events/s"], expected, expected=1),
        ],
        {f"median {name}": median(values) for name, values in sides.items()},
    )


if __name__ == "__main__":
    main()
