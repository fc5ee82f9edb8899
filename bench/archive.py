"""The archive of a closed segment beside writers: bytes an event, CPU, memory, and what appends wait for it.

Two processes append one event after the other to new streams, first alone, then beside the archive and the restore. Of
appends the longest is given, and the 99th percentile, alone and beside. Wall times depend on the machine.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

import psycopg

from bench.servers import options, server
from runfold.archive.restoring import restore_range
from runfold.archive.writing import write_archives

SQL = Path(__file__).with_name("sql")
WRITERS = 2
ONE = '[{"stream_id": "execution-%s", "events": [{"event_id": "%s", "type": "ExecutionMetadataSet", "data": {"metadata": {}}, "occurred_at": "2026-01-01T00:00:00Z"}]}]'  # noqa: E501  # fmt: skip


def fill(connection: psycopg.Connection[Any], events: int) -> None:
    """Fill the first segment of an empty log, of `events` positions, and say that everything is folded."""
    for (partition,) in connection.execute("SELECT partition FROM runfold.segments()").fetchall():
        connection.execute(f"DROP TABLE {partition}".encode())
    connection.execute("SELECT runfold.ensure_partitions(2, %s)", (events,))
    connection.execute((SQL / "old_log.sql").read_bytes(), {"events": events}, prepare=False)
    connection.execute("SELECT setval('runfold.events_position', %s)", (events,))
    connection.execute(append_of_one().encode())
    connection.execute("INSERT INTO runfold.checkpoints (group_name, position) SELECT 'execution', runfold.safe_head()")
    connection.execute("VACUUM (ANALYZE) runfold.events, runfold.streams, runfold.event_ids")


def append_of_one() -> str:
    """Return the call that appends one event to a new stream."""
    return f"SELECT runfold.append_events('{ONE % (uuid4(), uuid4())}')"


def write(url: str, stop: Event, times: Queue[list[float]]) -> None:
    """Append until told to stop; send the seconds of each append."""
    taken = []
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        while not stop.is_set():
            statement = append_of_one().encode()
            began = time.perf_counter()
            connection.execute(statement)
            taken.append(time.perf_counter() - began)
    times.put(taken)


def beside_writers(url: str, work: Callable[[], Any]) -> tuple[Any, list[float]]:
    """Do the work while two processes append; return what it returned, and the seconds of each append."""
    context = multiprocessing.get_context("spawn")
    stop, times = context.Event(), context.Queue()
    writers = [context.Process(target=write, args=(url, stop, times), daemon=True) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        done = work()
    finally:
        stop.set()
    taken = [each for _ in writers for each in times.get(timeout=60)]
    for writer in writers:
        writer.join()
    return done, taken


def said(taken: list[float]) -> str:
    p99 = quantiles(taken, n=1000)[989] if len(taken) > 1 else taken[0]
    return f"{len(taken):,} appends, p99 {p99 * 1000:.1f} ms, longest {max(taken) * 1000:.0f} ms"


def own() -> tuple[float, int]:
    """Return the seconds of CPU of this process, and the most memory it had, in MB."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def measure(url: str, folder: Path, events: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        fill(connection, events)
        (size,) = connection.execute(
            "SELECT pg_total_relation_size((SELECT partition FROM runfold.segments() LIMIT 1)::regclass)"
        ).fetchone() or (0,)
        connection.execute(
            "CREATE TABLE public.kept AS SELECT * FROM runfold.events WHERE position <= %s" % events  # noqa: UP031
        )
        _, alone = beside_writers(url, lambda: time.sleep(10))
        print(f"writers alone:      {said(alone)}")
        cpu, _ = own()
        began = time.perf_counter()
        written, beside = beside_writers(
            url, lambda: write_archives(connection, folder, older_than=timedelta(days=30), wait=lambda _: time.sleep(1))
        )
        seconds = time.perf_counter() - began
        after, memory = own()
        print(f"beside the archive: {said(beside)}")
        (file,) = folder.glob("*.parquet")
        print(
            f"{written.streams:,} streams with {written.events:,} events left in {seconds:.1f} s; client"
            f" {(after - cpu) / events * 1e6:.1f} µs of CPU an event, at most {memory} MB;"
            f" {file.stat().st_size / events:.1f} bytes an event in the file, {size / events:.0f} in heap and indexes"
        )
        began = time.perf_counter()
        restored, beside = beside_writers(url, lambda: restore_range(connection, folder, 1, events))
        print(f"beside the restore: {said(beside)}")
        print(f"{restored.events:,} events came back in {time.perf_counter() - began:.1f} s")
        row = connection.execute(
            "SELECT count(*) FROM public.kept k FULL JOIN (SELECT * FROM runfold.events WHERE position <= %s) e"
            " USING (position) WHERE k IS NULL OR e IS NULL OR k *<> e",
            (events,),
        ).fetchone()
        print(f"{row[0] if row else '?'} rows differ from those that left")


def main() -> None:
    """Print the figures of one segment."""
    parser = options(__doc__, rounds=1)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the segment (default 1,000,000)")
    chosen = parser.parse_args()
    events = 20_000 if chosen.quick else chosen.events
    with server(chosen.url) as running, tempfile.TemporaryDirectory() as folder:
        measure(running.create(migrated=True), Path(folder), events)


if __name__ == "__main__":
    main()
