"""Run the command line on a test's database, and make executions for it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from runfold import events
from runfold.events.envelope import Append, NewEvent
from tests.fixtures.commands import run_command

WORKFLOW = UUID(int=0xA, version=4)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(url: str, *words: str, columns: int = 120) -> subprocess.CompletedProcess[str]:
    """Run `runfold` with these words on that database, as a script does."""
    return run_command("--url", url, *words, environment={**os.environ, "COLUMNS": str(columns)})


def ask(url: str, *words: str) -> Any:
    """Return the JSON that a command prints, which must succeed."""
    done = run(url, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def execution(execution_id: str, *then: events.Event, at: datetime = NOON, **created: Any) -> Append:
    """Return an append of an execution that began then, and of more events, one a second."""
    first = events.ExecutionCreated(
        **{"execution_id": execution_id, "workflow_id": WORKFLOW, "mode": "MANUAL"} | created
    )
    recorded: Sequence[events.Event] = [first, events.ExecutionStarted(start_time=ms(at)), *then]
    return Append(
        stream_id=f"execution-{execution_id}",
        events=[NewEvent.of(event, occurred_at=at + timedelta(seconds=n)) for n, event in enumerate(recorded)],
    )


def add_rows(connection: psycopg.Connection[Any], count: int) -> None:
    """Insert rows of executions, interactions and deployments, as folds would, for tests of lists.

    Ten executions have the same creation time, so that pages end between equal times.
    """
    connection.execute(
        """
        INSERT INTO workflow_executions (id, execution_id, workflow_id, status, start_time, duration_ms, error_message,
                                         first_event_position, last_event_position, order_time, created_at, updated_at)
        SELECT gen_random_uuid(), 'e' || n, %(workflow)s, CASE n %% 5 WHEN 0 THEN 'ERROR' ELSE 'SUCCESS' END, 0, n,
               CASE n %% 5 WHEN 0 THEN '100%% full' END, n, n, %(noon)s, %(noon)s - n / 10 * interval '1 second', now()
          FROM generate_series(1, %(count)s) AS n
        """,
        {"workflow": WORKFLOW, "noon": NOON, "count": count},
    )
    connection.execute(
        """
        INSERT INTO human_interactions (id, workflow_id, node_id, interaction_type, channel_type, status, request_data,
                                        timeout_at, first_event_position, last_event_position, created_at, updated_at)
        SELECT gen_random_uuid(), %(workflow)s, 'ask', 'approval', 'in_app',
               CASE n %% 2 WHEN 0 THEN 'pending' ELSE 'responded' END, '{"question": "?"}',
               CASE WHEN n %% 7 > 0 THEN %(noon)s + n / 10 * interval '1 second' END, n, n, now(), now()
          FROM generate_series(1, %(count)s) AS n
        """,
        {"workflow": WORKFLOW, "noon": NOON, "count": count},
    )
    connection.execute(
        """
        INSERT INTO workflow_deployment_history (id, workflow_id, deployment_id, deployment_action, from_status,
                                                 to_status, deployment_version, started_at, last_event_position,
                                                 created_at, updated_at)
        SELECT gen_random_uuid(), %(workflow)s, gen_random_uuid(), 'DEPLOY', 'IDLE', 'DEPLOYED', n,
               %(noon)s - n / 10 * interval '1 second', n, now(), now()
          FROM generate_series(1, %(count)s) AS n
        """,
        {"workflow": WORKFLOW, "noon": NOON, "count": count},
    )
    connection.execute("ANALYZE workflow_executions, human_interactions, workflow_deployment_history")
