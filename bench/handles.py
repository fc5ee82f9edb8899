"""Handles: their cost compared with the library's decorated aggregate, and their use by nodes that run concurrently.

The first part has no database: CPU time for each event of one execution of NODES nodes, from the command to the text or
the stored event for a database. The library's aggregate checks nothing; ours checks every value and move.

The second part writes to a server: one execution, whose nodes are driven by threads that share a handle, with and
without the commands of waiting threads going into one append, and by processes with one handle each, which conflict.
"""

# The decorated aggregate's parameters are its events' fields.
# ruff: noqa: ARG002
from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter, process_time
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, UUIDAsHex

import runfold
from bench.rounds import Ratio, interleaved, report
from bench.servers import options, server
from runfold.client.sync import writer
from runfold.client.sync.execution import ExecutionHandle
from runfold.client.sync.writer import Writer
from runfold.domain.execution import Execution
from runfold.events.codec import encode_appends
from runfold.settings import load_settings

NODES = 8
WORKFLOW = UUID(int=7, version=4)
INPUT = {"order": "A-1", "lines": [{"sku": "x", "quantity": 2}]}
OUTPUT = {"status": 200, "body": "ok"}


class Decorated(Aggregate):
    """The execution as an aggregate of the library, as in its documentation; parameters become event fields."""

    @event("Created")
    def __init__(self, workflow_id: UUID, mode: str) -> None:
        self.status = "NEW"
        self.nodes: dict[str, str] = {}

    @event("Started")
    def start(self, start_time: int) -> None:
        self.status = "RUNNING"

    @event("NodeStarted")
    def start_node(
        self, activation: str, node_id: str, node_type: str, attempt: int, start_time: int, input_data: Any
    ) -> None:
        self.nodes[activation] = "RUNNING"

    @event("NodeSucceeded")
    def succeed_node(self, activation: str, node_id: str, end_time: int, output_data: Any) -> None:
        self.nodes[activation] = "SUCCESS"

    @event("Succeeded")
    def succeed(self, end_time: int) -> None:
        self.status = "SUCCESS"


EVENTS = 2 + 2 * NODES + 1


def transcoder() -> JSONTranscoder:
    made = JSONTranscoder()
    for transcoding in (UUIDAsHex(), DatetimeAsISO()):
        made.register(transcoding)
    return made


MAPPER: Mapper[UUID] = Mapper(transcoder())


def decorated(keep: Callable[[Sequence[Any]], object]) -> None:
    execution = Decorated(workflow_id=WORKFLOW, mode="MANUAL")
    keep(execution.collect_events())
    execution.start(start_time=1)
    keep(execution.collect_events())
    for number in range(NODES):
        name = f"fetch#{number}"
        execution.start_node(name, "fetch", "ACTION", 1, 1, INPUT)
        keep(execution.collect_events())
        execution.succeed_node(name, "fetch", 2, OUTPUT)
        keep(execution.collect_events())
    execution.succeed(end_time=3)
    keep(execution.collect_events())


def pure(keep: Callable[[Execution], object]) -> None:
    execution = Execution.named(uuid4()).create(workflow_id=WORKFLOW, mode="MANUAL")
    for command in (Execution.start,):
        keep(execution)
        execution = command(execution.recorded())
    for number in range(NODES):
        keep(execution)
        name = f"fetch#{number}"
        execution = execution.recorded().start_node("fetch", node_type="ACTION", activation=name, input_data=INPUT)
        keep(execution)
        execution = execution.recorded().succeed_node(name, OUTPUT)
    keep(execution)
    keep(execution.recorded().succeed())


class Nowhere:
    """A store without a database: it encodes events as the real one does, or forgets them at once."""

    retry_seconds = 30.0
    default = None

    def __init__(self, encode: Callable[[Any], object]) -> None:
        self.encode = encode

    def append_many(self, appends: Sequence[runfold.Append]) -> list[runfold.Appended]:
        self.encode(appends)
        return [
            runfold.Appended(one.stream_id, (one.expected_version or 0) + len(one.events), 1, 1, False)
            for one in appends
        ]


def handled(store: Any) -> None:
    made = Writer(store, Execution.named(uuid4()), is_known=True)
    made.do(Execution.create, workflow_id=WORKFLOW, mode="MANUAL")
    with ExecutionHandle(made) as run:
        for _ in range(NODES):
            with run.node("fetch", node_type="ACTION", input=INPUT) as node:
                node.succeed(OUTPUT)


def microseconds_an_event(body: Callable[[], object], executions: int) -> float:
    began = process_time()
    for _ in range(executions):
        body()
    return (process_time() - began) / executions / EVENTS * 1e6


def drive(run: ExecutionHandle, nodes: int) -> None:
    for _ in range(nodes):
        with run.node("fetch", node_type="ACTION", input=INPUT) as node:
            node.succeed(OUTPUT)


def by_threads(store: runfold.Store, threads: int, nodes: int, batch: int = 100) -> float:
    """Return events a second of one execution whose nodes are driven by threads that share its handle."""
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    before, writer._BATCH = writer._BATCH, batch
    try:
        began = perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: drive(run, nodes), range(threads)))
        return 2 * nodes * threads / (perf_counter() - began)
    finally:
        writer._BATCH = before


def process(url: str, execution_id: str, nodes: int, ready: Any, done: Any) -> None:
    with runfold.connect(url) as store:
        run = store.executions.get(execution_id)
        ready.wait()
        began = perf_counter()
        drive(run, nodes)
        done.put((began, perf_counter()))


def by_processes(url: str, store: runfold.Store, processes: int, nodes: int) -> float:
    """Return events a second of one execution whose nodes are driven by processes with a handle each."""
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Barrier(processes), spawn.Queue()
    started = [
        spawn.Process(target=process, args=(url, run.execution_id, nodes, ready, done)) for _ in range(processes)
    ]
    for one in started:
        one.start()
    times = [done.get() for _ in started]
    for one in started:
        one.join()
    return 2 * nodes * processes / (max(ended for _, ended in times) - min(began for began, _ in times))


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    executions = 30 if arguments.quick else 300
    sides: dict[str, Callable[[], object]] = {
        "library": lambda: decorated(lambda _: None),
        "aggregate": lambda: pure(lambda _: None),
        "handle": lambda: handled(Nowhere(lambda _: None)),
        "library, encoded": lambda: decorated(lambda found: [MAPPER.to_stored_event(one) for one in found]),
        "handle, encoded": lambda: handled(Nowhere(encode_appends)),
    }
    measures = {name: (lambda body=body: microseconds_an_event(body, executions)) for name, body in sides.items()}
    interleaved(measures, 1)
    costs = interleaved(measures, arguments.rounds)
    ratios = [
        Ratio.of("aggregate over the library's", costs["aggregate"], costs["library"]),
        Ratio.of("handle over the library's", costs["handle"], costs["library"]),
        Ratio.of("handle over the library's, both encoded", costs["handle, encoded"], costs["library, encoded"]),
    ]
    facts: dict[str, Any] = {f"{name}, CPU us/event": median(cost) for name, cost in costs.items()}

    nodes = 5 if arguments.quick else 40
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        with runfold.connect(url, settings=load_settings(pool_max_size=20)) as store:
            shapes: dict[str, Callable[[], float]] = {
                "1 thread": lambda: by_threads(store, 1, nodes),
                "8 threads": lambda: by_threads(store, 8, nodes),
                "8 threads, an append a command": lambda: by_threads(store, 8, nodes, batch=1),
                "4 processes": lambda: by_processes(url, store, 4, nodes),
            }
            interleaved({name: shape for name, shape in shapes.items() if "processes" not in name}, 1)
            rates = interleaved(shapes, arguments.rounds)
    ratios += [
        Ratio.of(
            "8 threads on a handle, over an append a command",
            rates["8 threads"], rates["8 threads, an append a command"], expected=1.5,
        ),
        Ratio.of("8 threads on a handle over 1", rates["8 threads"], rates["1 thread"]),
        Ratio.of("4 processes, who conflict, over 1 thread", rates["4 processes"], rates["1 thread"]),
    ]  # fmt: skip
    facts |= {f"{name}, events/s": median(rate) for name, rate in rates.items()}
    report("handles", ratios, facts)


if __name__ == "__main__":
    main()
