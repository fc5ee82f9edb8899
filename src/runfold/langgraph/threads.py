"""What a thread's stream says: which checkpoints, values and writes there are, and in which event each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

import orjson

CATEGORY: Final = "langgraph"
VALUE: Final = "langgraph:value"
CHECKPOINT: Final = "langgraph:checkpoint"
WRITES: Final = "langgraph:writes"
THREAD_DELETED: Final = "langgraph:thread_deleted"
RUNS_DELETED: Final = "langgraph:runs_deleted"
PRUNED: Final = "langgraph:pruned"

Version = str | int | float
Place = tuple[int, int]
"""A version of the stream, and the number of a part of its event."""


class Saved(NamedTuple):
    """A checkpoint that is kept: where, and what it came from."""

    at: int
    parent: str | None
    run: str | None
    has_delta: bool


class Written(NamedTuple):
    """A write of a task that belongs to a checkpoint."""

    channel: str
    path: str
    at: int
    part: int


@dataclass(slots=True)
class Thread:
    """The state of a thread up to a version of its stream, as a fold of its events."""

    version: int = 0
    checkpoints: dict[str, dict[str, Saved]] = field(default_factory=dict)
    values: dict[tuple[str, str, Version], Place] = field(default_factory=dict)
    bases: dict[int, int] = field(default_factory=dict)
    """Of an event that holds a difference, the event that it is one to."""
    writes: dict[tuple[str, str], dict[tuple[str, int], Written]] = field(default_factory=dict)

    def fold(self, at: int, kind: str, header: Mapping[str, Any]) -> None:
        """Take in the event at a version."""
        self.version = max(self.version, at)
        if kind == CHECKPOINT:
            self._save(at, header)
        elif kind == WRITES:
            found = self.writes.setdefault((header["ns"], header["id"]), {})
            for part, (index, channel) in enumerate(header["writes"]):
                key = (header["task"], index)
                if index < 0 or key not in found:
                    found[key] = Written(channel, header["path"], at, part)
        elif kind == THREAD_DELETED:
            for kept in (self.checkpoints, self.values, self.bases, self.writes):
                kept.clear()
        elif kind == RUNS_DELETED:
            runs = frozenset(header["runs"])
            self._keep(lambda ns, name: self.checkpoints[ns][name].run not in runs)
        elif kind == PRUNED:
            gone = {(ns, name) for ns, name in header["gone"]}
            self._keep(lambda ns, name: (ns, name) not in gone)

    def _save(self, at: int, header: Mapping[str, Any]) -> None:
        ns = header["ns"]
        saved = Saved(at, header["parent"], header["run"], header["delta"])
        self.checkpoints.setdefault(ns, {})[header["id"]] = saved
        for channel, version, place, part, base in header["values"]:
            where = place or at
            self.values[ns, channel, version] = (where, part)
            if base:
                self.bases[where] = base

    def _keep(self, wanted: Any) -> None:
        for ns, saved in self.checkpoints.items():
            gone = [name for name in saved if not wanted(ns, name)]
            for name in gone:
                del saved[name]
                self.writes.pop((ns, name), None)

    def latest(self, ns: str) -> str | None:
        """Return the id of the newest checkpoint of a namespace."""
        return max(self.checkpoints.get(ns, ()), default=None)

    def chain(self, at: int) -> list[int]:
        """Return the events that a value is made from, the whole one first."""
        found = [at]
        while (base := self.bases.get(found[-1])) is not None:
            found.append(base)
        return found[::-1]

    def to_prune(self) -> list[tuple[str, str]]:
        """Return the checkpoints that are not needed for the newest of each namespace.

        The ancestors of one whose graph has delta channels are: their values are made from the ancestors' writes.
        """
        gone = []
        for ns, saved in self.checkpoints.items():
            kept = set()
            name = self.latest(ns)
            while name is not None and name in saved:
                kept.add(name)
                name = saved[name].parent if saved[name].has_delta else None
            gone += [(ns, name) for name in saved if name not in kept]
        return gone

    def to_bytes(self) -> bytes:
        """Return the state, for a snapshot."""
        return orjson.dumps(
            {
                "version": self.version,
                "checkpoints": [
                    [ns, name, *saved] for ns, all_ in self.checkpoints.items() for name, saved in all_.items()
                ],
                "values": [[*key, *place] for key, place in self.values.items()],
                "bases": [*self.bases.items()],
                "writes": [
                    [*key, *inner, *write] for key, all_ in self.writes.items() for inner, write in all_.items()
                ],
            }
        )

    @classmethod
    def from_bytes(cls, state: bytes) -> Self:
        """Return what `to_bytes` wrote."""
        found = orjson.loads(state)
        thread = cls(found["version"])
        for ns, name, *saved in found["checkpoints"]:
            thread.checkpoints.setdefault(ns, {})[name] = Saved(*saved)
        thread.values = {(ns, channel, version): (at, part) for ns, channel, version, at, part in found["values"]}
        thread.bases = dict(found["bases"])
        for ns, name, task, index, *write in found["writes"]:
            thread.writes.setdefault((ns, name), {})[task, index] = Written(*write)
        return thread


def sorted_writes(found: Mapping[tuple[str, int], Written]) -> Iterable[tuple[str, Written]]:
    """Return the writes of a checkpoint, each with its task, in the order in which a run applies them."""
    for (task, _), write in sorted(found.items(), key=lambda item: (item[1].path, *item[0])):
        yield task, write


def runs_in(thread: Thread, runs: Sequence[str]) -> list[str]:
    """Return those of the runs that a thread has checkpoints of."""
    there = {saved.run for found in thread.checkpoints.values() for saved in found.values()}
    return [run for run in runs if run in there]
