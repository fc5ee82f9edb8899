"""Makes of any value one that an event can hold: plain JSON without U+0000, cut to a size, with a note of each change.

Attributes of traces come from anywhere: whole documents, binary data, objects. A refused event would lose them all.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

MOST_BYTES = 600_000
"""The default size of an event's data: the limit is 1 MiB, and PostgreSQL writes a blank after each comma and colon."""

_SHORTEST = 64
_DEEPEST = 60
_INT8 = 1 << 63
_UNNAMED = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(slots=True)
class Changes:
    """What was changed to make a value storable."""

    cut: int = 0
    nul_replaced: int = 0
    written_as_text: int = 0

    def said(self) -> dict[str, int]:
        """Return the changes that were made, by name, for the event to say."""
        named = {"cut": self.cut, "nul_replaced": self.nul_replaced, "written_as_text": self.written_as_text}
        return {name: count for name, count in named.items() if count}


def text(value: Any, changes: Changes | None = None) -> str:
    """Return a text that an event can hold: U+0000 becomes U+FFFD, half a surrogate pair its escape."""
    given = value if isinstance(value, str) else str(value)
    if "\0" in given:
        given = given.replace("\0", "\ufffd")
        if changes is not None:
            changes.nul_replaced += 1
    try:
        given.encode()
    except UnicodeEncodeError:
        given = given.encode(errors="backslashreplace").decode()
    return given


def name(value: Any, length: int = 255, *, default: str = "unnamed") -> str:
    """Return a name: a text without control characters, that is not blank, cut to a length."""
    made = _UNNAMED.sub(" ", text(value)).strip()
    if len(made) > length:
        made = made[: length - 1].rstrip() + "…"
    return made or default


def numbered(counts: Counter[str], label: str, mark: str = "#") -> str:
    """Return a label that is counted, with its number from the second time on."""
    counts[label] += 1
    return label if counts[label] == 1 else f"{label}{mark}{counts[label]}"


def plain(value: Any, changes: Changes, depth: int = 0) -> Any:
    """Return a value as plain JSON; what JSON does not have is written as text, and counted."""
    if isinstance(value, str):
        return text(value, changes)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -_INT8 <= value < _INT8:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {text(key, changes): plain(one, changes, depth + 1) for key, one in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
            return [plain(one, changes, depth + 1) for one in value]
    changes.written_as_text += 1
    return text(bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else value, changes)


def cut(value: Any, longest: int, changes: Changes) -> Any:
    """Return a plain value with every text that is longer cut, with a mark that says how long it was."""
    if isinstance(value, str):
        if len(value) <= longest:
            return value
        changes.cut += 1
        return f"{value[:longest]}… (cut: it has {len(value):,} characters)"
    if isinstance(value, dict):
        return {key: cut(one, longest, changes) for key, one in value.items()}
    if isinstance(value, list):
        return [cut(one, longest, changes) for one in value]
    return value


def fitting(value: Mapping[str, Any], most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Return an object as plain JSON of at most so many bytes; its key `changed` says what was changed, if anything."""
    changes = Changes()
    made = plain(value, changes)
    size = len(orjson.dumps(made))
    fitted, longest = made, most_bytes // 2
    shortened = changes
    while len(orjson.dumps(fitted)) > most_bytes:
        shortened = Changes(0, changes.nul_replaced, changes.written_as_text)
        fitted = cut(made, longest, shortened)
        if longest < _SHORTEST:
            return {"not_stored": {"reason": f"it has {size:,} bytes in many small values", "limit": most_bytes}}
        longest //= 2
    said = shortened.said()
    return {**fitted, "changed": said} if said else fitted
