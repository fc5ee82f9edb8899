"""CloudEvents 1.0 in structured mode: an event of the log is one, and one from anywhere becomes an event of the log.

An event's stream is the `subject`, its version the extension `sequence` (20 digits, so that texts compare as numbers
do). Metadata is one extension, because those are not objects.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid5

import orjson

from runfold.events.envelope import NewEvent, RecordedEvent
from runfold.events.rules import UUID_SHAPE
from runfold.interop.portable import Fields, Portable, base64_of, instant

SOURCE = "/runfold"
IDS = UUID("0c9a3c44-6b52-5d0e-8f5a-636c6f756465")
"""The namespace of ids that are made of a source and an id that is no UUID."""


def encode(event: RecordedEvent, source: str = SOURCE) -> bytes:
    """Return an event as a line of JSON in structured mode."""
    found: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": source,
        "type": event.type,
        "subject": event.stream_id,
        "time": instant(event.occurred_at),
        "recordedtime": instant(event.recorded_at),
        "sequence": f"{event.stream_version:020d}",
        "schemaversion": event.schema_version,
        "position": str(event.position),
    }
    if event.user_id is not None:
        found["userid"] = str(event.user_id)
    if event.metadata:
        # An attribute has no control characters: ASCII with escapes.
        found["metadata"] = json.dumps(event.metadata)
    if event.data is not None:
        found |= {"datacontenttype": "application/json", "data": event.data}
    if event.payload is not None:
        found |= {"datacontenttype": "application/octet-stream", "data_base64": base64_of(event.payload)}
    return orjson.dumps(found) + b"\n"


def decode(found: Any, place: str, size: int, category: str | None = None) -> Portable:
    """Return the event of the log; raises ImportFailed with the place.

    With a category its stream is `<category>-<subject>`, or the source where it has no subject; else the subject is
    the stream.
    """
    fields = Fields(found, place)
    if fields.value("specversion") != "1.0":
        raise fields.failed(f"specversion must be 1.0, not {fields.value('specversion')!r}")
    name, source = fields.text("id"), fields.text("source")
    subject = fields.text_or_none("subject")
    if category is None and (subject is None or "-" not in subject):
        raise fields.failed("subject is not a stream, as in execution-7: give a --category for events of other systems")
    data, payload = _content(fields)
    return Portable(
        stream_id=f"{category}-{subject or source}" if category else str(subject),
        version=_version(fields) if category is None else None,
        user_id=fields.uuid_or_none("userid"),
        event=NewEvent(
            type=fields.text("type"),
            data=data,
            payload=payload,
            schema_version=fields.integer("schemaversion", 1) or 1,
            event_id=UUID(name) if UUID_SHAPE.fullmatch(name) else uuid5(IDS, f"{source}\n{name}"),
            metadata=_metadata(fields, source, category),
            occurred_at=fields.time("time"),
        ),
        place=place,
        size=size,
    )


def _content(fields: Fields) -> tuple[dict[str, Any] | None, bytes | None]:
    """Return the data as a JSON object or as bytes, one of them; other JSON and texts are bytes."""
    octets = fields.octets("data_base64")
    data = fields.value("data")
    if octets is not None:
        if data is not None:
            raise fields.failed("it has both data and data_base64: leave one of them out")
        return None, octets
    if isinstance(data, dict) or data is None:
        return data or {}, None
    kind = str(fields.value("datacontenttype") or "application/json")
    is_json = kind.partition(";")[0].strip().endswith("json")
    return None, orjson.dumps(data) if is_json or not isinstance(data, str) else data.encode()


def _version(fields: Fields) -> int | None:
    sequence = fields.value("sequence")
    return int(sequence) if isinstance(sequence, str) and sequence.isascii() and sequence.isdigit() else None


def _metadata(fields: Fields, source: str, category: str | None) -> dict[str, Any]:
    """Return the metadata that was written; of another system's event, its source."""
    text = fields.value("metadata")
    if category is not None or not isinstance(text, str):
        return {"source": source} if category is not None else {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise fields.failed("metadata must be the text of a JSON object")
    return found
