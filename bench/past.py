"""The past of the real log: one execution by index, `why` of one value, and whole tables, against the whole fold.

Every side runs on its own connection, in turns. The whole fold is that of all read tables, as a reader of the past
makes it that names them all. The log is the real one, whose executions are all of one workflow, and an execution of
10,000 nodes of another. The memory is the private memory of the server process.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any
from uuid import uuid4

import psycopg

import runfold
from bench.memory import megabytes
from bench.rounds import Ratio, interleaved, report
from bench.servers import REAL_LOG, options, run, server
from runfold import events
from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.executions import read_execution_at
from runfold.reading.past.reader import open_past
from runfold.reading.past.why import why

CATALOGUE = load_catalogue()
TABLES = [projection.table for projection in CATALOGUE.projections]


def seconds(url: str, look: Callable[[psycopg.Connection[Any]], object]) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        began = perf_counter()
        look(connection)
        return perf_counter() - began


def whole(connection: psycopg.Connection[Any], position: int, tables: list[str]) -> None:
    with open_past(connection, CATALOGUE, position=position, tables=tables):
        MEGABYTES.append(megabytes(f"/proc/{connection.info.backend_pid}/status", "RssAnon"))


MEGABYTES: list[float] = []

SEEN = """
    SELECT e.status, s.latest_execution_id, s.deployment_status, i.request_data, r.raw_payload
      FROM workflow_executions e
      JOIN workflow_status s ON s.workflow_id = e.workflow_id
      LEFT JOIN human_interactions i ON i.execution_id = e.id
      LEFT JOIN hil_responses r ON r.matched_interaction_id = i.id
"""


def seen(connection: psycopg.Connection[Any], position: int, execution: str) -> None:
    with open_past(connection, CATALOGUE, position=position, execution=execution) as past:
        assert past.execute(SEEN).fetchall()


def add_large(url: str) -> str:
    """Append an execution of 10,000 nodes; return its id."""
    workflow, start = uuid4(), 1_700_000_000_000
    with runfold.connect(url) as store:
        store.append(
            "execution-large",
            [
                events.ExecutionCreated(execution_id="large", workflow_id=workflow, mode="MANUAL"),
                events.ExecutionStarted(start_time=start),
            ],
        )
        for first in range(0, 10_000, 100):
            store.append(
                "execution-large", [event for n in range(first, first + 100) for event in node_events(n, start + n)]
            )
    return "large"


def node_events(n: int, start: int) -> list[events.Event]:
    node = {"activation": f"n{n}", "node_id": f"n{n % 20}"}
    return [
        events.NodeStarted(**node, node_type="TOOL", attempt=1, start_time=start, input_data={"n": n}),
        events.NodeSucceeded(**node, end_time=start + 5, output_data={"text": "x" * 500}),
    ]


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    if not REAL_LOG.exists():
        print("bench.past: skipped, ../shared/data/bpic2012.xes.gz is not here")
        return
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        run(url, "import", "xes", str(REAL_LOG))
        large = add_large(url)
        run(url, "worker", "--once")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) runfold.events, runfold.streams")
            row = connection.execute(
                "SELECT e.execution_id, n.id::text, e.workflow_id::text, (SELECT max(position) FROM runfold.events)"
                "  FROM workflow_executions e JOIN node_executions n USING (execution_id)"
                " WHERE e.execution_id <> 'large' GROUP BY 1, 2, e.id ORDER BY (SELECT count(*) FROM node_executions m"
                "                                WHERE m.execution_id = e.execution_id) DESC LIMIT 1"
            ).fetchone()
            assert row is not None
            execution, node, workflow, head = row
        sides: dict[str, Callable[[], float]] = {
            "execution at": lambda: seconds(url, lambda on: read_execution_at(on, CATALOGUE, execution, position=head)),
            "execution at, 10,000 nodes": lambda: seconds(
                url, lambda on: read_execution_at(on, CATALOGUE, large, position=head)
            ),
            "an execution with its workflow's status": lambda: seconds(url, lambda on: seen(on, head, execution)),
            "why of a node": lambda: seconds(url, lambda on: why(on, CATALOGUE, "node_executions", node, "status")),
            "why of an execution": lambda: seconds(
                url, lambda on: why(on, CATALOGUE, "workflow_executions", execution, "status")
            ),
            "why of a workflow's latest execution": lambda: seconds(
                url, lambda on: why(on, CATALOGUE, "workflow_status", workflow, "latest_execution_id")
            ),
            "why of a workflow's tenant": lambda: seconds(
                url, lambda on: why(on, CATALOGUE, "workflow_status", workflow, "user_id")
            ),
            "one table": lambda: seconds(url, lambda on: whole(on, head, ["human_interactions"])),
            "executions": lambda: seconds(url, lambda on: whole(on, head, ["workflow_executions"])),
            "all tables": lambda: seconds(url, lambda on: whole(on, head, TABLES)),
        }
        measured = interleaved(sides, 1 if arguments.quick else arguments.rounds)
    report(
        "past",
        [
            Ratio.of(f"t(all tables) / t({name})", measured["all tables"], measured[name])
            for name in sides
            if name != "all tables"
        ],
        {
            "events": head,
            "most megabytes of a server process": round(max(MEGABYTES)),
            **{f"seconds of {name}": sorted(took)[len(took) // 2] for name, took in measured.items()},
        },
    )


if __name__ == "__main__":
    main()
