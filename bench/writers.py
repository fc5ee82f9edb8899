"""A writer process of the append bench, which appends to new streams on the side that its order names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4, uuid5

import orjson
import psycopg
from eventsourcing.persistence import StoredEvent

import runfold
from bench.library import application_recorder
from runfold.events.envelope import NewEvent

SIDES = ("runfold", "library", "bare")
APPENDS_PER_STREAM = 10
NAMES = UUID("0f3b9d6e-8f1c-5a3e-9c55-1b2f7f0f6d11")
TEXT = "The applicant's income was confirmed by the employer; the offer can go out as calculated. " * 3

# An append of n events to version v of stream s.
Appender = Callable[[str, int, int], Any]


def body(number: int) -> dict[str, Any]:
    """Return the data of an event: about 400 bytes of JSON, the same on every side."""
    return {
        "activation": f"check#{number}",
        "node_id": "check",
        "node_type": "ACTION",
        "end_time": 1_700_000_000_000 + number,
        "output_data": {"text": TEXT, "score": 0.75},
    }


def runfold_appender(url: str) -> Appender:
    store = runfold.connect(url)

    def append(stream_id: str, version: int, count: int) -> None:
        events = [NewEvent(type="NodeSucceeded", data=body(version + n)) for n in range(count)]
        store.append(stream_id, events, expected_version=version)

    return append


def library_appender(url: str) -> Appender:
    recorder = application_recorder(url)

    def append(stream_id: str, version: int, count: int) -> None:
        originator = uuid5(NAMES, stream_id)
        events = [
            StoredEvent(
                originator_id=originator,
                originator_version=version + n + 1,
                topic="bench.writers:NodeSucceeded",
                state=orjson.dumps({**body(version + n), "timestamp": datetime.now(UTC)}),
            )
            for n in range(count)
        ]
        recorder.insert_events(events)

    return append


def bare_appender(url: str) -> Appender:
    connection = psycopg.connect(url, autocommit=True)
    row = "(0, %s, %s, %s, 'execution', 'NodeSucceeded', 1, NULL, %s, NULL, '{}', %s, clock_timestamp())"
    columns = (
        "append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id, data, payload, "
        "metadata, occurred_at, recorded_at"
    )

    def append(stream_id: str, version: int, count: int) -> None:
        values: list[Any] = []
        for n in range(count):
            data = orjson.dumps(body(version + n)).decode()
            values += (stream_id, version + n + 1, uuid4(), data, datetime.now(UTC))
        rows = ", ".join([row] * count)
        connection.execute(f"INSERT INTO bare.events ({columns}) VALUES {rows}".encode(), values)

    return append


def write(url: str, number: int, ready: Barrier, orders: Connection) -> None:
    """Take orders (side, round, appends, events each) until None comes; answer with the times of beginning and end."""
    sides = {"runfold": runfold_appender(url), "library": library_appender(url), "bare": bare_appender(url)}
    orders.send("ready")
    while (order := orders.recv()) is not None:
        side, turn, appends, events = order
        append = sides[side]
        ready.wait()
        began = perf_counter()
        for n in range(appends):
            stream, place = divmod(n, APPENDS_PER_STREAM)
            append(f"execution-{turn}-{number}-{stream}", place * events, events)
        orders.send((began, perf_counter()))
