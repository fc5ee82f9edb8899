"""JSON lines: one event a line, with everything that the log knows of it."""

from __future__ import annotations

from typing import Any

import orjson

from runfold.events.envelope import NewEvent, RecordedEvent
from runfold.interop.portable import Fields, Portable, base64_of, instant


def encode(event: RecordedEvent) -> bytes:
    """Return an event as a line."""
    line: dict[str, Any] = {
        "position": event.position,
        "stream_id": event.stream_id,
        "stream_version": event.stream_version,
        "event_id": str(event.event_id),
        "type": event.type,
        "schema_version": event.schema_version,
        "occurred_at": instant(event.occurred_at),
        "recorded_at": instant(event.recorded_at),
    }
    if event.user_id is not None:
        line["user_id"] = str(event.user_id)
    if event.metadata:
        line["metadata"] = event.metadata
    if event.data is not None:
        line["data"] = event.data
    if event.payload is not None:
        line["payload"] = base64_of(event.payload)
    return orjson.dumps(line) + b"\n"


def decode(found: Any, place: str, size: int) -> Portable:
    """Return the event of a line; raises ImportFailed with the place."""
    fields = Fields(found, place)
    return Portable(
        stream_id=fields.text("stream_id"),
        version=fields.integer("stream_version"),
        user_id=fields.uuid_or_none("user_id"),
        event=NewEvent(
            type=fields.text("type"),
            data=fields.mapping("data"),
            payload=fields.octets("payload"),
            schema_version=fields.integer("schema_version", 1) or 1,
            event_id=fields.uuid("event_id"),
            metadata=fields.mapping("metadata") or {},
            occurred_at=fields.time("occurred_at"),
        ),
        place=place,
        size=size,
    )
