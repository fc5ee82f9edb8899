"""`why` of a workflow's status searches the newest executions first, and names what a whole search names."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.past import why as module
from runfold.reading.past.why import Why, why
from tests.fixtures.logs import Log, event
from tests.fixtures.processes import drain

CATALOGUE = load_catalogue()
WORKFLOW = str(UUID(int=77))
COLUMNS = ("latest_execution_id", "latest_execution_status", "latest_execution_time", "user_id", "deployment_status")


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)


def wander(log: Log, executions: int, *, seed: int, deletions: int = 0) -> None:
    """Append executions of one workflow: some run for long, some start late or long ago, some never end."""
    random = Random(seed)
    streams: dict[str, list[dict[str, Any]]] = {}
    for n in range(executions):
        start = 1_772_366_400_000 + random.choice([n * 1_000, random.randint(0, 100) * 1_000, -n * 1_000])
        streams[f"execution-x{n}"] = [
            event("ExecutionCreated", execution_id=f"x{n}", workflow_id=WORKFLOW),
            event("ExecutionStarted", start_time=start),
            event("ExecutionSucceeded", end_time=start + 5),
        ][: random.randint(1, 3)]
    waiting = list(streams)
    for _ in range(deletions):
        streams[f"deployment-{WORKFLOW}"] = [*streams.get(f"deployment-{WORKFLOW}", []), event("WorkflowDeleted")]
    if deletions:
        waiting.insert(executions // 2, f"deployment-{WORKFLOW}")
    open_: list[str] = []
    while waiting or open_:
        # Mostly the next one in turn; some wait until much later ones have come.
        if waiting and (not open_ or random.random() < 0.5):
            open_.append(waiting.pop(0))
        stream = open_[0] if random.random() < 0.8 else random.choice(open_)
        log.append(stream, streams[stream].pop(0))
        if not streams[stream]:
            open_.remove(stream)


def found(url: str, column: str) -> tuple[Why | None, int]:
    """Return what `why` says, and how many events it had before it to search at most."""
    most = 0

    def note(_: int, total: int) -> None:
        nonlocal most
        most = max(most, total)

    with psycopg.connect(url, autocommit=True) as connection:
        try:
            return why(connection, CATALOGUE, "workflow_status", WORKFLOW, column, progress=note), most
        except module.UnknownRow:
            return None, most


@pytest.mark.parametrize(("seed", "deletions"), [(1, 0), (2, 0), (3, 1), (4, 2)])
def test_it_says_what_a_search_of_all_executions_says(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch, seed: int, deletions: int
) -> None:
    wander(log, 14, seed=seed, deletions=deletions)
    drain(database_url)
    for column in COLUMNS:
        monkeypatch.setattr(module, "_NEWEST", 1_000)
        whole, _ = found(database_url, column)
        for count in (1, 2, 5):
            monkeypatch.setattr(module, "_NEWEST", count)
            monkeypatch.setattr(module, "_MORE", 2)
            assert found(database_url, column)[0] == whole, (column, count)


def plain(connection: psycopg.Connection[Any], first: int, count: int) -> None:
    """Append executions that each begin and end a second after the one before."""
    for n in range(first, first + count):
        start = 1_772_366_400_000 + n * 1_000
        at = datetime.fromtimestamp(start / 1_000, UTC).isoformat()
        told = [
            ("ExecutionCreated", {"execution_id": f"p{n}", "workflow_id": WORKFLOW, "mode": "MANUAL"}),
            ("ExecutionStarted", {"start_time": start}),
            ("ExecutionSucceeded", {"end_time": start + 1}),
        ]
        events = [{"event_id": str(uuid4()), "type": kind, "occurred_at": at, "data": data} for kind, data in told]
        call = [{"stream_id": f"execution-p{n}", "events": events}]
        connection.execute("SELECT runfold.append_events(%s)", (json.dumps(call),))


def test_a_workflow_with_many_executions_costs_as_much_as_one_with_few(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain(log.connection, 0, 40)
    drain(database_url)
    few, searched = found(database_url, "latest_execution_id")
    plain(log.connection, 40, 80)
    drain(database_url)
    many, searched_of_many = found(database_url, "latest_execution_id")
    assert few is not None
    assert many is not None
    assert (few.after, many.after) == ("p39", "p119")
    assert searched_of_many == searched < 120
    monkeypatch.setattr(module, "_NEWEST", 1_000)
    assert found(database_url, "latest_execution_id")[1] == 360, "the control searches all of them"


def test_the_last_change_of_an_old_execution_is_found(log: Log, database_url: str) -> None:
    log.append("execution-first", event("ExecutionCreated", execution_id="first", workflow_id=WORKFLOW))
    plain(log.connection, 0, 40)
    # It starts last, and so becomes the latest.
    log.append("execution-first", event("ExecutionStarted", start_time=1_772_366_400_000 + 10_000_000))
    drain(database_url)
    said, _ = found(database_url, "latest_execution_id")
    assert said is not None
    live = log.connection.execute("SELECT latest_execution_id FROM public.workflow_status").fetchone()
    assert (said.after,) == live
