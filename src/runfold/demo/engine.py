"""A workflow engine in one file: a graph of nodes, retries, fan-outs, loops, sub-workflows and questions to people.

It keeps only its running tasks in memory: everything that happened is an event in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import runfold
from runfold.client.aio.execution import AsyncExecutionHandle
from runfold.client.aio.node import AsyncNodeHandle
from runfold.domain.aggregate import now
from runfold.events.ids import new_id

Output = dict[str, Any]
Item = TypeVar("Item")
Work = Callable[["Step"], Awaitable[Output]]

PATIENCE = timedelta(hours=24)


@dataclass(frozen=True)
class Node:
    """One node of a workflow: its work, and the nodes that must have succeeded before."""

    node_id: str
    node_type: str
    work: Work
    needs: tuple[str, ...] = ()
    retries: int = 0


@dataclass(frozen=True)
class Workflow:
    """A graph of nodes; each comes after the nodes that it needs."""

    workflow_id: UUID
    name: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Answer:
    """A person's answer to a question."""

    approved: bool
    by: str
    channel: str


@dataclass(frozen=True)
class Engine:
    """Runs workflows; the handles of the store record every step."""

    store: runfold.AsyncStore
    ask_person: Callable[[str], Awaitable[Answer]]

    async def run(
        self, workflow: Workflow, execution_id: str, *, parent: str | None = None, trigger: Output | None = None
    ) -> Output:
        """Run a workflow to its end and return its nodes' outputs; raises the error of a node."""
        started = await self.store.executions.create(
            execution_id=execution_id, workflow_id=workflow.workflow_id, deployment_version=1,
            mode="WEBHOOK" if trigger is not None else "TRIGGER",
            trigger_subtype="WEBHOOK" if trigger is not None else None, trigger_data=trigger,
            parent_execution_id=parent, start=True,
        )  # fmt: skip
        async with started as run:
            await run.log(f"{workflow.name} begins", event_type="workflow_started")
            outputs = await _Run(self, workflow, run).nodes()
            await run.succeed(outputs)
            await run.log(f"{workflow.name} succeeded", event_type="workflow_completed")
        return outputs


@dataclass(frozen=True)
class _Run:
    """One execution."""

    engine: Engine
    workflow: Workflow
    handle: AsyncExecutionHandle
    outputs: dict[str, Output] = field(default_factory=dict)

    async def nodes(self) -> dict[str, Output]:
        """Run every node when its needed nodes have succeeded; after a failure, cancel the others and start no more."""
        await self.handle.change(self._all_scheduled)
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                for node in self.workflow.nodes:
                    tasks[node.node_id] = group.create_task(self._node(node, [tasks[name] for name in node.needs]))
        except ExceptionGroup as failed:
            await self.handle.change(_rest_skipped)
            raise failed.exceptions[0] from None
        return self.outputs

    def _all_scheduled(self, execution: runfold.Execution) -> runfold.Execution:
        for node in self.workflow.nodes:
            execution = execution.schedule_node(node.node_id, node_type=node.node_type, max_retries=node.retries)
        return execution

    async def _node(self, node: Node, needs: Sequence[asyncio.Task[None]]) -> None:
        for need in needs:
            await need
        step = Step(self, self.handle.node(node.node_id), node.retries)
        self.outputs[node.node_id] = await step.run(node.work)


@dataclass(frozen=True)
class Step:
    """One activation of a node, and the methods that its work can call."""

    of: _Run
    node: AsyncNodeHandle
    retries: int = 0

    @property
    def outputs(self) -> Mapping[str, Output]:
        """The outputs of the nodes before this one."""
        return self.of.outputs

    async def run(self, work: Work) -> Output:
        """Do the work, retry it after a failure as often as the node allows, and raise the last failure."""
        output: Output = {}
        async with self.node as node:
            async for attempt in node.attempts(self.retries, pause_seconds=0.4):
                async with attempt:
                    output = await work(self)
                if attempt.error is not None:
                    line = f"attempt {attempt.number}: {attempt.error}"
                    await node.log(line, event_type="step_error", level="WARNING")
            await node.succeed(output)
        return output

    async def each(
        self, items: Sequence[Item], work: Callable[[Step, Item], Awaitable[Output]], *, width: int
    ) -> list[Output]:
        """Fan out: run one activation for each item, `width` at a time; return the outputs in the items' order."""
        places = asyncio.Semaphore(width)

        async def one(number: int, item: Item) -> Output:
            async with places:
                return await self._below(number).run(lambda step: work(step, item))

        return list(await asyncio.gather(*(one(number, item) for number, item in enumerate(items, 1))))

    async def until(
        self, done: Callable[[Output], bool], work: Callable[[Step, int], Awaitable[Output]], *, most: int
    ) -> Output:
        """Loop: run one activation a turn until `done` accepts its output, at most `most` turns; return the last."""
        output: Output = {}
        for turn in range(1, most + 1):
            output = await self._below(turn).run(lambda step, turn=turn: work(step, turn))  # type: ignore[misc]
            if done(output):
                break
        return output

    async def call(self, workflow: Workflow) -> Output:
        """Run another workflow as a child execution of this one."""
        parent = self.of.handle.execution_id
        return await self.of.engine.run(workflow, f"{parent}-{workflow.name}", parent=parent)

    async def ask(self, question: str, **details: Any) -> Answer:
        """Ask a person and return the answer."""
        asked = await self.node.pause_for_human(
            interaction_type="approval", channel_type="in_app", priority="high",
            request_data={"question": question, **details}, timeout_at=now() + PATIENCE,
            pause=f"{self.node.activation}-answer",
        )  # fmt: skip
        await asked.mark_notified()
        answer = await self.of.engine.ask_person(question)
        said, response = {"approved": answer.approved}, runfold.Response.named(new_id())
        await self.of.engine.store.change(
            lambda state: [
                state.receive(
                    workflow_id=self.of.workflow.workflow_id, source_channel="in_app", raw_payload=said
                ).match(asked.interaction_id, ai_relevance_score=1.0, ai_reasoning="given at the prompt")
            ],
            response,
        )
        await self.of.handle.answer(
            f"{self.node.activation}-answer", said, responder=answer.by, resume_trigger=answer.channel,
            response_id=UUID(response.name),
        )  # fmt: skip
        return answer

    def _below(self, number: int) -> Step:
        """Return a new activation of the same node, below this one."""
        node = self.of.handle.node(
            self.node.node_id, node_type=self.node.node_type, activation=f"{self.node.activation}#{number}",
            iteration=number, parent=self.node,
        )  # fmt: skip
        return Step(self.of, node)


def _rest_skipped(execution: runfold.Execution) -> runfold.Execution:
    for names in execution.scheduled.values():
        for name in names:
            execution = execution.skip_node(name, activation=name, reason="an earlier node failed")
    return execution
