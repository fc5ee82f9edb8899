"""Checkpoints as LangGraph reads them, from the events of a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langgraph.checkpoint.base import Checkpoint, CheckpointTuple

from runfold.langgraph.packing import Difference
from runfold.langgraph.thread_log import LARGEST_RECENT, Open, Recent, ThreadLog
from runfold.langgraph.threads import sorted_writes

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.serde.base import SerializerProtocol

Typed = tuple[str, bytes]
"""A serialized value: how, and its bytes."""

_Events = Mapping[int, tuple[dict[str, Any], list[bytes]]]


class Loader:
    """Reads checkpoints of a tenant's threads with a serializer."""

    def __init__(self, log: ThreadLog, serde: SerializerProtocol) -> None:
        self._log = log
        self._serde = serde

    def tuples(
        self, thread_id: str, opened: Open, names: Sequence[tuple[str, str]], wanted: dict[str, Any] | None
    ) -> list[CheckpointTuple]:
        state = opened.state
        there = [(ns, name, saved) for ns, name in names if (saved := state.checkpoints.get(ns, {}).get(name))]
        events = self._log.parts_of(opened, [saved.at for _, _, saved in there])
        chosen = []
        for ns, name, saved in there:
            if saved.at not in events:
                continue
            header, parts = events[saved.at]
            metadata = self._serde.loads_typed((header["meta_tag"], parts[1]))
            if wanted and any(metadata.get(key) != value for key, value in wanted.items()):
                continue
            chosen.append((ns, name, saved.parent, self._serde.loads_typed((header["tag"], parts[0])), metadata))
        loaded = self._loaded(opened, [(ns, name, checkpoint) for ns, name, _, checkpoint, _ in chosen])
        made = []
        for (ns, name, parent, checkpoint, metadata), (values, writes) in zip(chosen, loaded, strict=True):
            made.append(
                CheckpointTuple(
                    config=config_of(thread_id, ns, name),
                    checkpoint=cast(Checkpoint, {**checkpoint, "channel_values": values}),
                    metadata=metadata,
                    parent_config=config_of(thread_id, ns, parent) if parent else None,
                    pending_writes=writes,
                )
            )
        return made

    def _loaded(
        self, opened: Open, chosen: Sequence[tuple[str, str, Checkpoint]]
    ) -> list[tuple[dict[str, Any], list[tuple[str, str, Any]]]]:
        """Return of each checkpoint its channels' values and its writes, read together."""
        state = opened.state
        places = [
            {
                channel: place
                for channel, version in checkpoint["channel_versions"].items()
                if (place := state.values.get((ns, channel, version))) is not None
            }
            for ns, _, checkpoint in chosen
        ]
        writes = [[*sorted_writes(state.writes.get((ns, name), {}))] for ns, name, _ in chosen]
        known = {recent.at: (recent.tag, recent.value) for recent in opened.recent.values()}
        whole: dict[int, Typed] = {**known}
        needed = {
            event
            for found in places
            for at, part in found.values()
            if at not in known
            for event in (state.chain(at) if not part else [at])
        }
        needed |= {write.at for found in writes for _, write in found}
        events = self._log.parts_of(opened, sorted(needed))
        loaded = []
        for (ns, _, _), found, written in zip(chosen, places, writes, strict=True):
            values = {}
            for channel, (at, part) in found.items():
                typed = _small_value(events, at, part) if part else self._value(opened, ns, channel, at, events, whole)
                if typed is not None:
                    values[channel] = self._serde.loads_typed(typed)
            loaded.append((values, [self._write(events, task, write) for task, write in written if write.at in events]))
        return loaded

    def _write(self, events: Any, task: str, write: Any) -> tuple[str, str, Any]:
        header, parts = events[write.at]
        return task, write.channel, self._serde.loads_typed((header["tags"][write.part], parts[write.part]))

    def _value(
        self, opened: Open, ns: str, channel: str, at: int, events: Any, whole: dict[int, Typed]
    ) -> Typed | None:
        """Return a value that has an event of its own, made from the one before it where it is a difference."""
        if at in whole:
            return whole[at]
        chain = opened.state.chain(at)
        differing = 0
        value = b""
        for event in chain:
            if event not in events:
                return None
            header, parts = events[event]
            if "start" in header:
                found = Difference(parts[0], header["start"], header["end"], parts[1])
                differing += found.size
                value = found.applied(value) if event not in whole else whole[event][1]
            else:
                value = parts[0]
            whole[event] = (header["tag"], value)
        tag = events[at][0]["tag"]
        recent = opened.recent.get((ns, channel))
        if (recent is None or recent.at < at) and len(value) <= LARGEST_RECENT:
            opened.recent[ns, channel] = Recent(at, tag, value, len(chain) - 1, differing)
        return tag, value


def _small_value(events: Any, at: int, part: int) -> Typed | None:
    if at not in events:
        return None
    header, parts = events[at]
    return header["small"][part - 2], parts[part]


def config_of(thread_id: str, ns: str, checkpoint_id: str | None) -> RunnableConfig:
    found = {"thread_id": thread_id, "checkpoint_ns": ns}
    return {"configurable": found if checkpoint_id is None else {**found, "checkpoint_id": checkpoint_id}}
