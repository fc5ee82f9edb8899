"""Looking back in the real log: one execution by index, one value's reason, and whole tables, against the whole fold.

Every side is asked for on a connection of its own, in turns. The whole fold is that of all read tables, as a reader of
the past makes it that names them all.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import psycopg

from bench.rounds import Ratio, interleaved, report
from bench.servers import REAL_LOG, options, run, server
from runfold.history.executions import read_execution_at
from runfold.history.past import open_past
from runfold.history.why import why
from runfold.projections.catalogue import load_catalogue

CATALOGUE = load_catalogue()
TABLES = [projection.table for projection in CATALOGUE.projections]


def seconds(url: str, look: Callable[[psycopg.Connection[Any]], object]) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        began = perf_counter()
        look(connection)
        return perf_counter() - began


def whole(connection: psycopg.Connection[Any], position: int, tables: list[str]) -> None:
    with open_past(connection, CATALOGUE, position=position, tables=tables):
        pass


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    if not REAL_LOG.exists():
        print("bench.past: skipped, ../shared/data/bpic2012.xes.gz is not here")
        return
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        run(url, "import", "xes", str(REAL_LOG))
        run(url, "worker", "--once")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) runfold.events, runfold.streams")
            row = connection.execute(
                "SELECT e.execution_id, n.id::text, (SELECT max(position) FROM runfold.events)"
                "  FROM workflow_executions e JOIN node_executions n USING (execution_id)"
                " GROUP BY 1, 2, e.id ORDER BY (SELECT count(*) FROM node_executions m"
                "                                WHERE m.execution_id = e.execution_id) DESC LIMIT 1"
            ).fetchone()
            assert row is not None
            execution, node, head = row
        sides: dict[str, Callable[[], float]] = {
            "execution at": lambda: seconds(url, lambda on: read_execution_at(on, CATALOGUE, execution, position=head)),
            "why of a node": lambda: seconds(url, lambda on: why(on, CATALOGUE, "node_executions", node, "status")),
            "why of an execution": lambda: seconds(
                url, lambda on: why(on, CATALOGUE, "workflow_executions", execution, "status")
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
        {"events": head, **{f"seconds of {name}": sorted(took)[len(took) // 2] for name, took in measured.items()}},
    )


if __name__ == "__main__":
    main()
