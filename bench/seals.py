"""CPU of the backend by event of sealing and verifying, and of an append while the log is being sealed.

The leaf is measured as the product has it (a function that the planner puts into the query), written into the query,
and as a function with a search path of its own, which is not put into it. An append's CPU is that of its own backend,
with and without a session beside it that seals all the time; both take turns.
"""

from __future__ import annotations

import threading
from functools import partial
from statistics import median
from typing import Any

import psycopg

from bench.import_ import cpu_seconds
from bench.rounds import Ratio, interleaved, report
from bench.servers import REPOSITORY, options, server
from runfold.events import LogAppended
from runfold.events.codec import encode_appends
from runfold.events.envelope import Append, NewEvent
from runfold.seals.sealing import seal_settled

SQL = REPOSITORY / "bench" / "sql"
RANGE = 10_000
FILLER = "x" * 300
APPENDS = 500


def text(stream: str, events: int) -> str:
    line = LogAppended(level="INFO", event_type="workflow_progress", message=FILLER)
    return encode_appends([Append(stream_id=f"log-{stream}", events=[NewEvent.of(line) for _ in range(events)])])


def fill(connection: psycopg.Connection[Any], ranges: int) -> None:
    for n in range(ranges * 10):
        connection.execute("SELECT FROM runfold.append_events(%s)", (text(f"filled-{n % 7}", RANGE // 10),))


def cpu(connection: psycopg.Connection[Any], statements: list[str], events: int) -> float:
    """Return the microseconds of the backend's CPU by event."""
    before = cpu_seconds(connection.info.backend_pid)
    for statement in statements:
        connection.execute(statement)  # type: ignore[call-overload]
    return (cpu_seconds(connection.info.backend_pid) - before) * 1e6 / events


def ways(connection: psycopg.Connection[Any], ranges: int) -> dict[str, list[str]]:
    """The statements of each way to make the digests of all ranges."""
    connection.execute((SQL / "seals.sql").read_text())  # type: ignore[call-overload]
    spans = [(n * RANGE + 1, (n + 1) * RANGE) for n in range(ranges)]
    return {
        name: [f"SELECT {call}" for call in calls]
        for name, calls in {
            "range_digest, as the product has it": [
                f"runfold.range_digest('runfold.events', {first}, {last})" for first, last in spans
            ],
            "the leaf written into the query, no marks": [
                f"public.bench_inline({first}, {last})" for first, last in spans
            ],
            "the leaf as a function with a search path": [
                f"public.bench_called({first}, {last})" for first, last in spans
            ],
        }.items()
    }


def cpu_of_appends(connection: psycopg.Connection[Any], url: str, *, beside: bool) -> float:
    """Return the microseconds of an appender's CPU by event, with or without a session that seals beside it."""
    calls = [text("appended", 20) for _ in range(APPENDS)]
    stop = threading.Event()

    def seal() -> None:
        with psycopg.connect(url, autocommit=True) as own:
            while not stop.is_set():
                seal_settled(own, everything=True, going_on=lambda: not stop.is_set())

    sealing = threading.Thread(target=seal)
    if beside:
        sealing.start()
    before = cpu_seconds(connection.info.backend_pid)
    for call in calls:
        connection.execute("SELECT FROM runfold.append_events(%s)", (call,))
    used = cpu_seconds(connection.info.backend_pid) - before
    if beside:
        stop.set()
        sealing.join()
    return used * 1e6 / (20 * APPENDS)


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    ranges = 3 if arguments.quick else 10
    with server(arguments.url) as running:
        url = running.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection, ranges)
            connection.execute("VACUUM (ANALYZE) runfold.events")
            made = {
                name: partial(cpu, connection, statements, ranges * RANGE)
                for name, statements in ways(connection, ranges).items()
            }
            digests = interleaved(made, arguments.rounds)
            before = cpu_seconds(connection.info.backend_pid)
            seal_settled(connection, everything=True)
            sealing = (cpu_seconds(connection.info.backend_pid) - before) * 1e6 / (ranges * RANGE)
            (disk,) = connection.execute(
                "SELECT pg_total_relation_size('runfold.seals') + pg_total_relation_size('runfold.seal_marks')"
            ).fetchone() or (0,)
            appends = interleaved(
                {
                    "alone": partial(cpu_of_appends, connection, url, beside=False),
                    "beside": partial(cpu_of_appends, connection, url, beside=True),
                },
                arguments.rounds,
            )
        running.drop_all()
    product, inline, called = digests.values()
    report(
        "seals",
        [
            Ratio.of(
                "append: CPU beside sealing, to alone", appends["beside"], appends["alone"], expected=1.1, at_most=True
            ),
            Ratio.of("digest: product, to the leaf in the query", product, inline, expected=1.5, at_most=True),
            Ratio.of("digest: called function, to the product", called, product),
        ],
        {
            "events sealed": ranges * RANGE,
            **{f"µs an event: {name}": median(figures) for name, figures in digests.items()},
            "µs an event: sealing": sealing,
            "µs an event: append alone": median(appends["alone"]),
            "µs an event: append beside sealing": median(appends["beside"]),
            "bytes an event: seals and marks": disk / (ranges * RANGE),
        },
    )


if __name__ == "__main__":
    main()
