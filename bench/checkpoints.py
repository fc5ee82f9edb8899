"""What LangGraph's checkpoints take on disk: the log, and the library's own saver for PostgreSQL, with all indexes.

A turn is a question and an answer of 200 characters each in one thread of a graph with one node. Needs
langgraph-checkpoint-postgres, which runfold does not: `pip install langgraph-checkpoint-postgres`.
"""

from __future__ import annotations

import random
import string
from typing import Any
from uuid import uuid4

import psycopg

from bench.servers import options, server

TURNS = (100, 1000)
_LOG = ("runfold.events", "runfold.event_ids", "runfold.streams", "runfold.snapshots", "runfold.blobs")
_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(t.relid)) FILTER (WHERE t.isleaf), pg_total_relation_size(%s::regclass))
      FROM pg_partition_tree(%s::regclass) AS t
"""
_OWN = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")


def size(connection: psycopg.Connection[Any], tables: tuple[str, ...]) -> int:
    """Return the bytes of tables with their partitions, indexes and TOAST."""
    total = 0
    for table in tables:
        row = connection.execute(_SIZE, [table, table]).fetchone()
        total += int(row[0]) if row else 0
    return total


def graph(saver: Any) -> Any:
    """Return a graph that answers."""
    from langchain_core.messages import AIMessage
    from langgraph.graph import START, MessagesState, StateGraph

    builder: Any = StateGraph(MessagesState)
    builder.add_node("answer", lambda _: {"messages": [AIMessage(text())]})
    builder.add_edge(START, "answer")
    return builder.compile(checkpointer=saver)


def text() -> str:
    """Return 200 characters that compress as badly as they can."""
    return "".join(random.choices(string.ascii_letters, k=200))


def main() -> None:
    """Print bytes a turn, for each saver and number of turns."""
    from langgraph.checkpoint.postgres import PostgresSaver

    import runfold
    from runfold.langgraph import RunfoldSaver

    chosen = options(__doc__, rounds=1).parse_args()
    turns = (20, 100) if chosen.quick else TURNS
    with server(chosen.url) as running:
        # A database each: the library's tables have names that ours have, too.
        url = running.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as looking, runfold.connect(url) as store:
            row = looking.execute("INSERT INTO auth.users DEFAULT VALUES RETURNING id").fetchone()
            assert row is not None
            measure("log", RunfoldSaver(store, row[0]), looking, _LOG, turns)
        url = running.create() + "?options=-c%20search_path%3Dpublic"
        with psycopg.connect(url, autocommit=True) as looking, PostgresSaver.from_conn_string(url) as library:
            library.setup()
            measure("library", library, looking, _OWN, turns)


def measure(
    name: str, saver: Any, looking: psycopg.Connection[Any], tables: tuple[str, ...], turns: tuple[int, ...]
) -> None:
    """Print bytes a turn of one saver."""
    before = size(looking, tables)
    built, config = graph(saver), {"configurable": {"thread_id": str(uuid4())}}
    done = 0
    for count in turns:
        for _ in range(done, count):
            built.invoke({"messages": [("user", text())]}, config)
        done = count
        took = size(looking, tables) - before
        print(f"{name:8} {count:5} turns: {took / count:10,.0f} bytes a turn, {took:13,} in all", flush=True)


if __name__ == "__main__":
    main()
