"""A look for a stream's events costs the same however many partitions the log has."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.fold import events_of_some
from runfold.runtime_sql import runtime_sql
from tests.fixtures.logs import Log, event, run

reading, projections, client = (runtime_sql(f"runfold.{room}") for room in ("reading", "projections", "client"))
GROUP = load_catalogue().groups["execution"]
STREAM = {"stream": "execution-a", "streams": ["execution-a"], "upto": 1_000, "types": ["NodeStarted"]}
DEFINITION = {"stream": "definition-a", "workflow": None, "tenant": None, "before": None, "limit": 5, "version": 1}

LOOKS: dict[str, tuple[LiteralString, dict[str, Any]]] = {
    "event_of_stream": (reading("event_of_stream"), {**STREAM, "version": None}),
    "events_behind": (reading("events_behind"), {**STREAM, "position": 0, "limit": 5}),
    "parked_streams": (reading("parked_streams"), {"groups": None, "stream": "execution-a"}),
    "types_of_streams": (
        reading("types_of_streams").replace("{events}", events_of_some(GROUP)),
        {"some": ["execution-a"], "upto": 1_000},
    ),
    "stream_types": (projections("stream_types"), STREAM),
    "definition_of_version": (client("definition_of_version"), DEFINITION),
    "definition_versions": (client("definition_versions"), DEFINITION),
}

BY_STREAM_ALONE: LiteralString = "SELECT FROM runfold.events e WHERE e.stream_id = %(stream)s"


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)


def touched(connection: psycopg.Connection[Any], query: LiteralString, parameters: dict[str, Any]) -> int:
    explain: LiteralString = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "
    found = []
    for _ in range(2):
        (plans,) = connection.execute(explain + query, parameters, prepare=False).fetchone() or ([],)
        found.append(plans[0]["Plan"]["Shared Hit Blocks"] + plans[0]["Plan"]["Shared Read Blocks"])
    return int(min(found))


def test_fifty_partitions_more_are_not_looked_into(log: Log) -> None:
    log.append("execution-a", *run("a", nodes=3))
    log.append("log-a", event("LogAppended"))
    before = {name: touched(log.connection, *look) for name, look in LOOKS.items()}
    control = touched(log.connection, BY_STREAM_ALONE, STREAM)
    log.connection.execute("SELECT runfold.ensure_partitions(54)")
    after = {name: touched(log.connection, *look) for name, look in LOOKS.items()}
    assert {name: after[name] - before[name] for name in LOOKS if after[name] > before[name] + 2} == {}
    assert touched(log.connection, BY_STREAM_ALONE, STREAM) >= control + 50, "the control looks into each"
