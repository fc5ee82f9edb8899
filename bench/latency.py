"""Time from the commit of an append to its visible row, with an idle worker: p50 and p99, against a bare NOTIFY.

An append is one NodeScheduled; its row is looked for from the moment at which the append returned. Between samples the
worker has enough time to fall asleep. In turns with that, a bare NOTIFY from one session is timed until another session
gets it.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median, quantiles
from uuid import uuid4

import psycopg

import runfold
from bench.rounds import Ratio, report
from bench.servers import REPOSITORY, command, options, server
from runfold.events import ExecutionCreated, NodeScheduled

SAMPLES = 1_000
GIVE_UP = 10.0
# Looking without a pause would take one of two cores from the worker and its backend.
LOOK_EVERY = 0.0002
IDLE = (0.005, 0.030)
LIMIT_MS = 20.0


def visible(url: str, samples: int, bell: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Return milliseconds from each append's return to its row, and of the bare notifications between them."""
    execution_id = str(uuid4())
    stream_id = f"execution-{execution_id}"
    rows: list[float] = []
    bells: list[float] = []
    with runfold.connect(url) as store, psycopg.connect(url, autocommit=True) as reader:
        created = ExecutionCreated(execution_id=execution_id, workflow_id=uuid4(), mode="MANUAL")
        store.append(stream_id, [created], expected_version=0)
        for number in range(samples + 20):
            time.sleep(random.uniform(*IDLE))
            event = NodeScheduled(activation=f"n#{number}", node_id="n", node_type="ACTION")
            appended = store.append(stream_id, [event], expected_version=number + 1)
            began = time.perf_counter()
            look = "SELECT FROM public.node_executions WHERE execution_id = %s AND last_event_position = %s"
            while not reader.execute(look, [execution_id, appended.last_position]).rowcount:
                if time.perf_counter() - began > GIVE_UP:
                    sys.exit(f"the row of position {appended.last_position} did not come within {GIVE_UP:g} s")
                time.sleep(LOOK_EVERY)
            rows.append((time.perf_counter() - began) * 1000)
            bells.append(bell())
    return rows[20:], bells[20:]


def p99(samples: list[float]) -> float:
    return quantiles(samples, n=100)[98]


def ratio(name: str, samples: list[float], of: Callable[[slice], float], *, at_most: float | None = None) -> Ratio:
    """Return a figure over all samples; its spread is that of the fifths of the run."""
    fifth = len(samples) // 5
    parts = [of(slice(start, start + fifth)) for start in range(0, 5 * fifth, fifth)]
    return Ratio(name, of(slice(None)), min(parts), max(parts), at_most, at_most is not None)


def main() -> None:
    arguments = options(__doc__, rounds=1).parse_args()
    samples = 100 if arguments.quick else SAMPLES * arguments.rounds
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        worker = subprocess.Popen(
            command(url, "worker"), cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with (
                psycopg.connect(url, autocommit=True) as ringing,
                psycopg.connect(url, autocommit=True) as listening,
            ):
                listening.execute("LISTEN bare_bell")

                def bell() -> float:
                    began = time.perf_counter()
                    ringing.execute("NOTIFY bare_bell")
                    for _ in listening.notifies(timeout=GIVE_UP, stop_after=1):
                        pass
                    return (time.perf_counter() - began) * 1000

                rows, bells = visible(url, samples, bell)
        finally:
            worker.terminate()
            worker.wait()
    report(
        "latency",
        [
            ratio("p50 over a bare notification's", rows, lambda part: median(rows[part]) / median(bells[part])),
            ratio("p99 over a bare notification's", rows, lambda part: p99(rows[part]) / p99(bells[part])),
            ratio(f"p99 over {LIMIT_MS:g} ms", rows, lambda part: p99(rows[part]) / LIMIT_MS, at_most=1.0),
        ],
        {
            "samples": len(rows),
            "row p50, ms": median(rows),
            "row p99, ms": p99(rows),
            "row max, ms": max(rows),
            "bare p50, ms": median(bells),
            "bare p99, ms": p99(bells),
        },
    )


if __name__ == "__main__":
    main()
