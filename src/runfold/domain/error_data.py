"""The data that an event stores about an exception: always storable, and of bounded size, so never refused."""

from __future__ import annotations

import traceback
from typing import Any

_MESSAGE = 2_000
_TRACEBACK = 8_000
_CUT = "… "


def error_data_of(error: BaseException) -> dict[str, Any]:
    """Return the type, the message and the end of the traceback of an exception."""
    data: dict[str, Any] = {"type": _storable(type(error).__qualname__, 255), "message": message_of(error)}
    if error.__traceback__ is not None:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        data["traceback"] = _storable("".join(lines), _TRACEBACK, keep_end=True)
    return data


def message_of(error: BaseException) -> str:
    """Return the message of an exception; its type where it has none, or raises while it is asked."""
    try:
        said = str(error)
    except Exception:
        said = ""
    return _storable(said or type(error).__qualname__, _MESSAGE)


def _storable(text: str, length: int, *, keep_end: bool = False) -> str:
    """Return the text with what no event can hold written as escapes, cut to a length."""
    text = text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
    if len(text) <= length:
        return text
    kept = length - len(_CUT)
    return _CUT + text[-kept:] if keep_end else text[:kept] + _CUT
