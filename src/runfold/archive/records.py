"""An event as it is archived: every column of the log as PostgreSQL has it, and the hash of all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

# PostgreSQL counts its times from 2000 on, everybody else from 1970.
_EPOCH = 946_684_800_000_000

# What the columns are on the wire of a binary COPY, so that nothing is converted there: a jsonb is a byte 1 and its
# text, a uuid 16 bytes, a time a count of microseconds.
WIRE_TYPES = {
    "position": "int8",
    "append_end": "int8",
    "stream_id": "text",
    "stream_version": "int8",
    "event_id": "bytea",
    "category": "text",
    "type": "text",
    "schema_version": "int4",
    "user_id": "bytea",
    "data": "bytea",
    "payload": "bytea",
    "metadata": "bytea",
    "occurred_at": "int8",
    "recorded_at": "int8",
}


class Record(NamedTuple):
    """An event of the log. `data` and `metadata` are JSON texts, times are microseconds since 1970 (UTC).

    `erased` is the event's hash where its tenant was erased: then data, payload and metadata are not there any more.
    """

    position: int
    append_end: int
    stream_id: str
    stream_version: int
    event_id: str
    category: str
    type: str
    schema_version: int
    user_id: str | None
    data: str | None
    payload: bytes | None
    metadata: str
    occurred_at: int
    recorded_at: int
    erased: bytes | None = None

    def hash(self) -> bytes:
        """Return the sha256 of all columns but the category, in the form of the log's seals; 32 bytes."""
        if self.erased is not None:
            return self.erased
        values = (
            "1",
            str(self.position),
            str(self.append_end),
            json.dumps(self.stream_id, ensure_ascii=False),
            str(self.stream_version),
            f'"{self.event_id}"',
            json.dumps(self.type, ensure_ascii=False),
            str(self.schema_version),
            "null" if self.user_id is None else f'"{self.user_id}"',
            "null" if self.data is None else self.data,
            "null" if self.payload is None else f'"{self.payload.hex()}"',
            self.metadata,
            str(self.occurred_at),
            str(self.recorded_at),
        )
        return hashlib.sha256(f"[{', '.join(values)}]".encode()).digest()

    def size(self) -> int:
        """Return about how many bytes the event takes in memory."""
        return 200 + len(self.stream_id) + len(self.data or "") + len(self.payload or b"") + len(self.metadata)


def from_wire(row: tuple[Any, ...]) -> Record:
    """Return the event of a row of a binary COPY that was read with WIRE_TYPES."""
    return Record._make(
        (
            *row[:4],
            _uuid(row[4]),
            *row[5:8],
            None if row[8] is None else _uuid(row[8]),
            None if row[9] is None else row[9][1:].decode(),
            row[10],
            row[11][1:].decode(),
            row[12] + _EPOCH,
            row[13] + _EPOCH,
            None,
        )
    )


def to_wire(record: Record) -> tuple[Any, ...]:
    """Return the event as a row for a binary COPY that is written with WIRE_TYPES."""
    return (
        *record[:4],
        UUID(record.event_id).bytes,
        *record[5:8],
        None if record.user_id is None else UUID(record.user_id).bytes,
        None if record.data is None else b"\x01" + record.data.encode(),
        record.payload,
        b"\x01" + record.metadata.encode(),
        record.occurred_at - _EPOCH,
        record.recorded_at - _EPOCH,
    )


def write_records(copy: psycopg.Copy, records: Iterable[Record]) -> None:
    """Write events to a binary COPY into a table with the columns of the log."""
    copy.set_types(list(WIRE_TYPES.values()))
    for record in records:
        copy.write_row(to_wire(record))


def _uuid(value: bytes) -> str:
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
