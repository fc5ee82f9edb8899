"""The library's projection runner over our log: one psycopg transaction an event, into identical tables."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any, cast
from uuid import UUID, uuid5

import psycopg
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.rows import dict_row

from bench.library import Log, Recorded, environment
from runfold.events.row_id import row_id

SQL = Path(__file__).with_name("sql")
STATEMENTS: dict[str, bytes] = {
    name: statement.encode()
    for name, statement in re.findall(
        r"-- name: (\w+)\n(.*?)(?=\n-- name:|\Z)", (SQL / "runner.sql").read_text(), re.DOTALL
    )
}
STREAMS = UUID("9f1d5d0c-3a44-5d3b-8a55-0d6f1d0e7c11")


class ReadTables(PostgresTrackingRecorder):
    """The view: the statement of an event and its tracking in one transaction."""

    def fold(self, event: Recorded, tracking: Tracking) -> None:
        execution_id = event.stream_id.partition("-")[2]
        values = {
            **dict.fromkeys(("activation", "node_type", "node_id")),
            **event.data,
            "execution_id": execution_id,
            "execution_row": row_id(event.stream_id, "execution", execution_id),
            "node_row": row_id(event.stream_id, "node", event.data.get("activation", "")),
            "log_row": row_id(event.stream_id, "log", str(event.position)),
            "position": event.position,
            "at": event.happened,
        }
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(STATEMENTS[event.type], values, prepare=True)
            self._insert_tracking(cursor, tracking)


class Executions(Projection[ReadTables]):
    """Folds every event, and keeps the times of the first event and of the last commit."""

    name = "executions"
    last = 0
    began = 0.0
    ended = 0.0
    done = Event()

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        if not Executions.began:
            Executions.began = perf_counter()
        self.view.fold(cast(Recorded, domain_event), tracking)
        if tracking.notification_id >= Executions.last:
            Executions.ended = perf_counter()
            Executions.done.set()


def load(url: str, events: int) -> int:
    """Copy whole streams from the start of the log, about this many events, into the library; return their number."""
    app = Log(environment(url))
    batch: list[Any] = []
    count = 0
    with psycopg.connect(url, row_factory=dict_row) as connection, connection.cursor("events") as cursor:
        cursor.execute(
            """
            SELECT e.* FROM runfold.events e JOIN runfold.streams s USING (stream_id)
             WHERE s.last_position <= %s ORDER BY e.position
            """,
            [events],
        )
        for row in cursor:
            event = Recorded(
                originator_id=uuid5(STREAMS, row["stream_id"]),
                originator_version=row["stream_version"],
                timestamp=row["recorded_at"],
                stream_id=row["stream_id"],
                type=row["type"],
                data=row["data"],
                position=row["position"],
                occurred_at=row["occurred_at"].isoformat(),
            )
            batch.append(app.mapper.to_stored_event(event))
            count += 1
            if len(batch) == 1000:
                app.recorder.insert_events(batch)
                batch = []
    if batch:
        app.recorder.insert_events(batch)
    app.close()
    return count


def seconds(url: str, events: int) -> float:
    """Return the seconds from the first event to the commit of the last one, on a database without an earlier run."""
    Executions.last, Executions.began, Executions.done = events, 0.0, Event()
    with ProjectionRunner(
        application_class=Log, projection_class=Executions, view_class=ReadTables, env=environment(url)
    ) as runner:
        while not Executions.done.wait(0.5):
            if runner.is_interrupted.is_set():
                runner.run_forever(0)
    return Executions.ended - Executions.began
