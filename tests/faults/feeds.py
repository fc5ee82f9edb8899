"""Readers that tail the log in a thread, and the judgement of what they saw.

`safe` is the product's. The others make the mistakes that it avoids: `naive` reads all events after its checkpoint,
`one_statement` takes the safe head and the events with one snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

import psycopg

Row = tuple[int, str, int]
"""Position, stream, version."""
Page = Callable[[psycopg.Connection[Any], int], list[Row]]

PAGE = 500


def safe(connection: psycopg.Connection[Any], checkpoint: int) -> list[Row]:
    return connection.execute(
        "SELECT position, stream_id, stream_version FROM runfold.read_all(%s, %s)", (checkpoint, PAGE)
    ).fetchall()


def naive(connection: psycopg.Connection[Any], checkpoint: int) -> list[Row]:
    return connection.execute(
        "SELECT position, stream_id, stream_version FROM runfold.events WHERE position > %s ORDER BY position LIMIT %s",
        (checkpoint, PAGE),
    ).fetchall()


def one_statement(connection: psycopg.Connection[Any], checkpoint: int) -> list[Row]:
    # The pause simulates a busy machine: it is between the statement's snapshot and its reading of the safe head.
    return connection.execute(
        """WITH pause AS MATERIALIZED (SELECT pg_sleep(0.02)),
                head AS MATERIALIZED (SELECT runfold.safe_head() AS head FROM pause)
           SELECT position, stream_id, stream_version FROM runfold.events, head
            WHERE position > %s AND position <= head ORDER BY position LIMIT %s""",
        (checkpoint, PAGE),
    ).fetchall()


def committed(connection: psycopg.Connection[Any]) -> list[Row]:
    """Return the whole log in order, after the writers have ended."""
    return connection.execute(
        "SELECT position, stream_id, stream_version FROM runfold.events ORDER BY position"
    ).fetchall()


class Feed:
    """Tails the log in a thread; its checkpoint is the position of the last event that it read."""

    def __init__(self, url: str, page: Page, *, pause: float = 0.003) -> None:
        self.seen: list[Row] = []
        self.pages = 0
        self._url = url
        self._page = page
        self._pause = pause
        self._writers_ended = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._tail, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Read to the end of the log, which no longer grows."""
        self._writers_ended.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the reader hangs"
        if self._error is not None and error is None:
            raise self._error

    def _tail(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while True:
                    last_round = self._writers_ended.is_set()
                    rows = self._page(connection, self.seen[-1][0] if self.seen else 0)
                    self.seen += rows
                    self.pages += bool(rows)
                    if not rows:
                        if last_round:
                            return
                        self._writers_ended.wait(self._pause)
        except BaseException as error:
            self._error = error


@dataclass(frozen=True)
class Judgement:
    """What a reader saw of a log."""

    events: int
    missed: int
    doubled: int
    out_of_order: int

    @classmethod
    def of(cls, seen: list[Row], log: list[Row]) -> Judgement:
        versions: dict[str, int] = {}
        out_of_order = sum(later[0] <= earlier[0] for earlier, later in pairwise(seen))
        for _, stream, version in seen:
            out_of_order += version != versions.get(stream, 0) + 1
            versions[stream] = version
        return cls(len(log), len(set(log) - set(seen)), len(seen) - len(set(seen)), out_of_order)

    @property
    def is_faultless(self) -> bool:
        return self.missed == self.doubled == self.out_of_order == 0
