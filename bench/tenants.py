"""What row security costs: a tenant's pages under the policies, against a service that filters by hand.

1,000,000 executions of 1,000 tenants, the largest with a tenth of them. Each query runs as a tenant under the policies
and as a service with the same rows by a condition, in turns, each in one round trip with its role and claims set; the
tenants are drawn by their size. The ratio that has a bound is of the CPU of client and backend, which other work of the
machine changes little; the bounds of percentiles are on the clock, for a machine that does nothing else. Then one
writer appends 20 changes of status a second, and each is looked for as its tenant, until the worker has folded it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

import runfold
from bench.latency import GIVE_UP, LOOK_EVERY, p99
from bench.rounds import Ratio, report
from bench.servers import REPOSITORY, Server, command, number, options, server
from runfold.runtime_sql import parse_queries

SQL = Path(__file__).with_name("sql")
QUERIES = parse_queries((SQL / "tenant_queries.sql").read_text(encoding="utf-8"))
NAMES = [name for name in QUERIES if not name.endswith("_by_hand")]

TENANTS, WORKFLOWS, EXECUTIONS = 1_000, 20_000, 1_000_000
ROUNDS = 1_000
WARM = 20
SERVICE = "runfold_engine"
PER_SECOND = 20
APPENDS = 600
AT_MOST = {"workflow_list": 20.0, "trigger_by_webhook": 10.0}
VISIBLE_MS = 50.0

_BECOME = """
    SELECT pg_catalog.set_config('request.jwt.claims', %s, true),
           pg_catalog.set_config('request.jwt.claim.sub', %s, true),
           pg_catalog.set_config('role', %s, true)
"""


def fill(
    connection: psycopg.Connection[Any], *, executions: int, tenants: int | None = None, workflows: int | None = None
) -> None:
    """Write the tenants' rows; of fewer executions, fewer tenants and workflows unless they are given."""
    shrunk = min(1.0, executions / EXECUTIONS)
    text = (SQL / "tenants.sql").read_text(encoding="utf-8")
    filled = sql.SQL(text.replace("{}", "{{}}")).format(  # type: ignore[arg-type]
        tenants=sql.Literal(tenants or max(20, round(TENANTS * shrunk))),
        workflows=sql.Literal(workflows or max(200, round(WORKFLOWS * shrunk))),
        executions=sql.Literal(executions),
    )
    # VACUUM does not run inside of a message with other statements.
    for statement in filled.as_string(connection).split(";\n"):
        connection.execute(statement.encode())


def drawn(connection: psycopg.Connection[Any], executions: int, count: int, *, seed: int) -> list[dict[str, Any]]:
    """Return the parameters of so many calls: executions by chance, and with each its tenant, workflow and path."""
    chosen = random.Random(seed)
    ids = [f"run-{chosen.randint(1, executions)}" for _ in range(count)]
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT x.execution_id AS execution, x.user_id AS user, x.workflow_id AS workflow, t.index_key AS path"
            " FROM workflow_executions x JOIN trigger_index t ON t.workflow_id = x.workflow_id"
            " WHERE x.execution_id = ANY (%s)",
            [ids],
        ).fetchall()
    by_id = {row["execution"]: row for row in found}
    return [by_id[each] for each in ids]


def asked(
    connection: psycopg.Connection[Any], role: str, query: str, call: dict[str, Any], *, prepare: bool | None = False
) -> list[Any]:
    """Run a query in one round trip and one transaction, with the role and the claims of the call's tenant."""
    user = str(call["user"])
    claims = orjson.dumps({"sub": user, "role": "authenticated"}).decode()
    with connection.pipeline(), connection.cursor() as cursor:
        connection.execute("BEGIN")
        connection.execute(_BECOME, [claims, user, role])
        cursor.execute(query.encode(), call, prepare=prepare)
        connection.execute("COMMIT")
        return cursor.fetchall()


def buffers(connection: psycopg.Connection[Any], role: str, query: str, call: dict[str, Any]) -> int:
    """Return the buffers that a query touches, with warm caches."""
    touched = 0
    for _ in range(2):
        (row,) = asked(connection, role, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF) {query}", call)
        plan = row[0][0]["Plan"]
        touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return touched


def _cpu(connection: psycopg.Connection[Any]) -> float:
    """The milliseconds that a backend has run; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1e6
    except OSError:
        return 0.0


class Side:
    """A role that asks, on a session of its own, and what its calls took in milliseconds.

    `clock` is what a caller waits, other work of the machine included; `cpu` what client and backend work for it.
    """

    def __init__(self, connection: psycopg.Connection[Any], role: str, query: str) -> None:
        self._connection, self._role, self._query = connection, role, query
        self.clock: list[float] = []
        self.cpu: list[float] = []

    def ask(self, call: dict[str, Any], *, prepare: bool | None) -> list[str]:
        """Make a call; return its rows as texts, in one order."""
        before = _cpu(self._connection)
        worked, began = time.thread_time(), time.perf_counter()
        rows = asked(self._connection, self._role, self._query, call, prepare=prepare)
        ended, done = time.perf_counter(), time.thread_time()
        self.clock.append((ended - began) * 1000)
        self.cpu.append((done - worked) * 1000 + _cpu(self._connection) - before)
        return sorted(map(str, rows))

    def buffers(self, call: dict[str, Any]) -> int:
        """Return the buffers that a call touches."""
        return buffers(self._connection, self._role, self._query, call)


def compare(
    connections: tuple[psycopg.Connection[Any], psycopg.Connection[Any]],
    name: str,
    calls: list[dict[str, Any]],
    *,
    prepare: bool | None,
) -> tuple[Side, Side]:
    """Ask under the policies and by hand, in turns; both must give the same rows."""
    tenant = Side(connections[0], "authenticated", QUERIES[name])
    service = Side(connections[1], SERVICE, QUERIES[f"{name}_by_hand"])
    for turn, call in enumerate(calls):
        # The second of two finds in the caches what the first has read: each is first as often.
        first, second = (tenant, service) if turn % 2 else (service, tenant)
        if first.ask(call, prepare=prepare) != second.ask(call, prepare=prepare):
            sys.exit(f"{name}: the policies and the condition give different rows for {call}")
    for side in (tenant, service):
        # The first calls prepare, and fill caches.
        side.clock, side.cpu = side.clock[WARM:], side.cpu[WARM:]
    return tenant, service


def figures(tenant: Side, service: Side) -> str:
    """Return the medians and 99th percentiles of two sides, for people."""
    return ", ".join(
        f"{name} {median(side.clock):.2f} / {p99(side.clock):.2f} (CPU {median(side.cpu):.2f} / {p99(side.cpu):.2f})"
        for name, side in (("policies", tenant), ("by hand", service))
    )


@contextmanager
def working(url: str) -> Iterator[None]:
    """A worker that folds."""
    worker = subprocess.Popen(
        command(url, "worker"), cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()


def visible(url: str, tenants: list[UUID], appends: int) -> list[float]:
    """Append changes of status, 20 a second; return the milliseconds from each call to the row that its tenant sees."""
    spent: list[float] = []
    with runfold.connect(url) as store:
        due = time.perf_counter()
        for turn in range(appends + PER_SECOND):
            user = tenants[turn % len(tenants)]
            with store.executions.create(user_id=user, workflow_id=uuid4(), mode="MANUAL", start=True) as execution:
                name = execution.execution_id
                due += 1 / PER_SECOND
                time.sleep(max(0.0, due - time.perf_counter()))
                began = time.perf_counter()
                execution.succeed()
            look = "SELECT status FROM workflow_executions WHERE execution_id = %s AND status = 'SUCCESS'"
            while not store.as_user(user).fetch(look, [name]):
                if time.perf_counter() - began > GIVE_UP:
                    sys.exit(f"{name} did not come within {GIVE_UP:g} s")
                time.sleep(LOOK_EVERY)  # the worker needs the core
            if turn >= PER_SECOND:
                spent.append((time.perf_counter() - began) * 1000)
    return spent


_LOAD = """
import sys, uuid, runfold
with runfold.connect(sys.argv[1]) as store:
    while True:
        with store.executions.create(workflow_id=uuid.uuid4(), mode="MANUAL", start=True) as run:
            for n in range(5):
                with run.node(f"n{n}", node_type="ACTION") as node:
                    node.succeed({})
"""


@contextmanager
def loading(url: str) -> Iterator[None]:
    """An engine that runs executions as fast as it can."""
    engine = subprocess.Popen([sys.executable, "-c", _LOAD, url], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        engine.terminate()
        engine.wait()


def measure(on: Server, executions: int, rounds: int, appends: int) -> tuple[list[Ratio], dict[str, Any]]:
    """Fill a database, and measure everything in it."""
    ratios: list[Ratio] = []
    facts: dict[str, Any] = {"executions": f"{executions:,}", "calls a query": rounds}
    url = on.create(migrated=True)
    with (
        psycopg.connect(url, autocommit=True) as preparing,
        psycopg.connect(url, autocommit=True) as tenant,
        psycopg.connect(url, autocommit=True) as service,
    ):
        began = time.perf_counter()
        fill(preparing, executions=executions)
        facts["seconds to fill"] = time.perf_counter() - began
        facts["tenants"] = number(preparing, "SELECT count(DISTINCT user_id) FROM workflow_executions")
        facts["largest tenant's executions"] = number(
            preparing, "SELECT max(n) FROM (SELECT count(*) AS n FROM workflow_executions GROUP BY user_id) AS s"
        )
        for place, name in enumerate(NAMES):
            calls = drawn(preparing, executions, rounds + WARM, seed=place)
            # As the client does; behind a transaction pooler nothing is prepared, and each call is planned.
            under, by_hand = compare((tenant, service), name, calls, prepare=None)
            facts[f"{name}, ms p50 / p99"] = figures(under, by_hand)
            ratios.append(
                Ratio.of(f"{name}: policies over by hand, CPU", under.cpu, by_hand.cpu, expected=1.1, at_most=True)
            )
            ratios.append(Ratio.of(f"{name}: the same on the clock", under.clock, by_hand.clock))
            touched = [under.buffers(call) / max(1, by_hand.buffers(call)) for call in calls[:20]]
            lowest, highest = min(touched), max(touched)
            ratios.append(Ratio(f"{name}: buffers likewise", median(touched), lowest, highest, 1.0, at_most=True))
            if (limit := AT_MOST.get(name)) is not None:
                over = p99(under.clock) / limit
                ratios.append(Ratio(f"{name}: p99 over {limit:g} ms", over, over, over, 1.0, at_most=True))
            sides = compare((tenant, service), name, calls, prepare=False)
            facts[f"{name}, not prepared, ms p50 / p99"] = figures(*sides)
        tenants = [call["user"] for call in drawn(preparing, executions, 50, seed=-1)]
    facts["load of the machine"] = f"{os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
    with working(url):
        for load, around in (("", None), (" under load", loading)):
            spent = _visible(url, tenants, appends, around)
            facts[f"append to visible row{load}, ms p50 / p99"] = f"{median(spent):.2f} / {p99(spent):.2f}"
            over = p99(spent) / VISIBLE_MS
            bound = None if load else 1.0
            name = f"append to visible row{load}: p99 over {VISIBLE_MS:g} ms"
            ratios.append(Ratio(name, over, over, over, bound, at_most=bound is not None))
    return ratios, facts


def _visible(url: str, tenants: list[UUID], appends: int, around: Callable[[str], Any] | None) -> list[float]:
    if around is None:
        return visible(url, tenants, appends)
    with around(url):
        return visible(url, tenants, appends // 3)


def main() -> None:
    parser = options(__doc__, rounds=ROUNDS)
    parser.add_argument("--executions", type=int, default=EXECUTIONS, help="how many executions there are")
    arguments = parser.parse_args()
    executions, rounds, appends = arguments.executions, arguments.rounds, APPENDS
    if arguments.quick:
        executions, rounds, appends = min(executions, 20_000), min(rounds, 100), 60
    with server(arguments.url) as on:
        report("tenants", *measure(on, executions, rounds, appends))


if __name__ == "__main__":
    main()
