"""A workflow engine in one file: a graph of nodes, retries, fan-outs, loops, sub-workflows and questions to people.

It keeps nothing but what it is doing right now: everything that happened is an event in the log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from typing import Any, TypeVar
from uuid import UUID, uuid4

from runfold import events
from runfold.demo.journal import Journal
from runfold.events.fields import LogEventType, LogLevel

Output = dict[str, Any]
Item = TypeVar("Item")
Work = Callable[["Step"], Awaitable[Output]]

PATIENCE = timedelta(hours=24)


@dataclass(frozen=True)
class Node:
    """One node of a workflow: what it needs to have succeeded before, and what it does."""

    node_id: str
    node_type: str
    work: Work
    needs: tuple[str, ...] = ()
    retries: int = 0


@dataclass(frozen=True)
class Workflow:
    """A graph of nodes."""

    workflow_id: UUID
    name: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Answer:
    """What somebody said to a question."""

    approved: bool
    by: str
    channel: str


AskPerson = Callable[[str], Awaitable[Answer]]


class ExecutionEnded(Exception):
    """The execution did not succeed."""


class Engine:
    """Runs workflows and journals every step."""

    def __init__(self, journal: Journal, ask_person: AskPerson) -> None:
        self.journal = journal
        self.ask_person = ask_person

    async def run(
        self, workflow: Workflow, execution_id: str, *, parent: str | None = None, trigger: Output | None = None
    ) -> Output:
        """Run a workflow to its end and return its nodes' outputs; raises ExecutionEnded when a node failed."""
        return await _Run(self, workflow, execution_id).to_the_end(parent, trigger)


class _Run:
    """One execution."""

    def __init__(self, engine: Engine, workflow: Workflow, execution_id: str) -> None:
        self.engine = engine
        self.workflow = workflow
        self.execution_id = execution_id
        self.outputs: dict[str, Output] = {}

    @property
    def stream(self) -> str:
        return f"execution-{self.execution_id}"

    async def record(self, *recorded: events.Event) -> None:
        await self.engine.journal.record((self.stream, recorded))

    async def log(self, text: str, kind: LogEventType, node_id: str | None = None, level: LogLevel = "INFO") -> None:
        line = events.LogAppended(level=level, event_type=kind, message=text, node_id=node_id)
        await self.engine.journal.record((f"log-{self.execution_id}", [line]))

    async def to_the_end(self, parent: str | None, trigger: Output | None) -> Output:
        created = events.ExecutionCreated(
            execution_id=self.execution_id,
            workflow_id=self.workflow.workflow_id,
            mode="WEBHOOK" if trigger is not None else "TRIGGER",
            deployment_version=1,
            trigger_subtype="WEBHOOK" if trigger is not None else None,
            trigger_data=trigger,
            parent_execution_id=parent,
        )
        await self.record(created, events.ExecutionStarted(start_time=_now_ms()))
        await self.log(f"{self.workflow.name} begins", "workflow_started")
        scheduled = [
            events.NodeScheduled(
                activation=node.node_id, node_id=node.node_id, node_type=node.node_type, max_retries=node.retries
            )
            for node in self.workflow.nodes
        ]
        await self.record(*scheduled)
        failed = await self._run_nodes()
        if failed is not None:
            node, error = failed
            await self.record(
                events.ExecutionFailed(
                    end_time=_now_ms(), error_message=f"{node.node_id}: {error}", node_id=node.node_id
                )
            )
            raise ExecutionEnded(f"{self.execution_id}: {node.node_id}: {error}")
        await self.record(events.ExecutionSucceeded(end_time=_now_ms(), run_data=self.outputs))
        await self.log(f"{self.workflow.name} succeeded", "workflow_completed")
        return self.outputs

    async def _run_nodes(self) -> tuple[Node, Exception] | None:
        """Run every node when those it needs have succeeded; after a failure begin no more, and return the first."""
        by_id = {node.node_id: node for node in self.workflow.nodes}
        order = TopologicalSorter({node.node_id: node.needs for node in self.workflow.nodes})
        order.prepare()
        running: dict[asyncio.Task[Output], Node] = {}
        failed: tuple[Node, Exception] | None = None
        begun: set[str] = set()
        try:
            while running or (order.is_active() and failed is None):
                for node_id in order.get_ready() if failed is None else ():
                    node = by_id[node_id]
                    begun.add(node_id)
                    step = Step(self, node.node_id, node.node_type, node.node_id, retries=node.retries)
                    running[asyncio.create_task(step.run(node.work))] = node
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    node = running.pop(task)
                    try:
                        self.outputs[node.node_id] = task.result()
                        order.done(node.node_id)
                    except Exception as error:
                        failed = failed or (node, error)
        finally:
            for task in running:
                task.cancel()
        skipped = [
            events.NodeSkipped(activation=name, node_id=name, end_time=_now_ms(), reason="an earlier node failed")
            for name in by_id.keys() - begun
        ]
        if skipped:
            await self.record(*skipped)
        return failed


@dataclass
class Step:
    """One activation of a node, and what its work can ask the engine for."""

    execution: _Run
    node_id: str
    node_type: str
    activation: str
    retries: int = 0
    parent: str | None = None
    iteration: int | None = None

    @property
    def outputs(self) -> Mapping[str, Output]:
        """What the nodes before gave."""
        return self.execution.outputs

    async def run(self, work: Work) -> Output:
        """Do the work, again after a failure as often as the node allows; raises the last failure."""
        attempt = 1
        while True:
            await self._started(attempt)
            try:
                output = await work(self)
            except Exception as error:
                said = {"type": type(error).__name__, "message": str(error)}
                will_retry = attempt <= self.retries
                pause = 0.4 * 2 ** (attempt - 1)
                failed = events.NodeAttemptFailed(
                    **self._name(), attempt=attempt, error_data=said, will_retry=will_retry,
                    next_retry_at=datetime.now(UTC) + timedelta(seconds=pause) if will_retry else None,
                )  # fmt: skip
                await self.execution.record(failed)
                await self.log(f"attempt {attempt}: {error}", "step_error", level="WARNING" if will_retry else "ERROR")
                if not will_retry:
                    await self.execution.record(events.NodeFailed(**self._name(), end_time=_now_ms(), error_data=said))
                    raise
                attempt += 1
                await asyncio.sleep(pause)
            else:
                await self.execution.record(
                    events.NodeSucceeded(**self._name(), end_time=_now_ms(), output_data=output)
                )
                return output

    async def log(self, text: str, kind: LogEventType = "workflow_progress", *, level: LogLevel = "INFO") -> None:
        """Write a line for people into the execution's log."""
        await self.execution.log(text, kind, self.node_id, level)

    async def each(
        self, items: Sequence[Item], work: Callable[[Step, Item], Awaitable[Output]], *, width: int
    ) -> list[Output]:
        """Fan out: one activation an item, `width` of them at a time; outputs in the order of the items."""
        places = asyncio.Semaphore(width)

        async def one(number: int, item: Item) -> Output:
            async with places:
                return await self._below(number).run(lambda step: work(step, item))

        return list(await asyncio.gather(*(one(number, item) for number, item in enumerate(items, 1))))

    async def until(
        self, done: Callable[[Output], bool], work: Callable[[Step, int], Awaitable[Output]], *, most: int
    ) -> Output:
        """Loop: one activation a turn, until one's output will do, `most` turns at most; the last output."""
        output: Output = {}
        for turn in range(1, most + 1):
            output = await self._below(turn).run(lambda step, turn=turn: work(step, turn))  # type: ignore[misc]
            if done(output):
                break
        return output

    async def call(self, workflow: Workflow) -> Output:
        """Run another workflow as an execution of its own, a child of this one."""
        parent = self.execution.execution_id
        return await self.execution.engine.run(workflow, f"{parent}-{workflow.name}", parent=parent)

    async def ask(self, question: str, **details: Any) -> Answer:
        """Ask a person, and wait. Request and answer are one append each, over all the streams they concern."""
        journal, stream = self.execution.engine.journal, self.execution.stream
        interaction, response, pause = uuid4(), uuid4(), f"{self.activation}-answer"
        now = datetime.now(UTC)
        requested = events.InteractionRequested(
            workflow_id=self.execution.workflow.workflow_id, execution_id=self.execution.execution_id,
            node_id=self.node_id, interaction_type="approval", channel_type="in_app", priority="high",
            request_data={"question": question, **details}, timeout_at=now + PATIENCE, pause=pause,
        )  # fmt: skip
        opened = events.PauseOpened(
            pause=pause, paused_node_id=self.node_id, pause_reason="human_interaction", paused_at=now,
            resume_conditions={"interaction": str(interaction)}, interaction_id=interaction, timeout_at=now + PATIENCE,
        )  # fmt: skip
        await journal.record(
            (f"interaction-{interaction}", [requested, events.InteractionNotified(at=now)]),
            (stream, [events.NodeWaiting(**self._name(), pause=pause), opened]),
        )
        answer = await self.execution.engine.ask_person(question)
        now, said = datetime.now(UTC), {"approved": answer.approved}
        received = events.ResponseReceived(
            workflow_id=self.execution.workflow.workflow_id, source_channel="in_app", raw_payload=said, received_at=now
        )
        matched = events.ResponseMatched(
            interaction_id=interaction, ai_relevance_score=1.0, ai_reasoning="given at the prompt", processed_at=now
        )
        responded = events.InteractionResponded(
            response_id=response, response_data=said, responded_at=now, responder=answer.by
        )
        resumed = events.PauseResumed(pause=pause, resumed_at=now, resume_trigger=answer.channel, data=said)
        await journal.record(
            (f"response-{response}", [received, matched]),
            (f"interaction-{interaction}", [responded]),
            (stream, [resumed, events.NodeContinued(**self._name(), pause=pause)]),
        )
        return answer

    def _below(self, number: int) -> Step:
        """An activation of the same node below this one."""
        return Step(
            self.execution, self.node_id, self.node_type, f"{self.activation}#{number}",
            parent=self.activation, iteration=number,
        )  # fmt: skip

    def _name(self) -> dict[str, str]:
        return {"activation": self.activation, "node_id": self.node_id}

    async def _started(self, attempt: int) -> None:
        started = events.NodeStarted(
            **self._name(), node_type=self.node_type, max_retries=self.retries, iteration=self.iteration,
            parent_activation=self.parent, attempt=attempt, start_time=_now_ms(),
        )  # fmt: skip
        await self.execution.record(started)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
