"""What JSON, jsonb and a reader's double can hold without loss.

`is_plain` is the quick yes; `check` finds the first place that is not and raises it with its pointer. A value that
`orjson` would write differently than it was given (NaN becomes null, silently) never passes.
"""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any
from uuid import UUID

from runfold.errors import InvalidInput
from runfold.events.faults import escape, fault

MAX_DEPTH = 100
MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
NUL_ESCAPE = b"\\u0000"
"""How orjson writes U+0000; a text that says so in so many characters looks the same."""


def json_type(value: Any) -> str:
    """Name the JSON type that a value is written as, or its Python type if it has none."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str | UUID | datetime):
        return "string"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list | tuple) else type(value).__name__


def is_plain(value: Any, room: int = MAX_DEPTH) -> bool:
    """Say whether a value is of plain JSON types, finite, within 64 bits and not nested deeper than `room` levels.

    Strings are not looked into: orjson itself refuses half surrogate pairs, and writes U+0000 as an escape that is
    easily found in its output.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(MIN_INTEGER <= value <= MAX_INTEGER)
    if kind is float:
        return isfinite(value)
    if kind is dict:
        if room == 0:
            return False
        for key, item in value.items():
            if type(key) is not str:
                return False
            # A string needs no call of its own, and most values are strings.
            if type(item) is not str and not is_plain(item, room - 1):
                return False
        return True
    if kind is list or kind is tuple:
        if room == 0:
            return False
        for item in value:  # noqa: SIM110 - a generator in all() takes longer
            if type(item) is not str and not is_plain(item, room - 1):
                return False
        return True
    return False


def pointer_to(key: str, pointer: str = "") -> str:
    """Point at a key below `pointer`; what PostgreSQL has no character for is written as "?"."""
    shown = key.encode(errors="replace").decode().replace("\0", "?")
    return f"{pointer}/{escape(shown)}"


def contains_nul(value: Any) -> bool:
    """Say whether a string somewhere in a value, or a key, holds U+0000."""
    try:
        check(value)
    except InvalidInput as error:
        return error.code == "nul_character"
    return False


def check_text(value: str, pointer: str) -> None:
    """Raise when a string holds U+0000 or half of a surrogate pair."""
    nul = value.find("\0")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        if 0 <= nul < error.start:
            raise fault("nul_character", pointer) from None
        raise fault("lone_surrogate", pointer, found=f"U+{ord(value[error.start]):04X}") from None
    if nul >= 0:
        raise fault("nul_character", pointer)


def check(value: Any, pointer: str = "", room: int = MAX_DEPTH) -> None:
    """Raise the first thing in a value, in document order, that cannot be stored as it is."""
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        check_text(value, pointer)
    elif isinstance(value, int):
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            raise fault("integer_too_large", pointer, limit=[MIN_INTEGER, MAX_INTEGER])
    elif isinstance(value, float):
        if not isfinite(value):
            raise fault("not_finite", pointer, found=str(value))
    elif isinstance(value, dict):
        if room == 0:
            raise fault("too_deep", pointer, limit=MAX_DEPTH)
        for key, item in value.items():
            if not isinstance(key, str):
                raise fault("key_not_string", pointer, found=type(key).__name__)
            at = pointer_to(key, pointer)
            check_text(key, at)
            check(item, at, room - 1)
    elif isinstance(value, list | tuple):
        if room == 0:
            raise fault("too_deep", pointer, limit=MAX_DEPTH)
        for index, item in enumerate(value):
            check(item, f"{pointer}/{index}", room - 1)
    else:
        raise fault("not_json", pointer, found=type(value).__name__)


__all__ = [
    "MAX_DEPTH",
    "MAX_INTEGER",
    "MIN_INTEGER",
    "NUL_ESCAPE",
    "check",
    "check_text",
    "contains_nul",
    "is_plain",
    "json_type",
    "pointer_to",
]
