"""Writes an object-centric event log, OCEL 2.0 in JSON: events as they come, then the objects that they concern.

Fields of data are attributes of their own. What OCEL has no place for is in attributes that begin with `log:`, so that
an import gives the same events again. All values are texts, as the standard's schema has them, of declared types.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import orjson

from runfold.events import VOCABULARY
from runfold.events.envelope import RecordedEvent
from runfold.events.rules import Rule
from runfold.interop.ocel_objects import ATTRIBUTES, Objects
from runfold.interop.portable import base64_of, instant

STREAM, VERSION, SHAPE, TENANT = "log:stream_id", "log:stream_version", "log:schema_version", "log:user_id"
METADATA, DATA, PAYLOAD = "log:metadata", "log:data", "log:payload"

_TYPES = {"integer": "integer", "number": "float", "boolean": "boolean", "timestamp": "time"}
_OWN_TYPES = {VERSION: "integer", SHAPE: "integer"}
_WRITTEN_AS_JSON = frozenset({"integer", "number", "boolean", "json", "object", "strings"})


@cache
def rules_of(event_type: str) -> dict[str, Rule]:
    """Return the rules of a type's fields by their names; none for a type that is not runfold's."""
    known = VOCABULARY.get(event_type)
    return {} if known is None else {at.field: at.rule for at in known.rules()}


class OcelWriter:
    """Writes a log piece by piece; `end` completes it."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._objects = Objects()
        self._types: dict[str, dict[str, str]] = {}
        self._events = 0
        self._write(b'{"events":[')

    def add(self, event: RecordedEvent) -> None:
        """Write an event."""
        attributes = attributes_of(event)
        declared = self._types.setdefault(event.type, {})
        rules = rules_of(event.type)
        for name in attributes:
            if name not in declared:
                rule = rules.get(name)
                declared[name] = _OWN_TYPES.get(name, "string") if rule is None else _TYPES.get(rule.kind, "string")
        found = {
            "id": str(event.event_id),
            "type": event.type,
            "time": instant(event.occurred_at),
            "attributes": [{"name": name, "value": value} for name, value in attributes.items()],
            "relationships": [
                {"objectId": object_id, "qualifier": qualifier} for object_id, qualifier in self._objects.of(event)
            ],
        }
        self._write((b",\n" if self._events else b"\n") + orjson.dumps(found))
        self._events += 1

    def end(self) -> None:
        """Write the objects and all types."""
        self._write(b'\n],\n"objects":[')
        for number, (object_id, thing) in enumerate(self._objects.found.items()):
            found = {
                "id": object_id,
                "type": thing.type,
                "attributes": [{"name": name, "time": at, "value": value} for name, at, value in thing.attributes],
                "relationships": [{"objectId": other, "qualifier": how} for other, how in thing.relations.items()],
            }
            self._write((b",\n" if number else b"\n") + orjson.dumps(found))
        kinds = dict.fromkeys(thing.type for thing in self._objects.found.values())
        event_types = [_declared(name, attributes) for name, attributes in self._types.items()]
        object_types = [_declared(kind, dict.fromkeys(ATTRIBUTES.get(kind, ()), "string")) for kind in kinds]
        self._write(b'\n],\n"eventTypes":' + orjson.dumps(event_types))
        self._write(b',\n"objectTypes":' + orjson.dumps(object_types) + b"}\n")


def attributes_of(event: RecordedEvent) -> dict[str, str]:
    """Return the attributes of an event, all of them texts."""
    found = {STREAM: event.stream_id, VERSION: str(event.stream_version)}
    if event.schema_version != 1:
        found[SHAPE] = str(event.schema_version)
    if event.user_id is not None:
        found[TENANT] = str(event.user_id)
    if event.metadata:
        found[METADATA] = _json(event.metadata)
    if event.payload is not None:
        found[PAYLOAD] = base64_of(event.payload)
    if event.data is not None:
        fields = _fields(event.type, event.data)
        found |= {DATA: _json(event.data)} if fields is None else fields
    return found


def _fields(event_type: str, data: Any) -> dict[str, str] | None:
    """Return each field as a text; None where one is not what its rule says, or the type is not runfold's."""
    rules = rules_of(event_type)
    if event_type not in VOCABULARY:
        return None
    found = {}
    for name, value in data.items():
        rule = rules.get(name)
        if rule is None:
            return None
        if rule.kind in _WRITTEN_AS_JSON:
            found[name] = _json(value)
        elif isinstance(value, str):
            found[name] = value
        else:
            return None
    return found


def value_of(rule: Rule, text: str) -> Any:
    """Return a field's value out of its text; raises ValueError where it has none."""
    return orjson.loads(text) if rule.kind in _WRITTEN_AS_JSON else text


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _declared(name: str, attributes: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "attributes": [{"name": one, "type": kind} for one, kind in attributes.items()]}
