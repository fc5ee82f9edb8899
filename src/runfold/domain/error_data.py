"""The data that an event stores about an exception: always storable, and of bounded size, so never refused."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import islice
from typing import Any

from runfold.errors import InvalidInput

_MESSAGE = 2_000
_TRACEBACK = 8_000
_CUT = "… "
_INNER = 20
"""So many inner exceptions of a group are named, those of groups inside it included."""


def error_data_of(error: BaseException) -> dict[str, Any]:
    """Return the type, the message and the end of the traceback of an exception, and what is inside a group of them."""
    data: dict[str, Any] = {"type": _storable(type(error).__qualname__, 255), "message": message_of(error)}
    if error.__traceback__ is not None:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        data["traceback"] = _storable("".join(lines), _TRACEBACK, keep_end=True)
    if isinstance(error, BaseExceptionGroup):
        inner = list(islice(_inner(error), _INNER + 1))
        data["errors"] = [
            {"type": _storable(type(one).__qualname__, 255), "message": message_of(one)} for one in inner[:_INNER]
        ]
        if len(inner) > _INNER:
            data["more_errors"] = True
    return data


def placeholder_of(refused: InvalidInput) -> dict[str, Any] | None:
    """Return what is recorded in place of an output or error that cannot be stored; None if another field is refused.

    It says which value was refused and why.
    """
    pointer = refused.pointer or ""
    is_the_value = "/output_data" in pointer or "/error_data" in pointer or refused.code == "event_too_large"
    if not is_the_value or refused.code == "required":
        return None
    return {"not_stored": {"code": refused.code, "pointer": pointer, "reason": message_of(refused)}}


def _inner(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Return the exceptions in a group and in the groups inside it, in their order, without the groups."""
    open_groups = [iter(group.exceptions)]
    while open_groups:
        one = next(open_groups[-1], None)
        if one is None:
            open_groups.pop()
        elif isinstance(one, BaseExceptionGroup):
            open_groups.append(iter(one.exceptions))
        else:
            yield one


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
