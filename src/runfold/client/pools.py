"""The pools of stores: psycopg's, which do not keep a program from ending when its store was never closed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from runfold.logs import fold_repeats

# While a server fails over, each attempt of each connection warns.
fold_repeats("psycopg.pool")


class Pool(ConnectionPool[psycopg.Connection[Any]]):
    """A pool of connections."""

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        """Stop the threads, if they still run: at the end of the interpreter, each would be waited for 5 seconds.

        From Python 3.13 on, a daemon thread waits for ever there, and does not end.
        """
        if not ending():
            super().__del__()


class AsyncPool(AsyncConnectionPool[psycopg.AsyncConnection[Any]]):
    """A pool of connections for asyncio."""

    @classmethod
    async def worker(cls, q: Any) -> None:
        """Run tasks of the pool until it is closed, or until this task is cancelled, as by the end of the loop."""
        await super().worker(cast(Any, _Tasks(q)))


@dataclass(frozen=True, slots=True)
class PoolNumbers:
    """How much of a pool is in use."""

    size: int
    limit: int
    in_use: int
    waiting: int
    """Calls that wait for a connection."""
    errors: int
    """Connections that could not be opened, since the pool was made."""


def numbers_of(pool: Pool | AsyncPool) -> PoolNumbers:
    """Return how much of a pool is in use; it waits for nothing and may be asked from any thread."""
    stats = pool.get_stats()
    size = stats.get("pool_size", 0)
    return PoolNumbers(
        size=size,
        limit=pool.max_size,
        in_use=size - stats.get("pool_available", 0),
        waiting=stats.get("requests_waiting", 0),
        errors=stats.get("connections_errors", 0),
    )


class _Tasks:
    """The pool's queue for a worker: it ends a worker that was cancelled.

    The pool takes a cancellation for a failed attempt to connect, and goes on; the loop would wait for it for ever.
    """

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    async def get(self) -> Any:
        """Return the next task."""
        worker = asyncio.current_task()
        if worker is not None and worker.cancelling():
            raise asyncio.CancelledError
        return await self._queue.get()
