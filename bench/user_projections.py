"""The cost of a user projection's login, and the cost of a slow user projection for everybody else.

The same log is folded into the guide's table, cost per workflow and day, three times: by the statements as runfold
folds its own, by the same statements as a user's file, and by the function in Python. Then appends are timed to their
visible row beside a worker whose user's group is idle, and beside one whose user's group sleeps in a statement.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

import runfold
from bench.rounds import Ratio, interleaved, report
from bench.servers import REPOSITORY, options, server
from runfold.events import ExecutionCreated, NodeScheduled, NodeSucceeded
from runfold.events.envelope import Append
from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.projector import Projector
from runfold.projections.folding.registry import register_group, register_user_group
from runfold.projections.folding.user_session import UserLedger, UserLogin
from runfold.settings import Settings, load_settings
from runfold.worker.worker import Worker

GUIDE = REPOSITORY / "docs" / "how-to" / "add-a-read-table.md"
NODES = 10


def guide(opening: str) -> str:
    """Return the guide's block that begins with this text."""
    return GUIDE.read_text(encoding="utf-8").split(f"\n{opening}", 1)[1].split("\n```", 1)[0]


def fill(url: str, executions: int) -> int:
    """Append executions of ten nodes with costs; return the last position."""
    workflows = [uuid4() for _ in range(20)]
    last = 0
    with runfold.connect(url) as store:
        for begin in range(0, executions, 100):
            appends = []
            for number in range(begin, begin + 100):
                created = ExecutionCreated(execution_id=f"e{number}", workflow_id=workflows[number % 20], mode="MANUAL")
                nodes = [
                    NodeSucceeded(
                        activation=f"n#{n}", node_id="n", end_time=1, output_data={"usage": {"cost_usd": n / 8}}
                    )
                    for n in range(NODES)
                ]
                appends.append(Append(stream_id=f"execution-e{number}", events=[created, *nodes]))
            last = store.append_many(appends)[-1].last_position
    return last


def seconds_of_fold(url: str, group: Group, head: int, login: UserLogin, *, own: bool) -> float:
    """Fold the whole log into the group's empty table, and return the seconds."""
    (projection,) = group.projections
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(projection.schema, projection.table)))
        register_group(connection, group)
        connection.execute("UPDATE runfold.checkpoints SET position = 0")
        (epoch,) = connection.execute("SELECT epoch FROM runfold.leader").fetchone() or (0,)
        if not own:
            connection.execute("DELETE FROM runfold.user_groups")
            return _drain(Projector(Ledger(connection, epoch=epoch)), replace(group, of_user=False), head)
        with login.open() as session:
            session.execute(FOLD_SESSION)
            register_user_group(connection, group, session.info.user)
            return _drain(Projector(UserLedger(session, epoch=epoch, note=print)), group, head)


def _drain(projector: Projector, group: Group, head: int) -> float:
    began = time.perf_counter()
    while projector.advance(group, head) is not None:
        pass
    return time.perf_counter() - began


def visible(url: str, samples: int) -> list[float]:
    """Return milliseconds from each append to its row, beside a running worker."""
    name = str(uuid4())
    found = []
    with runfold.connect(url) as store, psycopg.connect(url, autocommit=True) as reader:
        created = ExecutionCreated(execution_id=name, workflow_id=uuid4(), mode="MANUAL")
        store.append(f"execution-{name}", [created])
        for number in range(samples):
            time.sleep(0.02)
            event = NodeScheduled(activation=f"n#{number}", node_id="n", node_type="ACTION")
            position = store.append(f"execution-{name}", [event]).last_position
            began = time.perf_counter()
            look = "SELECT FROM public.node_executions WHERE execution_id = %s AND last_event_position = %s"
            while not reader.execute(look, [name, position]).rowcount:
                time.sleep(0.0005)
            found.append((time.perf_counter() - began) * 1000)
    return found


def latencies(url: str, settings: Settings, folder: Path, samples: int) -> list[float]:
    worker = Worker(url, settings, load_catalogue(folder))
    thread = Thread(target=worker.run)
    thread.start()
    try:
        time.sleep(2)
        return visible(url, samples)[10:]
    finally:
        worker.stop()
        thread.join()


def main() -> None:
    arguments = options(__doc__, rounds=3).parse_args()
    executions, samples = (500, 60) if arguments.quick else (10_000, 300)
    with server(arguments.url) as on, TemporaryDirectory() as made:
        url = on.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS runfold_bench_own")
            connection.execute("CREATE ROLE runfold_bench_own LOGIN PASSWORD 'bench' IN ROLE runfold_projections")
            table = "CREATE TABLE projections.workflow_costs ("
            connection.execute((table + guide(table)).encode())
            connection.execute(
                "CREATE TABLE projections.workflow_costs_again (LIKE projections.workflow_costs INCLUDING ALL)"
            )
            connection.execute(
                "CREATE FUNCTION projections.slowly() RETURNS bigint LANGUAGE sql VOLATILE"
                " AS 'SELECT 0::bigint FROM pg_sleep(600)'"
            )
        folder, slow = Path(made) / "own", Path(made) / "slow"
        folder.mkdir()
        slow.mkdir()
        file = "-- name: workflow_costs\n" + guide("-- name: workflow_costs\n")
        (folder / "workflow_costs.sql").write_text(file)
        (folder / "workflow_costs_again.py").write_text(guide("# my-projections/workflow_costs_again.py\n"))
        (slow / "workflow_costs.sql").write_text(file.replace("count(*) AS nodes", "count(*) + slowly() AS nodes"))
        settings = load_settings(
            database_url=url, projections_url=make_conninfo(url, user="runfold_bench_own", password="bench")
        )
        head = fill(url, executions)
        catalogue = load_catalogue(folder)
        groups, login = catalogue.groups, UserLogin.of(catalogue, settings)
        seconds = interleaved(
            {
                "as runfold's": lambda: seconds_of_fold(url, groups["workflow_costs"], head, login, own=False),
                "as a user's": lambda: seconds_of_fold(url, groups["workflow_costs"], head, login, own=True),
                "in Python": lambda: seconds_of_fold(url, groups["workflow_costs_again"], head, login, own=True),
            },
            arguments.rounds,
        )
        idle = latencies(url, settings, folder, samples)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE runfold.checkpoints SET position = 0 WHERE group_name = 'workflow_costs'")
        stuck = latencies(url, settings, slow, samples)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY runfold_bench_own; DROP ROLE runfold_bench_own")
    events = executions * (NODES + 1)
    report(
        "user_projections",
        [
            Ratio.of("a user's file over the same as runfold's", seconds["as runfold's"], seconds["as a user's"]),
            Ratio.of("Python over the file", seconds["as a user's"], seconds["in Python"]),
            Ratio.of("from append to visible row, a user's statement asleep over idle", stuck, idle),
        ],
        {
            "events": events,
            **{f"events/s {name}": round(events / median(each)) for name, each in seconds.items()},
            "row p50 idle, ms": median(idle),
            "row p50 asleep, ms": median(stuck),
            "row max asleep, ms": max(stuck),
        },
    )


if __name__ == "__main__":
    main()
