"""An event on its way between logs: what the formats of files read and write."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from runfold.errors import ImportFailed
from runfold.events.envelope import NewEvent
from runfold.events.rules import UUID_SHAPE, format_timestamp, parse_timestamp

FORMATS = ("jsonl", "cloudevents", "ocel", "parquet")


@dataclass(frozen=True, slots=True)
class Portable:
    """An event of a file: its stream, its version there if the file says it, its tenant, and where the file has it."""

    stream_id: str
    version: int | None
    user_id: UUID | None
    event: NewEvent
    place: str
    size: int


class Fields:
    """The fields of an object in a file, each read as what it must be; raises ImportFailed with the place."""

    def __init__(self, found: Any, place: str) -> None:
        self.place = place
        if not isinstance(found, Mapping):
            raise self.failed("it is not a JSON object")
        self._found = found

    def failed(self, reason: str) -> ImportFailed:
        """Return the error that says why this object cannot be imported."""
        return ImportFailed(f"{self.place}: {reason}", hint="correct the file, or leave the event out")

    def text(self, name: str) -> str:
        """Return a text that must be there and not be empty."""
        value = self._found.get(name)
        if not isinstance(value, str) or not value:
            raise self.failed(f"{name} must be a text that is not empty")
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a text, or None where it is absent or null."""
        return None if self._found.get(name) is None else self.text(name)

    def uuid(self, name: str) -> UUID:
        """Return a UUID that must be there."""
        value = self.text(name)
        if UUID_SHAPE.fullmatch(value) is None:
            raise self.failed(f"{name} must be a UUID, not {value[:100]!r}")
        return UUID(value)

    def uuid_or_none(self, name: str) -> UUID | None:
        """Return a UUID, or None where it is absent or null."""
        return None if self._found.get(name) is None else self.uuid(name)

    def time(self, name: str) -> datetime:
        """Return a time that must be there."""
        value = self.text(name)
        found = parse_timestamp(value)
        if found is None:
            raise self.failed(f"{name} must be a time as RFC 3339 has it, with a zone, not {value[:100]!r}")
        return found

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return an integer of at least 0, or the default where it is absent or null."""
        value = self._found.get(name, default)
        if value is None:
            return default
        if type(value) is not int or value < 0:
            raise self.failed(f"{name} must be an integer of at least 0")
        return value

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """Return an object, or None where it is absent or null."""
        value = self._found.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise self.failed(f"{name} must be a JSON object")
        return value

    def octets(self, name: str) -> bytes | None:
        """Return bytes that are written as base64, or None where they are absent or null."""
        value = self._found.get(name)
        try:
            return None if value is None else b64decode(value, validate=True)
        except (NotBase64, TypeError, ValueError):
            raise self.failed(f"{name} must be base64") from None

    def value(self, name: str) -> Any:
        """Return what is there, of any kind."""
        return self._found.get(name)


def base64_of(payload: bytes) -> str:
    """Return bytes as base64."""
    return b64encode(payload).decode()


def instant(value: datetime) -> str:
    """Return a time as the files have it: RFC 3339 in UTC."""
    return format_timestamp(value)
