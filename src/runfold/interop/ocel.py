"""Reads an object-centric event log, OCEL 2.0 in JSON, that runfold exported: the same events again.

A log of another origin is flattened: the objects of one type become executions, and the events that concern one of
them its nodes, as traces of XES do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from runfold.errors import ImportFailed
from runfold.events.envelope import NewEvent
from runfold.events.rules import UUID_SHAPE
from runfold.interop.documents import read_document
from runfold.interop.ocel_writing import DATA, METADATA, PAYLOAD, SHAPE, STREAM, TENANT, VERSION, rules_of, value_of
from runfold.interop.portable import Fields, Portable
from runfold.interop.xes_parts import EVENTS_PER_PART, TracePart, XesEvent


class OcelLog:
    """A log that was read: its events in the order of their times where it is another system's."""

    def __init__(self, path: Path, on_bytes: Callable[[int], None] | None = None) -> None:
        """Read the file; raises ImportFailed where it is not OCEL 2.0."""
        found = read_document(path, on_bytes)
        self.shown = path.name
        for name in ("events", "objects"):
            if not isinstance(found, Mapping) or not isinstance(found.get(name), list):
                raise ImportFailed(
                    f"{self.shown}: it has no list of {name}", hint="give a log of OCEL 2.0 in its JSON form"
                )
        self._events: list[Any] = found["events"]
        self._objects: list[Any] = found["objects"]

    @property
    def is_ours(self) -> bool:
        """Whether runfold exported it."""
        return bool(self._events) and all(STREAM in _attributes(Fields(one, self.shown)) for one in self._events[:1])

    def object_types(self) -> list[str]:
        """Return the types of its objects, the most frequent first."""
        counts: dict[str, int] = {}
        for one in self._objects:
            name = Fields(one, f"{self.shown}, an object").text("type")
            counts[name] = counts.get(name, 0) + 1
        return sorted(counts, key=lambda name: -counts[name])

    def events(self) -> Iterator[Portable]:
        """Yield the events of an export of runfold; raises ImportFailed with the event's number."""
        for number, one in enumerate(self._events, 1):
            yield _portable(Fields(one, f"{self.shown}, event {number}"))

    def traces(self, case: str, log_name: str | None = None, prefix: str = "") -> Iterator[TracePart]:
        """Yield a trace for each object of a type, of the events that concern it, in the order of their times."""
        names = [
            fields.text("id")
            for fields in (Fields(one, f"{self.shown}, object {n}") for n, one in enumerate(self._objects, 1))
            if fields.text("type") == case
        ]
        found: dict[str, list[XesEvent]] = {name: [] for name in names}
        for number, one in enumerate(self._events, 1):
            fields = Fields(one, f"{self.shown}, event {number}")
            event = XesEvent(number, fields.text("type"), None, fields.time("time"), None)
            for related in _list(fields, "relationships"):
                name = Fields(related, fields.place).text("objectId")
                if name in found and (not found[name] or found[name][-1].line != number):
                    found[name].append(event)
        name_of_log = log_name or self.shown.removesuffix(".gz").removesuffix(".json")
        for index, (name, events) in enumerate(found.items()):
            events.sort(key=lambda event: (event.time, event.line))
            for offset in range(0, max(len(events), 1), EVENTS_PER_PART):
                part = events[offset : offset + EVENTS_PER_PART]
                yield TracePart(
                    file=self.shown,
                    log_name=name_of_log,
                    trace=name,
                    execution_id=prefix + name,
                    trace_index=index,
                    line=part[0].line if part else 0,
                    offset=offset,
                    events=part,
                    ends=offset + EVENTS_PER_PART >= len(events),
                    date=None,
                )


def _portable(fields: Fields) -> Portable:
    attributes = _attributes(fields)
    event_type = fields.text("type")
    own = Fields({**attributes, VERSION: _number(fields, attributes, VERSION)}, fields.place)
    if UUID_SHAPE.fullmatch(fields.text("id")) is None:
        raise fields.failed("id must be a UUID, because runfold exported this log")
    return Portable(
        stream_id=own.text(STREAM),
        version=own.integer(VERSION),
        user_id=own.uuid_or_none(TENANT),
        event=NewEvent(
            type=event_type,
            data=None if PAYLOAD in attributes else _data(fields, event_type, attributes),
            payload=own.octets(PAYLOAD),
            schema_version=_number(fields, attributes, SHAPE) or 1,
            event_id=fields.uuid("id"),
            metadata=_json(fields, METADATA, attributes.get(METADATA, "{}")),
            occurred_at=fields.time("time"),
        ),
        place=fields.place,
        size=sum(map(len, attributes.values())) + 500,
    )


def _data(fields: Fields, event_type: str, attributes: Mapping[str, str]) -> dict[str, Any]:
    if DATA in attributes:
        found = _json(fields, DATA, attributes[DATA])
        return dict(found)
    rules = rules_of(event_type)
    data = {}
    for name, text in attributes.items():
        if not name.startswith("log:"):
            try:
                data[name] = value_of(rules[name], text)
            except (KeyError, ValueError):
                raise fields.failed(
                    f"{name} is not a field of {event_type}, or its value is not what it must be"
                ) from None
    return data


def _json(fields: Fields, name: str, text: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise fields.failed(f"{name} must be the text of a JSON object")
    return found


def _number(fields: Fields, attributes: Mapping[str, str], name: str) -> int | None:
    text = attributes.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise fields.failed(f"{name} must be a number")
    return int(text)


def _list(fields: Fields, name: str) -> list[Any]:
    found = fields.value(name)
    if found is not None and not isinstance(found, list):
        raise fields.failed(f"{name} must be a list")
    return found or []


def _attributes(fields: Fields) -> dict[str, str]:
    """Return the attributes by name, as texts."""
    found = {}
    for one in _list(fields, "attributes"):
        attribute = Fields(one, fields.place)
        value = attribute.value("value")
        found[attribute.text("name")] = value if isinstance(value, str) else _text_of(value)
    return found


def _text_of(value: Any) -> str:
    return orjson.dumps(value).decode()
