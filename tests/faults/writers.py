"""Writers that do everything that a client may do to the log at once: the load of the fault tests."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import IsolationLevel, errors

from tests.client.log.batches import APPEND_BATCH, arrays_of_appends
from tests.factories import append, call

WRITERS = 16

# Deadlocks are found soon, so that a writer that met one goes on.
IMPATIENT = "-c deadlock_timeout=50ms"

_EXPECTED = (errors.DeadlockDetected, errors.SerializationFailure, errors.QueryCanceled)


@dataclass
class Load:
    """The actions of the writers and their shares, between 0 and 1."""

    url: str
    streams: Sequence[str]
    seconds: float
    seed: int
    writers: int = WRITERS
    rolled_back: float = 0.2
    savepoints: float = 0.2
    timeouts: float = 0.1
    batches: float = 0.0
    longest_pause: float = 0.02
    isolation_levels: Sequence[IsolationLevel] = (IsolationLevel.READ_COMMITTED,)
    counts: Counter[str] = field(default_factory=Counter)

    def run(self) -> Counter[str]:
        """Write for this long; return how often each action happened."""
        with ThreadPoolExecutor(self.writers) as pool:
            for counted in pool.map(self._write, range(self.writers)):
                self.counts += counted
        return self.counts

    def _write(self, number: int) -> Counter[str]:
        rng = random.Random(f"{self.seed}/{number}")
        counts: Counter[str] = Counter()
        ends = time.monotonic() + self.seconds
        with psycopg.connect(self.url, options=IMPATIENT) as connection:
            while time.monotonic() < ends:
                connection.isolation_level = rng.choice(self.isolation_levels)
                try:
                    written = self._transaction(connection, rng, counts)
                    if rng.random() < self.rolled_back:
                        connection.rollback()
                        counts["rolled_back"] += 1
                    else:
                        connection.commit()
                        counts["committed"] += 1
                        counts["events"] += written
                except _EXPECTED as error:
                    connection.rollback()
                    counts[type(error).__name__] += 1
        return counts

    def _transaction(self, connection: psycopg.Connection[Any], rng: random.Random, counts: Counter[str]) -> int:
        written = 0
        if rng.random() < self.timeouts:
            connection.execute(f"SET LOCAL statement_timeout = {rng.randint(1, 8)}")
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            if rng.random() < self.savepoints:
                with connection.transaction(force_rollback=True):
                    self._append(connection, rng)
                counts["savepoints"] += 1
                time.sleep(rng.random() * self.longest_pause)
            written += self._append(connection, rng)
            time.sleep(rng.random() * self.longest_pause)
        return written

    def _append(self, connection: psycopg.Connection[Any], rng: random.Random) -> int:
        streams = rng.sample(self.streams, rng.choice((1, 1, 2, 3)))
        appends = [append(stream, rng.randint(1, 4)) for stream in streams]
        if rng.random() < self.batches:
            connection.execute(APPEND_BATCH, arrays_of_appends(appends))
        else:
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(*appends),))
        return sum(len(made.events) for made in appends)
