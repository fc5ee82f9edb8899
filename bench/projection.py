"""Folding the real log, compared with a bare INSERT of the finished rows and with the eventsourcing library's runner.

The log is imported once, and nothing is vacuumed or analyzed, as right after any import. Each round drains a fresh copy
of that database by `runfold worker --once`, then inserts the finished rows into identical tables (indexes and foreign
keys included), then lets the library's ProjectionRunner fold a part of the log, one transaction for each event, into
identical tables, which must get the same rows.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import psycopg

from bench import runner, tables
from bench.rounds import Ratio, report
from bench.servers import REAL_LOG, Server, command, number, options, run, server

RUNNER_EVENTS = 20_000

SQL = Path(__file__).with_name("sql")
SAME_ROWS = SQL / "same_rows.sql"


def seconds_of_worker(url: str) -> float:
    """Return the seconds of the whole process: start, fold everything, end."""
    began = perf_counter()
    subprocess.run(command(url, "worker", "--once"), check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began


def warm(url: str) -> int:
    with psycopg.connect(url) as connection:
        return number(connection, "SELECT count(*) FROM (SELECT data, metadata FROM runfold.events) AS e")


def measure(on: Server, imported: str, events: int, runner_events: int) -> dict[str, float]:
    copy = on.create(template=imported)
    warm(copy)
    measured = {"worker": seconds_of_worker(copy), "idle worker": seconds_of_worker(copy)}
    measured["bare"] = tables.seconds_of_bare_insert(copy)
    with psycopg.connect(copy, autocommit=True) as connection:
        tables.make(connection, "runner")
    folded = runner.load(copy, runner_events)
    measured["runner events/s"] = folded / runner.seconds(copy, folded)
    measured["worker events/s"] = events / measured["worker"]
    with psycopg.connect(copy) as connection:
        nodes, executions, different = connection.execute(SAME_ROWS.read_bytes()).fetchone() or (0, 0, 1)
        if different or not nodes or not executions:
            sys.exit(f"the runner's rows are not ours: {different} of {nodes + executions} differ")
    on.drop(copy)
    return measured


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    if not REAL_LOG.exists():
        print("bench.projection: skipped, ../shared/data/bpic2012.xes.gz is not here")
        return
    with server(arguments.url) as on:
        imported = on.create(migrated=True)
        with psycopg.connect(imported, autocommit=True) as connection:
            connection.execute((SQL / "no_autovacuum.sql").read_bytes())
            version = connection.info.server_version
        run(imported, "import", "xes", str(REAL_LOG))
        events = warm(imported)
        runner_events = 2_000 if arguments.quick else RUNNER_EVENTS
        rounds = [measure(on, imported, events, runner_events) for _ in range(arguments.rounds)]
    sides = {name: [measured[name] for measured in rounds] for name in rounds[0]}
    folding = [worker - idle for worker, idle in zip(sides["worker"], sides["idle worker"], strict=True)]
    report(
        "projection",
        [
            Ratio.of("t(bare insert) / t(worker --once)", sides["bare"], sides["worker"], expected=0.4),
            Ratio.of("the same without the process's start", sides["bare"], folding),
            Ratio.of(
                "events/s over ProjectionRunner's", sides["worker events/s"], sides["runner events/s"], expected=60
            ),
        ],
        {
            "events": events,
            "server": version,
            **{f"median {name}": median(values) for name, values in sides.items()},
        },
    )


if __name__ == "__main__":
    main()
