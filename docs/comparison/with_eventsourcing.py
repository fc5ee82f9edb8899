"""The work of docs/comparison.md on the eventsourcing library: `DATABASE_URL=… python with_eventsourcing.py`."""

import os
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict

URL = os.environ["DATABASE_URL"]
PARTS = conninfo_to_dict(URL)
ENVIRONMENT = {
    "PERSISTENCE_MODULE": "eventsourcing.postgres",
    "POSTGRES_DBNAME": str(PARTS["dbname"]),
    "POSTGRES_HOST": str(PARTS["host"]),
    "POSTGRES_PORT": str(PARTS["port"]),
    "POSTGRES_USER": str(PARTS["user"]),
    "POSTGRES_PASSWORD": str(PARTS.get("password", "")),
}


class Execution(Aggregate):
    @event("Created")
    def __init__(self) -> None:
        self.status = "RUNNING"
        self.outputs: dict[str, Any] = {}

    @event("NodeSucceeded")
    def node_succeeded(self, node: str, output: Any) -> None:
        self.outputs[node] = output

    @event("Ended")
    def end(self, status: str) -> None:
        self.status = status


class Engine(Application[UUID]):
    pass


class Dashboard(PostgresTrackingRecorder):
    """The read table, and what folds an event into it together with its tracking."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements.append(
            psycopg.sql.SQL("CREATE TABLE IF NOT EXISTS executions (id uuid PRIMARY KEY, status text NOT NULL)")
        )

    def set_status(self, execution: UUID, status: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(
                "INSERT INTO executions VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET status = excluded.status",
                (execution, status),
            )
            self._insert_tracking(cursor, tracking)

    def skip(self, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)


class Executions(Projection[Dashboard]):
    name = "executions"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        match domain_event:
            case Execution.Created():
                self.view.set_status(domain_event.originator_id, "RUNNING", tracking)
            case Execution.Ended():
                self.view.set_status(domain_event.originator_id, domain_event.status, tracking)
            case _:
                self.view.skip(tracking)


def project(upto: int) -> None:
    """Run the projection until it has folded a notification."""
    with ProjectionRunner(
        application_class=Engine, projection_class=Executions, view_class=Dashboard, env=ENVIRONMENT
    ) as runner:
        runner.wait(upto, timeout=30)


# Three events of an execution; a second writer that is late.
engine = Engine(ENVIRONMENT)
execution = Execution()
engine.save(execution)
mine: Execution = engine.repository.get(execution.id)
late: Execution = engine.repository.get(execution.id)
mine.node_succeeded("resize", 7)
mine.end("SUCCESS")
last = engine.save(mine)[-1].notification.id
late.end("CANCELED")
try:
    engine.save(late)
except IntegrityError as conflict:
    print("conflict:", type(conflict).__name__)

# Project.
project(last)

# Rebuild: empty the table and the tracking, and project again.
with psycopg.connect(URL) as connection:
    connection.execute("TRUNCATE executions")
    connection.execute("DELETE FROM executions_tracking WHERE application_name = 'Engine'")
project(last)
engine.close()

# A dashboard's query.
with psycopg.connect(URL) as connection:
    for row in connection.execute("SELECT status, count(*) FROM executions GROUP BY status"):
        print("dashboard:", *row)
