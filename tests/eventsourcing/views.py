"""A materialised view of the tests: counters in a table, created and written as a user would."""

from __future__ import annotations

from typing import Any

import psycopg
from eventsourcing.persistence import Tracking
from eventsourcing.tests.projection import EventCountersView
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from runfold.eventsourcing import Datastore, RunfoldTrackingRecorder


class CountsView(RunfoldTrackingRecorder, EventCountersView):
    """Counts created and subsequent events, each with its tracking in one transaction."""

    def __init__(self, datastore: Datastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.table = Identifier(datastore.schema, self.tracking_table_name.replace("_tracking", "_counts"))
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, counted integer NOT NULL)").format(self.table)
        )

    def get_created_event_counter(self) -> int:
        return self._counted("created")

    def get_subsequent_event_counter(self) -> int:
        return self._counted("subsequent")

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._incr(tracking, "created")

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._incr(tracking, "subsequent")

    def count(self, cursor: psycopg.Cursor[DictRow], name: str) -> None:
        cursor.execute(
            SQL(
                "INSERT INTO {} AS c (name, counted) VALUES (%s, 1) "
                "ON CONFLICT (name) DO UPDATE SET counted = c.counted + 1"
            ).format(self.table),
            (name,),
        )

    def _incr(self, tracking: Tracking, name: str) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            self.count(cursor, name)

    def _counted(self, name: str) -> int:
        with self.datastore.cursor() as cursor:
            cursor.execute(SQL("SELECT counted FROM {} WHERE name = %s").format(self.table), (name,))
            row = cursor.fetchone()
        return row["counted"] if row else 0
