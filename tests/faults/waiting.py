"""Wait for a condition, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

LONGEST = 20.0


def wait_until(holds: Callable[[], object], *, longest: float = LONGEST) -> None:
    """Return when the condition holds; fail after this many seconds."""
    deadline = time.monotonic() + longest
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def eventually(connection: psycopg.Connection[Any], query: str, parameters: Sequence[Any] = ()) -> None:
    """Return when the query, on a connection in autocommit, returns true."""

    def holds() -> bool:
        row = connection.execute(query, parameters).fetchone()
        return row is not None and bool(row[0])

    wait_until(holds)
