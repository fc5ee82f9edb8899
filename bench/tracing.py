"""What OpenTelemetry costs an append: without the SDK, with it outside of a span, and inside of one.

    python -m bench.tracing

CPU of the client's process, in turns, over real appends of one event.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import runfold
from bench.servers import options, server
from runfold.events import ExecutionCreated
from runfold.tracing import appending, carried


def _hook(times: int) -> float:
    """Return the microseconds of CPU of what each append does for tracing."""
    began = time.process_time()
    for _ in range(times):
        with appending(1, 1):
            carried(None)
    return (time.process_time() - began) / times * 1e6


def _appends(store: Any, times: int, around: Callable[[], Any]) -> float:
    began = time.process_time()
    for _ in range(times):
        with around():
            name = str(uuid4())
            store.append(f"execution-{name}", [ExecutionCreated(execution_id=name, workflow_id=uuid4(), mode="MANUAL")])
    return (time.process_time() - began) / times * 1e6


def main() -> None:
    """Print the figures."""
    arguments = options(__doc__, rounds=5).parse_args()
    times = 50 if arguments.quick else 500
    with server(arguments.url) as on, runfold.connect(on.create(migrated=True)) as store:
        _appends(store, times, nullcontext)
        assert "opentelemetry.sdk.trace" not in sys.modules
        bare = [_appends(store, times, nullcontext) for _ in range(arguments.rounds)]
        hook = [_hook(100_000) for _ in range(arguments.rounds)]
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        tracer = trace.get_tracer("bench")
        inside: list[float] = []
        outside: list[float] = []
        for _ in range(arguments.rounds):
            outside.append(_appends(store, times, nullcontext))
            inside.append(_appends(store, times, lambda: tracer.start_as_current_span("request")))
    print(f"append without the SDK        {statistics.median(bare):8.1f} µs of CPU")
    share = statistics.median(hook) / statistics.median(bare)
    print(f"  of it for tracing           {statistics.median(hook):8.2f} µs ({share:.2%})")
    print(f"append with it, no span       {statistics.median(outside):8.1f} µs")
    print(f"append inside of a span       {statistics.median(inside):8.1f} µs")


if __name__ == "__main__":
    main()
