"""What most producers send is judged by the quick checks alone: counted by PostgreSQL's statistics, not by a clock."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runfold.events import NodeStarted
from tests.events.examples import append, data_for, envelope
from tests.events.mutations import text_of

Connection = psycopg.Connection[Any]

SLOW = {"is_timestamp", "raise_append_fault", "older_event_is_valid", "large_event_is_valid"}


def slow_checks_of(connection: Connection, call: Any) -> set[str]:
    """Return the slow checks that a call went through."""
    connection.execute("SET track_functions = 'all'")
    with connection.transaction():
        connection.execute("SELECT runfold.validate_appends(%s)", [text_of(call)])
        rows = connection.execute("SELECT funcname FROM pg_stat_xact_user_functions WHERE calls > 0").fetchall()
    return SLOW & {name for (name,) in rows}


def call_of(events: int, **changes: Any) -> Any:
    return [append(*(envelope("NodeStarted", data_for(NodeStarted), **changes) for _ in range(events)))]


TIMES = ["2026-01-31T12:00:00.123456+00:00", "2026-01-31T12:00:00.120000+00:00", "2026-01-31T12:00:00.000000+00:00"]


@pytest.mark.parametrize("events", [1, 3, 40])
@pytest.mark.parametrize("occurred_at", TIMES)
def test_usual_events_need_no_slow_check(connection: Connection, events: int, occurred_at: str) -> None:
    assert slow_checks_of(connection, call_of(events, occurred_at=occurred_at)) == set()


@pytest.mark.parametrize("events", [1, 3, 40])
def test_control_a_time_in_another_form_is_seen_to_need_one(connection: Connection, events: int) -> None:
    assert slow_checks_of(connection, call_of(events, occurred_at="2026-01-31T12:00:00Z")) == {"is_timestamp"}
