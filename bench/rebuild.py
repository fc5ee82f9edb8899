"""Rebuilding all tables from 1,000,000 events, compared with the library's runner and with a bare INSERT … SELECT.

The log is imported once (the real one, or a generated one) and copied with other names until it is long enough. Each
round rebuilds tables that were lost completely, then healthy ones, as `runfold projection rebuild --all` does; then
inserts the finished rows into identical tables, and lets the library's ProjectionRunner fold a part of the log, one
event a transaction. Memory is the peak of Python's resident size, and of the private memory of all its backends.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import orjson
import psycopg
from psycopg import sql

from bench import runner, tables
from bench.memory import megabytes, write_log
from bench.rounds import Ratio, report
from bench.servers import REPOSITORY, Server, command, number, options, run, server

EVENTS = 1_000_000
IMPORTED = 300_000
RUNNER_EVENTS = 20_000
LOOK_EVERY = 0.1
SQL = Path(__file__).with_name("sql")


def make_log(url: str, events: int, folder: Path) -> int:
    """Make a log of about this many events, imported and copied; return its size."""
    log = folder / "log.xes.gz"
    write_log(log, min(events, IMPORTED))
    run(url, "import", "xes", str(log))
    with psycopg.connect(url, autocommit=True) as connection:
        upto = number(connection, "SELECT max(position) FROM runfold.events")
        for copy in range(1, -(-events // upto)):
            values = {"copy": f".{copy}", "offset": copy * upto, "upto": upto}
            connection.execute((SQL / "multiply_log.sql").read_bytes(), values)
            connection.execute((SQL / "multiply_streams.sql").read_bytes(), values)
        connection.execute("SELECT setval('runfold.events_position', (SELECT max(position) FROM runfold.events))")
        connection.execute("VACUUM (ANALYZE) runfold.events, runfold.streams")
        return number(connection, "SELECT count(*) FROM runfold.events")


def lose_tables(url: str) -> None:
    """Empty all tables, and set all checkpoints to the end of the log."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = sql.SQL(", ").join(sql.Identifier(*table.split(".")) for table in tables.READ_TABLES)
        connection.execute(sql.SQL("TRUNCATE {}").format(names))
        connection.execute("UPDATE runfold.checkpoints SET position = (SELECT last_value FROM runfold.events_position)")


def rebuild(url: str, jobs: int) -> dict[str, float]:
    """Run the whole command; return its seconds, those under the lock, its writes, and the peak of its memory in MB."""
    words = command(url, "projection", "rebuild", "--all", "--jobs", str(jobs), "--json")
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE)
    python = backends = 0.0
    with psycopg.connect(url, autocommit=True) as connection:
        mine = "SELECT pid FROM pg_stat_activity WHERE application_name = 'runfold rebuild'"
        while process.poll() is None:
            python = max(python, megabytes(f"/proc/{process.pid}/status", "VmHWM"))
            together = sum(megabytes(f"/proc/{pid}/smaps_rollup", "Private_") for (pid,) in connection.execute(mine))
            backends = max(backends, together)
            time.sleep(LOOK_EVERY)
    took = time.perf_counter() - began
    if process.returncode != 0 or process.stdout is None:
        sys.exit(f"the rebuild ended with {process.returncode}")
    done = orjson.loads(process.stdout.read())
    return {
        "seconds": took,
        "locked": max(item["locked_seconds"] for item in done),
        "written": sum(item["inserted"] + item["updated"] + item["deleted"] for item in done),
        "python MB": python,
        "backends MB": backends,
    }


def measure(url: str, events: int, jobs: int, runner_events: int) -> dict[str, float]:
    lose_tables(url)
    lost = rebuild(url, jobs)
    healthy = rebuild(url, jobs)
    measured = {f"lost: {name}": value for name, value in lost.items()}
    measured |= {f"healthy: {name}": value for name, value in healthy.items()}
    if healthy["written"] or not lost["written"]:
        sys.exit(f"a rebuild wrote {healthy['written']} rows of healthy tables, {lost['written']} of lost ones")
    measured["bare insert"] = tables.seconds_of_bare_insert(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS runner CASCADE")
        tables.make(connection, "runner")
    folded = runner.load(url, runner_events)
    measured["runner events/s"] = folded / runner.seconds(url, folded)
    for what in ("lost", "healthy"):
        measured[f"{what}: events/s"] = events / measured[f"{what}: seconds"]
    return measured


def main() -> None:
    parser = options(__doc__, rounds=1)
    parser.add_argument("--events", type=int, default=EVENTS, help=f"length of the log (default {EVENTS:,})")
    parser.add_argument("--jobs", type=int, default=2, help="connections that fold at a time (default 2)")
    arguments = parser.parse_args()
    wanted = 50_000 if arguments.quick else arguments.events
    with tempfile.TemporaryDirectory() as folder, server(arguments.url) as on:
        url = on.create(migrated=True)
        run(url, "worker", "--once")
        events = make_log(url, wanted, Path(folder))
        rounds = []
        for _ in range(arguments.rounds):
            copy = fresh(on, url)
            rounds.append(measure(copy, events, arguments.jobs, 2_000 if arguments.quick else RUNNER_EVENTS))
            on.drop(copy)
    sides = {name: [measured[name] for measured in rounds] for name in rounds[0]}
    report(
        "rebuild",
        [
            Ratio.of(
                "events/s over ProjectionRunner's, healthy", sides["healthy: events/s"], sides["runner events/s"],
                expected=100,
            ),
            Ratio.of("t(bare insert) / t(rebuild), healthy", sides["bare insert"], sides["healthy: seconds"],
                     expected=0.6),
            Ratio.of("events/s over ProjectionRunner's, lost", sides["lost: events/s"], sides["runner events/s"]),
            Ratio.of("t(bare insert) / t(rebuild), lost", sides["bare insert"], sides["lost: seconds"]),
        ],
        {"events": events, "jobs": arguments.jobs, **{f"median {name}": median(each) for name, each in sides.items()}},
    )  # fmt: skip


def fresh(on: Server, url: str) -> str:
    """Return a copy of the database, whose pages were read once."""
    copy = on.create(template=url)
    with psycopg.connect(copy) as connection:
        number(connection, "SELECT count(*) FROM (SELECT data, metadata FROM runfold.events) AS e")
    return copy


if __name__ == "__main__":
    main()
