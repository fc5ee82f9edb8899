"""The files in which other languages find the shapes of events, each with the function that makes its text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from runfold.events.json_schema import events_schema
from runfold.events.typescript import typescript


class ShapeFile(NamedTuple):
    """A file's name, and its text."""

    name: str
    text: Callable[[], str]


def schema_text() -> str:
    """Return the JSON Schema as text."""
    return json.dumps(events_schema(), indent=2, ensure_ascii=True) + "\n"


FILES = {
    "json-schema": ShapeFile("runfold-events.schema.json", schema_text),
    "typescript": ShapeFile("runfold-events.d.ts", typescript),
}

__all__ = ["FILES", "ShapeFile", "schema_text"]
