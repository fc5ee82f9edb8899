"""Factories: events, appends and streams for tests of the log, each with new ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from runfold.events import LogAppended
from runfold.events.codec import encode_appends
from runfold.events.envelope import Append, NewEvent

CATEGORY = "thing"
"""A category of the tests' own, for events outside the vocabulary; registered by the test that uses it."""

EVENT_TYPE = "ThingHappened"


def line(message: str = "a line", **envelope: Any) -> NewEvent:
    """Return an event of the vocabulary that every `log-` stream takes."""
    return NewEvent.of(LogAppended(level="INFO", event_type="workflow_progress", message=message), **envelope)


def lines(count: int, **envelope: Any) -> list[NewEvent]:
    """Return this many of them, numbered."""
    return [line(f"line {n}", **envelope) for n in range(1, count + 1)]


def happening(event_type: str = EVENT_TYPE, **changes: Any) -> NewEvent:
    """Return an event of the tests' category."""
    return NewEvent(**{"type": event_type, "data": {"n": 1}} | changes)


def opaque(payload: bytes, event_type: str = EVENT_TYPE) -> NewEvent:
    """Return an event of the tests' category that carries bytes."""
    return NewEvent(type=event_type, payload=payload)


def a_stream(category: str = "log") -> str:
    """Return a new stream id."""
    return f"{category}-{uuid4()}"


def streams(count: int, category: str = "log") -> list[str]:
    return [a_stream(category) for _ in range(count)]


def append(stream_id: str | None = None, events: int | Iterable[NewEvent] = 1, **changes: Any) -> Append:
    """Return an append of this many lines, or of these events."""
    made = lines(events) if isinstance(events, int) else list(events)
    return Append(stream_id=stream_id or a_stream(), events=made, **changes)


def call(*appends: Append) -> str:
    """Return the text that `runfold.append_events` takes."""
    return encode_appends(appends)
