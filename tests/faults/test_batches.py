"""append_batch beside append_events and append_opaque_events: dense versions, no deadlock."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import errors

from tests.client.log.batches import APPEND_BATCH, arguments
from tests.factories import CATEGORY, append, call, happening
from tests.faults.editing import APPEND_EVENTS, edit
from tests.faults.test_streams import IRREGULAR, STALE, count
from tests.faults.writers import IMPATIENT
from tests.fixtures.evidence import Evidence

Connection = psycopg.Connection[Any]

BATCH = (
    "runfold.append_batch(text[],integer[],bigint[],uuid[],uuid[],text[],integer[],text[],text[],"
    "timestamptz[],text,boolean[])"
)
LOCK = "ON CONFLICT ON CONSTRAINT streams_pkey DO UPDATE SET version = s.version WHERE false;"
LOCKED = "heads[i] := locked.version;"
INSERT_THEN_LOCK = """ON CONFLICT ON CONSTRAINT streams_pkey DO NOTHING;
        PERFORM pg_sleep(0.003);
        PERFORM FROM runfold.streams s WHERE s.stream_id = ANY (stream_ids)
          ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE;"""


def batch_of(names: list[str]) -> dict[str, Any]:
    event = happening()
    about: dict[str, Any] = {
        "type": event.type,
        "schema_version": 1,
        "data": '{"n": 1}',
        "metadata": "{}",
        "occurred_at": event.occurred_at,
    }
    return arguments(
        [
            {"stream_id": name, "expected_version": None, "user_id": None, "encrypted": None,
             "events": [{**about, "event_id": uuid4()}]}
            for name in names
        ]
    )  # fmt: skip


def write_together(url: str, evidence: Evidence, ways: list[str], *, times: int) -> tuple[int, int]:
    """Run two writers of each way on an old stream and ever new ones; return the numbers of successes and deadlocks."""
    rounds = [[f"{CATEGORY}-a", *(f"{CATEGORY}-new-{number}-{n}" for n in range(3))] for number in range(times)]

    together = threading.Barrier(2 * len(ways), timeout=60)

    def write(number: int) -> tuple[int, int]:
        way, random, done, deadlocks = ways[number % len(ways)], Random(f"{evidence.seed}/{number}"), 0, 0
        with psycopg.connect(url, autocommit=True, options=IMPATIENT) as connection:
            for names in rounds:
                order = random.sample(names, len(names))
                together.wait()
                try:
                    if way == "batch":
                        connection.execute(APPEND_BATCH, batch_of(order))
                    elif way == "events":
                        connection.execute(
                            "SELECT FROM runfold.append_events(%s)",
                            (call(*(append(name, [happening()]) for name in order)),),
                        )
                    else:
                        opaque(connection, order)
                    done += 1
                except errors.DeadlockDetected:
                    deadlocks += 1
                except psycopg.Error as error:
                    if error.sqlstate != "RF002":
                        raise
        return done, deadlocks

    with ThreadPoolExecutor(2 * len(ways)) as pool:
        counted = list(pool.map(write, range(2 * len(ways))))
    done, deadlocks = (sum(column) for column in zip(*counted, strict=True))
    evidence.note(done=done, deadlocks=deadlocks)
    return done, deadlocks


def opaque(connection: Connection, names: list[str]) -> None:
    """Append one opaque event to each stream, at the version that it has now."""
    heads = dict(
        connection.execute("SELECT stream_id, version FROM runfold.streams WHERE stream_id = ANY (%s)", (names,))
    )
    connection.execute(
        "SELECT FROM runfold.append_opaque_events(%s, %s, %s, %s, %s, %s, %s, %s, now())",
        (
            CATEGORY,
            [name.partition("-")[2] for name in names],
            [heads.get(name, 0) + 1 for name in names],
            list(range(1, len(names) + 1)),
            ["ThingHappened"],
            [1] * len(names),
            [b"x"] * len(names),
            [uuid4() for _ in names],
        ),
    )


def prepared(connection: Connection) -> None:
    connection.execute("SELECT runfold.register_application(%s, 'things')", (CATEGORY,))
    connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(f"{CATEGORY}-a", [happening()])),))


def test_batches_beside_the_other_appends_never_deadlock(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    prepared(connection)
    done, deadlocks = write_together(database_url, evidence, ["batch", "events", "opaque"], times=evidence.scaled(60))
    assert deadlocks == 0
    assert done > 60
    assert count(connection, IRREGULAR) == 0
    assert count(connection, STALE) == 0


def test_a_batch_that_inserts_and_then_locks_deadlocks(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    prepared(connection)
    edit(connection, BATCH, LOCK, INSERT_THEN_LOCK)
    edit(connection, APPEND_EVENTS, LOCKED, f"{LOCKED} PERFORM pg_sleep(0.003);")
    _, deadlocks = write_together(database_url, evidence, ["batch", "events"], times=20)
    assert deadlocks > 0
