"""What a look at the log costs as the log grows: in buffers, and in CPU of the backend.

The log holds executions of 20 events, one in thirty with a question, copied by SQL under other names until it has
1,000,000 events. The looks are measured there and at half of that, which is more than the span of a look; with --large
at 1,000,000 and 10,000,000 events, for which a quiet machine needs half an hour and 20 GB. Nothing is folded: all
groups are behind by all of the log, as in a backlog. Figures at both sizes are medians; each may grow by a fifth.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from statistics import median
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psutil
import psycopg
from psycopg.types.json import Jsonb

from bench.rounds import Ratio, report
from bench.servers import REPOSITORY, number, options, server
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.fold import SPAN
from runfold.reading.status import LAG_COUNTED_TO, LAG_LOOKED_AT
from runfold.runtime_sql import runtime_sql

SQL = REPOSITORY / "bench" / "sql"
SEED_EXECUTIONS = 500
MOST = 1.2
CPU_REPEATS = 200
ROUNDS = 5
WORKFLOW = UUID(int=7)

projections, reading, client = (runtime_sql(f"runfold.{room}") for room in ("projections", "reading", "client"))


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"event_id": str(uuid4()), "type": kind, "occurred_at": "2026-03-01T12:00:00+00:00", "data": data}


def seed(connection: psycopg.Connection[Any], executions: int) -> None:
    """Append the executions that are copied."""
    for n in range(executions):
        execution = str(uuid4())
        nodes = [
            made
            for node in range(8)
            for made in (
                event("NodeStarted", activation=f"n{node}", node_id=f"n{node}", node_type="t", attempt=1, start_time=1),
                event("NodeSucceeded", activation=f"n{node}", node_id=f"n{node}", end_time=2),
            )
        ]
        call = [
            {
                "stream_id": f"execution-{execution}",
                "events": [
                    event("ExecutionCreated", execution_id=execution, workflow_id=str(WORKFLOW), mode="MANUAL"),
                    event("ExecutionStarted", start_time=1),
                    *nodes,
                    event("ExecutionSucceeded", end_time=3),
                ],
            },
            {
                "stream_id": f"log-{execution}",
                "events": [event("LogAppended", level="INFO", event_type="workflow_progress", message="m")],
            },
        ]
        if n % 30 == 0:
            question = {
                "workflow_id": str(WORKFLOW),
                "execution_id": execution,
                "node_id": "n1",
                "interaction_type": "approval",
                "channel_type": "in_app",
                "priority": "normal",
                "request_data": {},
            }
            call.append({"stream_id": f"interaction-{uuid4()}", "events": [event("InteractionRequested", **question)]})
        connection.execute("SELECT runfold.append_events(%s)", (json.dumps(call),))


def grow(connection: psycopg.Connection[Any], events: int) -> None:
    """Copy the log behind itself until it holds so many events."""
    while (head := number(connection, "SELECT max(position) FROM runfold.events")) < events:
        count = min(head, events - head)
        # Where an append ends: the copy holds whole ones.
        (count,) = connection.execute(
            "SELECT append_end FROM runfold.events WHERE position <= %s ORDER BY position DESC LIMIT 1", (count,)
        ).fetchone() or (count,)
        connection.execute("SELECT setval('runfold.events_position', %s)", (head + count,))
        connection.execute("SELECT runfold.ensure_partitions()")
        connection.execute(
            (SQL / "copy_log.sql").read_bytes(), {"count": count, "head": head, "salt": str(head)}, prepare=False
        )
    connection.execute("VACUUM (ANALYZE) runfold.events, runfold.streams, runfold.event_ids")


def looks(connection: psycopg.Connection[Any]) -> dict[str, tuple[LiteralString, dict[str, Any]]]:
    """Return the looks, with parameters for the log as it is."""
    groups = load_catalogue().groups
    head = number(connection, "SELECT max(position) FROM runfold.events")
    stream, last = connection.execute(
        "SELECT stream_id, last_position FROM runfold.streams WHERE stream_id LIKE 'execution-%%'"
        " ORDER BY abs(last_position - %s) LIMIT 1",
        (head // 2,),
    ).fetchone() or ("", 0)
    connection.execute(
        "INSERT INTO runfold.checkpoints (group_name, position) SELECT unnest(%s::text[]), %s"
        " ON CONFLICT (group_name) DO UPDATE SET position = excluded.position",
        (list(groups), max(0, head - SPAN)),
    )
    known = {group.name: {"types": group.events, "versions": group.versions} for group in groups.values()}
    sparse = groups["deployment"].events
    return {
        "the bounds of a sparse group's next batch": (
            projections("batch_bounds"),
            {"after": 0, "head": min(head, SPAN), "types": sparse, "size": 20_000},
        ),
        "the bounds of the execution group's next batch": (
            projections("batch_bounds"),
            {"after": 0, "head": min(head, SPAN), "types": groups["execution"].events, "size": 20_000},
        ),
        "passing groups by": (
            projections("pass_by"),
            {"head": head, "epoch": 0, "groups": Jsonb(known), "span": SPAN},
        ),
        "the lag of a sparse group": (
            reading("group_lag"),
            {"after": 0, "upto": LAG_LOOKED_AT, "types": sparse, "most": LAG_COUNTED_TO},
        ),
        "the safe head": ("SELECT runfold.safe_head()", {}),
        "an execution's stream": (client("read_stream"), {"stream": stream, "after": 0, "limit": None}),
        "the last event of a stream": (reading("event_of_stream"), {"stream": stream, "version": None, "upto": head}),
        "the events behind a position of a stream": (
            reading("events_behind"),
            {"stream": stream, "position": last - 5, "types": None, "limit": 20},
        ),
        "the types of a stream": (reading("types_of_streams"), {"streams": [stream], "upto": head}),
        "the positions of a stream": (
            projections("positions_of"),
            {"stream": stream, "upto": head, "types": groups["execution"].events},
        ),
        "the position at a time": (reading("position_at"), {"time": "2026-03-01T12:00:00+00:00"}),
    }


def buffers(connection: psycopg.Connection[Any], query: LiteralString, parameters: Mapping[str, Any]) -> float:
    """Return how many buffers a statement touches, without those of planning; it is rolled back."""
    with connection.transaction(force_rollback=True):
        explain: LiteralString = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "
        (plans,) = connection.execute(explain + query, parameters, prepare=False).fetchone() or ([],)
    plan = plans[0]["Plan"]
    return float(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def cpu_ms(
    connection: psycopg.Connection[Any], query: LiteralString, parameters: Mapping[str, Any], repeats: int
) -> float:
    """Return the CPU of the backend for one call, the mean of many; each is rolled back."""
    backend = psutil.Process(connection.info.backend_pid)
    with connection.transaction(force_rollback=True):
        connection.execute(query, parameters).fetchall()
        before = backend.cpu_times()
        for _ in range(repeats):
            connection.execute(query, parameters).fetchall()
        after = backend.cpu_times()
    return (after.user + after.system - before.user - before.system) / repeats * 1000


def measured(connection: psycopg.Connection[Any], *, quick: bool) -> dict[str, tuple[float, list[float]]]:
    """Return the buffers of each look, and its CPU in some rounds."""
    connection.execute("SET jit = off")
    found = {}
    for name, (query, parameters) in looks(connection).items():
        touched = median(buffers(connection, query, parameters) for _ in range(3))
        # A look that reads thousands of buffers is slow enough to be measured by a few.
        repeats = 5 if quick or touched > 2_000 else CPU_REPEATS
        spent = [cpu_ms(connection, query, parameters, repeats) for _ in range(1 if quick else ROUNDS)]
        found[name] = (touched, spent)
    return found


def main() -> None:
    parser = options(__doc__, rounds=ROUNDS)
    parser.add_argument("--large", action="store_true", help="1,000,000 and 10,000,000 events")
    arguments = parser.parse_args()
    small, large = (10_000, 20_000) if arguments.quick else (500_000, 1_000_000)
    if arguments.large:
        small, large = 1_000_000, 10_000_000
    ratios: list[Ratio] = []
    facts: dict[str, Any] = {"events": f"{small:,} and {large:,}", "cores": os.cpu_count() or 0}
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(b"SELECT set_config('synchronous_commit', 'off', false)")
            seed(connection, 50 if arguments.quick else SEED_EXECUTIONS)
            grow(connection, small)
            before = measured(connection, quick=arguments.quick)
            grow(connection, large)
            after = measured(connection, quick=arguments.quick)
    for name, (touched, spent) in after.items():
        earlier, spent_earlier = before[name]
        grown = touched / max(earlier, 1.0)
        ratios.append(Ratio(f"{name}: buffers", grown, grown, grown, MOST, at_most=True))
        facts[f"{name}"] = (
            f"{earlier:,.0f} and {touched:,.0f} buffers, {median(spent_earlier):.3f} and {median(spent):.3f} ms of CPU"
        )
    report("growth", ratios, facts)


if __name__ == "__main__":
    main()
