"""100,000 vectors of 1,536 dimensions: recall and milliseconds of 10 results, exact, by index, and as specified.

Collections of 1,000, 10,000 and 60,000 rows, one of a tenant each, among others of 1,000. Each search is a transaction
of the tenant's, with role and claims set; the specified ivfflat index is asked in plain SQL. Beside the time that
passed: the CPU time of the server's process, the mean of all searches, which other work of the machine does not change.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID, uuid4

import orjson
import psutil
import psycopg
from psycopg import sql

from bench.rounds import Ratio, report
from bench.servers import options, server
from runfold.vectors.indexes import build_all

ROWS = 100_000
SIZE = 1536
LIMIT_MS = 50.0
RECALL = 0.95

STATEMENTS: dict[str, str] = dict(
    re.findall(
        r"-- name: (\w+)\n(.*?)(?=\n-- name:|\Z)",
        Path(__file__).with_name("sql").joinpath("vectors.sql").read_text(),
        re.DOTALL,
    )
)

Search = Callable[[UUID, str, list[float]], set[Any]]


class Bench:
    """The collections, their queries and what an exact search finds."""

    def __init__(self, connection: psycopg.Connection[Any], rows: int, size: int, queries: int) -> None:
        self._connection = connection
        self.size = size
        self.collections = {f"{part * rows // 100:,} rows": part * rows // 100 for part in (1, 10, 60)}
        self.users = {name: self._new_user() for name in self.collections}
        self._do("centres", size=size)
        for number, (name, count) in enumerate(self.collections.items()):
            self._do("fill", user=self.users[name], collection=name, rows=count, seed=number)
        rest = rows - sum(self.collections.values())
        for number in range(rest // (rows // 100)):
            self._do("fill", user=self._new_user(), collection="others", rows=rows // 100, seed=number)
        connection.execute("VACUUM ANALYZE public.vector_embeddings")
        # In this one process, so that its CPU time is all of it.
        connection.execute("SET max_parallel_workers_per_gather = 0")
        texts = connection.execute(STATEMENTS["queries"].encode(), {"number": queries}).fetchall()
        self.queries = [[float(number) for number in text[1:-1].split(",")] for (text,) in texts]
        self._exact: dict[str, list[set[Any]]] = {}

    def measure(self, name: str, search: Search) -> tuple[list[float], float, float]:
        """Return the milliseconds of each search of a collection, the server's of CPU, and the recall."""
        user = self.users[name]
        search(user, name, self.queries[0])
        spent, found = [], []
        server = psutil.Process(self._connection.info.backend_pid)
        before = sum(server.cpu_times()[:2])
        for query in self.queries:
            began = time.perf_counter()
            found.append(search(user, name, query))
            spent.append((time.perf_counter() - began) * 1000)
        cpu = (sum(server.cpu_times()[:2]) - before) * 1000 / len(self.queries)
        exact = self._exact.setdefault(name, found)
        same = sum(len(one & two) for one, two in zip(exact, found, strict=True))
        return spent, cpu, same / sum(map(len, exact))

    def search(self, user: UUID, name: str, vector: list[float]) -> set[Any]:
        """Search as a tenant."""
        claims = orjson.dumps({"sub": str(user), "role": "authenticated"}).decode()
        with self._connection.transaction():
            self._connection.execute(STATEMENTS["become"].encode(), [claims])
            rows = self._connection.execute(STATEMENTS["search"].encode(), [orjson.dumps(vector).decode(), name])
            return {row[0] for row in rows}

    def ivfflat(self, user: UUID, name: str, vector: list[float]) -> set[Any]:
        rows = self._connection.execute(
            sql.SQL(STATEMENTS["search_ivfflat"]).format(size=sql.Literal(self.size)),  # type: ignore[arg-type]
            {"user": user, "collection": name, "vector": orjson.dumps(vector).decode()},
        )
        return {row[0] for row in rows}

    def build_ivfflat(self) -> float:
        self._connection.execute("SET maintenance_work_mem = '1GB'")
        began = time.perf_counter()
        self._connection.execute(sql.SQL(STATEMENTS["ivfflat"]).format(size=sql.Literal(self.size)))  # type: ignore[arg-type]
        # By that index alone: the b-tree of collections is what makes the small ones exact.
        self._connection.execute("SET enable_sort = off")
        return time.perf_counter() - began

    def _do(self, name: str, **parameters: Any) -> None:
        self._connection.execute(STATEMENTS[name].encode(), parameters)

    def _new_user(self) -> UUID:
        user = uuid4()
        self._connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [user])
        return user


def main() -> None:
    parser = options(__doc__, rounds=1)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of all collections (default {ROWS:,})")
    parser.add_argument("--queries", type=int, default=100, help="searches of each collection")
    arguments = parser.parse_args()
    rows, size = (5_000, 128) if arguments.quick else (arguments.rows, SIZE)
    ratios: list[Ratio] = []
    facts: dict[str, Any] = {"rows": f"{rows:,}", "dimensions": size, "queries": arguments.queries}
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as connection:
            bench = Bench(connection, rows, size, arguments.queries)

            def note(kind: str, name: str, search: Search, *, promised: bool = False) -> None:
                spent, cpu, recall = bench.measure(name, search)
                p50, p99 = median(spent), quantiles(spent, n=100)[98]
                facts[f"{kind}, {name}"] = f"recall {recall:.3f}, p50 {p50:.1f} ms, p99 {p99:.1f} ms, CPU {cpu:.1f} ms"
                if promised:
                    over = cpu / LIMIT_MS
                    label = f"{kind}, {name}: CPU of {LIMIT_MS:g} ms"
                    ratios.append(Ratio(label, over, over, over, 1.0, at_most=True))
                    ratios.append(Ratio(f"{kind}, {name}: recall", recall, recall, recall, RECALL))

            names = list(bench.collections)
            for name in names:
                note("exact", name, bench.search, promised=name != names[-1])
            for name in reversed(names):
                began = time.perf_counter()
                build_all(connection, collection=name, least=0)
                facts[f"index of {name}"] = f"built in {time.perf_counter() - began:.0f} s"
                for ef in (100, 200) if name == names[-1] else (100,):
                    connection.execute(sql.SQL(STATEMENTS["ef_search"]).format(ef=sql.Literal(ef)))  # type: ignore[arg-type]
                    note(f"halfvec HNSW, ef {ef}", name, bench.search, promised=name == names[-1] and ef == 100)
            facts["ivfflat(100)"] = f"built in {bench.build_ivfflat():.0f} s, with 1 GB of memory"
            for name in names:
                note("ivfflat(100)", name, bench.ivfflat)
            connection.execute("SET ivfflat.probes = 10")
            for name in names:
                note("ivfflat(100), 10 probes", name, bench.ivfflat)
    report("vectors", ratios, facts)


if __name__ == "__main__":
    main()
