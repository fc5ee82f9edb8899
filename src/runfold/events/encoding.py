"""What Python's values are written as in data, inputs, outputs and metadata.

Values of plain JSON types never come here. Others are made plain, or refused with a pointer; what
`json_values.check` refuses, this refuses with the same code at the same place.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from math import inf, nan
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from runfold.errors import InvalidInput
from runfold.events.faults import fault
from runfold.events.json_values import MAX_DEPTH, check, check_text, pointer_to

Default = Callable[[Any], Any]
"""Returns what a value is written as that runfold knows no way to write; raises TypeError for one that has none."""

_default: ContextVar[Default | None] = ContextVar("runfold_default", default=None)


class encoding_with:  # noqa: N801 - used as a function: a generator's context takes four times as long
    """Let `encoded` ask a function about the values that it does not know, in `with`."""

    __slots__ = ("_default", "_token")

    _token: Token[Default | None]

    def __init__(self, default: Default | None) -> None:
        self._default = default

    def __enter__(self) -> None:
        self._token = _default.set(self._default)

    def __exit__(self, *_: object) -> None:
        _default.reset(self._token)


def exact(value: Any) -> Any:
    """Return a value of a subclass of str, int or float, or a member of an Enum, as its plain type; others as is."""
    if isinstance(value, Enum):
        value = value.value
    # The conversions of the base types themselves: a subclass may say something else of itself.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else value


def encoded(value: Any, pointer: str = "", room: int = MAX_DEPTH) -> Any:
    """Return a value as plain JSON types; raises the first thing in it, in document order, that cannot be stored."""
    value = exact(value)
    if value is None or isinstance(value, str | int | float):
        check(value, pointer)
        return value
    value = _container(value, pointer)
    if isinstance(value, dict | list):
        if room == 0:
            raise fault("too_deep", pointer, limit=MAX_DEPTH)
        if isinstance(value, dict):
            return _object(value, pointer, room)
        return [encoded(item, f"{pointer}/{index}", room - 1) for index, item in enumerate(value)]
    if (text := _text(value, pointer)) is not None:
        return encoded(text, pointer, room)
    if (default := _default.get()) is None:
        raise fault("not_json", pointer, found=type(value).__name__)
    if room == 0:  # a default that returns what it was given ends here
        raise fault("too_deep", pointer, limit=MAX_DEPTH)
    try:
        instead = default(value)
    except InvalidInput:
        raise
    except Exception as error:
        raise fault("not_json", pointer, found=type(value).__name__) from error
    return encoded(instead, pointer, room - 1)


def _object(value: dict[Any, Any], pointer: str, room: int) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in value.items():
        name = exact(key)
        if not isinstance(name, str):
            raise fault("key_not_string", pointer, found=type(key).__name__)
        at = pointer_to(name, pointer)
        check_text(name, at)
        if name in plain:
            raise fault("duplicate_key", at)
        plain[name] = encoded(item, at, room - 1)
    return plain


def _container(value: Any, pointer: str) -> Any:
    """Return what has members as a dict or a list of them; anything else as it is."""
    if isinstance(value, dict | list):
        return value
    try:
        if isinstance(value, BaseModel):
            return value.model_dump()
        if is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, tuple):
            return list(value)
        return _in_order(value) if isinstance(value, set | frozenset) else value
    except Exception as error:
        raise fault("not_json", pointer, found=type(value).__name__) from error


def _in_order(members: Iterable[Any]) -> list[Any]:
    """Return the members of a set in an order that does not depend on the process."""
    try:
        return sorted(members)
    except TypeError:
        return sorted(members, key=lambda member: (type(member).__name__, repr(member)))


def _text(value: Any, pointer: str) -> str | float | None:
    """Return the text of a value that is written as one; a float for a number that is none; None for others."""
    if isinstance(value, datetime):
        try:
            if value.utcoffset() is not None:
                return value.astimezone(UTC).isoformat(timespec="microseconds")
        except OverflowError:
            pass
        raise fault("not_a_timestamp", pointer, found=value.isoformat())
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return str(value)
    if isinstance(value, Decimal):
        if value.is_finite():
            return str(value)
        return nan if value.is_nan() else (-inf if value < 0 else inf)
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(bytes(value)).decode()
    return None


__all__ = ["Default", "encoded", "encoding_with", "exact"]
