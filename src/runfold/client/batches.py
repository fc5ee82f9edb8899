"""Calls of events that are written as JSON already, as arrays for `runfold.append_batch` or as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from runfold.events.codec import CheckedEvent
from runfold.events.envelope import Append


@dataclass(frozen=True, slots=True)
class WrittenAppend:
    """Events for one stream, each as `written_event` returns it: its data and metadata are JSON in bytes."""

    stream_id: str
    events: Sequence[Mapping[str, Any]]
    expected_version: int | None = None
    user_id: UUID | None = None


def answers_to(stream_ids: list[str]) -> Callable[[list[tuple[Any, ...]]], bool]:
    """Return what says whether rows can be the answer to an append to these streams."""
    return lambda rows: [row[0] for row in rows] == stream_ids


def plain_appends(appends: Sequence[WrittenAppend]) -> list[Append]:
    """Return the appends with their JSON read again, so that values can be encrypted."""
    return [
        Append(
            stream_id=append.stream_id,
            events=[CheckedEvent(event_with(event, orjson.loads)) for event in append.events],
            expected_version=append.expected_version,
            user_id=append.user_id,
        )
        for append in appends
    ]


def arrays_of(appends: Sequence[WrittenAppend], user_id: UUID | None) -> dict[str, Any] | None:
    """Return the arrays of `runfold.append_batch`; None for what only a text says: payloads, and values of wrong types.

    PostgreSQL refuses the latter with their pointers.
    """
    events = [event for append in appends for event in append.events]
    if any("payload" in event for event in events):
        return None
    expected = [append.expected_version for append in appends]
    tenants = [append.user_id or user_id for append in appends]
    try:
        return {
            "stream_ids": [_text(append.stream_id) for append in appends],
            "counts": [len(append.events) for append in appends],
            # psycopg cannot say of which type an array of nulls is.
            "expected": None if all(one is None for one in expected) else [_whole(one, 2**63) for one in expected],
            "user_ids": None if all(one is None for one in tenants) else [_uuid(one) for one in tenants],
            "event_ids": [_uuid(event["event_id"]) for event in events],
            "types": [_text(event["type"]) for event in events],
            "schema_versions": [_whole(event["schema_version"], 2**31) for event in events],
            "datas": [event["data"].decode() for event in events],
            "metadatas": [event["metadata"].decode() for event in events],
            "occurred_ats": [_time(event["occurred_at"]) for event in events],
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def event_with(event: Mapping[str, Any], written: Callable[[bytes], Any]) -> dict[str, Any]:
    """Return an event with its JSON parts, which were written at its `emit`, as what `written` makes of them."""
    return {part: written(value) if type(value) is bytes else value for part, value in event.items()}


def _text(value: Any) -> str:
    if type(value) is not str or "\0" in value:
        raise ValueError
    value.encode()  # half a surrogate pair is a ValueError
    return value


def _whole(value: Any, end: int) -> int | None:
    if value is not None and (type(value) is not int or not -end <= value < end):
        raise ValueError
    return value


def _uuid(value: Any) -> UUID | None:
    return value if value is None or type(value) is UUID else UUID(value)


def _time(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError
    return found


__all__ = ["WrittenAppend", "answers_to", "arrays_of", "event_with", "plain_appends"]
