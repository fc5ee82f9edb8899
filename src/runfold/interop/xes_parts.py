"""The shapes in which an XES log is read: events, and the parts of traces they come in."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

# A trace is yielded in parts of at most this many events, so that a very long trace does not fill the memory.
EVENTS_PER_PART = 1000


class XesEvent(NamedTuple):
    """An event of the file; `time` is in UTC, optional fields are None if absent or empty.

    `instance` is that of the concept extension: it tells apart what happens to a node at the same time.
    """

    line: int
    name: str
    transition: str | None
    time: datetime
    resource: str | None
    instance: str | None = None


class TracePart(NamedTuple):
    """Adjacent events of one trace, from number `offset` on; a trace without events is one part without events.

    `trace` is its name in the file and `execution_id` that in the store, with the prefix. `date` is the trace's
    first date attribute, and is read only if the trace has no events.
    """

    file: str
    log_name: str
    trace: str
    execution_id: str
    trace_index: int
    line: int
    offset: int
    events: list[XesEvent]
    ends: bool
    date: datetime | None
