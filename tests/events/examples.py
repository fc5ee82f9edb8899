"""Factories: data of every event type, made from the rules of its fields, and calls of append_events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from runfold.events import VOCABULARY, Event
from runfold.events.rules import Rule

NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


def value_for(rule: Rule) -> Any:
    """Return a JSON value that satisfies a rule."""
    match rule.kind:
        case "name":
            return "n1#2"
        case "text":
            return "a text"
        case "enum":
            return rule.allowed[-1]
        case "uuid":
            return str(UUID(int=7, version=4))
        case "integer":
            return rule.maximum
        case "number":
            return 0.5
        case "boolean":
            return True
        case "timestamp":
            return "2026-01-31T12:00:00.123456+00:00"
        case "json":
            return [1, {"a": None}]
        case "object":
            return {"a": [1, 2.5, "x"]}
        case "strings":
            return ["a", "b"]


def data_for(event: type[Event], *, everything: bool = True) -> dict[str, Any]:
    """Return data of an event type: every field, or only the required ones."""
    return {at.field: value_for(at.rule) for at in event.rules() if everything or at.required}


def stream_of(event: type[Event], data: dict[str, Any]) -> str:
    """Return a stream that takes the event."""
    if event.category() in ("execution", "log"):
        name = data.get("execution_id") if event.event_type() == "ExecutionCreated" else None
        return f"{event.category()}-{name if isinstance(name, str) and name else 'e1'}"
    return f"{event.category()}-{UUID(int=9, version=4)}"


def envelope(name: str, body: Any, **changes: Any) -> dict[str, Any]:
    """Return an event in its envelope, as JSON; a change to `...` removes the key."""
    made = {
        "event_id": str(uuid4()),
        "type": name,
        "schema_version": 1,
        "data": body,
        "metadata": {"actor": "engine"},
        "occurred_at": "2026-01-31T12:00:00.123456+00:00",
    } | changes
    return {key: value for key, value in made.items() if value is not ...}


def append(*events: dict[str, Any], stream_id: str = "execution-e1", **changes: Any) -> dict[str, Any]:
    """Return an append, as JSON."""
    made = {"stream_id": stream_id, "expected_version": 0, "user_id": str(uuid4()), "events": list(events)} | changes
    return {key: value for key, value in made.items() if value is not ...}


def started(**changes: Any) -> dict[str, Any]:
    """Return data of a NodeStarted."""
    made = {
        "activation": "n1#1",
        "node_id": "n1",
        "node_type": "ACTION",
        "attempt": 1,
        "start_time": 1767225600000,
        "input_data": {"order": "A-1", "lines": [{"sku": "x", "quantity": 2}]},
    } | changes
    return {key: value for key, value in made.items() if value is not ...}


ALL_EVENTS = list(VOCABULARY.values())
APPENDED = [event for event in ALL_EVENTS if not event.reserved]
"""Those that anybody appends; the others come from functions of runfold only."""
