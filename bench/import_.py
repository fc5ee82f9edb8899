"""Importing the real log: the whole import against reading the file alone, and what either side does on one core.

Reading is a dry run: the file is unpacked, parsed, mapped to events and encoded, and nothing is sent. The import does
the same while PostgreSQL appends, so at best it takes as long as the slower of the two. Each import goes into a fresh
database, by one connection. The figures of one core are those of CPU time and not of the clock: what else the machine
does does not change them much.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from xml.parsers import expat

import psycopg

import runfold
from bench.rounds import Ratio, report
from bench.servers import REAL_LOG, Server, options, server
from runfold.events.envelope import EncodedCall
from runfold.interop.xes import ImportSummary, calls, import_xes
from runfold.interop.xes_mapping import Tally
from runfold.interop.xes_options import Skips, XesOptions
from runfold.interop.xes_reading import CHUNK, read_traces

EXPECTED_EVENTS_A_SECOND = 30_000
CALLS_TO_VALIDATE = 60


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
        "events appended": summary.events_appended,
        "events/s": summary.events_read / seconds,
        "events/s of the importer on one core": summary.events_read / importer,
        "events/s of the server on one core": summary.events_read / backend,
        "events appended/s of the server on one core": summary.events_appended / backend,
    }


def encoded() -> Iterator[EncodedCall]:
    """The calls of an import."""
    for call in calls(REAL_LOG, XesOptions(), Skips(), Tally()):
        yield EncodedCall.of([append for mapped in call for append in mapped.appends])


def parse() -> None:
    """Unpack the file and parse it, with callbacks that do nothing."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda *_: None
    parser.EndElementHandler = lambda *_: None
    with gzip.open(REAL_LOG) as file:
        while chunk := file.read(CHUNK):
            parser.Parse(chunk, False)


def profile(on: Server, appended: int) -> dict[str, float]:
    """CPU microseconds for an event that is appended, by stages; each stage of the importer contains the one before."""

    def importer(stage: Callable[[], object]) -> float:
        began = process_time()
        stage()
        return (process_time() - began) * 1e6 / appended

    found = {
        "importer: unpack and parse": importer(parse),
        "importer: and read": importer(lambda: sum(1 for _ in read_traces(REAL_LOG))),
        "importer: and map": importer(lambda: sum(1 for _ in calls(REAL_LOG, XesOptions(), Skips(), Tally()))),
        "importer: and encode": importer(lambda: sum(1 for _ in encoded())),
    }
    sent = list(islice(encoded(), CALLS_TO_VALIDATE))
    events = sum(len(append.events) for call in sent for append in call)
    with psycopg.connect(on.create(migrated=True), autocommit=True) as connection:
        for what, statement in (
            ("server: validate", "SELECT runfold.validate_appends(%s) IS NULL"),
            ("server: validate and append", "SELECT count(*) FROM runfold.append_events(%s)"),
        ):
            began = cpu_seconds(connection.info.backend_pid)
            for call in sent:
                connection.execute(statement.encode(), [call.text])
            found[what] = (cpu_seconds(connection.info.backend_pid) - began) * 1e6 / events
    return {f"µs of {name}": value for name, value in found.items()}


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    if not REAL_LOG.exists():
        print("bench.import_: skipped, ../shared/data/bpic2012.xes.gz is not here")
        return
    with server(arguments.url) as on:
        rounds = [measure(on) for _ in range(1 if arguments.quick else arguments.rounds)]
        profiled = {} if arguments.quick else profile(on, round(rounds[0]["events appended"]))
    sides = {name: [measured[name] for measured in rounds] for name in rounds[0]}
    expected = [float(EXPECTED_EVENTS_A_SECOND)] * len(rounds)
    report(
        "import_",
        [
            Ratio.of("t(reading alone) / t(import)", sides["seconds to read"], sides["seconds to import"]),
            Ratio.of(f"events/s over {EXPECTED_EVENTS_A_SECOND:,}", sides["events/s"], expected, expected=1),
        ],
        {f"median {name}": median(values) for name, values in sides.items()} | profiled,
    )


if __name__ == "__main__":
    main()
