"""Aggregates of the vocabulary: their events are columns and jsonb, like the events of an engine, not bytes.

    MAPPER_TOPIC=runfold.eventsourcing.vocabulary:VocabularyMapper

An application with this mapper writes events that are validated and folded like those of an engine. Its domain events
need three attributes:

    originator_id       the stream's id, `execution-7`: a string
    originator_version  from 1
    event               the event of the vocabulary, a `runfold.events.Event`

and may have `event_id`, `metadata`, `occurred_at` and `user_id`. `VocabularyEvent` is such a class. A subclass of the
mapper names another one in `event_class`, which is called with the first three attributes by keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, cast, runtime_checkable
from uuid import UUID

import orjson
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Cipher, Compressor, Mapper, ProgrammingError, StoredEvent, Transcoder

from runfold.events import VOCABULARY, Event
from runfold.events.envelope import NewEvent
from runfold.events.ids import new_id


@runtime_checkable
class HoldsEvent(Protocol):
    """A domain event whose content is an event of the vocabulary."""

    @property
    def originator_id(self) -> str: ...
    @property
    def originator_version(self) -> int: ...
    @property
    def event(self) -> Event: ...


@dataclass(frozen=True, kw_only=True)
class VocabularyEvent:
    """An event of the vocabulary with its stream and version."""

    originator_id: str
    originator_version: int
    event: Event
    event_id: UUID = field(default_factory=new_id)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EnvelopedEvent(StoredEvent):
    """A stored event with the envelope that is appended to the log; `state` is its JSON."""

    envelope: NewEvent
    user_id: UUID | None = None


class VocabularyMapper(Mapper[str]):
    """Maps domain events that hold an event of the vocabulary to its type and JSON, and back.

    The transcoder handles all others, above all snapshots. Compressor and cipher are refused, because others read
    these events as columns.
    """

    event_class: ClassVar[Callable[..., Any]] = VocabularyEvent

    def __init__(
        self, transcoder: Transcoder, compressor: Compressor | None = None, cipher: Cipher | None = None
    ) -> None:
        if compressor is not None or cipher is not None:
            raise ProgrammingError(
                "events of the vocabulary are neither compressed nor encrypted: unset COMPRESSOR_TOPIC and CIPHER_TOPIC"
            )
        super().__init__(transcoder)

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        if not isinstance(domain_event, HoldsEvent):
            return super().to_stored_event(domain_event)
        given = {
            name: value
            for name in ("event_id", "metadata", "occurred_at")
            if (value := getattr(domain_event, name, None)) is not None
        }
        envelope = NewEvent.of(domain_event.event, **given)
        return EnvelopedEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=envelope.type,
            state=orjson.dumps(envelope.data),
            envelope=envelope,
            user_id=getattr(domain_event, "user_id", None),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        event = VOCABULARY.get(stored_event.topic)
        if event is None:
            return super().to_domain_event(stored_event)
        return cast(
            DomainEventProtocol[str],
            type(self).event_class(
                originator_id=stored_event.originator_id,
                originator_version=stored_event.originator_version,
                event=event.from_data(orjson.loads(stored_event.state)),
            ),
        )
