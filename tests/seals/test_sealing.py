"""Every settled position is sealed once, in ranges that adjoin, in short steps."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.factories import append, call, line

Connection = psycopg.Connection[Any]
PARTITION = 5_000_000


def fill(connection: Connection, events: int, *, appends: int = 1) -> None:
    """Append this many log lines in each of so many calls."""
    for _ in range(appends):
        connection.execute(
            "SELECT runfold.append_events(%s)", (call(append("log-1", [line() for _ in range(events)])),)
        )


def roll_back(connection: Connection, positions: int) -> None:
    """Leave holes: positions that were issued and rolled back."""
    connection.execute(
        "SELECT setval('runfold.events_position', last_value + %s) FROM runfold.events_position", (positions,)
    )


def age(connection: Connection, seconds: int) -> None:
    """Make the events older, as no append can."""
    connection.execute("SET session_replication_role = replica")
    connection.execute("UPDATE runfold.events SET recorded_at = recorded_at - make_interval(secs => %s)", (seconds,))
    connection.execute("SET session_replication_role = origin")


def seal(connection: Connection, *, everything: bool = False) -> list[tuple[int, int, int]]:
    """Seal what is due; returns first and last position and the number of events of each range."""
    ranges = []
    while row := connection.execute(
        "SELECT first_position, last_position, events FROM runfold.seal_range(%s)", (everything,)
    ).fetchone():
        ranges.append(row)
    return ranges


def test_a_range_is_full_at_ten_thousand_positions_and_holes_are_sealed_too(connection: Connection) -> None:
    fill(connection, 1)
    roll_back(connection, 25_000)
    fill(connection, 1)
    assert seal(connection) == [(1, 10_000, 1), (10_001, 20_000, 0)]
    assert seal(connection, everything=True) == [(20_001, 25_002, 1)]
    assert connection.execute("SELECT count(*) FROM runfold.seals WHERE seal IS NULL").fetchone() == (0,)
    assert connection.execute("SELECT runfold.sealed_position()").fetchone() == (25_002,)
