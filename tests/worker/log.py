"""A log to fold: appends whatever a test says, and remembers it in the model's shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.model import reference
from tests.model.compare import assert_tables_equal, read_tables
from tests.model.payloads import BASE, FIELDS, NODES, PAUSE_EVENTS, PLAIN, TENANTS, payload
from tests.model.tables import Recorded

NewEvent = tuple[str, dict[str, Any]]
"""An event's type and data."""

TENANT = TENANTS[0]


def event(kind: str, **about: Any) -> NewEvent:
    """The plainest event of a type, with these fields."""
    return kind, {**payload(kind, PLAIN), **about}


def created(execution_id: str, **about: Any) -> NewEvent:
    """The event that makes an execution's row."""
    return event("ExecutionCreated", execution_id=execution_id, **about)


def run(execution_id: str, *, nodes: int = 2, **about: Any) -> list[NewEvent]:
    """A whole execution without trouble."""
    events = [created(execution_id, **about), event("ExecutionStarted")]
    for n in range(nodes):
        events += [event("NodeStarted", activation=f"n{n}"), event("NodeSucceeded", activation=f"n{n}")]
    return [*events, event("ExecutionSucceeded")]


@dataclass
class Log:
    """A database's log, written through this object only, so that the model can be asked what the tables must hold."""

    connection: psycopg.Connection[Any]
    events: list[Recorded] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)

    def append(self, stream_id: str, *events: NewEvent, user_id: UUID | None = TENANT) -> int:
        """Append to one stream; returns the last position."""
        return self.append_many([(stream_id, events)], user_id=user_id)

    def append_many(self, appends: Sequence[tuple[str, Sequence[NewEvent]]], *, user_id: UUID | None = TENANT) -> int:
        """Append to several streams in one call, all or nothing; returns the last position."""
        call = [
            {
                "stream_id": stream_id,
                "expected_version": None,
                "user_id": None if user_id is None else str(user_id),
                "events": [
                    {"event_id": str(uuid4()), "type": kind, "data": data, "occurred_at": BASE.isoformat()}
                    for kind, data in events
                ],
            }
            for stream_id, events in appends
        ]
        rows = self.connection.execute(
            "SELECT first_position FROM runfold.append_events(%s)", (json.dumps(call, ensure_ascii=False),)
        ).fetchall()
        for (first,), (stream_id, events), sent in zip(rows, appends, call, strict=True):
            ids = [UUID(item["event_id"]) for item in sent["events"]]
            self.remember(stream_id, events, first=first, event_ids=ids, user_id=user_id)
        return self.events[-1].position

    def remember(
        self, stream_id: str, events: Iterable[NewEvent], *, first: int, event_ids: Iterable[UUID], user_id: UUID | None
    ) -> None:
        """Note events that are in the log from this position on."""
        for offset, ((kind, data), event_id) in enumerate(zip(events, event_ids, strict=True)):
            self.versions[stream_id] = self.versions.get(stream_id, 0) + 1
            self.events.append(
                Recorded(
                    position=first + offset,
                    stream_id=stream_id,
                    stream_version=self.versions[stream_id],
                    event_id=event_id,
                    type=kind,
                    user_id=user_id,
                    data=data,
                    occurred_at=BASE,
                )
            )

    def wander(self, seed: int, appends: int, *, executions: int = 12) -> None:
        """Append that many times what may happen, legal or not, to a few executions and their logs."""
        random = Random(seed)
        names = [f"w{seed}-{n}" for n in range(executions)]
        for name in names:
            self.append(f"execution-{name}", created(name))
        kinds = [kind for kind in FIELDS if kind.startswith(("Execution", "Node", "Pause", "Log"))]
        kinds.remove("ExecutionCreated")
        for _ in range(appends):
            chosen = random.sample(names, random.choice((1, 1, 2)))
            self.append_many([_some_events(random, name, kinds) for name in chosen])

    def assert_folded(self, *, without: Iterable[str] = ()) -> None:
        """Fail where a read table is not what the model makes of the log, these streams aside."""
        left_out = set(without)
        expected = reference.fold(event for event in self.events if event.stream_id not in left_out)
        assert_tables_equal(expected, read_tables(self.connection))


def _some_events(random: Random, name: str, kinds: Sequence[str]) -> tuple[str, list[NewEvent]]:
    if random.random() < 0.25:
        return f"log-{name}", [("LogAppended", payload("LogAppended", random)) for _ in range(random.randint(1, 3))]
    events: list[NewEvent] = []
    for _ in range(random.randint(1, 3)):
        kind = random.choice([kind for kind in kinds if kind != "LogAppended"])
        # An end is rare, or most of what comes would come too late.
        if kind.startswith("Execution") and kind not in ("ExecutionStarted", "ExecutionPaused", "ExecutionResumed"):
            kind = random.choice((kind, "ExecutionMetadataSet", "ExecutionStarted"))
        data = payload(kind, random)
        if kind in NODES:
            data["activation"] = random.choice(("n1", "N2"))
        elif kind in PAUSE_EVENTS:
            data["pause"] = random.choice(("p1", "P2", "p3"))
            if kind == "PauseOpened":
                # A node has one open pause: another one's is refused when it is appended.
                data["paused_node_id"] = f"node of {data['pause']}"
        events.append((kind, data))
    return f"execution-{name}", events
