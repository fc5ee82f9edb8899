"""What the memory takes: the limits of its values, judged before SQL sees them, with the codes of appends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Any
from uuid import UUID

import orjson

from runfold.errors import FilterMissing, InvalidInput
from runfold.events import json_values
from runfold.events.faults import fault
from runfold.events.rules import CONTROLS, shown, time_fault

MAX_MESSAGE = 1_048_576
"""Characters of a message, a summary or a description."""

MAX_DOCUMENT = 10_485_760
"""Characters of a document's content."""

MAX_JSON = 1_048_576
"""Bytes of one JSON value."""

MAX_TAGS = 100
"""Tags of a document, aliases of an entity, types of a search."""

MAX_LIFE = timedelta(days=36_500)
"""How long a row may be kept that expires."""

LANGUAGES = (
    *("arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german", "greek"),
    *("hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian", "portuguese"),
    *("romanian", "russian", "serbian", "simple", "spanish", "swedish", "tamil", "turkish", "yiddish"),
)
"""The languages of texts: those that PostgreSQL brings, and `simple`, which cuts no endings off."""


def text(value: Any, pointer: str, limit: int = MAX_MESSAGE) -> str:
    """Return a text that is no longer than its limit in characters."""
    if not isinstance(value, str):
        raise fault("wrong_type", pointer, limit="string", found=json_values.json_type(value))
    if len(value) > limit:
        raise fault("too_long", pointer, limit=limit, found=len(value))
    json_values.check_text(value, pointer)
    return value


def name(value: Any, pointer: str, limit: int = 255) -> str:
    """Return a text of one line that is not blank."""
    found = text(value, pointer, limit)
    if not found.strip():
        raise fault("blank", pointer)
    if (control := CONTROLS.search(found)) is not None:
        raise fault("control_character", pointer, found=f"U+{ord(control[0]):04X}")
    return found


def optional_text(value: Any, pointer: str, limit: int = MAX_MESSAGE) -> str | None:
    """Return a text, or None."""
    return None if value is None else text(value, pointer, limit)


def optional_name(value: Any, pointer: str, limit: int = 255) -> str | None:
    """Return a name, or None."""
    return None if value is None else name(value, pointer, limit)


def names(values: Iterable[str] | None, pointer: str, limit: int = 255) -> list[str] | None:
    """Return a list of names without repetition, or None."""
    if values is None:
        return None
    given = items(values, pointer)
    found = list(dict.fromkeys(name(value, f"{pointer}/{place}", limit) for place, value in enumerate(given)))
    if len(found) > MAX_TAGS:
        raise fault("too_long", pointer, limit=MAX_TAGS, found=len(found))
    return found


def items(values: Any, pointer: str) -> list[Any]:
    """Return the items of a collection; a text, bytes and a mapping are none."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise fault("wrong_type", pointer, limit="array", found=json_values.json_type(values))
    return list(values)


def one_of(value: Any, pointer: str, allowed: tuple[str, ...]) -> str:
    """Return a value that is one of these."""
    if not isinstance(value, str) or value not in allowed:
        raise fault("not_allowed", pointer, limit=list(allowed), found=shown(value))
    return value


def integer(value: Any, pointer: str, least: int, greatest: int) -> int:
    """Return an integer between two limits."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise fault("wrong_type", pointer, limit="integer", found=json_values.json_type(value))
    if not least <= value <= greatest:
        raise fault("out_of_range", pointer, limit=[least, greatest], found=value)
    return value


def number(value: Any, pointer: str) -> float:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault("wrong_type", pointer, limit="number", found=json_values.json_type(value))
    try:
        found = float(value)
    except OverflowError:
        raise fault("number_too_large", pointer, found=shown(str(value))) from None
    if not isfinite(found):
        raise fault("not_finite", pointer, found=str(value))
    return found


def share(value: Any, pointer: str) -> float | None:
    """Return a number from 0 to 1, or None."""
    if value is None:
        return None
    number(value, pointer)
    if not 0 <= value <= 1:
        raise fault("out_of_range", pointer, limit=[0, 1], found=value)
    return float(value)


def time(value: Any, pointer: str) -> datetime | None:
    """Return a time with a zone, or None."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise fault("wrong_type", pointer, limit="datetime", found=json_values.json_type(value))
    if (found := time_fault(value, pointer, value.isoformat())) is not None:
        raise found
    return value


def life(value: Any, pointer: str = "/ttl") -> timedelta | None:
    """Return for how long a row is kept, or None for ever."""
    if value is None:
        return None
    if not isinstance(value, timedelta):
        raise fault("wrong_type", pointer, limit="timedelta", found=json_values.json_type(value))
    if not timedelta(0) < value <= MAX_LIFE:
        raise fault("out_of_range", pointer, limit=["0 s", f"{MAX_LIFE.days} days"], found=str(value))
    return value


def uuid(value: Any, pointer: str) -> UUID:
    """Return a UUID."""
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise fault("not_a_uuid", pointer, found=shown(str(value))) from None


def two(first: UUID, second: UUID, pointer: str) -> None:
    """Raise where two ids are one."""
    if first == second:
        raise InvalidInput(
            f"{pointer} is the same entity: {second}",
            hint="name two entities",
            code="merged_with_itself",
            pointer=pointer,
            found=str(second),
        )


def json_text(value: Any, pointer: str, kind: str | None = None) -> str:
    """Return a JSON value as text; with `kind`, an object or an array only."""
    value = dict(value) if isinstance(value, Mapping) else value
    json_values.check(value, pointer)
    if kind is not None and json_values.json_type(value) != kind:
        raise fault("wrong_type", pointer, limit=kind, found=json_values.json_type(value))
    encoded = orjson.dumps(value)
    if len(encoded) > MAX_JSON:
        raise InvalidInput(
            f"{pointer} has {len(encoded)} bytes as JSON, more than {MAX_JSON}",
            hint="keep large values elsewhere and refer to them",
            code="too_long",
            pointer=pointer,
            limit=MAX_JSON,
            found=len(encoded),
        )
    return encoded.decode()


def optional_json(value: Any, pointer: str, kind: str | None = None) -> str | None:
    """Return a JSON value as text, or None where none is given."""
    return None if value is None else json_text(value, pointer, kind)


def some_filter(**filters: Any) -> None:
    """Raise FilterMissing when no filter is given: a delete without one would delete everything."""
    if all(value is None for value in filters.values()):
        given = ", ".join(filters)
        raise FilterMissing(hint=f"give one of {given}", pointer="", limit=list(filters))
