"""Values of data as a page shows them: JSON with colours, cut where it is long; nothing in it is alive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from markupsafe import Markup, escape

from runfold.console.words import size, visible

SHOWN_BYTES = 16 * 1024
"""A longer value is cut; its whole text can be downloaded."""
_COLOURED = 120
"""A value with more parts than this has no colours: each would be a node of the page."""


def json_value(value: Any) -> Markup:
    """Return a value as indented JSON, with its control and direction characters written out."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode()
    if len(text.encode()) > SHOWN_BYTES:
        return cut(text)
    if sum(1 for _ in _parts(value, _COLOURED + 1)) > _COLOURED:
        return escape(visible(text))
    return _coloured(value, 0)


def cut(text: str, octets: int | None = None) -> Markup:
    """Return the beginning of a long text, and how long all of it is."""
    head = text.encode()[:SHOWN_BYTES].decode("utf-8", "ignore")
    return escape(visible(head)) + Markup('\n<span class="faint">… cut here: {} in all</span>').format(
        size(len(text.encode()) if octets is None else octets)
    )


def _coloured(value: Any, depth: int) -> Markup:
    pad, inner = "  " * depth, "  " * (depth + 1)
    if isinstance(value, dict):
        if not value:
            return Markup("{}")
        lines = [
            Markup("{}<span class=k>{}</span>: ").format(inner, _text(str(key))) + _coloured(each, depth + 1)
            for key, each in value.items()
        ]
        return Markup("{\n") + Markup(",\n").join(lines) + Markup("\n{}").format(pad) + "}"
    if isinstance(value, list):
        if not value:
            return Markup("[]")
        lines = [escape(inner) + _coloured(each, depth + 1) for each in value]
        return Markup("[\n") + Markup(",\n").join(lines) + Markup("\n{}]").format(pad)
    if isinstance(value, str):
        return Markup("<span class=s>{}</span>").format(_text(value))
    return Markup("<span class=n>{}</span>").format(orjson.dumps(value, default=str).decode())


def _text(text: str) -> str:
    try:
        written = orjson.dumps(text).decode()
    except orjson.JSONEncodeError:  # half a character
        written = orjson.dumps(text.encode("utf-8", "replace").decode()).decode()
    return visible(written)


def _parts(value: Any, most: int) -> Iterator[Any]:
    """Yield the parts of a value, at most `most`; a stack, because the depth of data is up to who sent it."""
    waiting, given = [(value, 0)], 0
    while waiting and given < most:
        each, depth = waiting.pop()
        given += 1
        if depth > 60:
            given = most
        yield each
        if depth > 60:
            yield from range(most)
        if isinstance(each, dict):
            waiting += [(part, depth + 1) for part in each.values()]
        elif isinstance(each, list):
            waiting += [(part, depth + 1) for part in each]
