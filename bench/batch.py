"""CPU of the backend by event: append_batch, with arrays, against append_events, with one text.

One connection; each call goes to new streams, with every check on. Both ways take turns.
"""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Any
from uuid import uuid4

import psycopg

from bench.import_ import cpu_seconds
from bench.rounds import Ratio, interleaved, report
from bench.servers import options, server
from runfold.client.batches import WrittenAppend, arrays_of
from runfold.client.sync.log import statement
from runfold.events import LogAppended
from runfold.events.codec import encode_appends, written_event
from runfold.events.envelope import Append, NewEvent

# Streams, events of each, calls a round, and the least ratio.
SHAPES = ((200, 5, 20, 1.2), (1000, 1, 20, 1.2), (20, 50, 20, 1.2))
FILLER = "x" * 300


def calls(streams: int, events: int, count: int) -> list[list[Append]]:
    """Return calls with events of about 560 bytes."""
    line = LogAppended(level="INFO", event_type="workflow_progress", message=FILLER)
    return [
        [Append(stream_id=f"log-{uuid4()}", events=[NewEvent.of(line) for _ in range(events)]) for _ in range(streams)]
        for _ in range(count)
    ]


def cpu_of_events(connection: psycopg.Connection[Any], way: str, streams: int, events: int, count: int) -> float:
    """Return the microseconds of the backend's CPU by event."""
    made: list[Any] = []
    for call in calls(streams, events, count):
        if way == "batch":
            written = [
                WrittenAppend(
                    one.stream_id, [written_event(event)[0] for event in one.events if type(event) is NewEvent]
                )
                for one in call
            ]
            made.append({**(arrays_of(written, None) or {}), "repeats": None})
        else:
            made.append({"appends": encode_appends(call), "command_id": None})
    query = statement("append_batch" if way == "batch" else "append_events")
    before = cpu_seconds(connection.info.backend_pid)
    for parameters in made:
        connection.execute(query, parameters)
    return (cpu_seconds(connection.info.backend_pid) - before) * 1e6 / (streams * events * count)


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    ratios: list[Ratio] = []
    facts: dict[str, object] = {}
    with server(arguments.url) as on, psycopg.connect(on.create(migrated=True), autocommit=True) as connection:
        facts["server"] = connection.info.server_version
        for streams, events, count, expected in SHAPES:
            shape = f"{streams}x{events}"
            turns = max(2, count // 10) if arguments.quick else count
            ways = {way: partial(cpu_of_events, connection, way, streams, events, turns) for way in ("batch", "events")}
            interleaved(ways, 1)
            spent = interleaved(ways, arguments.rounds)
            ratios.append(
                Ratio.of(f"{shape}: CPU of text over arrays", spent["events"], spent["batch"], expected=expected)
            )
            facts |= {f"{shape} {way}, us/event": median(one) for way, one in spent.items()}
    report("batch", ratios, facts)


if __name__ == "__main__":
    main()
