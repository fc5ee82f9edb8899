"""An application of the eventsourcing library on runfold's persistence module, and on the library's for PostgreSQL.

The same application class runs twice: it saves new aggregates of 17 events, one save for each aggregate, with default
settings of either module, on the same server, with 1 thread, with 8 threads of one process, and with 8 processes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from statistics import median
from time import perf_counter
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from bench.library import environment
from bench.processes import Processes
from bench.rounds import Ratio, interleaved, report
from bench.servers import options, server

EVENTS = 17
TEXT = "The applicant's income was confirmed by the employer; the offer can go out as calculated. " * 3

# Processes, threads of each, aggregates a thread and round, and the least ratio that is expected.
SHAPES = ((1, 1, 100, 1.5), (1, 8, 30, 2.0), (8, 1, 30, 3.0))


class Case(Aggregate):
    """A case that is decided in steps."""

    @event("Opened")
    def __init__(self) -> None:
        self.steps = 0

    @event("StepDone")
    def do(self, step: int, text: str) -> None:
        self.steps = step
        self.text = text


class Cases(Application[UUID]):
    def decide(self) -> None:
        case = Case()
        for step in range(1, EVENTS):
            case.do(step, TEXT)
        self.save(case)


def decide_some(url: str, threads: int, ready: Barrier, orders: Connection) -> None:
    """Take orders (side, aggregates a thread) until None comes; answer with the times of beginning and end."""
    sides = {
        "runfold": Cases(env={"PERSISTENCE_MODULE": "runfold.eventsourcing", "RUNFOLD_DATABASE_URL": url}),
        "library": Cases(env=environment(url)),
    }
    with ThreadPoolExecutor(threads) as pool:
        orders.send("ready")
        while (order := orders.recv()) is not None:
            side, aggregates = order
            cases = sides[side]

            def decide(_: int, cases: Cases = cases, aggregates: int = aggregates) -> None:
                for _ in range(aggregates):
                    cases.decide()

            ready.wait()
            began = perf_counter()
            list(pool.map(decide, range(threads)))
            orders.send((began, perf_counter()))
    for cases in sides.values():
        cases.close()


class Deciders(Processes):
    """Processes that save aggregates on order."""

    def __init__(self, url: str, processes: int, threads: int) -> None:
        super().__init__(decide_some, [(url, threads)] * processes)
        self._threads = threads

    def events_per_second(self, side: str, aggregates: int) -> float:
        return len(self) * self._threads * aggregates * EVENTS / self.seconds((side, aggregates))


def main() -> None:
    arguments = options(__doc__, rounds=9).parse_args()
    ratios: list[Ratio] = []
    facts: dict[str, object] = {}
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        with psycopg.connect(url) as connection:
            facts["server"] = connection.info.server_version
        for processes, threads, aggregates, expected in SHAPES:
            shape = f"{processes} processes of {threads} threads"
            deciders = Deciders(url, processes, threads)
            turns = max(2, aggregates // 10) if arguments.quick else aggregates
            sides = {side: partial(deciders.events_per_second, side, turns) for side in ("runfold", "library")}
            interleaved(sides, 1)  # plans, caches, the relations' first pages
            rates = interleaved(sides, arguments.rounds)
            deciders.end()
            ratios.append(Ratio.of(f"{shape}, over the library", rates["runfold"], rates["library"], expected=expected))
            facts |= {f"{shape}, {side}, events/s": median(rate) for side, rate in rates.items()}
    report("eventsourcing_app", ratios, facts)


if __name__ == "__main__":
    main()
