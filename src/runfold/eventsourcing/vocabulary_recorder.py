"""Record and read events of the vocabulary, for an application with the VocabularyMapper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    ProgrammingError,
    StoredEvent,
    Subscription,
)

from runfold.database.safe_head import SAFE_HEAD
from runfold.events import CATEGORIES, VOCABULARY
from runfold.events.envelope import Append
from runfold.eventsourcing.datastore import Datastore, translated_errors
from runfold.eventsourcing.recorders import RunfoldRecorder
from runfold.eventsourcing.subscription import Ear, LogSubscription
from runfold.eventsourcing.vocabulary import EnvelopedEvent
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.eventsourcing")

_TYPES = sorted(VOCABULARY)


class VocabularyRecorder(RunfoldRecorder, ApplicationRecorder):
    """Records events of the vocabulary in their streams, to which others may write too, and follows all of them.

    The id of an aggregate is the id of its stream. A save is an append like that of an engine: it is validated, it is
    one call for one or several streams, and it is recorded once. Its events of one stream are adjacent in the log.
    """

    def __init__(self, datastore: Datastore, *, user_id: UUID | None = None) -> None:
        super().__init__(datastore)
        self.user_id = user_id

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:  # noqa: ARG002
        streams: dict[str, list[EnvelopedEvent]] = {}
        for event in stored_events:
            if not isinstance(event, EnvelopedEvent):
                raise ProgrammingError(
                    f"{event.topic} does not hold an event of the vocabulary: give its class an attribute `event`"
                )
            stream = streams.setdefault(str(event.originator_id), [])
            if stream and event.originator_version != stream[-1].originator_version + 1:
                raise IntegrityError(
                    f"{event.originator_id} has version {event.originator_version} after "
                    f"{stream[-1].originator_version} in one call: give it versions without a gap"
                )
            stream.append(event)
        if not streams:
            return []
        appends = [
            Append(
                stream_id=stream_id,
                events=[event.envelope for event in events],
                expected_version=events[0].originator_version - 1,
                user_id=events[0].user_id or self.user_id,
            )
            for stream_id, events in streams.items()
        ]
        with translated_errors():
            appended = self.datastore.store.append_many(appends)
        following = {each.stream_id: iter(range(each.first_position, each.last_position + 1)) for each in appended}
        return [next(following[str(event.originator_id)]) for event in stored_events]

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
            statement("select_vocabulary_backwards" if desc else "select_vocabulary"),
            {"stream_id": str(originator_id), "gt": gt, "lte": lte, "limit": limit},
        )
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        rows = self.datastore.run(
            statement("read_vocabulary"),
            {
                "after": 0 if start is None else start - 1 if inclusive_of_start else start,
                "stop": stop,
                "types": list(topics) or _TYPES,
                "limit": limit,
            },
        )
        return [
            Notification(stream_id, version, topic, state, position)
            for position, stream_id, version, topic, state in rows
        ]

    def max_notification_id(self) -> int | None:
        ((head,),) = self.datastore.run(SAFE_HEAD, {})
        rows = self.datastore.run(statement("last_vocabulary_position"), {"head": head, "categories": list(CATEGORIES)})
        return rows[0][0] if rows else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return LogSubscription(self, Ear(self.datastore), gt=gt, topics=topics)
