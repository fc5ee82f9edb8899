"""Hypothesis strategies for histories: what engines append, in order, with everything that can go wrong.

A history is a list of appends `(stream_id, user_id, [({"type": …, "data": …}, occurred_at), …])`. Every append passes
the vocabulary's checks; whether the *moves* are legal is another matter: most are, the rest are events before their
row, second creations, moves after the end, unknown pauses, and so on.

The walk through the machines takes its chances from a seed, not from Hypothesis: Hypothesis repeats pieces of earlier
examples, and 400 walks drawn from it left one to five transitions or anomalies out however they were weighted, where
400 seeded ones reach all of them in a sixth of the time. What shrinks is what is left of the walk: its length, and each
event, which may be dropped or made plain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID, uuid5

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.model import executions, nodes, reference
from tests.model.payloads import (
    ACTIVATIONS,
    BASE,
    EXECUTION_IDS,
    MOVES,
    NODES,
    OCCURRED,
    PAUSE_EVENTS,
    PAUSES,
    PLAIN,
    TENANTS,
    payload,
)
from tests.model.tables import Recorded, Row, Tables, row_id

Happening = tuple[dict[str, Any], datetime]
Append = tuple[str, UUID | None, list[Happening]]
History = list[Append]
Choice = tuple[str, dict[str, Any]]
"""An event's type, and what its data says in any case."""

DROPPED, PLAINLY, AS_WALKED = range(3)
FATES = (DROPPED, PLAINLY, *[AS_WALKED] * 14)


@st.composite
def histories(draw: DrawFn, *, max_executions: int = 3, max_events: int = 40, names: int = 2) -> History:
    """Interleave up to so many executions, and some of their logs, of a few workflows and tenants.

    `names` is how many pauses, and how many activations, an execution names at most.
    """
    # Up to 24 bits Hypothesis draws evenly; from wider ranges it mostly takes small numbers, the same walks again.
    walk = _Walk(Random(draw(st.integers(0, 2**24 - 1))), max_executions, names)
    length = draw(st.integers(1, max_events))
    for fate in draw(st.lists(st.sampled_from(FATES), min_size=length, max_size=length)):
        walk.step(fate)
    return walk.history


def crowded_histories() -> SearchStrategy[History]:
    """Few rows with many events each: two executions at most, a pause and an activation each."""
    return histories(max_executions=2, max_events=60, names=1)


@st.composite
def cuts(draw: DrawFn, n: int) -> list[int]:
    """Any partition of n events into batches, as the number of events up to each batch's end: the last is n."""
    if n == 0:
        return []
    some = st.sets(st.integers(1, n)).map(lambda ends: sorted(ends | {n}))
    return draw(st.just([n]) | some | st.just(list(range(1, n + 1))))


@st.composite
def cut_histories(draw: DrawFn) -> tuple[History, list[int]]:
    """A history, and a partition of its events into batches."""
    history = draw(histories())
    return history, draw(cuts(size(history)))


def size(history: History) -> int:
    """How many events the history has."""
    return sum(len(happenings) for _, _, happenings in history)


def record(
    history: History, positions: Sequence[int] | None = None, event_ids: Sequence[UUID] | None = None
) -> list[Recorded]:
    """What the log holds after the history: at these positions, else from 1 on."""
    versions: dict[str, int] = {}
    events: list[Recorded] = []
    for stream_id, user_id, happenings in history:
        for event, occurred_at in happenings:
            n = len(events)
            versions[stream_id] = versions.get(stream_id, 0) + 1
            events.append(
                Recorded(
                    position=n + 1 if positions is None else positions[n],
                    stream_id=stream_id,
                    stream_version=versions[stream_id],
                    event_id=UUID(int=n + 1) if event_ids is None else event_ids[n],
                    type=event["type"],
                    user_id=user_id,
                    data=event["data"],
                    occurred_at=occurred_at,
                )
            )
    return events


def isolate(history: History, tag: str) -> History:
    """The same history under names of its own, so that many can share a database. The names' order stays."""
    return [
        (_tagged_stream(stream_id, tag), user_id, [(_tagged_event(event, tag), at) for event, at in happenings])
        for stream_id, user_id, happenings in history
    ]


def _tagged_stream(stream_id: str, tag: str) -> str:
    category, _, name = stream_id.partition("-")
    return f"{category}-{tag}{name}"


def _tagged_event(event: Mapping[str, Any], tag: str) -> dict[str, Any]:
    data = dict(event["data"])
    if "execution_id" in data:
        data["execution_id"] = tag + data["execution_id"]
    if "workflow_id" in data:
        written = data["workflow_id"]
        workflow_id = str(uuid5(UUID(written), tag))
        data["workflow_id"] = workflow_id if written == written.lower() else workflow_id.upper()
    return {"type": event["type"], "data": data}


@dataclass(frozen=True, slots=True)
class _Stream:
    stream_id: str
    user_id: UUID | None
    execution_id: str
    opening: list[Choice] = field(default_factory=list, compare=False)


class _Walk:
    """A walk through every machine of a few streams, most steps legal by where the machines stand.

    Where they stand is asked of the model; were the model wrong, the walk would only be less to the point.
    """

    def __init__(self, random: Random, max_executions: int, names: int) -> None:
        self.random = random
        self.pauses = random.sample(PAUSES, random.randint(1, names))
        self.activations = random.sample(ACTIVATIONS, random.randint(1, names))
        self.history: History = []
        self.tables = Tables()
        self.positions = 0
        self.streams = []
        ids = random.sample(EXECUTION_IDS, random.randint(1, max_executions))
        for execution_id in ids:
            opening = self.opening(execution_id)
            self.streams.append(_Stream(f"execution-{execution_id}", random.choice(TENANTS), execution_id, opening))
        if random.random() < 0.4:
            self.streams = [*self.streams * 3, _Stream(f"log-{ids[0]}", random.choice(TENANTS), ids[0])]
        self.stream = self.streams[0]

    def step(self, fate: int) -> None:
        """Take one step, and record it unless it is dropped."""
        random = self.random
        if random.random() < 0.4:
            self.stream = random.choice(self.streams)
        stream = self.stream
        event_type, about = self.next(stream)
        walked = payload(event_type, random), random.choice(OCCURRED)
        goes_on = random.random() < 0.7
        if fate == DROPPED:
            return
        data, occurred_at = walked if fate == AS_WALKED else (payload(event_type, PLAIN), BASE)
        event = {"type": event_type, "data": {**data, **about}}
        if not (goes_on and self.history and self.history[-1][0] == stream.stream_id):
            self.history.append((stream.stream_id, stream.user_id, []))
        self.history[-1][2].append((event, occurred_at))
        self.positions += 1
        last = [(stream.stream_id, stream.user_id, [(event, occurred_at)])]
        reference.apply(self.tables, record(last, [self.positions])[0])

    def opening(self, execution_id: str) -> list[Choice]:
        """How a stream begins: often with what brings it where the rarer moves start."""
        created: Choice = ("ExecutionCreated", {"execution_id": execution_id})
        started: Choice = ("ExecutionStarted", {})
        pause = {"pause": self.pauses[0]}
        node = {"activation": self.activations[0]}
        openings: list[list[Choice]] = [
            [],
            [created],
            [created, started],
            [created, started, ("ExecutionPaused", {})],
            [created, started, ("PauseOpened", {**pause, "pause_reason": "human_interaction"})],
            [created, started, ("PauseOpened", {**pause, "pause_reason": "timer"})],
            [created, ("NodeStarted", node), ("NodeAttemptFailed", node)],
            [created, ("NodeStarted", node), ("NodeWaiting", node)],
        ]
        return list(self.random.choice(openings))

    def next(self, stream: _Stream) -> Choice:
        """Which event comes next in the stream, and about what."""
        if stream.stream_id.startswith("log-"):
            return "LogAppended", {}
        if stream.opening:
            return stream.opening.pop(0)
        row = self.tables.execution_of.get(stream.stream_id)
        execution = None if row is None else self.tables.workflow_executions[row]
        if execution is None:
            created: Choice = ("ExecutionCreated", {"execution_id": stream.execution_id})
            return created if self.random.random() < 0.5 else self.any(stream)
        legally = 0.4 if execution["status"] in executions.ENDED else 0.8
        return self.legal(stream, execution) if self.random.random() < legally else self.any(stream)

    def legal(self, stream: _Stream, execution: Row) -> Choice:
        moves = self.legal_moves(execution)
        if execution["status"] == "NEW" and self.random.random() < 0.5:
            return self.random.choice(moves)
        of_nodes = self.legal_nodes(stream)
        of_pauses = self.legal_pauses(stream, execution)
        ways = [way for way in (moves, moves, of_nodes, of_nodes, of_pauses, of_pauses) if way]
        return self.random.choice(self.random.choice(ways))

    def any(self, stream: _Stream) -> Choice:
        event_type = self.random.choice(self.random.choice((MOVES, NODES, PAUSE_EVENTS)))
        if event_type == "ExecutionCreated":
            return event_type, {"execution_id": stream.execution_id}
        if event_type in NODES:
            return event_type, {"activation": self.random.choice(self.activations)}
        if event_type in PAUSE_EVENTS:
            return event_type, {"pause": self.random.choice(self.pauses)}
        return event_type, {}

    def legal_moves(self, execution: Row) -> list[Choice]:
        legal = executions.LEGAL.get(execution["status"], set())
        moves: list[Choice] = [(kind, {}) for kind, target in executions.TARGETS.items() if target in legal]
        # Ends are the majority of the types; most events do not end their execution.
        going_on = [move for move in moves if executions.TARGETS[move[0]] not in executions.ENDED]
        return [*going_on * 3, *moves, ("ExecutionMetadataSet", {})]

    def legal_nodes(self, stream: _Stream) -> list[Choice]:
        options: list[Choice] = []
        for activation in self.activations:
            row = self.tables.node_executions.get(row_id(stream.stream_id, "node", activation))
            legal = nodes.LEGAL.get(row["status"] if row else None, set())
            options += [(kind, {"activation": activation}) for kind, target in nodes.TARGETS.items() if target in legal]
        return options

    def legal_pauses(self, stream: _Stream, execution: Row) -> list[Choice]:
        if execution["status"] in {"NEW", *executions.ENDED}:
            return []
        options: list[Choice] = []
        for pause in self.pauses:
            row = self.tables.workflow_execution_pauses.get(row_id(stream.stream_id, "pause", pause))
            if row is None:
                options += [("PauseOpened", {"pause": pause})] * 3
            elif row["status"] == "active":
                options += [(kind, {"pause": pause}) for kind in ("PauseResumed", "PauseTimedOut", "PauseCanceled")]
        return options
