"""Appending, compared with the eventsourcing library's default recorder and with a bare multi-row INSERT.

Writers are processes with one connection each; every append goes to a new stream of the writer with its expected
version, and is one durable transaction. The library's side is insert_events of the recorder that an application gets by
default, in the same server; the bare side is one INSERT … VALUES into a table like runfold.events, without streams,
event ids, checks and order.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import median

import psycopg

from bench.processes import Processes
from bench.rounds import Ratio, interleaved, report
from bench.servers import options, server
from bench.writers import SIDES, write

BARE_LOG = Path(__file__).with_name("sql") / "bare_log.sql"

# Writers, events an append, appends a writer and round, and the least ratio over the library that is promised.
SHAPES = ((1, 1, 300, 2.0), (8, 1, 100, 3.0), (8, 10, 50, 2.5), (4, 100, 20, 1.5))


class Writers(Processes):
    """Processes that write on order."""

    def __init__(self, url: str, count: int) -> None:
        super().__init__(write, [(url, number) for number in range(count)])
        self._turn = 0

    def events_per_second(self, side: str, appends: int, events: int) -> float:
        self._turn += 1
        took = self.seconds((side, f"{side}{len(self)}x{events}-{self._turn}", appends, events))
        return len(self) * appends * events / took


def main() -> None:
    arguments = options(__doc__, rounds=9).parse_args()
    ratios: list[Ratio] = []
    facts: dict[str, object] = {}
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(BARE_LOG.read_bytes())
            facts["server"] = connection.info.server_version
        for count, events, appends, expected in SHAPES:
            shape = f"{count}x{events}"
            writers = Writers(url, count)
            turns = max(2, appends // 10) if arguments.quick else appends
            sides = {side: partial(writers.events_per_second, side, turns, events) for side in SIDES}
            interleaved(sides, 1)  # plans, caches, the relations' first pages
            rates = interleaved(sides, arguments.rounds)
            writers.end()
            ratios.append(Ratio.of(f"{shape} over the library", rates["runfold"], rates["library"], expected=expected))
            ratios.append(Ratio.of(f"{shape} over a bare insert", rates["runfold"], rates["bare"]))
            facts |= {f"{shape} {side}, events/s": median(rate) for side, rate in rates.items()}
    report("append", ratios, facts)


if __name__ == "__main__":
    main()
