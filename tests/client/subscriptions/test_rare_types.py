"""A look for a rare type touches a bounded number of pages, and the next one begins where it ended."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from bench.subscribe import FILL, buffers

import runfold

BOUND = 3_000
"""Pages of 8 kB: ten thousand events of half a kilobyte, by index."""


def fill(connection: psycopg.Connection[Any], size: int) -> None:
    connection.execute("SELECT setval('runfold.events_position', %s)", (size + 1000,))
    connection.execute("SELECT runfold.ensure_partitions()")
    connection.execute(FILL, (0, 0, size))
    connection.execute("SELECT setval('runfold.events_position', %s)", (size,))
    connection.execute("VACUUM ANALYZE runfold.events")


def looks(connection: psycopg.Connection[Any], store: runfold.Store) -> tuple[int, int, int]:
    """Return the pages that a first look touches, a later one, and one without a bookmark."""
    page = store.read_all(types=["ExecutionCanceled"])
    assert (page, page.at_end) == ([], True)
    row = connection.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM runfold.read_all(0, 500, '{ExecutionCanceled}')"
    ).fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    whole = int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
    return buffers(connection, runfold.Bookmark()), buffers(connection, page.bookmark), whole


@pytest.mark.parametrize("size", [60_000, pytest.param(1_000_000, marks=pytest.mark.large)])
def test_no_look_costs_more_than_its_part_of_the_log(
    connection: psycopg.Connection[Any], database_url: str, size: int
) -> None:
    fill(connection, size)
    with runfold.connect(database_url) as made:
        first, later, whole = looks(connection, made)
    assert first < BOUND
    assert later < 100
    # The control: without a bookmark the log is read to its end.
    assert whole > BOUND


def test_a_hole_of_any_length_is_passed(connection: psycopg.Connection[Any], database_url: str) -> None:
    with runfold.connect(database_url) as store:
        store.append("log-a", [runfold.events.LogAppended(level="INFO", event_type="workflow_progress", message="m")])
        connection.execute("SELECT setval('runfold.events_position', 25001)")
        store.append("log-a", [runfold.events.LogAppended(level="INFO", event_type="workflow_progress", message="m")])
        page = store.read_all(types=["ExecutionCanceled"])
        assert (page.bookmark.position, page.at_end) == (25002, True)
        (found,) = store.read_all(1, types=["LogAppended"])
        assert found.position == 25002
