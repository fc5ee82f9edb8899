"""The table of the guide, cost per workflow and day, in both forms, and its expected rows."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from tests.fixtures.logs import Log, event

TABLE = (
    "CREATE TABLE projections.costs"
    " (workflow_id uuid, day date, cost numeric NOT NULL CHECK (cost < 1000), nodes bigint NOT NULL,"
    " PRIMARY KEY (workflow_id, day))"
)

SQL_FORM = """\
-- name: costs
-- version: 1
-- group: costs
-- table: projections.costs
-- key: workflow_id, day
-- cross_stream: true
-- events: NodeSucceeded

MERGE INTO costs AS t
USING (
    SELECT (c.data ->> 'workflow_id')::uuid AS workflow_id, (b.occurred_at AT TIME ZONE 'UTC')::date AS day,
           sum((b.data #>> '{output_data,usage,cost_usd}')::numeric) AS cost, count(*) AS nodes
      FROM batch b
     CROSS JOIN LATERAL (SELECT e.data FROM runfold.events e
                          WHERE e.stream_id = b.stream_id AND e.type = 'ExecutionCreated' AND e.position < b.position
                          ORDER BY e.stream_version LIMIT 1) AS c
     WHERE b.data #> '{output_data,usage,cost_usd}' IS NOT NULL
     GROUP BY 1, 2
) AS f
   ON t.workflow_id = f.workflow_id AND t.day = f.day
 WHEN MATCHED THEN UPDATE SET cost = t.cost + f.cost, nodes = t.nodes + f.nodes
 WHEN NOT MATCHED THEN INSERT (workflow_id, day, cost, nodes) VALUES (f.workflow_id, f.day, f.cost, f.nodes);
"""

PYTHON_FORM = '''\
from collections import defaultdict
from datetime import UTC
from decimal import Decimal

import runfold

WORKFLOWS = """
    SELECT DISTINCT ON (e.stream_id) e.stream_id, e.data ->> 'workflow_id' FROM runfold.events e
     WHERE e.stream_id = ANY (%s) AND e.type = 'ExecutionCreated' ORDER BY e.stream_id, e.stream_version
"""
WRITE = """
    INSERT INTO costs AS t (workflow_id, day, cost, nodes) VALUES (%s, %s, %s, %s)
        ON CONFLICT (workflow_id, day) DO UPDATE SET cost = t.cost + excluded.cost, nodes = t.nodes + excluded.nodes
"""


@runfold.projection(name="costs", types=["NodeSucceeded"], key=["workflow_id", "day"])
def costs(batch, connection):
    usages = [(event, (event.data.get("output_data") or {}).get("usage") or {}) for event in batch]
    paid = [(event, Decimal(str(usage["cost_usd"]))) for event, usage in usages if "cost_usd" in usage]
    workflows = dict(connection.execute(WORKFLOWS, [[event.stream_id for event, _ in paid]]).fetchall())
    sums = defaultdict(lambda: [Decimal(0), 0])
    for event, cost in paid:
        day = sums[workflows[event.stream_id], event.occurred_at.astimezone(UTC).date()]
        day[0] += cost
        day[1] += 1
    with connection.cursor() as cursor:
        cursor.executemany(WRITE, [(*key, *values) for key, values in sorted(sums.items())])
'''


def write_form(folder: Path, form: str, *, text: str | None = None) -> Path:
    """Write the guide's projection into a folder: `sql` or `py`."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("costs.*"):
        old.unlink()
    (folder / f"costs.{form}").write_text(textwrap.dedent(text or (SQL_FORM if form == "sql" else PYTHON_FORM)))
    return folder


def spend(log: Log, name: str, costs: Iterable[Any], *, workflow: str | None = None) -> str:
    """Append an execution whose nodes cost this much; return its workflow."""
    created = event("ExecutionCreated", execution_id=name)
    workflow = workflow or str(uuid4())
    created[1]["workflow_id"] = workflow
    nodes = [
        event("NodeSucceeded", activation=f"n{n}", node_id=f"n{n}", output_data={"usage": {"cost_usd": cost}})
        for n, cost in enumerate(costs)
    ]
    log.append(f"execution-{name}", created, event("ExecutionStarted"), *nodes)
    return workflow


def expected(log: Log, *, without: Iterable[str] = ()) -> dict[str, tuple[Decimal, int]]:
    """Return what the table must hold: for each workflow the cost and the number of nodes (all on one day)."""
    workflows: dict[str, str] = {}
    sums: dict[str, list[Any]] = defaultdict(lambda: [Decimal(0), 0])
    for recorded in log.events:
        if recorded.type == "ExecutionCreated":
            workflows[recorded.stream_id] = str(recorded.data["workflow_id"])
        if recorded.type == "NodeSucceeded" and recorded.stream_id not in set(without):
            cost = ((recorded.data.get("output_data") or {}).get("usage") or {}).get("cost_usd")
            if cost is not None:
                sums[workflows[recorded.stream_id]][0] += Decimal(str(cost))
                sums[workflows[recorded.stream_id]][1] += 1
    return {workflow: (cost, nodes) for workflow, (cost, nodes) in sums.items()}


def actual(connection: psycopg.Connection[Any]) -> dict[str, tuple[Decimal, int]]:
    rows = connection.execute("SELECT workflow_id::text, cost, nodes FROM projections.costs").fetchall()
    assert len(rows) == len({row[0] for row in rows}), "more than one day"
    return {workflow: (cost, nodes) for workflow, cost, nodes in rows}
