"""Emitting, compared with an append for each event, with the eventsourcing library's recorder and with a raw COPY.

200 executions, in turns within one run. The emitter's executions wait for each acknowledgement, or for none before the
end, in one lane and in two; every check of an append is on. The library's recorder gets its events one by one from five
threads, or a thousand at once; COPY writes rows of a table like runfold.events, in binary and from one connection,
without checks, streams, order or acknowledgements of an event. CPU is that of this process and of the server's.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any
from uuid import UUID, uuid4, uuid5

import orjson
import psutil
import psycopg
from eventsourcing.persistence import StoredEvent

import runfold
from bench.append import BARE_LOG
from bench.library import application_recorder
from bench.rounds import Ratio, interleaved, report
from bench.servers import options, server
from bench.writers import NAMES, body
from runfold.events.envelope import NewEvent
from runfold.settings import load_settings

EXECUTIONS = 200
POOL = 10
LIBRARY_THREADS = 5
EMITTING_THREADS = 4
AT_ONCE = 1_000
LONGEST_P99 = 0.080
COPY = """
    COPY bare.events (append_end, stream_id, stream_version, event_id, category, type, schema_version, data, metadata,
                      occurred_at, recorded_at) FROM STDIN WITH (FORMAT binary)
"""
COPIED = ("int8", "text", "int8", "uuid", "text", "text", "int4", "jsonb", "jsonb", "timestamptz", "timestamptz")


class Bench:
    """The sides. Each returns the events per second of one turn, and notes CPU and latencies."""

    def __init__(self, url: str, server_pid: int, events: int) -> None:
        self.url = url
        self.cpu: dict[str, list[tuple[float, float]]] = {}
        self.waits: dict[str, list[float]] = {}
        self._server = psutil.Process(server_pid)
        self._events = events
        self._turns = count(1)
        self.streams_of_copy = self.streams()

    @contextmanager
    def measured(self, side: str, events: int) -> Iterator[list[float]]:
        """Note the CPU of an event in us, and yield where the events per second are put."""
        rate: list[float] = []
        client, backends, began = process_time(), self._backends(), perf_counter()
        yield rate
        took = perf_counter() - began
        rate.append(events / took)
        spent = (process_time() - client, self._backends() - backends)
        self.cpu.setdefault(side, []).append((spent[0] / events * 1e6, spent[1] / events * 1e6))

    def _backends(self) -> float:
        total = 0.0
        for process in self._server.children(recursive=True):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    def streams(self) -> list[str]:
        turn = next(self._turns)
        return [f"execution-{turn}-{n}" for n in range(EXECUTIONS)]

    def emitter_that_waits(self) -> float:
        """Each execution awaits the acknowledgement of an event before the next one."""

        async def run() -> float:
            each = max(2, self._events // EXECUTIONS)
            waits = self.waits.setdefault("emitter, each waits", [])
            async with await runfold.connect_async(self.url) as store, runfold.AsyncEmitter(store) as emit:

                async def execution(stream: str) -> None:
                    for n in range(each):
                        began = perf_counter()
                        await (await emit.put(stream, NewEvent(type="NodeSucceeded", data=body(n))))
                        waits.append(perf_counter() - began)

                with self.measured("emitter, each waits", each * EXECUTIONS) as rate:
                    await asyncio.gather(*map(execution, self.streams()))
                return rate[0]

        return asyncio.run(run())

    def emitter(self, lanes: int) -> Callable[[], float]:
        """Four threads emit, and nobody waits before the end."""
        side = f"emitter, {lanes} lane{'s' if lanes > 1 else ''}, nobody waits"

        def run() -> float:
            each = self._events // EXECUTIONS * 4
            with runfold.connect(self.url) as store, runfold.Emitter(store, lanes=lanes) as emit:

                def executions(streams: list[str]) -> None:
                    for n in range(each):
                        for stream in streams:
                            emit(stream, NewEvent(type="NodeSucceeded", data=body(n)))

                streams = self.streams()
                threads = [
                    threading.Thread(target=executions, args=(streams[n::EMITTING_THREADS],))
                    for n in range(EMITTING_THREADS)
                ]
                with self.measured(side, each * EXECUTIONS) as rate:
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()
                    emit.flush()
            return rate[0]

        return run

    def one_by_one(self) -> float:
        """An append for each event, awaited."""

        async def run() -> float:
            each = max(1, self._events // EXECUTIONS // 4)
            settings = load_settings(pool_max_size=POOL, pool_min_size=POOL)
            async with await runfold.connect_async(self.url, settings=settings) as store:

                async def execution(stream: str) -> None:
                    for n in range(each):
                        await store.append(stream, [NewEvent(type="NodeSucceeded", data=body(n))])

                with self.measured("an append for each event", each * EXECUTIONS) as rate:
                    await asyncio.gather(*map(execution, self.streams()))
                return rate[0]

        return asyncio.run(run())

    def library_one_by_one(self) -> float:
        recorder = application_recorder(self.url)
        events = [[event] for event in _stored(self.streams(), max(1, self._events // EXECUTIONS // 4))]
        with ThreadPoolExecutor(LIBRARY_THREADS) as pool:
            list(pool.map(recorder.insert_events, events[:LIBRARY_THREADS]))  # connections
            events = events[LIBRARY_THREADS:]
            with self.measured("library, an event an insert", len(events)) as rate:
                list(pool.map(recorder.insert_events, events))
        recorder.datastore.close()
        return rate[0]

    def library_at_once(self) -> float:
        recorder = application_recorder(self.url)
        with self.measured("library, 1,000 an insert", self._events * 2) as rate:
            events = _stored(self.streams(), self._events * 2 // EXECUTIONS)
            for n in range(0, len(events), AT_ONCE):
                recorder.insert_events(events[n : n + AT_ONCE])
        recorder.datastore.close()
        return rate[0]

    def copy(self) -> float:
        each = self._events * 4 // EXECUTIONS
        with psycopg.connect(self.url, autocommit=True) as connection:
            with self.measured("raw COPY", each * EXECUTIONS) as rate:
                rows = []
                for n in range(each):
                    for stream in self.streams_of_copy:
                        rows.append((stream, n))
                        if len(rows) == AT_ONCE:
                            _copy(connection, rows)
                            rows = []
            self.streams_of_copy = self.streams()
        return rate[0]


def _stored(streams: list[str], each: int) -> list[StoredEvent]:
    return [
        StoredEvent(
            originator_id=uuid5(NAMES, stream),
            originator_version=n + 1,
            topic="bench.emit:NodeSucceeded",
            state=orjson.dumps({**body(n), "timestamp": datetime.now(UTC)}),
        )
        for n in range(each)
        for stream in streams
    ]


def _copy(connection: psycopg.Connection[Any], rows: list[tuple[str, int]]) -> None:
    with connection.cursor() as cursor, cursor.copy(COPY.encode()) as copy:
        copy.set_types(COPIED)
        for stream, n in rows:
            now = datetime.now(UTC)
            data = psycopg.types.json.Jsonb(body(n), dumps=orjson.dumps)
            empty = psycopg.types.json.Jsonb({}, dumps=orjson.dumps)
            copy.write_row((0, stream, n + 1, _new(), "execution", "NodeSucceeded", 1, data, empty, now, now))


def _new() -> UUID:
    return uuid4()


def main() -> None:
    arguments = options(__doc__, rounds=3).parse_args()
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(BARE_LOG.read_bytes())
            row = connection.execute("SELECT pg_backend_pid(), version()").fetchone()
            assert row is not None
            parent = psutil.Process(row[0]).ppid()
        bench = Bench(url, parent, 2_000 if arguments.quick else 10_000)
        sides = {
            "emitter, each waits": bench.emitter_that_waits,
            "an append for each event": bench.one_by_one,
            "emitter, 1 lane, nobody waits": bench.emitter(1),
            "library, an event an insert": bench.library_one_by_one,
            "emitter, 2 lanes, nobody waits": bench.emitter(2),
            "library, 1,000 an insert": bench.library_at_once,
            "raw COPY": bench.copy,
        }
        interleaved(sides, 1)  # plans, caches, the relations' first pages
        bench.cpu.clear()
        bench.waits.clear()
        rates = interleaved(sides, arguments.rounds)
    load = os.getloadavg()
    waits = quantiles(bench.waits["emitter, each waits"], n=100)
    alone = rates["an append for each event"]
    at_once = rates["library, 1,000 an insert"]
    one, two = rates["emitter, 1 lane, nobody waits"], rates["emitter, 2 lanes, nobody waits"]
    ratios = [
        Ratio.of("each waits, over an append an event", rates["emitter, each waits"], alone, expected=8),
        Ratio.of("p99 of an acknowledgement, over 80 ms", [waits[98]], [LONGEST_P99], expected=1, at_most=True),
        Ratio.of("nobody waits, over an append an event", one, alone, expected=15),
        Ratio.of("one lane, over the library at once", one, at_once, expected=1.0),
        Ratio.of("two lanes, over the library at once", two, at_once, expected=1.5),
        Ratio.of("two lanes, over a raw COPY", two, rates["raw COPY"], expected=0.6),
        Ratio.of("one lane, over the library one by one", one, rates["library, an event an insert"]),
    ]
    facts: dict[str, Any] = {f"{side}, events/s": median(rate) for side, rate in rates.items()}
    for side, spent in bench.cpu.items():
        client, backends = (min(each) for each in zip(*spent, strict=True))
        facts[f"{side}, us CPU here / server"] = f"{client:.1f} / {backends:.1f}"
    facts["acknowledgement p50 / p99, ms"] = f"{waits[49] * 1000:.1f} / {waits[98] * 1000:.1f}"
    facts["load"] = f"{load[0]:.1f}"
    report("emit", ratios, facts)


if __name__ == "__main__":
    main()
