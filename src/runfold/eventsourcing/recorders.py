"""The library's recorders on runfold's log: for aggregates, applications, tracking and processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)
from psycopg.rows import DictRow
from psycopg.sql import Composed

from runfold.events.codec import MAX_CALL_BYTES
from runfold.events.faults import fault
from runfold.events.ids import new_id
from runfold.events.streams import stream_id
from runfold.eventsourcing.datastore import Datastore, translated_errors
from runfold.eventsourcing.originators import OriginatorIds
from runfold.eventsourcing.subscription import Ear, LogSubscription
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.eventsourcing")

_Cursor = psycopg.Cursor[DictRow]


class RunfoldRecorder:
    """The base of all recorders: a datastore, and the tables of a subclass.

    A subclass puts `CREATE TABLE IF NOT EXISTS …` statements into `sql_create_statements`; the factory runs them when
    it makes the recorder, unless CREATE_TABLE is off. A subclass writes its rows in the transaction of the events, in
    `_insert_events` or with `_insert_tracking`.
    """

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore
        self.sql_create_statements: list[Composed] = []

    def create_table(self) -> None:
        """Create the subclass's tables; migrations create runfold's tables."""
        if self.sql_create_statements:
            with self.datastore.transaction(commit=True) as cursor:
                for create in self.sql_create_statements:
                    cursor.execute(create, prepare=False)


class RunfoldAggregateRecorder(RunfoldRecorder, AggregateRecorder):
    """Records the events of an application's aggregates in the application's category of the log.

    `insert_events` is one append, all or nothing, for one or several streams. It raises IntegrityError if an aggregate
    is not at the version before its events, DataError if the log refuses the events (more than 10,000, more than
    256 MB in all, or a state larger than max_event_bytes), and OperationalError if the database stays unavailable.
    """

    def __init__(self, datastore: Datastore, *, category: str, originator_ids: OriginatorIds | None = None) -> None:
        super().__init__(datastore)
        self.category = category
        self.originator_ids = originator_ids or OriginatorIds()
        self._has_rows_of_its_own = type(self)._insert_events is not RunfoldAggregateRecorder._insert_events

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        self._insert(stored_events, **kwargs)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        rows = self.datastore.run(
            statement("select_events_backwards" if desc else "select_events"),
            {
                "stream_id": stream_id(self.category, self.originator_ids.name_of(originator_id)),
                "gt": gt,
                "lte": lte,
                "limit": limit,
            },
        )
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]

    def _insert(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Append events with their tracking: in one statement, or in a transaction if a subclass writes rows."""
        self._require_room(stored_events)
        call = self._call(stored_events, **kwargs)
        if self._has_rows_of_its_own:
            first = self.datastore.attempt(lambda again: self._insert_with_rows(call, stored_events, kwargs, again))
        elif stored_events or call["tracker"]:
            ((first, _),) = self.datastore.run(statement("append_opaque_events"), call)
        else:
            first = None
        return [] if first is None else list(range(first, first + len(stored_events)))

    @staticmethod
    def _require_room(stored_events: Sequence[StoredEvent]) -> None:
        """Raise DataError for a call that PostgreSQL would not take, before it is sent."""
        size = sum(len(event.state) for event in stored_events)
        if size > MAX_CALL_BYTES:
            with translated_errors():
                raise fault("call_too_large", "", limit=MAX_CALL_BYTES, found=size)

    def _insert_with_rows(
        self, call: dict[str, Any], stored_events: Sequence[StoredEvent], kwargs: dict[str, Any], again: bool
    ) -> int | None:
        with self.datastore.transaction(commit=True) as cursor:
            # The subclass's rows come first, so that no append waits for them once positions are taken. In a retry the
            # events come first, because they show whether the rows were already written.
            if not again:
                self._insert_events(cursor, stored_events, **kwargs)
            appended = None
            if stored_events or call["tracker"]:
                appended = cursor.execute(statement("append_opaque_events"), call).fetchone()
            if again and not (appended and appended["repeated"]):
                self._insert_events(cursor, stored_events, **kwargs)
        return appended["first_position"] if appended else None

    def _insert_events(self, curs: _Cursor, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        """Do nothing; a subclass overrides this to write rows in the transaction of the events."""

    def _call(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> dict[str, Any]:
        """Return the parameters of append_opaque_events; raises IntegrityError for a gap of versions."""
        streams: dict[UUID | str, int] = {}
        types: dict[str, int] = {}
        first_versions: list[int] = []
        next_versions: list[int] = []
        numbers: list[int] = []
        for event in stored_events:
            number = streams.setdefault(event.originator_id, len(streams))
            if number == len(next_versions):
                first_versions.append(event.originator_version)
                next_versions.append(event.originator_version)
            elif event.originator_version != next_versions[number]:
                raise IntegrityError(
                    f"{event.originator_id} has version {event.originator_version} after {next_versions[number] - 1} "
                    "in one call: give it versions without a gap"
                )
            next_versions[number] += 1
            numbers.append(number + 1)
        return {
            "category": self.category,
            "names": _text_array(self.originator_ids.name_of(originator_id) for originator_id in streams),
            "first_versions": _array(first_versions),
            "numbers": _array(numbers),
            "type_numbers": _array([types.setdefault(event.topic, len(types) + 1) for event in stored_events]),
            "types": _text_array(types),
            "payloads": [event.state for event in stored_events],
            "event_ids": _array(_event_ids(len(numbers))),
            "occurred_at": datetime.now(UTC),
            **self._tracking(kwargs.get("tracking")),
        }

    def _tracking(self, tracking: Tracking | None) -> dict[str, Any]:  # noqa: ARG002  # the process recorder's does
        """Return no tracking; only a process recorder tracks."""
        return dict.fromkeys(("tracker", "application_name", "notification_id", "call_id"))


class RunfoldApplicationRecorder(RunfoldAggregateRecorder, ApplicationRecorder):
    """Also reads and follows the application's events in order.

    A notification id is the event's position in the log: ids grow, with holes where others wrote. Reads never pass
    the safe head, so no event appears behind a reader.
    """

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return self._insert(stored_events, **kwargs)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        rows = self.datastore.run(
            statement("read_opaque_events"),
            {
                "category": self.category,
                "after": after,
                "stop": stop,
                "types": list(topics) or None,
                "limit": limit,
            },
        )
        id_of = self.originator_ids.id_of
        return [
            Notification(id_of(name), version, topic, state, position) for position, name, version, topic, state in rows
        ]

    def max_notification_id(self) -> int | None:
        ((position,),) = self.datastore.run(statement("last_opaque_position"), {"category": self.category})
        return None if position is None else int(position)

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return LogSubscription(self, Ear(self.datastore), gt=gt, topics=topics)


class RunfoldTrackingRecorder(RunfoldRecorder, TrackingRecorder):
    """Records up to which notification a tracker, for example a projection, has followed other applications."""

    def __init__(self, datastore: Datastore, *, tracker: str, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.tracker = tracker

    @property
    def tracking_table_name(self) -> str:
        """A name for tables of subclasses, as in the recorders of the library's postgres module."""
        return f"{self.tracker}_tracking"

    def insert_tracking(self, tracking: Tracking) -> None:
        self.datastore.run(statement("record_tracking"), self._parameters(tracking))

    def _insert_tracking(self, curs: _Cursor, tracking: Tracking) -> None:
        """Record tracking in the transaction of a subclass's rows; raises IntegrityError, as in the library."""
        curs.execute(statement("record_tracking"), self._parameters(tracking))

    def max_tracking_id(self, application_name: str) -> int | None:
        rows = self.datastore.run(
            statement("max_tracking_id"), {"tracker": self.tracker, "application_name": application_name}
        )
        return rows[0][0] if rows else None

    def _parameters(self, tracking: Tracking) -> dict[str, Any]:
        return {
            "tracker": self.tracker,
            "application_name": tracking.application_name,
            "notification_id": tracking.notification_id,
            "call_id": new_id(),
        }


class RunfoldProcessRecorder(RunfoldTrackingRecorder, RunfoldApplicationRecorder, ProcessRecorder):
    """Records the events of a process together with its tracking: both, or neither."""

    def _tracking(self, tracking: Tracking | None) -> dict[str, Any]:
        return super()._tracking(None) if tracking is None else self._parameters(tracking)


def _array(values: Sequence[object]) -> str:
    """Return a PostgreSQL array of values without quotes; four times as fast as psycopg, which checks every element."""
    return "{" + ",".join(map(str, values)) + "}"


def _text_array(values: Iterable[str]) -> str:
    return "{" + ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values) + "}"


def _event_ids(count: int) -> list[str]:
    """Return ids for the events of one call: UUIDs of version 7, adjacent, so that they share a page of the index.

    A retry of the call sends the same ids, by which the database recognizes it. The same events from another caller
    have other ids, and so are a conflict.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(8))
    first = milliseconds << 80 | 7 << 76 | (random >> 52) << 64 | 2 << 62 | (random & ((1 << 48) - 1)) << 14
    return [f"{first + n:032x}" for n in range(count)]
