"""The counts of dashboards: what became of executions by hour and day, and of activations by day, from the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.model.tables import Row, Table, instant_of_ms

PARTS = 224
EXECUTIONS = {"SUCCESS": "succeeded", "ERROR": "failed", "CANCELED": "canceled", "TIMEOUT": "timed_out"}
NODES = {"SUCCESS": "succeeded", "ERROR": "failed", "CANCELED": "canceled", "SKIPPED": "skipped"}
Key = tuple[Any, ...]


def part_of(ms: int) -> int:
    """Return the part of a duration, from 1: each millisecond below 8 has one, then 8 parts share an octave."""
    ms = min(max(ms, 0), 2**30 - 1)
    if ms < 8:
        return ms + 1
    octave = ms.bit_length() - 1
    return (octave - 2) * 8 + ms // 2 ** (octave - 3) % 8 + 1


def hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def of(tables: Mapping[str, Table]) -> dict[str, dict[Key, Row]]:
    """Return the counts of the rows that there are."""
    executions, nodes = tables["workflow_executions"].values(), tables["node_executions"].values()
    by_workflow = ("user_id", "workflow_id")
    return {
        "execution_hours": _counted(executions, by_workflow, hour, EXECUTIONS),
        "execution_days": _counted(executions, by_workflow, day, EXECUTIONS),
        "node_days": _counted(nodes, ("user_id", "node_type", "node_subtype"), day, NODES),
    }


def _counted(rows: Iterable[Row], key: tuple[str, ...], time: Any, outcomes: Mapping[str, str]) -> dict[Key, Row]:
    counts: dict[Key, Row] = {}

    def at(row: Row, instant: datetime) -> Row:
        columns = ["created", *outcomes.values(), *(f"ended_{name}" for name in outcomes.values())]
        new = {**dict.fromkeys(columns, 0), "durations": [0] * PARTS}
        return counts.setdefault((*(row[name] for name in key), time(instant)), new)

    for row in rows:
        created = at(row, row["created_at"])
        created["created"] += 1
        if (outcome := outcomes.get(row["status"])) is None:
            continue
        created[outcome] += 1
        ended = at(row, row["created_at"] if row["end_time"] is None else instant_of_ms(row["end_time"]))
        ended[f"ended_{outcome}"] += 1
        if row["duration_ms"] is not None:
            ended["durations"][part_of(row["duration_ms"]) - 1] += 1
    return counts


def read(connection: psycopg.Connection[Any]) -> dict[str, dict[Key, Row]]:
    """Return the counts as the database has them."""
    found: dict[str, dict[Key, Row]] = {}
    keys = {
        "execution_hours": ("user_id", "workflow_id", "hour"),
        "execution_days": ("user_id", "workflow_id", "day"),
        "node_days": ("user_id", "node_type", "node_subtype", "day"),
    }
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        for table, key in keys.items():
            rows = cursor.execute(f"SELECT * FROM public.{table}".encode()).fetchall()
            found[table] = {tuple(row.pop(name) for name in key): row for row in rows}
            for row in rows:
                del row["id"]
    return found


def of_rows(connection: psycopg.Connection[Any]) -> dict[str, dict[Key, Row]]:
    """Return what the counts are to be, by the rows that the database has."""
    with connection.cursor(row_factory=dict_row) as cursor:
        executions = cursor.execute("SELECT * FROM public.workflow_executions").fetchall()
        nodes = cursor.execute("SELECT * FROM public.node_executions").fetchall()
    return of({"workflow_executions": dict(enumerate(executions)), "node_executions": dict(enumerate(nodes))})


def assert_right(connection: psycopg.Connection[Any]) -> None:
    """Fail unless the counts are those of the rows."""
    expected, found = of_rows(connection), read(connection)
    for table, rows in expected.items():
        assert found[table] == rows, table
