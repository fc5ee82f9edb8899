"""Sealing: what is settled in the log is sealed range by range, in the background and when a worker ends.

It holds up no fold and no append: it runs on a connection of its own, in short transactions, and takes no lock that
either needs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import psycopg

from runfold.database.beside import Beside
from runfold.database.connections import Connect
from runfold.errors import RunfoldError, SealsBroken
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.seals")

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
"""How often a worker that always has something to fold looks whether something is to be sealed."""
IDLE_EVERY_SECONDS = 5.0
LAST_SECONDS = 2.0
"""How long a worker that is told to stop seals what is settled; the next one continues."""
_TICK_SECONDS = 0.2
# After a range, sealing rests this many times as long as the range took.
_REST_IDLE = 1.0
_REST_BUSY = 3.0


def seal_settled(
    connection: psycopg.Connection[Any],
    *,
    everything: bool,
    going_on: Callable[[], bool] = lambda: True,
    rest: Callable[[float], object] = lambda _: None,
) -> tuple[int, bytes] | None:
    """Seal range after range until none is due; returns the last position that was sealed, and its seal.

    `everything` also seals a range that is neither full nor a minute old. The connection is in autocommit: a range is a
    transaction. `rest` is called after each with the seconds that it took, and `going_on` before each. Returns None
    where nothing was due. PostgreSQL raises SealsBroken where the chain does not hold.
    """
    sealed: tuple[int, bytes] | None = None
    while going_on():
        began = time.monotonic()
        row = connection.execute(statement("seal_range"), {"everything": everything}).fetchone()
        if row is None:
            break
        sealed = row
        rest(time.monotonic() - began)
    return sealed


def read_sealed_position(connection: psycopg.Connection[Any]) -> int:
    """Return the position up to which the log is sealed, 0 before the first seal."""
    (position,) = connection.execute(statement("sealed_position")).fetchone() or (0,)
    return int(position)


class Sealing(Beside):
    """Seals on a thread while this worker leads: when it is idle, and once a minute when it never is."""

    def __init__(self, connect: Connect) -> None:
        super().__init__("sealing", connect)
        self._idle = False
        self._said: str | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        if kind is None:
            ends = time.monotonic() + LAST_SECONDS
            self._seal(everything=True, going_on=lambda: time.monotonic() < ends)

    def tell(self, *, idle: bool) -> None:
        """The worker is idle, or has something to fold."""
        self._idle = idle

    def finish(self, stop: threading.Event) -> None:
        """Seal all that is settled, however much it is, until `stop` is set; what fails is logged."""
        self._seal(everything=True, going_on=lambda: not stop.is_set())

    def _run(self) -> None:
        last = -EVERY_SECONDS
        while not self._stop.wait(_TICK_SECONDS):
            if time.monotonic() - last >= (IDLE_EVERY_SECONDS if self._idle else EVERY_SECONDS):
                self._seal(everything=False, going_on=lambda: not self._stop.is_set(), rest=self._rest)
                last = time.monotonic()

    def _rest(self, seconds: float) -> None:
        self._stop.wait(seconds * (_REST_IDLE if self._idle else _REST_BUSY))

    def _seal(
        self,
        *,
        everything: bool,
        going_on: Callable[[], bool],
        rest: Callable[[float], object] = lambda _: None,
    ) -> None:
        try:
            with self._connect() as connection:
                sealed = seal_settled(connection, everything=everything, going_on=going_on, rest=rest)
        except (psycopg.Error, RunfoldError) as exc:
            broken = isinstance(exc, psycopg.Error) and exc.sqlstate == SealsBroken.sqlstate
            if self._said != str(exc):
                log.log(logging.ERROR if broken else logging.WARNING, "the log could not be sealed: %s", exc)
            self._said = str(exc)
            return
        self._said = None
        if sealed is not None:
            # In the worker's log it is kept outside of the database.
            log.info("sealed up to %s: %s", sealed[0], sealed[1].hex())
