"""The JSON Schema (draft 2020-12) of events and of calls, made from the rules of the fields.

It accepts whatever PostgreSQL accepts of our streams, but for null: a field that is not given is left out. It says less
than PostgreSQL where a schema cannot, which the page on schemas lists. Patterns have no anchors and no classes that
readers of regular expressions take differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from runfold.events.base import VOCABULARY, Event
from runfold.events.rules import SPACES, UUID_SHAPE, Rule

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_MAX_STREAM_ID = 300
_MAX_CALL_APPENDS = 1000
_LAST_VERSION = 2**63 - 1
_TIME = (
    "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?"
    "(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])"
)
_CONTROLS = "[\\u0000-\\u001f\\u007f-\\u009f]"
_NOT_BLANK = "[^" + "".join(f"\\u{ord(space):04x}" for space in SPACES) + "]"

Schema = dict[str, Any]


def events_schema() -> Schema:
    """Return the schema: an event in its envelope is one of `oneOf`, told apart by `type`.

    `$defs` has the data of each type, `NewEvent` (what may be appended), `Append` and `Call`.
    """
    data = {name: _data(event) for name, event in VOCABULARY.items()}
    appended = [event for event in VOCABULARY.values() if not event.reserved]
    return {
        "$schema": DRAFT,
        "title": "Event",
        "description": "An event of runfold's streams, in its envelope.",
        **_one_of(VOCABULARY.values()),
        "$defs": {
            **data,
            **{f"{name}Event": _envelope(event) for name, event in VOCABULARY.items()},
            "NewEvent": {"description": "An event that runfold.append_events takes.", **_one_of(appended)},
            "Append": _append(),
            "Call": {
                "description": "What runfold.append_events takes: appends to streams, recorded all or none.",
                "type": "array",
                "items": {"$ref": "#/$defs/Append"},
                "minItems": 1,
                "maxItems": _MAX_CALL_APPENDS,
            },
            "Uuid": {"type": "string", "format": "uuid", "pattern": f"^{UUID_SHAPE.pattern}$", "maxLength": 36},
            "Timestamp": {
                "description": "RFC 3339 with a zone, microseconds at most.",
                "type": "string",
                "format": "date-time",
                "pattern": f"^{_TIME}$",
                "not": {"pattern": "\\n"},
            },
        },
    }


def _one_of(events: Iterable[type[Event]]) -> Schema:
    named = {event.event_type(): f"#/$defs/{event.event_type()}Event" for event in events}
    return {
        "type": "object",
        "required": ["type"],
        "discriminator": {"propertyName": "type", "mapping": named},
        "oneOf": [{"$ref": reference} for reference in named.values()],
    }


def _envelope(event: type[Event]) -> Schema:
    name = event.event_type()
    return {
        "type": "object",
        "properties": {
            "type": {"const": name},
            "schema_version": {"const": event.schema_version()},
            "event_id": {"$ref": "#/$defs/Uuid"},
            "occurred_at": {"description": "The producer's clock.", "$ref": "#/$defs/Timestamp"},
            "data": {"$ref": f"#/$defs/{name}"},
            "metadata": {"type": "object"},
        },
        "required": ["type", "event_id", "occurred_at", "data"],
        "additionalProperties": False,
    }


def _data(event: type[Event]) -> Schema:
    said = " ".join((event.__doc__ or "").split())
    return {
        "description": f"{said} Only runfold appends it." if event.reserved else said,
        "type": "object",
        "properties": {at.field: _OF_KIND[at.rule.kind](at.rule) for at in event.rules()},
        "required": [at.field for at in event.rules() if at.required],
        "additionalProperties": False,
    }


def _append() -> Schema:
    categories = dict.fromkeys(event.category() for event in VOCABULARY.values() if not event.reserved)
    pairs = {
        "type": "array",
        "items": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 2, "maxItems": 2},
    }
    return {
        "description": "Events for the end of one stream.",
        "type": "object",
        "properties": {
            "stream_id": {"type": "string", "pattern": f"^({'|'.join(categories)})-", "maxLength": _MAX_STREAM_ID},
            "expected_version": {
                "description": "The version at which the stream is, 0 for no stream; any if it is left out.",
                "type": "integer",
                "minimum": 0,
                "maximum": _LAST_VERSION,
            },
            "user_id": {"description": "The tenant of the stream.", "$ref": "#/$defs/Uuid"},
            "events": {"type": "array", "items": {"$ref": "#/$defs/NewEvent"}, "minItems": 1},
            "claims": pairs,
            "releases": pairs,
        },
        "required": ["stream_id", "events"],
        "additionalProperties": False,
    }


def _string(rule: Rule) -> Schema:
    bounds = {"minLength": rule.minimum, "maxLength": rule.maximum}
    return {"type": "string", **{name: bound for name, bound in bounds.items() if bound is not None}}


def _number(rule: Rule) -> Schema:
    return {"type": rule.kind, "minimum": rule.minimum, "maximum": rule.maximum}


_OF_KIND: dict[str, Callable[[Rule], Schema]] = {
    "name": lambda rule: {**_string(rule), "pattern": _NOT_BLANK, "not": {"pattern": _CONTROLS}},
    "text": lambda rule: {**_string(rule), "not": {"pattern": "\\u0000"}},
    "enum": lambda rule: {"enum": list(rule.allowed)},
    "uuid": lambda _: {"$ref": "#/$defs/Uuid"},
    "timestamp": lambda _: {"$ref": "#/$defs/Timestamp"},
    "integer": _number,
    "number": _number,
    "boolean": lambda _: {"type": "boolean"},
    "json": lambda _: {"not": {"type": "null"}},
    "object": lambda _: {"type": "object"},
    "strings": lambda _: {"type": "array", "items": {"type": "string", "not": {"pattern": "\\u0000"}}},
}

__all__ = ["DRAFT", "events_schema"]
