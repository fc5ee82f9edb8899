"""What vacuum writes into the WAL while a partition of the log fills, and when it is closed: in bytes an event.

The partition grows by copies. Whenever autovacuum would vacuum it for its inserts, it is vacuumed, right after a
checkpoint, as in life, where hours lie between. That is measured with the factor of new partitions and with
PostgreSQL's own. At the end it is frozen, as the leader does it, and again, which must write nothing.
"""

from __future__ import annotations

from typing import Any

import psycopg

from bench.growth import SQL, seed
from bench.rounds import Ratio, report
from bench.servers import number, options, server

EVENTS = 200_000
LEAST, USUAL, OURS = 1_000, 0.2, 0.5


def wal_of(connection: psycopg.Connection[Any], statement: str) -> int:
    """Return the bytes of WAL of a statement right after a checkpoint."""
    connection.execute("CHECKPOINT")
    before = number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    connection.execute(statement.encode())
    return number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn") - before


def filled(url: str, events: int, factor: float) -> dict[str, float]:
    """Fill the log's first partition, vacuum it at this factor, close it; return the bytes an event of each."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"SET synchronous_commit = off")
        partition = "runfold_partitions.events_000000000001"
        connection.execute(f"ALTER TABLE {partition} SET (autovacuum_enabled = off)".encode())
        seed(connection, 20)
        while_filling = runs = vacuumed = 0
        while (head := number(connection, "SELECT max(position) FROM runfold.events")) < events:
            if head - vacuumed >= LEAST + factor * vacuumed:
                while_filling += wal_of(connection, f"VACUUM {partition}")
                vacuumed, runs = head, runs + 1
            count = min(head, max(500, head // 10), events - head)
            (count,) = connection.execute(
                "SELECT append_end FROM runfold.events WHERE position <= %s ORDER BY position DESC LIMIT 1", (count,)
            ).fetchone() or (count,)
            connection.execute("SELECT setval('runfold.events_position', %s)", (head + count,))
            connection.execute(
                (SQL / "copy_log.sql").read_bytes(), {"count": count, "head": head, "salt": str(head)}, prepare=False
            )
        closing = wal_of(connection, f"VACUUM (FREEZE, ANALYZE) {partition}")
        again = wal_of(connection, f"VACUUM (FREEZE) {partition}")
        return {
            "runs": runs,
            "while it fills": while_filling / head,
            "when it is closed": closing / head,
            "when it is vacuumed again": again / head,
        }


def main() -> None:
    arguments = options(__doc__, rounds=1).parse_args()
    events = 20_000 if arguments.quick else EVENTS
    with server(arguments.url) as on:
        usual, ours = (filled(on.create(migrated=True), events, factor) for factor in (USUAL, OURS))
    both = [side["while it fills"] + side["when it is closed"] for side in (usual, ours)]
    ratio, once_more = both[1] / both[0], ours["when it is vacuumed again"] / both[1]
    report(
        "closing",
        [
            Ratio("WAL of vacuums, ours over PostgreSQL's own factor", ratio, ratio, ratio),
            Ratio("WAL of another vacuum over that of both", once_more, once_more, once_more, 0.01, at_most=True),
        ],
        {"events": events, f"factor {USUAL}": usual, f"factor {OURS}": ours},
    )


if __name__ == "__main__":
    main()
