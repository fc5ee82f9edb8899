"""Record snapshots in a table from which they may be deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import AggregateRecorder, StoredEvent

from runfold.events.ids import new_id
from runfold.eventsourcing.datastore import Datastore
from runfold.eventsourcing.originators import OriginatorIds
from runfold.eventsourcing.recorders import RunfoldRecorder
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.eventsourcing")


class RunfoldSnapshotRecorder(RunfoldRecorder, AggregateRecorder):
    """Records snapshots of aggregates, one for each version; a second one raises IntegrityError."""

    def __init__(self, datastore: Datastore, *, category: str, originator_ids: OriginatorIds | None = None) -> None:
        super().__init__(datastore)
        self.category = category
        self.originator_ids = originator_ids or OriginatorIds()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:  # noqa: ARG002
        if stored_events:
            self.datastore.run(
                statement("record_snapshots"),
                {
                    "category": self.category,
                    "originator_ids": [self.originator_ids.name_of(event.originator_id) for event in stored_events],
                    "versions": "{" + ",".join(str(event.originator_version) for event in stored_events) + "}",
                    "topics": [event.topic for event in stored_events],
                    "states": [event.state for event in stored_events],
                    "call_id": new_id(),
                },
            )

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
            statement("select_snapshots_backwards" if desc else "select_snapshots"),
            {
                "category": self.category,
                "originator_id": self.originator_ids.name_of(originator_id),
                "gt": gt,
                "lte": lte,
                "limit": limit,
            },
        )
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]
