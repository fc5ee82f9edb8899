"""Appends as the JSON text that `runfold.append_events` takes.

Values that are not of JSON's types are written as `encoding` says. What JSON would lose is refused before it is
encoded: NaN and infinity (orjson writes null, silently), integers beyond 64 bits, keys that are not strings, half
surrogate pairs, U+0000, times without a zone, more than 100 levels. Everything else is PostgreSQL's to judge
(`runfold.validate_appends`), so that a caller of SQL gets the same answer.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from runfold.events.base import Event
from runfold.events.encoding import encoded
from runfold.events.faults import fault
from runfold.events.ids import new_id
from runfold.events.json_values import NUL_ESCAPE, check, is_plain, json_type
from runfold.events.rules import format_timestamp, time_fault

MAX_CALL_BYTES = 256_000_000
"""The most bytes of a call: jsonb, and regular expressions in PostgreSQL, end a little above. The SQL has it, too."""


class EnvelopeLike(Protocol):
    """An event in its envelope, as the log's NewEvent has it."""

    @property
    def type(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any] | None: ...
    @property
    def payload(self) -> bytes | None: ...
    @property
    def schema_version(self) -> int: ...
    @property
    def event_id(self) -> UUID: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def occurred_at(self) -> datetime: ...


class AppendLike(Protocol):
    """Events for one stream, as the log's Append has them."""

    @property
    def stream_id(self) -> str: ...
    @property
    def events(self) -> Sequence[Event | EnvelopeLike | CheckedEvent]: ...
    @property
    def expected_version(self) -> int | None: ...
    @property
    def user_id(self) -> UUID | None: ...
    @property
    def claims(self) -> Iterable[tuple[str, str]]: ...
    @property
    def releases(self) -> Iterable[tuple[str, str]]: ...


class CheckedEvent(dict[str, Any]):
    """An event as a call has it, made of an event of the vocabulary: only its metadata is looked at again.

    orjson writes its id and its time as they are. It has the attributes of an event in its envelope.
    """

    payload = None

    @property
    def type(self) -> str:
        """The event's type."""
        return str(self["type"])

    @property
    def data(self) -> dict[str, Any]:
        """The event's data, as plain JSON types."""
        return dict(self["data"])

    @property
    def schema_version(self) -> int:
        """The version of the type's shape."""
        return int(self["schema_version"])

    @property
    def event_id(self) -> UUID:
        """The event's id."""
        found: UUID = self["event_id"]
        return found

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What goes with the event."""
        found: Mapping[str, Any] = self["metadata"]
        return found

    @property
    def occurred_at(self) -> datetime:
        """The producer's clock."""
        found: datetime = self["occurred_at"]
        return found


def encode_appends(appends: Iterable[AppendLike]) -> str:
    """Encode a call of `runfold.append_events`.

    An event of the vocabulary that comes without envelope gets an id and the present time. Raises InvalidInput with
    code, JSON pointer, limit and what was found.
    """
    return call_text(plain_call(appends))


def plain_call(appends: Iterable[AppendLike]) -> list[dict[str, Any]]:
    """Return a call as plain JSON types, with ids and times as orjson writes them. Raises InvalidInput."""
    return [_append(append, f"/{n}") for n, append in enumerate(appends)]


def call_text(call: list[dict[str, Any]]) -> str:
    """Write a plain call; raises InvalidInput for what JSON would lose."""
    try:
        text = orjson.dumps(call)
    except TypeError as error:
        _raise_fault(call)
        raise fault("not_json", "", found=str(error)) from None
    if len(text) > MAX_CALL_BYTES:
        raise fault("call_too_large", "", limit=MAX_CALL_BYTES, found=len(text))
    if NUL_ESCAPE in text:
        _raise_fault(call)
    return text.decode()


def written_event(event: EnvelopeLike) -> tuple[dict[str, Any], int]:
    """Return an event as a call has it, its data and metadata written as JSON already, and the size of these.

    What the caller changes later does not change it. Raises InvalidInput with a pointer into the event.
    """
    plain = _event(event, "")
    size = 0
    for part in ("data", "metadata"):
        if (value := plain.get(part)) is None:
            continue
        if not value:
            plain[part] = b"{}"
            size += 2
            continue
        try:
            written = orjson.dumps(value)
        except TypeError as error:
            check(value, f"/{part}")
            raise fault("not_json", f"/{part}", found=str(error)) from None
        if NUL_ESCAPE in written:
            check(value, f"/{part}")
        plain[part] = written
        size += len(written)
    return plain, size + len(plain.get("payload") or "")


def _append(append: AppendLike, pointer: str) -> dict[str, Any]:
    encoded: dict[str, Any] = {
        "stream_id": append.stream_id,
        "expected_version": append.expected_version,
        "user_id": _identifier(append.user_id),
        "events": [_event(event, f"{pointer}/events/{n}") for n, event in enumerate(append.events)],
    }
    if append.claims and (claims := _pairs(append.claims)):
        encoded["claims"] = claims
    if append.releases and (releases := _pairs(append.releases)):
        encoded["releases"] = releases
    return encoded


def _event(event: Event | EnvelopeLike | CheckedEvent, pointer: str) -> dict[str, Any]:
    if isinstance(event, CheckedEvent):
        if event["metadata"]:
            return {**event, "metadata": _object(event["metadata"], f"{pointer}/metadata")}
        return event
    if isinstance(event, Event):
        return {
            "event_id": new_id(),
            "type": event.event_type(),
            "schema_version": event.schema_version(),
            "data": _object(event.to_data(), f"{pointer}/data"),
            "metadata": {},
            "occurred_at": format_timestamp(datetime.now(UTC)),
        }
    encoded: dict[str, Any] = {
        # orjson writes a UUID as it is.
        "event_id": event.event_id if type(event.event_id) is UUID else _identifier(event.event_id),
        "type": event.type,
        "schema_version": event.schema_version,
        "metadata": _object(event.metadata, f"{pointer}/metadata"),
        "occurred_at": _time(event.occurred_at, f"{pointer}/occurred_at"),
    }
    if event.data is not None:
        encoded["data"] = _object(event.data, f"{pointer}/data")
    if event.payload is not None:
        encoded["payload"] = b64encode(event.payload).decode()
    return encoded


def _object(value: Any, pointer: str) -> Any:
    """Return an object that orjson writes as it is, or raise its first fault."""
    if type(value) is dict and is_plain(value):
        return value
    plain = encoded(value, pointer)
    if type(plain) is not dict:
        raise fault("wrong_type", pointer, limit="object", found=json_type(value))
    return plain


def _time(value: Any, pointer: str) -> Any:
    if type(value) is datetime and value.tzinfo is UTC and value.microsecond:
        return value  # orjson writes it as format_timestamp does
    if not isinstance(value, datetime):
        return value
    if (found := time_fault(value, pointer, value.isoformat())) is not None:
        raise found
    return format_timestamp(value)


def _identifier(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _pairs(claims: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [list(pair) for pair in claims]


def _raise_fault(call: list[dict[str, Any]]) -> None:
    """Find what orjson refused, or a U+0000 that it wrote as an escape."""
    for n, append in enumerate(call):
        for field, value in append.items():
            if field != "events":
                check(value, f"/{n}/{field}")
                continue
            for m, event in enumerate(value):
                for part, content in event.items():
                    if not (part in ("event_id", "occurred_at") and isinstance(content, UUID | datetime)):
                        check(content, f"/{n}/events/{m}/{part}")


__all__ = ["AppendLike", "CheckedEvent", "EnvelopeLike", "call_text", "encode_appends", "plain_call", "written_event"]
