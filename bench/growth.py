"""What appends, folds and looks cost as the log grows: in buffers, and in CPU of the backend.

The log holds executions of 20 events, one in thirty with a question, copied by SQL under other names until it has
1,000,000 events. It is measured there and at half of that, which is more than the span of a look; with --large at
1,000,000 and 10,000,000 events, for which a quiet machine needs half an hour and 15 GB. At each size the worker folds
all of it first. Then the looks into the log are measured as in a backlog, with all groups behind by a span. Figures are
medians of 200 runs, or of as many as two seconds hold; each may grow by a fifth, and those that do are named.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from bench.rounds import Ratio, report
from bench.servers import REPOSITORY, number, options, run, server
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.fold import SPAN, batch_bounds, bind, events_of_some, fold_batch, live_schemas
from runfold.reading.executions import Filter, list_executions, read_execution, read_execution_at
from runfold.reading.lists import list_deployments, list_interactions
from runfold.reading.past.why import why
from runfold.reading.status import LAG_COUNTED_TO, LAG_LOOKED_AT, read_status
from runfold.runtime_sql import runtime_sql

SQL = REPOSITORY / "bench" / "sql"
SEED_EXECUTIONS = 1_000
MOST = 1.2
CPU_REPEATS = 200
# What takes long is run fewer times: as often as it can in so many seconds, and eleven times at least.
LONGEST_SECONDS = 2.0
WORKFLOWS = 1_000
FOLDED = 100
"""How many executions the fold that is measured holds."""

CATALOGUE = load_catalogue()
Look = Callable[[psycopg.Connection[Any]], object]

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
                    event(
                        "ExecutionCreated",
                        execution_id=execution,
                        workflow_id=str(UUID(int=n % WORKFLOWS + 1)),
                        mode="MANUAL",
                    ),
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
                "workflow_id": str(UUID(int=n % WORKFLOWS + 1)),
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
    groups = CATALOGUE.groups
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
        "the types of a stream": (
            reading("types_of_streams").replace("{events}", events_of_some(groups["execution"])),
            {"some": [stream], "upto": head},
        ),
        "the positions of a stream": (
            projections("positions_of"),
            {"stream": stream, "upto": head, "types": groups["execution"].events},
        ),
        "the position at a time": (reading("position_at"), {"time": "2026-03-01T12:00:00+00:00"}),
    }


def rows(connection: psycopg.Connection[Any]) -> dict[str, Look]:
    """Return what is asked of the read tables and of the past, on a log that is folded."""
    head = number(connection, "SELECT max(position) FROM runfold.events")
    execution, _row, workflow = connection.execute(
        "SELECT x.execution_id, x.id, x.workflow_id FROM public.workflow_executions x"
        " WHERE x.first_event_position >= %s ORDER BY x.first_event_position LIMIT 1",
        (head // 2,),
    ).fetchone() or ("", UUID(int=0), UUID(int=0))
    (node,) = connection.execute(
        "SELECT id FROM public.node_executions WHERE execution_id = %s LIMIT 1", (execution,)
    ).fetchone() or (UUID(int=0),)
    return {
        "list of executions": list_executions,
        "list of executions by status": lambda on: list_executions(on, Filter(status="SUCCESS")),
        "list of executions of a workflow": lambda on: list_executions(on, Filter(workflow_id=workflow)),
        "list of interactions": list_interactions,
        "list of deployments": list_deployments,
        "show": lambda on: read_execution(on, execution),
        "at": lambda on: read_execution_at(on, CATALOGUE, execution, event=4),
        "why of a node": lambda on: why(on, CATALOGUE, "node_executions", str(node), "status"),
        "why of a workflow's status": lambda on: why(
            on, CATALOGUE, "workflow_status", str(workflow), "latest_execution_id"
        ),
        "status": lambda on: read_status(on, CATALOGUE),
    }


def sparse_status(connection: psycopg.Connection[Any]) -> object:
    """Return the status, with a sparse group behind by all of the log."""
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE runfold.checkpoints SET position = 0 WHERE group_name = 'deployment'")
        return read_status(connection, CATALOGUE)


def one_append(connection: psycopg.Connection[Any]) -> object:
    """Append one event to a new stream."""
    execution = str(uuid4())
    created = event("ExecutionCreated", execution_id=execution, workflow_id=str(UUID(int=1)), mode="MANUAL")
    call = [{"stream_id": f"execution-{execution}", "events": [created]}]
    return connection.execute("SELECT runfold.append_events(%s)", (json.dumps(call),)).fetchall()


def one_fold(connection: psycopg.Connection[Any]) -> object:
    """Fold what was appended after the checkpoint of the execution group, and undo it."""
    group = CATALOGUE.groups["execution"]
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        after = number(connection, "SELECT position FROM runfold.checkpoints WHERE group_name = 'execution'")
        head = number(connection, "SELECT max(position) FROM runfold.events")
        bounds = batch_bounds(cursor, group, after=after, head=head, size=20_000)
        bind(cursor, live_schemas(group))
        fold_batch(cursor, group, after=after, upto=bounds.upto, types=bounds.types, expected=bounds.events)
        return bounds


def buffers(connection: psycopg.Connection[Any], query: LiteralString, parameters: Mapping[str, Any]) -> float:
    """Return how many buffers a statement touches, without those of planning; it is rolled back."""
    with connection.transaction(force_rollback=True):
        explain: LiteralString = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "
        (plans,) = connection.execute(explain + query, parameters, prepare=False).fetchone() or ([],)
    plan = plans[0]["Plan"]
    return float(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def touched_by(watching: psycopg.Connection[Any], connection: psycopg.Connection[Any], look: Look) -> float:
    """Return how many buffers a look of several statements touches, those of catalogues and planning among them."""
    counted = "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT 1")
    before = number(watching, counted)
    look(connection)
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT 1")
    return float(number(watching, counted) - before)


def cpu_of(connection: psycopg.Connection[Any], look: Look, *, quick: bool) -> list[float]:
    """Return the milliseconds of CPU of the backend for each run of a look, in the precision of its scheduler."""
    clock = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    spent: list[float] = []
    look(connection)
    ends = time.monotonic() + LONGEST_SECONDS
    while len(spent) < (5 if quick else CPU_REPEATS) and (len(spent) < 11 or time.monotonic() < ends):
        before = int(clock.read_text().split()[0])
        look(connection)
        spent.append((int(clock.read_text().split()[0]) - before) / 1e6)
    return spent


def of_statement(query: LiteralString, parameters: Mapping[str, Any]) -> Look:
    """Return a look that runs one statement and undoes it."""

    def look(connection: psycopg.Connection[Any]) -> object:
        with connection.transaction(force_rollback=True):
            return connection.execute(query, parameters).fetchall()

    return look


Figures = dict[str, tuple[float, list[float]]]
"""Of each name the buffers, and the milliseconds of CPU of each run."""


def measured(url: str, *, quick: bool) -> Figures:
    """Return the figures of all that is measured, on a log that is folded."""
    found: Figures = {}

    def measure(connection: psycopg.Connection[Any], watching: psycopg.Connection[Any], name: str, look: Look) -> None:
        spent = cpu_of(connection, look, quick=quick)
        found[name] = (median(touched_by(watching, connection, look) for _ in range(3 if quick else 11)), spent)

    def connect() -> psycopg.Connection[Any]:
        connection = psycopg.connect(url, autocommit=True)
        connection.execute("SET jit = off; SET synchronous_commit = off")
        return connection

    with connect() as connection, connect() as watching:
        for name, look in rows(connection).items():
            measure(connection, watching, name, look)
        measure(connection, watching, "status, a sparse group far behind", sparse_status)
        seed(connection, FOLDED)
        measure(connection, watching, f"fold of {FOLDED} executions", one_fold)
        measure(connection, watching, "append of one event", one_append)
    run(url, "worker", "--once")
    with connect() as connection:
        kept = connection.execute("SELECT group_name, position FROM runfold.checkpoints").fetchall()
        for name, (query, parameters) in looks(connection).items():
            spent = cpu_of(connection, of_statement(query, parameters), quick=quick)
            found[name] = (median(buffers(connection, query, parameters) for _ in range(3)), spent)
        for group, position in kept:
            connection.execute("UPDATE runfold.checkpoints SET position = %s WHERE group_name = %s", (position, group))
    return found


def main() -> None:
    parser = options(__doc__, rounds=1)
    parser.add_argument("--large", action="store_true", help="1,000,000 and 10,000,000 events")
    parser.add_argument("--keep", action="store_true", help="with --url: leave the database there, and print its URL")
    arguments = parser.parse_args()
    small, large = (10_000, 20_000) if arguments.quick else (500_000, 1_000_000)
    if arguments.large:
        small, large = 1_000_000, 10_000_000
    figures: list[Figures] = []
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(b"SELECT set_config('synchronous_commit', 'off', false)")
            seed(connection, 50 if arguments.quick else SEED_EXECUTIONS)
            for events in (small, large):
                grow(connection, events)
                run(url, "worker", "--once")
                connection.execute("VACUUM (ANALYZE)")
                figures.append(measured(url, quick=arguments.quick))
        if arguments.keep:
            on.keep(url)
            print(url)
    tell(figures, f"{small:,} and {large:,}")


def tell(figures: list[Figures], events: str) -> None:
    """Print the ratios at two sizes, the figures, and which of them grow by more than a fifth."""
    ratios: list[Ratio] = []
    facts: dict[str, Any] = {"events": events, "cores": os.cpu_count() or 0}
    before, after = figures
    for name, (touched, spent) in after.items():
        earlier, spent_earlier = before[name]
        grown = touched / max(earlier, 1.0)
        cpu, cpu_earlier = median(spent), median(spent_earlier)
        ratios.append(Ratio(f"{name}: buffers", grown, grown, grown, MOST, at_most=True))
        ratios.append(
            Ratio(f"{name}: CPU", cpu / cpu_earlier, cpu / cpu_earlier, cpu / cpu_earlier, MOST, at_most=True)
        )
        facts[f"{name}"] = (
            f"{earlier:,.0f} and {touched:,.0f} buffers, {cpu_earlier:.3f} and {cpu:.3f} ms of CPU"
            f" (medians of {len(spent_earlier)} and {len(spent)})"
        )
    facts["grow by more than a fifth"] = ", ".join(ratio.name for ratio in ratios if not ratio.met) or "none"
    report("growth", ratios, facts)


if __name__ == "__main__":
    main()
