"""How what a checkpointer keeps is written as bytes: a header and parts, and values as differences to older ones."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

_LENGTH = struct.Struct(">I")
_HEADS = range(10)
"""How long what begins a list may be: its length, in one to nine bytes, differs when an element is added."""
_PROBE = 48


def packed(header: dict[str, Any], parts: Sequence[bytes] = ()) -> bytes:
    """Return a header and its parts as bytes."""
    head = orjson.dumps({**header, "sizes": [len(part) for part in parts]})
    return b"".join([_LENGTH.pack(len(head)), head, *parts])


def unpacked(payload: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return the header and the parts that `packed` wrote."""
    (size,) = _LENGTH.unpack_from(payload)
    at = _LENGTH.size + size
    header: dict[str, Any] = orjson.loads(payload[_LENGTH.size : at])
    parts = []
    for length in header.pop("sizes"):
        parts.append(payload[at : at + length])
        at += length
    return header, parts


@dataclass(frozen=True, slots=True)
class Difference:
    """A value as its beginning, a range of an older value, and its end."""

    head: bytes
    start: int
    end: int
    tail: bytes

    @property
    def size(self) -> int:
        """How many bytes it holds of its own."""
        return len(self.head) + len(self.tail)

    def applied(self, base: bytes) -> bytes:
        """Return the value."""
        return self.head + base[self.start : self.end] + self.tail


def difference(base: bytes, value: bytes) -> Difference | None:
    """Return a value as a difference to an older one; None where they have little in common at their beginning.

    A list that grew at its end differs in the length before its elements, and behind them.
    """
    best: Difference | None = None
    for skipped in _HEADS:
        probe = base[skipped : skipped + _PROBE]
        if not probe:
            break
        for head in _HEADS:
            if value[head : head + len(probe)] != probe:
                continue
            shared = _shared(base, skipped, value, head)
            found = Difference(value[:head], skipped, skipped + shared, value[head + shared :])
            if best is None or found.size < best.size:
                best = found
    return best


def _shared(base: bytes, i: int, value: bytes, j: int) -> int:
    """Return how many bytes are equal from two places on."""
    low, high = 0, min(len(base) - i, len(value) - j)
    old, new = memoryview(base), memoryview(value)
    if old[i : i + high] == new[j : j + high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if old[i + low : i + middle] == new[j + low : j + middle]:
            low = middle
        else:
            high = middle - 1
    return low
