"""Time from an append to its receipt by an idle subscription: p50 and p99, against a bare NOTIFY in the same run.

No worker runs. Between samples the subscription has enough time to fall asleep. A rare type is then looked for in a
large log: the first look goes through it once, and each later one touches a few buffers.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from statistics import median
from typing import Any

import psycopg

import runfold
from bench.latency import GIVE_UP, IDLE, p99, ratio
from bench.rounds import report
from bench.servers import options, server
from runfold.events import LogAppended

SAMPLES = 1_000
LARGE = 1_000_000
LIMITS_MS = (5.0, 20.0)

FILL = """
INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                            data, metadata, occurred_at, recorded_at)
SELECT n, n, 'log-x', n, gen_random_uuid(), 'log', 'LogAppended', 1,
       jsonb_build_object('message', repeat('x', 400)), '{}', now(), now()
  FROM generate_series(%s::bigint + 1, %s::bigint + %s::bigint) AS n
"""


def received(url: str, samples: int) -> tuple[list[float], list[float], list[float]]:
    """Return milliseconds from each append's call to its receipt, of the call, and of bare notifications between."""
    arrived: queue.Queue[float] = queue.Queue()
    times: list[float] = []
    calls: list[float] = []
    bells: list[float] = []
    line = LogAppended(level="INFO", event_type="workflow_progress", message="m")
    with (
        runfold.connect(url) as store,
        psycopg.connect(url, autocommit=True) as ringing,
        psycopg.connect(url, autocommit=True) as listening,
    ):
        listening.execute("LISTEN bare_bell")
        subscription = store.subscribe(after="now")

        def follow() -> None:
            for _ in subscription:
                arrived.put(time.perf_counter())

        follower = threading.Thread(target=follow)
        follower.start()
        while not subscription.asleep:
            time.sleep(0.01)
        for _ in range(samples + 20):
            time.sleep(random.uniform(*IDLE))
            began = time.perf_counter()
            store.append("log-bench", [line])
            calls.append((time.perf_counter() - began) * 1000)
            times.append((arrived.get(timeout=GIVE_UP) - began) * 1000)
            began = time.perf_counter()
            ringing.execute("NOTIFY bare_bell")
            for _ in listening.notifies(timeout=GIVE_UP, stop_after=1):
                pass
            bells.append((time.perf_counter() - began) * 1000)
        subscription.close()
        follower.join()
    return times[20:], calls[20:], bells[20:]


def buffers(connection: psycopg.Connection[Any], after: runfold.Bookmark) -> int:
    """Return the buffers that one look for a type without any event touches."""
    row = connection.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        " SELECT * FROM runfold.read_all(%s, 500, '{ExecutionCanceled}', NULL, NULL, %s, true)",
        (after.position, after.event_id),
    ).fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def rare(url: str, size: int) -> dict[str, float]:
    """Return what a first and a later look for a rare type cost in a large log."""
    with psycopg.connect(url, autocommit=True) as connection, runfold.connect(url) as store:
        connection.execute("SELECT setval('runfold.events_position', %s)", (size + 1000,))
        connection.execute("SELECT runfold.ensure_partitions()")
        row = connection.execute("SELECT coalesce(max(position), 0) FROM runfold.events").fetchone()
        assert row is not None
        connection.execute(FILL, (row[0], row[0], size))
        connection.execute("SELECT setval('runfold.events_position', %s)", (row[0] + size,))
        connection.execute("VACUUM ANALYZE runfold.events")
        began = time.perf_counter()
        page = store.read_all(types=["ExecutionCanceled"])
        first = time.perf_counter() - began
        began = time.perf_counter()
        store.read_all(page.bookmark, types=["ExecutionCanceled"])
        again = time.perf_counter() - began
        return {
            "log": size,
            "first time through, s": first,
            "later look, ms": again * 1000,
            "first look, buffers": buffers(connection, runfold.Bookmark()),
            "later look, buffers": buffers(connection, page.bookmark),
        }


def main() -> None:
    arguments = options(__doc__, rounds=1).parse_args()
    samples = 100 if arguments.quick else SAMPLES * arguments.rounds
    with server(arguments.url) as on:
        times, calls, bells = received(on.create(migrated=True), samples)
        facts = rare(on.create(migrated=True), LARGE // 20 if arguments.quick else LARGE)
    middle, most = LIMITS_MS
    report(
        "subscribe",
        [
            ratio("p50 over a bare notification's", times, lambda part: median(times[part]) / median(bells[part])),
            ratio("p99 over a bare notification's", times, lambda part: p99(times[part]) / p99(bells[part])),
            ratio(f"p50 over {middle:g} ms", times, lambda part: median(times[part]) / middle, at_most=1.0),
            ratio(f"p99 over {most:g} ms", times, lambda part: p99(times[part]) / most, at_most=1.0),
        ],
        {
            "samples": len(times),
            "received p50, ms": median(times),
            "received p99, ms": p99(times),
            "of that the append's call p50, ms": median(calls),
            "bare p50, ms": median(bells),
            "bare p99, ms": p99(bells),
            **facts,
        },
    )


if __name__ == "__main__":
    main()
