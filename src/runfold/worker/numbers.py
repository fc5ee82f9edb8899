"""What a worker is doing and has done, in this process: written by its threads, read by who watches it.

Nothing here asks the database, so it can be read while the database is away. It costs a batch some microseconds.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

log = logging.getLogger(__name__)

MINUTE = 60.0


class State(StrEnum):
    """What a worker is doing."""

    STARTING = "starting"
    FOLLOWING = "following"
    """Another worker leads, and this one waits to take over."""
    LEADING = "leading"
    AWAY = "away"
    """The database is away or read-only, or the leadership was lost: it is tried again."""
    STOPPED = "stopped"


SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
EVENTS = (1.0, 10.0, 100.0, 1_000.0, 5_000.0, 20_000.0, 100_000.0)


class Histogram:
    """Counts values by the least of some bounds that they do not exceed."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(self.bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Count a value."""
        with self._lock:
            self._counts[bisect_left(self.bounds, value)] += 1
            self._sum += value

    def read(self) -> tuple[list[int], float]:
        """Return how many values do not exceed each bound, last of all any bound, and the sum of the values."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        for n in range(1, len(counts)):
            counts[n] += counts[n - 1]
        return counts, total


@dataclass(slots=True)
class GroupNumbers:
    """What this process has folded of a group; `position` is None before its first batch here."""

    position: int | None = None
    events: int = 0
    batches: int = 0
    failures: int = 0
    seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    sizes: Histogram = field(default_factory=lambda: Histogram(EVENTS))


class Numbers:
    """The numbers of one worker."""

    def __init__(self) -> None:
        self.state = State.STARTING
        self.started_at = time.time()
        self.epoch: int | None = None
        self.head = 0
        self.wake_ups = 0
        self.leads = 0
        self.losses = 0
        """How often the database or the leadership was lost."""
        self.last_loss: str | None = None
        self.looks = Histogram(SECONDS)
        self.beats = Histogram(SECONDS)
        self._groups: dict[str, GroupNumbers] = {}
        self._moved = time.monotonic()
        self._batch_since: float | None = None

    def moved(self) -> None:
        """Note that the worker's loop moves."""
        self._moved = time.monotonic()

    @property
    def loop_age(self) -> float:
        """The seconds since the worker's loop moved."""
        return time.monotonic() - self._moved

    @property
    def batch_age(self) -> float | None:
        """The seconds for which the loop has been in a batch; None between two."""
        since = self._batch_since
        return None if since is None else time.monotonic() - since

    @contextmanager
    def in_batch(self) -> Iterator[None]:
        """Note that the loop is in a batch, which takes as long as its events need."""
        self.moved()
        self._batch_since = self._moved
        try:
            yield
        finally:
            self._batch_since = None
            self.moved()

    @property
    def groups(self) -> dict[str, GroupNumbers]:
        """The groups of which this process has folded something, by name."""
        return dict(self._groups)

    def folded(self, group: str, position: int, events: int, seconds: float) -> None:
        """Note a batch."""
        numbers = self._group(group)
        numbers.position = position
        numbers.events += events
        numbers.batches += 1
        numbers.seconds.observe(seconds)
        numbers.sizes.observe(events)

    def failed(self, group: str) -> None:
        """Note a batch that failed, and is tried again or waits for an operator."""
        self._group(group).failures += 1

    def lost(self, why: str) -> None:
        """Note that the database or the leadership was lost."""
        self.state = State.AWAY
        self.epoch = None
        self.losses += 1
        self.last_loss = why
        self.moved()

    def leading(self, epoch: int) -> None:
        """Note that this worker leads."""
        self.state = State.LEADING
        self.epoch = epoch
        self.leads += 1
        self.moved()

    def following(self) -> None:
        """Note that another worker leads, and that this one looks at it."""
        self.state = State.FOLLOWING
        self.epoch = None
        self.moved()

    def woken(self) -> None:
        """Note that an appender woke the worker."""
        self.wake_ups += 1

    def totals(self) -> tuple[int, int]:
        """Return how many events and batches were folded here, over all groups."""
        groups = self.groups.values()
        return sum(each.events for each in groups), sum(each.batches for each in groups)

    def _group(self, name: str) -> GroupNumbers:
        return self._groups.setdefault(name, GroupNumbers())


@contextmanager
def timed(histogram: Histogram) -> Iterator[None]:
    """Count the seconds that the block takes, where it does not fail."""
    began = time.perf_counter()
    yield
    histogram.observe(time.perf_counter() - began)


class MinuteLine:
    """Says once a minute what was folded in it: a leader that says nothing for longer does not move."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._before = numbers.totals()
        self._next = time.monotonic() + MINUTE

    def say(self) -> None:
        """Say it where a minute has passed."""
        now = time.monotonic()
        if now < self._next:
            return
        seconds = MINUTE + now - self._next
        self._next = now + MINUTE
        (events, batches), before = self._numbers.totals(), self._before
        self._before = events, batches
        log.info(
            "folded %s events in %s batches; the safe head is %s",
            events - before[0],
            batches - before[1],
            self._numbers.head,
            extra={
                "event": "minute",
                "events": events - before[0],
                "position": self._numbers.head,
                "seconds": round(seconds, 3),
                "epoch": self._numbers.epoch,
            },
        )
