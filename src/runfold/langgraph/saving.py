"""The events of a checkpoint and of writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runfold.langgraph.packing import difference
from runfold.langgraph.thread_log import LARGEST_RECENT, Event, Open, Recent
from runfold.langgraph.threads import CHECKPOINT, VALUE, WRITES

if TYPE_CHECKING:
    from langgraph.checkpoint.base import ChannelVersions

Typed = tuple[str, bytes]
"""A serialized value: how, and its bytes."""

SMALL = 512
"""Up to so many bytes a value is in the event of its checkpoint; an event of its own costs about as much."""
_DEEPEST = 256
"""A value is read from so many events at most, and the one that is whole."""


class Put:
    """What one checkpoint appends, for the version that the stream has before it."""

    def __init__(self, opened: Open, header: dict[str, Any], body: Typed, metadata: Typed) -> None:
        self.opened = opened
        self.header = header
        self.body = body
        self.metadata = metadata
        self.recent: dict[tuple[str, str], Recent] = {}

    def events(self, before: int, versions: ChannelVersions, typed: dict[str, Typed | None]) -> list[Event]:
        """Return an event for each large value, and one for the checkpoint with the small ones."""
        self.recent = {}
        events: list[Event] = []
        parts = [self.body[1], self.metadata[1]]
        tags: list[str] = []
        values: list[tuple[str, Any, int, int, int]] = []
        for channel, version in versions.items():
            value = typed[channel]
            if value is None:
                continue
            if len(value[1]) <= SMALL:
                tags.append(value[0])
                values.append((channel, version, 0, len(parts), 0))
                parts.append(value[1])
                continue
            at = before + len(events) + 1
            event, base = self._value(channel, at, value)
            events.append(event)
            values.append((channel, version, at, 0, base))
        header = {**self.header, "tag": self.body[0], "meta_tag": self.metadata[0], "values": values, "small": tags}
        return [*events, (CHECKPOINT, header, parts)]

    def _value(self, channel: str, at: int, typed: Typed) -> tuple[Event, int]:
        """Return the event of a value, and the event that it is a difference to (0: none)."""
        tag, value = typed
        key = (self.header["ns"], channel)
        made = Recent(at, tag, value)
        header: dict[str, Any] = {"tag": tag}
        parts = [value]
        old = self.opened.recent.get(key)
        if old is not None and old.tag == tag and old.depth < _DEEPEST:
            found = difference(old.value, value)
            # What is read to make the value stays within twice its size.
            if found is not None and 2 * found.size < len(value) and old.differing + found.size <= len(value):
                header |= {"start": found.start, "end": found.end}
                parts = [found.head, found.tail]
                made = Recent(at, tag, value, old.depth + 1, old.differing + found.size)
        if len(value) <= LARGEST_RECENT:
            self.recent[key] = made
        return (VALUE, header, parts), old.at if old is not None and made.depth else 0


def writes_event(ns: str, name: str, task: str, path: str, new: Iterable[tuple[int, str, Typed]]) -> Event:
    found = [*new]
    header = {
        "ns": ns,
        "id": name,
        "task": task,
        "path": path,
        "writes": [(index, channel) for index, channel, _ in found],
        "tags": [typed[0] for _, _, typed in found],
    }
    return WRITES, header, [typed[1] for _, _, typed in found]
