"""Fold produced events in a few lines without a database, to get the rows that they would make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runfold.events.envelope import Append, NewEvent
from runfold.interop.xes_mapping import TraceMapping
from runfold.interop.xes_options import XesOptions
from runfold.interop.xes_reading import read_traces

NODE_STATUS = {"NodeScheduled": "PENDING", "NodeStarted": "RUNNING", "NodeSucceeded": "SUCCESS"}


@dataclass
class Execution:
    status: str | None = None
    nodes: dict[str, dict[str, list[tuple[str, int]]]] = field(default_factory=dict)  # node -> activation -> history
    logs: list[str] = field(default_factory=list)

    def rows(self) -> dict[str, list[tuple[str, int]]]:
        """Return each node's activations in the order of opening: status and retries before the end closes them."""
        return {node: [history[-1] for history in opened.values()] for node, opened in self.nodes.items()}


def produced(path: Path, options: XesOptions | None = None) -> list[Append]:
    """Return all appends of an import of this file, in order."""
    return list(stream(path, options))


def stream(path: Path, options: XesOptions | None = None) -> Iterator[Append]:
    """Yield the same, one by one."""
    for part in read_traces(path, options=options):
        if part.offset == 0:
            mapping = TraceMapping(part, options)
        yield from mapping.appends(part)


def events_of(appends: Iterable[Append], stream_id: str) -> list[NewEvent]:
    return [e for append in appends if append.stream_id == stream_id for e in append.events if isinstance(e, NewEvent)]


def replay(appends: Iterable[Append]) -> dict[str, Execution]:
    executions: dict[str, Execution] = {}
    for append in appends:
        category, _, name = append.stream_id.partition("-")
        execution = executions.setdefault(name, Execution())
        for event in append.events:
            assert isinstance(event, NewEvent)
            assert event.data is not None
            if category == "log":
                execution.logs.append(event.data["message"])
            elif event.type in NODE_STATUS:
                history = execution.nodes.setdefault(event.data["node_id"], {}).setdefault(event.data["activation"], [])
                retries = event.data["attempt"] - 1 if "attempt" in event.data else history[-1][1] if history else 0
                history.append((NODE_STATUS[event.type], retries))
            elif event.type == "ExecutionCreated":
                assert execution.status is None
                execution.status = "NEW"
            else:
                execution.status = {"ExecutionStarted": "RUNNING", "ExecutionSucceeded": "SUCCESS"}[event.type]
    return executions
