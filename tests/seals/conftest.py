"""Fixtures: a log with sealed ranges, and a superuser who changes what nobody may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from runfold.seals.sealing import seal_settled
from tests.factories import append, call, line
from tests.fixtures.evidence import evidence

__all__ = ["evidence"]

Connection = psycopg.Connection[Any]


def fill(connection: Connection, events: int, *, stream: str = "log-1") -> None:
    """Append this many log lines in one call."""
    lines = [line(f"line {n}") for n in range(events)]
    connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(stream, lines)),))


def roll_back(connection: Connection, positions: int) -> None:
    """Leave holes: positions that were issued and rolled back."""
    connection.execute(
        "SELECT setval('runfold.events_position', last_value - (NOT is_called)::integer + %s)"
        " FROM runfold.events_position",
        (positions,),
    )


def go_to(connection: Connection, position: int) -> None:
    """Let the next event have this position."""
    connection.execute("SELECT setval('runfold.events_position', %s)", (position - 1,))


@contextmanager
def tampering(connection: Connection) -> Iterator[Connection]:
    """A superuser's session without triggers, as one that means harm has it."""
    connection.execute("SET session_replication_role = replica")
    try:
        yield connection
    finally:
        connection.execute("SET session_replication_role = origin")


def age(connection: Connection, seconds: int) -> None:
    """Make all events older, or younger, than they are."""
    with tampering(connection):
        connection.execute(
            "UPDATE runfold.events SET recorded_at = recorded_at - make_interval(secs => %s)", (seconds,)
        )


def seal(connection: Connection, *, everything: bool = False) -> list[tuple[int, int, int]]:
    """Seal what is due; returns first and last position and the number of events of each new range."""
    (before,) = connection.execute("SELECT runfold.sealed_position()").fetchone() or (0,)
    seal_settled(connection, everything=everything)
    return connection.execute(
        "SELECT first_position, last_position, events FROM runfold.seals WHERE first_position > %s ORDER BY 1",
        (before,),
    ).fetchall()
