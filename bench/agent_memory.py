"""The memory of agents at size: neighbourhoods and paths in a graph of 100,000 edges, a window of messages, a search.

Figures are the CPU of the server process, so that other work of the machine counts little. Neighbourhoods are measured
in turns with the same question as one recursive statement. A tenth of the edges leave one of 20 hubs. The session is a
tenant's, under its policies.
"""

from __future__ import annotations

import random
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import psutil
import psycopg

from bench.rounds import Ratio, report
from bench.servers import options, server
from runfold.runtime_sql import runtime_sql

NODES, EDGES, HUBS = 30_000, 100_000, 20
DOCUMENTS = 50_000

RECURSIVE = """
WITH RECURSIVE reached (id, distance) AS (
    SELECT %(start)s::text, 0
     UNION
    SELECT next.id::text, w.distance + 1
      FROM reached w
     CROSS JOIN LATERAL (
           SELECT r.target_node_id FROM public.graph_relationships r
            WHERE r.user_id = %(user)s AND r.source_node_id = w.id
            UNION ALL
           SELECT r.source_node_id FROM public.graph_relationships r
            WHERE r.user_id = %(user)s AND r.target_node_id = w.id
           ) AS next (id)
     WHERE w.distance < %(depth)s
)
SELECT n.id, n.label, n.type, n.properties, w.distance
  FROM (SELECT id, min(distance) AS distance FROM reached GROUP BY id) AS w
  JOIN public.graph_nodes n ON n.user_id = %(user)s AND n.id = w.id
 WHERE w.distance > 0
 ORDER BY w.distance, n.id COLLATE "C"
 LIMIT 10000
"""

NEIGHBOURS = "SELECT * FROM runfold.graph_neighbours(%(user)s, %(start)s, %(depth)s, 10000)"
PATH = "SELECT * FROM runfold.graph_path(%(user)s, %(start)s, %(goal)s, 8)"
MESSAGES = """
SELECT count(*) FROM runfold.add_messages(%(user)s, 'chat', (
    SELECT jsonb_agg(jsonb_build_object('role', 'user', 'content', repeat('x', 2000), 'tokens_count', 100))
      FROM generate_series(1, 200)))
"""

FILL = """
INSERT INTO public.document_store (user_id, collection_name, id, content, tags)
SELECT %(user)s, 'c' || n %% 10, n::text, 'text w' || n %% 5000 || ' w' || n %% 7 || ' and more words',
       ARRAY['t' || n %% 100]
  FROM generate_series(1, %(documents)s) AS n
"""


def fill(url: str, user: UUID, scale: float) -> None:
    """Write the graph and the documents of a user."""
    chance = random.Random(1)
    nodes = int(NODES * scale)
    edges: set[tuple[str, str]] = set()
    while len(edges) < EDGES * scale:
        source = chance.randrange(HUBS) if chance.random() < 0.1 else chance.randrange(nodes)
        edges.add((str(source), str(chance.randrange(nodes))))
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO auth.users (id) VALUES (%s)", [user])
        with cursor.copy("COPY public.graph_nodes (user_id, id, label, type) FROM STDIN") as copy:
            for n in range(nodes):
                copy.write_row((user, str(n), str(n), "t"))
        columns = "user_id, source_node_id, target_node_id, relationship_type"
        with cursor.copy(f"COPY public.graph_relationships ({columns}) FROM STDIN") as copy:
            for edge in edges:
                copy.write_row((user, *edge, "r"))
        cursor.execute(FILL, {"user": user, "documents": int(DOCUMENTS * scale)})
        cursor.execute("VACUUM (ANALYZE)")


class Session:
    """A tenant's session, and the CPU that its server process takes."""

    def __init__(self, connection: psycopg.Connection[Any], user: UUID) -> None:
        self._connection = connection
        self._process = psutil.Process(connection.info.backend_pid)
        claims = f'{{"sub": "{user}"}}'
        connection.execute(
            "SELECT set_config('role', 'authenticated', false), set_config('request.jwt.claims', %s, false)", [claims]
        )

    def cpu_ms(self, query: str, parameters: dict[str, Any], times: int) -> tuple[float, list[Any]]:
        """Return the CPU of one of so many calls in milliseconds, and its rows."""
        rows = self._connection.execute(query, parameters).fetchall()  # plans, and loads dictionaries
        before = self._process.cpu_times()
        for _ in range(times):
            self._connection.execute(query, parameters).fetchall()
        after = self._process.cpu_times()
        return (after.user + after.system - before.user - before.system) * 1000 / times, rows


def main() -> None:
    arguments = options(__doc__, rounds=5).parse_args()
    scale = 0.1 if arguments.quick else 1.0
    user = uuid4()
    counts = {"nodes": NODES, "edges": EDGES, "documents": DOCUMENTS}
    facts: dict[str, Any] = {name: f"{int(count * scale):,}" for name, count in counts.items()}
    ratios: list[Ratio] = []
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        fill(url, user, scale)
        with psycopg.connect(url, autocommit=True) as connection:
            session = Session(connection, user)
            for depth, times in ((1, 100), (2, 30), (3, 5), (4, 2)):
                ours, theirs, most = [], [], 0
                for start in range(HUBS, HUBS + arguments.rounds):
                    parameters = {"user": user, "start": str(start), "depth": depth}
                    spent, near = session.cpu_ms(NEIGHBOURS, parameters, times)
                    ours.append(max(spent, 0.01))
                    spent, rows = session.cpu_ms(RECURSIVE, parameters, times)
                    theirs.append(max(spent, 0.01))
                    assert near == rows
                    most = max(most, len(near))
                ratios.append(Ratio.of(f"depth {depth}: ours / one recursive statement", ours, theirs))
                facts[f"depth {depth}"] = f"{median(ours):.1f} ms, {median(theirs):.1f} ms, up to {most:,} nodes"
            path = {"user": user, "start": str(HUBS), "goal": str(HUBS + 500)}
            spent, rows = session.cpu_ms(PATH, path, 20)
            facts["path"] = f"{spent:.1f} ms, {len(rows) - 1} edges"
            spent, rows = session.cpu_ms("SELECT * FROM runfold.search_documents(%(typed)s)", {"typed": "w4321"}, 50)
            facts["search of documents"] = f"{spent:.1f} ms, {len(rows)} of {facts['documents']}"
            connection.execute(MESSAGES, {"user": user})
            window = {"user": user, "session": "chat", "after": 0, "max_tokens": 3000, "max_messages": 100}
            spent, rows = session.cpu_ms(runtime_sql("runfold.memory")("message_window"), window, 100)
            facts["window"] = f"{spent:.2f} ms, {len(rows)} of 200 messages"
    report("agent_memory", ratios, facts)


if __name__ == "__main__":
    main()
