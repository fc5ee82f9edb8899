"""A look at a few rows reads as much of a large log as of a small one: barriers are found by stream, not by type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.reconciling.replay import replay_group
from runfold.reading.past.reader import open_past
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain

GROUP = "execution"
Look = Callable[[psycopg.Connection[Any], int], None]


def look_back(connection: psycopg.Connection[Any], position: int) -> None:
    """Fold an execution as of a position, and leave the transaction open."""
    with open_past(connection, load_catalogue(), position=position, execution="a") as past:
        past.fold("workflow_executions", "node_executions", "workflow_status")
        READ.append(rows_read(connection))


def replay_one(connection: psycopg.Connection[Any], position: int) -> None:
    """Replay an execution, and take it back."""
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        replay_group(cursor, load_catalogue().groups[GROUP], "execution-a", position)
        READ.append(rows_read(connection))


READ: list[int] = []


def rows_read(connection: psycopg.Connection[Any]) -> int:
    """Return how many rows of the log this transaction has read."""
    row = connection.execute(
        "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables"
        " WHERE relname ~ '^events_[0-9]+$'"
    ).fetchone()
    return int(row[0]) if row is not None else -1


@pytest.fixture
def grown(database_url: str, connection: psycopg.Connection[Any]) -> Callable[[Look], tuple[int, int]]:
    """Return how many events a look reads in a small log, and in one with 30,000 events of others."""

    def measure(look: Look) -> tuple[int, int]:
        READ.clear()
        log = Log(connection)
        log.append("execution-a", *run("a"))
        position = log.append("log-a", event("LogAppended"))
        drain(database_url)
        with psycopg.connect(database_url, autocommit=True) as looking:
            look(looking, position)
        connection.execute(
            """
            INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type,
                                        schema_version, data, metadata, occurred_at, recorded_at)
            SELECT p.n, p.n, 'execution-o' || p.n / 10, 1 + p.n % 10, gen_random_uuid(), 'execution', 'NodeStarted', 1,
                   '{"activation": "x"}', '{}', now(), now()
              FROM generate_series(100, 30000) AS p (n)
            """
        )
        connection.execute("SELECT setval('runfold.events_position', 30000)")
        connection.execute("ANALYZE runfold.events")
        with psycopg.connect(database_url, autocommit=True) as looking:
            look(looking, 30_000)
        return READ[0], READ[1]

    return measure


@pytest.mark.parametrize("look", [look_back, replay_one])
def test_a_look_reads_no_more_of_a_large_log(grown: Callable[[Look], tuple[int, int]], look: Look) -> None:
    small, large = grown(look)
    assert small > 0
    assert large <= small * 1.1


@pytest.mark.parametrize("look", [look_back, replay_one])
def test_control_barriers_that_are_looked_for_by_type_are_read_for_in_all_of_the_log(
    grown: Callable[[Look], tuple[int, int]], look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Group, "barrier_streams", ())
    monkeypatch.setattr(Group, "other_barriers", ("TenantErased", "WorkflowDeleted"))
    small, large = grown(look)
    assert large > small + 20_000
