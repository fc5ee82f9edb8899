"""Hypothesis strategies for histories: appends of engines, in order, with everything that can go wrong.

A history is a list of appends `(stream_id, user_id, [({"type": …, "data": …}, occurred_at), …])`. Every append passes
the vocabulary's checks, but not all *moves* are legal: most are, the rest are events before their row, second
creations, moves after the end, unknown pauses, and so on.

The walk through the machines is random by a seed, not by Hypothesis: Hypothesis repeats pieces of earlier examples, and
400 walks drawn from it missed one to five transitions or anomalies with any weights, where 400 seeded ones reach all of
them in a sixth of the time. Hypothesis shrinks the length of the walk, and each event, which may be dropped or made
plain.
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

from tests.model import executions, interactions, nodes, reference, responses, triggers, workflow_status
from tests.model.payloads import (
    ACTIVATIONS,
    BASE,
    DEPLOYMENT_EVENTS,
    DEPLOYMENTS,
    EXECUTION_IDS,
    INTERACTION_EVENTS,
    INTERACTIONS,
    MOVES,
    NODES,
    OCCURRED,
    PAUSE_EVENTS,
    PAUSES,
    PLAIN,
    RESPONSE_EVENTS,
    RESPONSES,
    TENANTS,
    TRIGGER_EVENTS,
    TRIGGERS,
    WORKFLOWS,
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
    """Interleave up to this many executions, and some of their logs, of a few workflows and tenants.

    With them, or without them, come interactions and their responses, and deployments, triggers and deletions of the
    workflows. `names` is the most pauses, activations, triggers, interactions and responses.
    """
    # Up to 24 bits Hypothesis draws evenly; from wider ranges it mostly takes small numbers, the same walks again.
    walk = _Walk(Random(draw(st.integers(0, 2**24 - 1))), max_executions, names)
    length = draw(st.integers(1, max_events))
    for fate in draw(st.lists(st.sampled_from(FATES), min_size=length, max_size=length)):
        walk.step(fate)
    return walk.history


def crowded_histories() -> SearchStrategy[History]:
    """Draw few rows with many events each: at most two executions, with one pause and one activation each."""
    return histories(max_executions=2, max_events=60, names=1)


@st.composite
def cuts(draw: DrawFn, n: int) -> list[int]:
    """Draw a partition of n events into batches, as the number of events up to each batch's end: the last is n."""
    if n == 0:
        return []
    some = st.sets(st.integers(1, n)).map(lambda ends: sorted(ends | {n}))
    return draw(st.just([n]) | some | st.just(list(range(1, n + 1))))


@st.composite
def cut_histories(draw: DrawFn) -> tuple[History, list[int]]:
    """Draw a history, and a partition of its events into batches."""
    history = draw(histories())
    return history, draw(cuts(size(history)))


def size(history: History) -> int:
    """Return the number of events in the history."""
    return sum(len(happenings) for _, _, happenings in history)


def record(
    history: History,
    positions: Sequence[int] | None = None,
    event_ids: Sequence[UUID] | None = None,
    recorded: Sequence[datetime] | None = None,
) -> list[Recorded]:
    """Return what the log holds after the history: at these positions, else from 1 on, recorded at these times."""
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
                    **({} if recorded is None else {"recorded_at": recorded[n]}),
                )
            )
    return events


def isolate(history: History, tag: str) -> History:
    """Return the same history with unique names in the same order, so that many can share a database."""
    return [
        (_tagged_stream(stream_id, tag), user_id, [(_tagged_event(event, tag), at) for event, at in happenings])
        for stream_id, user_id, happenings in history
    ]


def _tagged_stream(stream_id: str, tag: str) -> str:
    category, _, name = stream_id.partition("-")
    return f"{category}-{tag}{name}" if category in {"execution", "log"} else f"{category}-{_tagged_uuid(name, tag)}"


def _tagged_event(event: Mapping[str, Any], tag: str) -> dict[str, Any]:
    data = dict(event["data"])
    if "execution_id" in data:
        data["execution_id"] = tag + data["execution_id"]
    for name in ("workflow_id", "interaction_id", "response_id"):
        if data.get(name) is not None:
            data[name] = _tagged_uuid(data[name], tag)
    return {"type": event["type"], "data": data}


def _tagged_uuid(written: str, tag: str) -> str:
    """Return another UUID for the tag, in the same case."""
    tagged = str(uuid5(UUID(written), tag))
    return tagged if written == written.lower() else tagged.upper()


@dataclass(frozen=True, slots=True)
class _Stream:
    stream_id: str
    user_id: UUID | None
    opening: list[Choice] = field(default_factory=list, compare=False)

    @property
    def category(self) -> str:
        return self.stream_id.partition("-")[0]

    @property
    def name(self) -> str:
        return self.stream_id.partition("-")[2]


class _Walk:
    """A walk through every machine of a few streams, with mostly legal steps.

    The model gives the state of the machines; if the model were wrong, fewer steps would be legal.
    """

    def __init__(self, random: Random, max_executions: int, names: int) -> None:
        self.random = random
        self.pauses = random.sample(PAUSES, random.randint(1, names))
        self.activations = random.sample(ACTIVATIONS, random.randint(1, names))
        self.triggers = random.sample(TRIGGERS, random.randint(1, names))
        self.deployments = random.sample(DEPLOYMENTS, random.randint(1, len(DEPLOYMENTS)))
        self.deleting = random.choice((0.0, 0.03, 0.12))
        self.history: History = []
        self.tables = Tables()
        self.positions = 0
        self.streams: list[_Stream] = []
        self.workflows = [self.stream_of(f"deployment-{name.lower()}") for name in WORKFLOWS]
        self.next_of = {
            "execution": self.next_of_execution,
            "log": self.next_of_log,
            "interaction": self.next_of_interaction,
            "response": self.next_of_response,
            "deployment": self.next_of_deployment,
        }
        asked, deployed = random.random() < 0.35, random.random() < 0.5
        if not (asked or deployed) or random.random() < 0.7:
            self.add_executions(max_executions)
        if asked:
            for category, ids in (("interaction", INTERACTIONS), ("response", RESPONSES)):
                self.add(*(f"{category}-{name.lower()}" for name in random.sample(ids, random.randint(1, names))))
        if deployed:
            self.streams += self.workflows[: random.randint(1, len(WORKFLOWS))]
        self.stream = self.streams[0]

    def stream_of(self, stream_id: str) -> _Stream:
        category, _, name = stream_id.partition("-")
        return _Stream(stream_id, self.random.choice(TENANTS), self.opening(category, name))

    def add(self, *stream_ids: str) -> None:
        self.streams += map(self.stream_of, stream_ids)

    def add_executions(self, max_executions: int) -> None:
        random = self.random
        ids = random.sample(EXECUTION_IDS, random.randint(1, max_executions))
        self.add(*(f"execution-{execution_id}" for execution_id in ids))
        if random.random() < 0.4:
            self.streams *= 3
            self.add(f"log-{ids[0]}")

    def step(self, fate: int) -> None:
        """Take one step, and record it unless it is dropped."""
        random = self.random
        if random.random() < 0.4:
            self.stream = random.choice(self.streams)
        stream = self.stream
        if random.random() < self.deleting:
            # A deletion is nobody's next step: what was going on goes on after it.
            stream = random.choice(self.workflows)
            event_type, about = "WorkflowDeleted", dict[str, Any]()
        else:
            event_type, about = stream.opening.pop(0) if stream.opening else self.next_of[stream.category](stream)
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

    def opening(self, category: str, name: str) -> list[Choice]:
        """Return the first events of a stream: often those that lead to the rarer moves."""
        created: Choice = ("ExecutionCreated", {"execution_id": name})
        started: Choice = ("ExecutionStarted", {})
        pause = {"pause": self.pauses[0]}
        node = {"activation": self.activations[0]}
        trigger = {"trigger": self.triggers[0]}
        begun: list[Choice] = [
            ("DeploymentStarted", {"deployment_id": deployment, "to_status": "DEPLOYING"})
            for deployment in self.deployments
        ]
        deployed: Choice = ("DeploymentCompleted", {**begun[0][1], "to_status": "DEPLOYED"})
        openings: dict[str, list[list[Choice]]] = {
            "execution": [
                [],
                [created],
                [created, started],
                [created, started, ("ExecutionPaused", {})],
                [created, started, ("PauseOpened", {**pause, "pause_reason": "human_interaction"})],
                [created, started, ("PauseOpened", {**pause, "pause_reason": "timer"})],
                [created, ("NodeScheduled", node)],
                [created, ("NodeStarted", node), ("NodeAttemptFailed", node)],
                [created, ("NodeStarted", node), ("NodeWaiting", node)],
            ],
            "log": [[]],
            "interaction": [[], [("InteractionRequested", {}), ("InteractionFailed", {})]],
            "response": [[], [("ResponseReceived", {}), ("ResponseFilteredOut", {})]],
            "deployment": [
                [],
                begun,
                [begun[0], deployed],
                [begun[0], deployed, ("DeploymentStarted", {**begun[-1][1], "to_status": "UNDEPLOYING"})],
                [("TriggerRegistered", trigger), ("TriggerActivated", trigger)],
            ],
        }
        return list(self.random.choice(openings[category]))

    def next_of_log(self, stream: _Stream) -> Choice:
        return "LogAppended", {}

    def next_of_execution(self, stream: _Stream) -> Choice:
        """Return the next event in the stream, and its subject."""
        row = self.tables.execution_of.get(stream.stream_id)
        execution = None if row is None else self.tables.workflow_executions[row]
        if execution is None:
            created: Choice = ("ExecutionCreated", {"execution_id": stream.name})
            return created if self.random.random() < 0.4 else self.any(stream)
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
        if self.random.random() < 0.1:
            return self.random.choice(("ModelCalled", "ExecutionTakenOver", "ExecutionSignaled", "SignalTaken")), {}
        event_type = self.random.choice(self.random.choice((MOVES, NODES, PAUSE_EVENTS)))
        if event_type == "ExecutionCreated":
            return event_type, {"execution_id": stream.name}
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
        return [*going_on * 3, *moves, ("ExecutionMetadataSet", {}), ("ModelCalled", {})]

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

    def next_of_interaction(self, stream: _Stream) -> Choice:
        row = self.tables.human_interactions.get(UUID(stream.name))
        if row is None and self.random.random() < 0.6:
            return "InteractionRequested", {}
        legal = interactions.LEGAL.get(row["status"], set()) if row else set()
        moves = [kind for kind, target in interactions.TARGETS.items() if target in legal]
        if not moves or self.random.random() < 0.3:
            return self.random.choice(INTERACTION_EVENTS), {}
        # Few failures would be reopened if most requests ended first.
        return self.random.choice([*moves, "InteractionFailed", "InteractionNotified"]), {}

    def next_of_response(self, stream: _Stream) -> Choice:
        row = self.tables.hil_responses.get(UUID(stream.name))
        if row is None and self.random.random() < 0.6:
            return "ResponseReceived", {}
        legal = responses.LEGAL.get(row["status"], set()) if row else set()
        moves = [kind for kind, target in responses.TARGETS.items() if target in legal and kind != "ResponseReceived"]
        event_type = self.random.choice(moves if moves and self.random.random() < 0.7 else RESPONSE_EVENTS)
        return event_type, self.match(row) if event_type == "ResponseMatched" else {}

    def match(self, response: Row | None) -> dict[str, Any]:
        """Return an interaction for the response, more often than not one that exists in its workflow."""
        standing = [
            str(row["id"])
            for row in self.tables.human_interactions.values()
            if response is not None and row["workflow_id"] == response["workflow_id"]
        ]
        name = self.random.choice(standing if standing and self.random.random() < 0.7 else INTERACTIONS)
        return {"interaction_id": self.random.choice((name, name.upper()))}

    def next_of_deployment(self, stream: _Stream) -> Choice:
        random = self.random
        if random.random() < 0.5:
            return self.next_of_trigger(stream)
        deployment = {"deployment_id": random.choice(self.deployments)}
        if random.random() < 0.3:
            return random.choice(DEPLOYMENT_EVENTS), deployment
        status = workflow_status.deployment_status(self.tables.deployed.get(UUID(stream.name)))
        target = random.choice(sorted(workflow_status.LEGAL[status]))
        if target in {"DEPLOYING", "UNDEPLOYING"}:
            return "DeploymentStarted", {**deployment, "from_status": status, "to_status": target}
        kind = "DeploymentFailed" if target == "DEPLOYMENT_FAILED" else "DeploymentCompleted"
        return kind, {**self.going_on(stream, deployment), "to_status": target}

    def going_on(self, stream: _Stream, otherwise: dict[str, Any]) -> dict[str, Any]:
        """Return a deployment of the workflow that has not ended, if there is one."""
        deployments = [
            str(row["deployment_id"])
            for row in self.tables.workflow_deployment_history.values()
            if row["workflow_id"] == UUID(stream.name) and row["completed_at"] is None
        ]
        return {"deployment_id": self.random.choice(deployments)} if deployments else otherwise

    def next_of_trigger(self, stream: _Stream) -> Choice:
        trigger = self.random.choice(self.triggers)
        row = self.tables.trigger_index.get(row_id(stream.stream_id, "trigger", trigger))
        if self.random.random() < 0.3:
            return self.random.choice(TRIGGER_EVENTS), {"trigger": trigger}
        legal = triggers.LEGAL[row["deployment_status"] if row else None]
        moves = [kind for kind, target in triggers.TARGETS.items() if target in legal]
        return self.random.choice(moves), {"trigger": trigger}
