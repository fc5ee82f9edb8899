"""A large log in a second: many executions at once, with all that goes with them, put into the log by COPY."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg

from tests.fixtures.logs import NewEvent, created, event
from tests.model.payloads import BASE

_NAMES = UUID("b5b1f0a6-52f6-4a6a-9a2e-6f3f1c0b7d11")
_WORKFLOWS = 40


def append_crowd(connection: psycopg.Connection[Any], tag: str, executions: int) -> tuple[int, int]:
    """Append the events of so many executions: first what begins them all, then what ends most of them.

    Returns the last position of each half. Some moves are illegal, so that the anomalies have something to find.
    """
    first = copy_events(connection, [each for n in range(executions) for each in _beginning(tag, n)])
    second = copy_events(connection, [each for n in range(executions) for each in _ending(tag, n)])
    return first, second


def delete_workflows(connection: psycopg.Connection[Any]) -> int:
    """Append the deletion of half the workflows; returns the last position."""
    deleted = event("WorkflowDeleted")
    return copy_events(connection, [(f"deployment-{_workflow(n)}", deleted) for n in range(0, _WORKFLOWS, 2)])


def erase_tenants(connection: psycopg.Connection[Any]) -> int:
    """Append the erasure of some tenants; returns the last position."""
    (last,) = connection.execute(
        "SELECT max(runfold.append_tenant_erased(tenant)) FROM unnest(%s::uuid[]) AS tenant",
        ([_uuid("tenant", n) for n in range(20)],),
    ).fetchone() or (0,)
    return int(last)


def _uuid(*parts: object) -> str:
    return str(uuid5(_NAMES, " ".join(map(str, parts))))


def _workflow(n: int) -> str:
    return _uuid("workflow", n % _WORKFLOWS)


def _beginning(tag: str, n: int) -> Iterator[tuple[str, NewEvent]]:
    name, workflow = f"{tag}{n}", _workflow(n)
    execution, interaction, response = f"execution-{name}", _uuid("interaction", name), _uuid("response", name)
    yield execution, created(name, workflow_id=workflow)
    yield execution, event("ExecutionStarted")
    for node in ("n1", "n2"):
        yield execution, event("NodeStarted", activation=node)
    yield execution, event("ModelCalled")
    yield execution, event("PauseOpened", pause="p", paused_node_id="n2", interaction_id=interaction)
    yield f"log-{name}", event("LogAppended")
    yield f"interaction-{interaction}", event("InteractionRequested", workflow_id=workflow, execution_id=name)
    yield f"response-{response}", event("ResponseReceived", workflow_id=workflow)
    yield f"deployment-{workflow}", event("DeploymentStarted", deployment_id=_uuid("deployment", name))
    yield f"deployment-{workflow}", event("TriggerRegistered", trigger=f"t{name}")


def _ending(tag: str, n: int) -> Iterator[tuple[str, NewEvent]]:
    name, workflow = f"{tag}{n}", _workflow(n)
    execution, interaction, response = f"execution-{name}", _uuid("interaction", name), _uuid("response", name)
    for node in ("n1", "n2", "n3"):
        yield execution, event("NodeSucceeded", activation=node)
    if n % 3 == 0:
        yield execution, event("NodeStarted", activation="n1")
    if n % 2:
        yield execution, event("PauseResumed", pause="p")
    if n % 4:
        yield execution, event("ExecutionSucceeded")
        yield execution, event("ExecutionStarted")
    yield f"log-{name}", event("LogAppended")
    yield f"interaction-{interaction}", event("InteractionResponded")
    yield f"interaction-{interaction}", event("InteractionReminderSent")
    yield f"response-{response}", event("ResponseMatched", interaction_id=interaction)
    yield f"deployment-{workflow}", event("DeploymentCompleted", deployment_id=_uuid("deployment", name))
    yield f"deployment-{workflow}", event("TriggerActivated", trigger=f"t{name}")


def copy_events(connection: psycopg.Connection[Any], events: list[tuple[str, NewEvent]]) -> int:
    """Put events behind what the log holds, past `append_events`; returns the last position."""
    (last,) = connection.execute(
        "SELECT last_value - (NOT is_called)::integer FROM runfold.events_position"
    ).fetchone() or (0,)
    versions: dict[str, int] = dict(connection.execute("SELECT stream_id, version FROM runfold.streams").fetchall())
    firsts: dict[str, int] = {}
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(
            "COPY runfold.events (position, append_end, stream_id, stream_version, event_id, category, type,"
            " schema_version, data, metadata, occurred_at, recorded_at) FROM STDIN"
        ) as copy:
            for position, (stream_id, (kind, data)) in enumerate(events, last + 1):
                versions[stream_id] = versions.get(stream_id, 0) + 1
                firsts.setdefault(stream_id, position)
                category = stream_id.partition("-")[0]
                line = (position, position, stream_id, versions[stream_id], uuid4(), category, kind)
                copy.write_row((*line, 1, json.dumps(data), "{}", BASE, BASE))
        cursor.executemany(
            "INSERT INTO runfold.streams (stream_id, version, first_position, last_position) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, last_position = excluded.last_position",
            [(stream_id, versions[stream_id], first, last + len(events)) for stream_id, first in firsts.items()],
        )
        cursor.execute("SELECT setval('runfold.events_position', %s)", (last + len(events),))
    return last + len(events)
