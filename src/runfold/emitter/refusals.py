"""What a refused call was refused for: one event, one stream, or nobody knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_OF_EVENT = re.compile(r"/(\d+)/events/(\d+)(?:/|$)")
_OF_APPEND = re.compile(r"/(\d+)(?:/|$)")


class Culprit(NamedTuple):
    """The number of an append in its call, and that of the event in it; None: it is all of the stream."""

    append: int
    event: int | None


def culprit_of(error: Exception, stream_ids: Sequence[str]) -> Culprit | None:
    """Return what an error is about, by its pointer or the stream that it names, in a call of appends to these streams.

    None: it does not say so, and the call has to be halved.
    """
    pointer = str(getattr(error, "pointer", None) or "")
    if (match := _OF_EVENT.match(pointer)) is not None:
        return Culprit(int(match[1]), int(match[2]))
    if (match := _OF_APPEND.match(pointer)) is not None:
        return Culprit(int(match[1]), None)
    named = getattr(error, "stream_id", None)
    return Culprit(stream_ids.index(named), None) if named in stream_ids else None


__all__ = ["Culprit", "culprit_of"]
