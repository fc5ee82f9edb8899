"""The shapes that go into the log and come out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from runfold.errors import InvalidInput
from runfold.events import Event
from runfold.events.codec import CheckedEvent, encode_appends
from runfold.events.ids import new_id


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to append, in its envelope.

    `data` is a JSON object, or `payload` opaque bytes that come back byte for byte: one of the two. `event_id` makes
    resending safe; it and `occurred_at` (the producer's clock, with a zone) are made here when not given.
    """

    type: str
    data: Mapping[str, Any] | None = None
    payload: bytes | None = None
    schema_version: int = 1
    event_id: UUID = field(default_factory=new_id)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    occurred_at: datetime = field(default_factory=_now)

    @classmethod
    def of(
        cls,
        event: Event,
        *,
        event_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        occurred_at: datetime | None = None,
    ) -> NewEvent:
        """Put an event of the vocabulary into its envelope."""
        return cls(
            type=event.event_type(),
            data=event.to_data(),
            schema_version=event.schema_version(),
            event_id=event_id or new_id(),
            metadata=metadata or {},
            occurred_at=occurred_at or _now(),
        )


def with_metadata(event: Event | NewEvent | CheckedEvent, metadata: Mapping[str, Any]) -> NewEvent | CheckedEvent:
    """Return an event in its envelope, with metadata under its own."""
    if isinstance(event, CheckedEvent):
        return CheckedEvent(event, metadata={**metadata, **event.metadata})
    if isinstance(event, NewEvent):
        return replace(event, metadata={**metadata, **event.metadata})
    return NewEvent.of(event, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Events for one stream. `expected_version`: a number, 0 for "no stream", None for any."""

    stream_id: str
    events: Sequence[Event | NewEvent | CheckedEvent]
    expected_version: int | None = None
    user_id: UUID | None = None
    claims: Iterable[tuple[str, str]] = ()
    releases: Iterable[tuple[str, str]] = ()


class EncodedCall(tuple[Append, ...]):
    """The appends of a call with the text that they are sent as, for a caller who encodes the next call meanwhile."""

    text: str

    @classmethod
    def of(cls, appends: Iterable[Append]) -> Self:
        """Encode the appends. Raises InvalidInput."""
        call = cls(appends)
        call.text = encode_appends(call)
        return call


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an append went. `version` is that of its last event; `repeated` says that it had been recorded before.

    `versions` and `positions` are those of each of its events. `skipped` says how many of them had been recorded
    before, where that was allowed (`repeats="skip"`); the others were recorded now.
    """

    stream_id: str
    version: int
    first_position: int
    last_position: int
    repeated: bool
    skipped: int = 0
    versions: Sequence[int] = field(default=(), compare=False)
    positions: Sequence[int] = field(default=(), compare=False)

    @classmethod
    def of(
        cls,
        stream_id: str,
        version: int,
        first_position: int,
        last_position: int,
        repeated: bool,
        skipped: int | None = None,
        versions: Sequence[int] | None = None,
        positions: Sequence[int] | None = None,
    ) -> Appended:
        """Return the one of a row of `append_events`, which gives no places of events that are adjacent."""
        if versions is None or positions is None:
            size = last_position - first_position + 1
            versions = range(version - size + 1, version + 1)
            positions = range(first_position, last_position + 1)
        return cls(stream_id, version, first_position, last_position, repeated, skipped or 0, versions, positions)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as the log holds it, upcast to its current shape."""

    position: int
    stream_id: str
    stream_version: int
    event_id: UUID
    type: str
    schema_version: int
    user_id: UUID | None
    data: Mapping[str, Any] | None
    payload: bytes | None
    metadata: Mapping[str, Any]
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, order=True)
class Bookmark:
    """How far a reader of the log is: the position and id of the last event that it looked past; 0: of none.

    Kept outside of the database, it shows after a restore that the log is another one. `str(bookmark)` is its text,
    and `Bookmark.parse(text)` reads it.
    """

    position: int = 0
    event_id: UUID | None = None

    def __str__(self) -> str:
        return str(self.position) if self.event_id is None else f"{self.position}/{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the bookmark of a text that `str` made. Raises InvalidInput for another text."""
        position, _, event_id = text.partition("/")
        try:
            parsed = cls(int(position), UUID(event_id) if event_id else None)
        except ValueError:
            parsed = cls(-1)
        if parsed.position < 0 or (parsed.position == 0 and parsed.event_id is not None):
            raise InvalidInput(
                f"{text!r} is not a bookmark", hint="write a position, or what str(bookmark) returned", found=text
            )
        return parsed


class LogPage(list[RecordedEvent]):
    """Events of the log in order, with how far the look for them went.

    `bookmark` is where to read on: the last event of any type that was looked past. `at_end` says that nothing more was
    there when it was read.
    """

    def __init__(self, events: Iterable[RecordedEvent], bookmark: Bookmark, *, at_end: bool) -> None:
        super().__init__(events)
        self.bookmark = bookmark
        self.at_end = at_end


@dataclass(frozen=True, slots=True)
class Received:
    """An event that a subscription yields, with its bookmark."""

    event: RecordedEvent
    bookmark: Bookmark
