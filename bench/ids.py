"""WAL of appends after a checkpoint, in a log with 1,000,000 event ids: of version 7, and random ones.

Each append goes to a new stream. The first change of a page after a checkpoint writes the whole page to the WAL. Random
ids change a page of their own in each index; ids that sort by time change the last one.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

import runfold
from bench.rounds import Ratio, interleaved, report
from bench.servers import number, options, server
from runfold.events import ExecutionStarted
from runfold.events.ids import new_id

FILLED = Path(__file__).with_name("sql") / "filled_log.sql"
MAKERS = {"random": uuid4, "version 7": new_id}
STREAMS = 50_000
APPENDS = 500


def fill(url: str, kind: str, streams: int) -> None:
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for statement in FILLED.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                connection.execute(statement.encode(), {"kind": kind, "streams": streams})


def event(made: UUID) -> runfold.NewEvent:
    return runfold.NewEvent.of(ExecutionStarted(start_time=1), event_id=made)


def wal_bytes_an_append(store: runfold.Store, url: str, kind: str, appends: int) -> float:
    make = MAKERS[kind]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        before = number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        for _ in range(appends):
            store.append(f"execution-{make()}", [event(make())], expected_version=0)
        return (number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn") - before) / appends


def main() -> None:
    arguments = options(__doc__, rounds=3).parse_args()
    streams, appends = (STREAMS // 50, APPENDS // 5) if arguments.quick else (STREAMS, APPENDS)
    with server(arguments.url) as on:
        urls = {kind: on.create(migrated=True) for kind in MAKERS}
        for kind, url in urls.items():
            fill(url, kind, streams)
        stores = {kind: runfold.connect(url) for kind, url in urls.items()}
        for store in stores.values():
            store.append(f"execution-{new_id()}", [event(new_id())])
        sizes = interleaved(
            {kind: partial(wal_bytes_an_append, store, urls[kind], kind, appends) for kind, store in stores.items()},
            arguments.rounds,
        )
        for store in stores.values():
            store.close()
    report(
        "ids",
        [Ratio.of("WAL with random ids over that with version 7", sizes["random"], sizes["version 7"], expected=4.0)],
        {f"{kind}, bytes an append": sum(each) / len(each) for kind, each in sizes.items()}
        | {"event ids": streams * 20},
    )


if __name__ == "__main__":
    main()
