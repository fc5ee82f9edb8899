"""State machines: give commands to aggregates; the reference model says which are legal.

The effects of commands are written here from the vocabulary and from the reference model's tables, not from
`runfold.events.machines`. The events of every accepted command go to the model too, which must find no anomaly.

As in `tests.model.histories`, a walk is random by a seed that Hypothesis draws: if Hypothesis chooses each rule itself,
most of the rarer moves never happen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar
from uuid import UUID

import pytest

from runfold.domain.aggregate import Aggregate
from runfold.domain.deployment import Deployment
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.response import Response
from runfold.errors import IllegalTransition
from runfold.events import NodeContinued, NodeScheduled, NodeWaiting
from tests.model import executions, interactions, nodes, reference, responses, triggers, workflow_status
from tests.model.tables import Recorded, Row, Tables, row_id

WORKFLOW = UUID("11111111-1111-4111-8111-111111111111")
INTERACTION = UUID("22222222-2222-4222-8222-222222222222")
SEEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

ACTIVATIONS = ("a", "b", "c")
PAUSES = ("p", "q", "r")
TRIGGERS = ("hook", "cron")
REFUSALS = 0.3
"""How many of the illegal commands are given: most steps are to lead somewhere."""


class Judged:
    """An aggregate, its events, and the model of them."""

    kind: ClassVar[type[Aggregate]]
    name: ClassVar[str]
    steps: ClassVar[int]
    """How many commands are enough to reach everything."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.outcomes: set[tuple[str, str | None, bool]] = set()
        """(command, status, whether it was accepted) of everything that was tried."""
        self.state: Any = self.kind.named(self.name)
        self.tables = Tables()
        self.history: list[Any] = []

    def give(
        self, command: str, call: Callable[[Any], Any], *, legal: bool, status: str | None, name: str | None = None
    ) -> None:
        """Give a command: if accepted, the model sees no anomaly; if refused, it says why and changes nothing."""
        if not legal and self.random.random() > REFUSALS:
            return
        before = self.state
        self.outcomes.add((command, status, legal))
        if not legal:
            with pytest.raises(IllegalTransition) as refused:
                call(before)
            error = refused.value
            assert self.state is before
            assert (error.state, error.command, error.stream_id) == (status, command, before.id)
            assert name is None or error.name == name
            assert f"{command}() is not possible" in str(error)
            assert command not in error.allowed
            return
        after = call(before)
        assert before.pending == (), "the state that a command is given on stays as it was"
        assert [event.originator_version for event in after.pending] == list(
            range(before.version + 1, after.version + 1)
        )
        for event in after.pending:
            reference.apply(self.tables, self.recorded(event))
            self.history.append(event)
        assert not self.tables.anomalies, (command, self.tables.anomalies)
        self.state = after.recorded()
        assert (self.state.version, self.state.pending) == (after.version, ())

    def recorded(self, event: Any) -> Recorded:
        return Recorded(
            position=event.originator_version,
            stream_id=event.originator_id,
            stream_version=event.originator_version,
            event_id=event.event_id,
            type=event.event.event_type(),
            data=event.data,
            occurred_at=event.occurred_at,
        )

    def step(self) -> None:
        """Give a command."""
        raise NotImplementedError


class ExecutionMachine(Judged):
    """An execution with its nodes and pauses."""

    kind = Execution
    name = "machine"
    steps = 60

    def step(self) -> None:
        pick = self.random.choice
        if self.status in (None, "NEW"):
            pick((self.create, self.start, self.create, self.start, self.end, self.other))()
        else:
            pick((self.pause, self.resume, self.end, *[self.other] * 8))()

    def other(self) -> None:
        pick = self.random.choice
        commands = (self.set_metadata, self.schedule, self.start_node, self.start_node, *[self.of_a_node] * 4,
                    *[self.open_pause] * 2, *[self.close_pause] * 4, self.create, self.start)  # fmt: skip
        pick(commands)()

    @property
    def row(self) -> Row | None:
        row = self.tables.execution_of.get(self.state.id)
        return None if row is None else self.tables.workflow_executions[row]

    @property
    def status(self) -> str | None:
        return None if self.row is None else self.row["status"]

    @property
    def may(self) -> set[str]:
        """Return the statuses to which the execution may move, by the model's table."""
        return executions.LEGAL.get(self.status or "", set())

    @property
    def paused(self) -> bool:
        return self.row is not None and bool(self.row["paused"])

    @property
    def goes_on(self) -> bool:
        return self.status in ("RUNNING", "PAUSED", "WAITING_FOR_HUMAN")

    def node(self, activation: str) -> str | None:
        row = self.tables.node_executions.get(row_id(self.state.id, "node", activation))
        return None if row is None else row["status"]

    def may_of_node(self, activation: str) -> set[str]:
        """Return the statuses to which an activation may move; one that the execution's end closed, to its own ends."""
        row = self.tables.node_executions.get(row_id(self.state.id, "node", activation))
        if row is not None and row["closed_by"] is not None:
            return set(nodes.ENDED)
        return nodes.LEGAL.get(None if row is None else row["status"], set())

    def create(self) -> None:
        self.give(
            "create",
            lambda execution: execution.create(workflow_id=WORKFLOW, mode="MANUAL"),
            legal=self.status is None,
            status=self.status,
        )

    def start(self) -> None:
        self.give("start", Execution.start, legal=self.status == "NEW", status=self.status)

    def pause(self) -> None:
        legal = "PAUSED" in self.may and not self.paused
        self.give("pause", Execution.pause, legal=legal, status=self.status)

    def resume(self) -> None:
        legal = "RUNNING" in self.may and self.paused
        self.give("resume", Execution.resume, legal=legal, status=self.status)

    def end(self) -> None:
        ends: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "succeed": ("SUCCESS", lambda execution: execution.succeed({"out": 1})),
            "fail": ("ERROR", lambda execution: execution.fail("no", node_id="a")),
            "cancel": ("CANCELED", lambda execution: execution.cancel(by="ann")),
            "time_out": ("TIMEOUT", Execution.time_out),
            "declare_lost": ("ERROR", lambda execution: execution.declare_lost(detector="d", last_seen=SEEN)),
        }
        # Ended executions say no more: most are let live.
        if self.random.random() < 0.2 or self.status in executions.ENDED:
            command = self.random.choice(sorted(ends))
            target, call = ends[command]
            self.give(command, call, legal=target in self.may, status=self.status)

    def set_metadata(self) -> None:
        self.give(
            "set_metadata",
            lambda execution: execution.set_metadata({"a": 1}),
            legal=self.status is not None,
            status=self.status,
        )

    def schedule(self) -> None:
        activation = self.random.choice(ACTIVATIONS)
        call = lambda execution: execution.schedule_node("n", node_type="ACTION", activation=activation)  # noqa: E731
        if self.status is None or self.status in executions.ENDED:
            self.give("schedule", call, legal=False, status=self.status)
        else:
            status = self.node(activation)
            self.give("schedule", call, legal="PENDING" in nodes.LEGAL.get(status, set()), status=status)

    def start_node(self) -> None:
        activation = self.random.choice(ACTIVATIONS)
        call = lambda execution: execution.start_node("n", node_type="ACTION", activation=activation)  # noqa: E731
        if not self.goes_on:
            self.give("node", call, legal=False, status=self.status)
        else:
            status = self.node(activation)
            legal = "RUNNING" in self.may_of_node(activation)
            # Another worker may run what was scheduled and has begun, unless it has waited and goes on.
            begun = [event.event for event in self.history if event.data.get("activation") == activation]
            if status == "RUNNING" and any(type(event) is NodeScheduled for event in begun):
                legal = isinstance(begun[-1], NodeContinued) and isinstance(begun[-2], NodeWaiting)
            self.give("start", call, legal=legal, status=status, name=activation)

    def of_a_node(self) -> None:
        activation = self.random.choice(ACTIVATIONS)
        targets: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "fail_attempt": ("RETRYING", lambda one: one.fail_attempt(activation, "no", will_retry=True)),
            "wait": ("WAITING_INPUT", lambda one: one.wait_node(activation, pause="p")),
            "continue_": ("RUNNING", lambda one: one.continue_node(activation)),
            "succeed": ("SUCCESS", lambda one: one.succeed_node(activation, 1)),
            "fail": ("ERROR", lambda one: one.fail_node(activation, "no")),
            "skip": ("SKIPPED", lambda one: one.skip_node("n", activation=activation)),
            "cancel": ("CANCELED", lambda one: one.cancel_node(activation, reason="x")),
        }
        command = self.random.choice([*targets, "fail_attempt", "wait", "continue_"])
        target, call = targets[command]
        status = self.node(activation)
        legal = self.status is not None and target in self.may_of_node(activation)
        if command == "continue_":
            legal = status == "WAITING_INPUT"
        name = None if self.status is None else activation
        self.give(command, call, legal=legal, status=status, name=name)

    def open_pause(self) -> None:
        pause, node_id = self.random.choice(PAUSES), self.random.choice(ACTIVATIONS)
        activation = self.random.choice((None, None, *ACTIVATIONS))
        reason: Any = self.random.choice(("human_interaction", "timer", "error"))
        rows = self.tables.workflow_execution_pauses
        before = rows.get(row_id(self.state.id, "pause", pause))
        held = [row["activation"] or row["paused_node_id"] for row in rows.values() if row["status"] == "active"]
        legal = self.goes_on and before is None and (activation or node_id) not in held
        status = self.status
        if self.goes_on and not legal:
            status = before["status"] if before is not None else "active"
        self.give(
            "open_pause",
            lambda execution: execution.open_pause(
                pause, paused_node_id=node_id, pause_reason=reason, activation=activation
            ),
            legal=legal,
            status=status,
        )

    def close_pause(self) -> None:
        pause = self.random.choice(PAUSES)
        calls: dict[str, Callable[[Any], Any]] = {
            "resume_pause": lambda execution: execution.resume_pause(pause, data=1),
            "time_out_pause": lambda execution: execution.time_out_pause(pause, "fail"),
            "cancel_pause": lambda execution: execution.cancel_pause(pause),
        }
        command = self.random.choice(list(calls))
        row = self.tables.workflow_execution_pauses.get(row_id(self.state.id, "pause", pause))
        status = None if row is None else row["status"]
        self.give(command, calls[command], legal=status == "active", status=status, name=pause)


class InteractionMachine(Judged):
    """An interaction, and a response to it."""

    kind = Interaction
    name = str(INTERACTION)
    steps = 12

    def step(self) -> None:
        self.random.choice((self.move, self.move, self.mark))()

    def move(self) -> None:
        row = self.tables.human_interactions.get(INTERACTION)
        status = None if row is None else row["status"]
        calls: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "request": (
                "pending",
                lambda one: one.request(
                    workflow_id=WORKFLOW,
                    execution_id="x",
                    node_id="n",
                    interaction_type="approval",
                    channel_type="slack",
                    request_data={},
                ),
            ),
            "respond": ("responded", lambda one: one.respond(True, responder="ann")),
            "time_out": ("timeout", lambda one: one.time_out("reject")),
            "fail": ("error", lambda one: one.fail("no channel")),
            "reopen": ("pending", lambda one: one.reopen("ann")),
            "cancel": ("cancelled", lambda one: one.cancel()),
        }
        command = self.random.choice([*calls, "request", "fail", "fail", "reopen"])
        target, call = calls[command]
        legal = target in interactions.LEGAL.get(status or "", set())
        if command == "request" or status is None:
            legal = status is None and command == "request"
        self.give(command, call, legal=legal, status=status)

    def mark(self) -> None:
        command = self.random.choice(("mark_notified", "mark_reminded"))
        row = self.tables.human_interactions.get(INTERACTION)
        status = None if row is None else row["status"]
        legal = status is not None and status not in interactions.ENDED
        self.give(command, lambda one: getattr(one, command)(), legal=legal, status=status)


class ResponseMachine(Judged):
    """A response; the interaction that it may match exists."""

    kind = Response
    name = "33333333-3333-4333-8333-333333333333"
    steps = 12

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        asked = Interaction.named(INTERACTION).request(
            workflow_id=WORKFLOW,
            execution_id="x",
            node_id="n",
            interaction_type="approval",
            channel_type="slack",
            request_data={},
        )
        reference.apply(self.tables, self.recorded(asked.pending[0]))
        self.history = list(asked.pending)

    def step(self) -> None:
        self.move()

    def move(self) -> None:
        row = self.tables.hil_responses.get(UUID(self.name))
        status = None if row is None else row["status"]
        calls: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "receive": (
                "unprocessed",
                lambda one: one.receive(workflow_id=WORKFLOW, source_channel="email", raw_payload={"text": "yes"}),
            ),
            "match": ("matched", lambda one: one.match(INTERACTION, ai_relevance_score=0.9, ai_reasoning="yes")),
            "filter_out": ("filtered_out", lambda one: one.filter_out(ai_relevance_score=0.1, ai_reasoning="spam")),
            "fail": ("error", lambda one: one.fail("unreadable")),
            "reopen": ("unprocessed", lambda one: one.reopen("ann")),
        }
        command = self.random.choice([*calls, "receive", "filter_out", "fail", "fail", "reopen"])
        target, call = calls[command]
        legal = target in responses.LEGAL.get(status or "", set())
        if command == "receive" or status is None:
            legal = status is None and command == "receive"
        self.give(command, call, legal=legal, status=status)


class DeploymentMachine(Judged):
    """A workflow's deployments and triggers."""

    kind = Deployment
    name = str(WORKFLOW)
    steps = 50

    def step(self) -> None:
        self.random.choice((self.begin, self.end, self.end, self.log, *[self.of_a_trigger] * 3))()

    @property
    def status(self) -> str:
        return workflow_status.deployment_status(self.tables.deployed.get(WORKFLOW))

    def begin(self) -> None:
        command = self.random.choice(("deploy", "deploy", "update", "roll_back", "undeploy"))
        target = "UNDEPLOYING" if command == "undeploy" else "DEPLOYING"
        legal = target in workflow_status.LEGAL[self.status] and (command, self.status) != ("deploy", "DEPLOYED")
        about: dict[str, Any] = {"deployment_version": self.state.version, "deployment_config": {"n": 1}}
        self.give(command, lambda one: getattr(one, command)(**about), legal=legal, status=self.status)

    def end(self) -> None:
        command = self.random.choice(("complete", "complete", "fail"))
        legal = self.status in ("DEPLOYING", "UNDEPLOYING")
        call: Callable[[Any], Any] = Deployment.complete if command == "complete" else lambda one: one.fail("no room")
        self.give(command, call, legal=legal, status=self.status)

    def log(self) -> None:
        legal = self.status in ("DEPLOYING", "UNDEPLOYING")
        self.give("log", lambda one: one.log("a line"), legal=legal, status=self.status)

    def of_a_trigger(self) -> None:
        trigger = self.random.choice(TRIGGERS)
        command = self.random.choice(
            ("register_trigger", "activate_trigger", "deactivate_trigger", "fail_trigger", "remove_trigger")
        )
        row = self.tables.trigger_index.get(row_id(self.state.id, "trigger", trigger))
        status = None if row is None else row["deployment_status"]
        target = {
            "register_trigger": "pending",
            "activate_trigger": "active",
            "deactivate_trigger": "inactive",
            "fail_trigger": "failed",
        }.get(command)
        legal = status is not None if target is None else target in triggers.LEGAL[status]
        about: dict[str, Any] = {}
        if command == "register_trigger":
            about = {"trigger_subtype": "CRON", "trigger_config": {}, "index_key": "* * * * *"}
        self.give(
            command, lambda one: getattr(one, command)(trigger, **about), legal=legal, status=status, name=trigger
        )
