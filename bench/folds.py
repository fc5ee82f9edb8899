"""What a fold costs for ten times as many events in one batch: ten times as much, and not a hundred times.

Each statement of each projection folds 1,000 and 10,000 of its events, of one stream and of many, in one batch. The
cost is the CPU of the server's backend, so that other work of the machine does not count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, ClassVar

import psycopg

import runfold
from bench.fold_stories import STORIES, Story
from bench.rounds import Ratio, report
from bench.servers import Server, options, server
from runfold.events.envelope import Append, NewEvent
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.hidden import require_visible
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.projector import Projector
from runfold.projections.folding.registry import register_group

FEW, MANY = 1_000, 10_000
# Ten times the events may cost a little more than ten times: sorts and indexes are deeper, and caches smaller.
MOST = 16.0
# What costs less than this for the many events is no square of anything: the clock's ticks are 10 ms.
LEAST_SECONDS = 0.3


class Counting(psycopg.Cursor[Any]):
    """A cursor that counts the CPU seconds of the backend for each statement that folds."""

    seconds: ClassVar[dict[str, float]] = {}

    def execute(self, query: Any, params: Any = None, **options: Any) -> Counting:
        """As the cursor's own; notes what a fold costs."""
        if not (isinstance(query, str) and "WITH batch AS" in query):
            super().execute(query, params, **options)
            return self
        pid = self.connection.info.backend_pid
        before = _cpu(pid)
        super().execute(query, params, **options)
        what = re.search(r"^(?:INSERT INTO|MERGE INTO|DELETE FROM|UPDATE)\s+\w+", query, re.MULTILINE)
        name = what[0] if what else query[:40]
        self.seconds[name] = self.seconds.get(name, 0.0) + _cpu(pid) - before
        return self


def _cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def folding(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session that folds and counts."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        connection.cursor_factory = Counting
        yield connection


def append(url: str, story: Story, count: int, *, many: bool) -> int:
    """Append a story's events; return the last position."""
    last = 0
    streams: dict[str, list[NewEvent]] = {}
    for stream_id, event in story(count, many):
        streams.setdefault(stream_id, []).append(NewEvent.of(event))
    with runfold.connect(url) as store:
        waiting: list[Append] = []
        size = 0
        for stream_id, told in streams.items():
            for first in range(0, len(told), 1_000):
                part = told[first : first + 1_000]
                if waiting and (
                    size + len(part) > 5_000 or len(waiting) == 1_000 or waiting[-1].stream_id == stream_id
                ):
                    last = store.append_many(waiting)[-1].last_position
                    waiting, size = [], 0
                waiting.append(Append(stream_id=stream_id, events=part))
                size += len(part)
        if waiting:
            last = store.append_many(waiting)[-1].last_position
    return last


def fold(connection: psycopg.Connection[Any], head: int) -> dict[str, float]:
    """Fold everything up to a position, each group in one batch; return the CPU seconds of each statement."""
    Counting.seconds.clear()
    projector = Projector(Ledger(connection), batch_size=100_000)
    for group in load_catalogue().groups.values():
        if not group.of_user:
            require_visible(connection, group)
            register_group(connection, group)
            while projector.advance(group, head) is not None:
                pass
    return dict(Counting.seconds)


def measure(on: Server, empty: str, story: Story, count: int, *, many: bool) -> dict[str, float]:
    """Return what each statement costs for so many events of a story, in a new database."""
    url = on.create(template=empty)
    try:
        head = append(url, story, count, many=many)
        with folding(url) as connection:
            return fold(connection, head)
    finally:
        on.drop(url)


def main() -> None:
    parser = options(__doc__, rounds=1)
    parser.add_argument("--story", help="only this story")
    arguments = parser.parse_args()
    few, much = (200, 2_000) if arguments.quick else (FEW, MANY)
    ratios: list[Ratio] = []
    facts: dict[str, Any] = {"events": f"{few} and {much}"}
    with server(arguments.url) as on:
        empty = on.create(migrated=True)
        for name, story in STORIES.items():
            if arguments.story not in (None, name):
                continue
            for many in (False, True):
                pairs = [
                    (measure(on, empty, story, few, many=many), measure(on, empty, story, much, many=many))
                    for _ in range(arguments.rounds)
                ]
                for what in pairs[0][1]:
                    large = [pair[1][what] for pair in pairs]
                    title = f"{name}, {'many streams' if many else 'one stream'}: {what}"
                    if median(large) >= LEAST_SECONDS:
                        small = [max(pair[0].get(what, 0.0), 0.01) for pair in pairs]
                        ratios.append(Ratio.of(title, large, small, expected=MOST, at_most=True))
                    if median(large) >= 0.1:
                        facts[title] = median(large)
    report("folds", ratios, facts)


if __name__ == "__main__":
    main()
