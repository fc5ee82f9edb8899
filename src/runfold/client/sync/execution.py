# Generated from ../aio/execution.py by `make sync`: edit that file, never this one.
"""The handle of an execution: one run of a workflow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, Unpack
from uuid import UUID

from runfold.client import current
from runfold.client.background import Call
from runfold.client.sync.control import Control
from runfold.client.sync.interaction import InteractionHandle, read_interactions
from runfold.client.sync.node import NodeHandle
from runfold.client.sync.writer import Writer
from runfold.domain.aggregate import NAME, AggregateEvent, check_value
from runfold.domain.commands import OtherStream
from runfold.domain.error_data import error_data_of, message_of
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.log_line import append_of_line, log_line
from runfold.domain.signatures import spells_out
from runfold.domain.waiting_pause import asking, closing, opening, responding, resumed
from runfold.errors import IllegalTransition, OldAttempt
from runfold.events import LogAppended
from runfold.events.encoding import encoding_with
from runfold.events.execution import NodeDetails
from runfold.events.ids import new_id
from runfold.events.interaction import InteractionRequest

P = ParamSpec("P")

# So many questions are closed in the append of an end; the worker closes the others.
_MOST_CLOSED = 100


def _command(
    command: Callable[Concatenate[Execution, P], Execution],
) -> Callable[Concatenate[ExecutionHandle, P], None]:
    """Return the method that decides a command of the aggregate and records it."""

    @wraps(command)
    def method(self: ExecutionHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        self.writer.do(command, *args, **kwargs)

    return method


def _ending(
    command: Callable[Concatenate[Execution, P], Execution],
) -> Callable[Concatenate[ExecutionHandle, P], None]:
    """Return the method that records an end, and closes in the same append the questions that it leaves open."""

    @wraps(command)
    def method(self: ExecutionHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        self._ends_it_itself = True
        try:
            self.writer.do_together(self._closings(), command, *args, **kwargs)
        except BaseException:
            self._ends_it_itself = False
            raise

    return method


def _logging(line: Callable[P, LogAppended]) -> Callable[Concatenate[ExecutionHandle, P], None]:
    @wraps(line)
    def method(self: ExecutionHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with encoding_with(self.writer.store.default):
            written = line(*args, **kwargs)
        self.append_line(written)

    return method


@spells_out
class ExecutionHandle(Control):
    """One execution; safe to share between threads or tasks. Its methods are the commands of `Execution`.

    In `with` it is started on entering, if it is new. On leaving, an exception is recorded as ExecutionFailed and an
    interruption as ExecutionCanceled, and both are raised; without one the execution succeeds, unless it is paused or
    has ended. From its entering on, a take-over by another engine refuses what the handle records. Where the store has
    an engine, that holds the execution while the block lasts, and the block of a task is interrupted when somebody else
    ends the execution or takes it over: it raises EndedElsewhere or TakenOver. A thread asks `cancelled` itself.
    """

    def __init__(self, writer: Writer[Execution]) -> None:
        super().__init__(writer)
        self._failed_node: tuple[str, BaseException] | None = None
        self._of_old_attempts: list[BaseException] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.execution_id}: {self.status} at version {self.state.version}>"

    @property
    def execution_id(self) -> str:
        """The id that names its stream."""
        return self.writer.state.name

    @property
    def state(self) -> Execution:
        """The state that this handle knows, which may be behind the log."""
        return self.writer.state

    @property
    def status(self) -> str | None:
        """The status that this handle knows, which may be behind the log."""
        return self.writer.state.status

    @property
    def last_position(self) -> int:
        """The position of the last event that was recorded here, for `wait_for`."""
        return self.writer.last_position

    def refresh(self) -> Execution:
        """Read what other writers appended, and return the state."""
        return self.writer.refreshed()

    def __enter__(self) -> Self:
        self._enter()
        try:
            if self.status == "NEW":
                self.writer.do_or_undo(_canceled, Execution.start)
        except BaseException:
            self._leave()
            raise
        current.enter(self, self.execution_id, user_id=self.writer.user_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current.leave(self)
        try:
            self._end_block(error)
        finally:
            self._leave()

    def _end_block(self, error: BaseException | None) -> None:
        """Record the end that the block makes."""
        block, self._block = self._block, None
        if block is not None and block.is_interrupted_by_us(error):
            self._cancellation.raise_if_cancelled()
        if self._is_fenced:
            if error is None:
                self._require_ours(self.state)
            return  # it is done elsewhere now
        if error is None:
            try:
                self.succeed()
            except IllegalTransition:
                if self.status == "NEW":
                    raise
            return
        if self._is_of_an_old_attempt(error):
            return  # another worker has this execution now
        try:
            # It may have ended meanwhile: that end stays.
            with suppress(IllegalTransition):
                if isinstance(error, Exception):
                    self.fail(
                        f"{type(error).__qualname__}: {message_of(error)}",
                        error_details=error_data_of(error),
                        node_id=self._node_of(error),
                    )
                else:
                    self.cancel(reason=type(error).__name__)
        except Exception as unrecorded:
            error.add_note(f"runfold could not record the end of {self.execution_id}: {unrecorded}")

    start = _command(Execution.start)
    pause = _command(Execution.pause)
    resume = _command(Execution.resume)
    succeed = _ending(Execution.succeed)
    fail = _ending(Execution.fail)
    cancel = _ending(Execution.cancel)
    time_out = _ending(Execution.time_out)
    declare_lost = _ending(Execution.declare_lost)
    set_metadata = _command(Execution.set_metadata)
    model_called = _command(Execution.model_called)
    schedule = _command(Execution.schedule_node)
    open_pause = _command(Execution.open_pause)
    resume_pause = _command(Execution.resume_pause)
    time_out_pause = _command(Execution.time_out_pause)
    cancel_pause = _command(Execution.cancel_pause)
    log = _logging(log_line)

    def change(self, command: Callable[[Execution], Execution]) -> None:
        """Record several commands in one append: the function gives them to the state and returns the last state.

        It must do nothing but decide: it is called again when another writer was faster.
        """
        self.writer.do_together(self._closings(), command)

    def node(
        self,
        node_id: str,
        *,
        node_type: str | None = None,
        input: Any = None,  # noqa: A002 - what a node takes is its input
        activation: str | None = None,
        parent: NodeHandle | str | None = None,
        **details: Unpack[NodeDetails],
    ) -> NodeHandle:
        """Return an activation of a node, to be used in `with`, which starts it, or by its methods.

        Without `activation` it is the one that is scheduled, or a new one: `fetch`, then `fetch#2` and on. `node_type`
        may be left out where it was scheduled with one. `parent` is the activation that this one is a part of.
        `runfold.events.execution.NodeDetails` says what else describes it.
        """
        return NodeHandle(
            self,
            node_id,
            activation=activation,
            input_data=input,
            about={
                "node_type": node_type,
                "parent_activation": parent.activation if isinstance(parent, NodeHandle) else parent,
                **details,
            },
        )

    def skip(
        self, node_id: str, *, activation: str | None = None, node_type: str | None = None, reason: str | None = None
    ) -> None:
        """Skip an activation of a node: the one that is scheduled, or a new one."""
        self.node(node_id, node_type=node_type, activation=activation).skip(reason=reason)

    def pause_for_human(
        self,
        node_id: str,
        *,
        activation: str | None = None,
        attempt: int | None = None,
        pause: str | None = None,
        interaction_id: UUID | None = None,
        resume_conditions: dict[str, Any] | None = None,
        **request: Unpack[InteractionRequest],
    ) -> InteractionHandle:
        """Ask a person, and wait: PauseOpened and InteractionRequested in one append.

        `activation` is the one that waits, with NodeWaiting in the same append; `attempt` is its attempt that asks, the
        present one if it is not given. `pause` names the pause.
        `runfold.events.interaction.InteractionRequest` says what is asked, and how.
        """
        interaction = Interaction.named(new_id() if interaction_id is None else interaction_id)
        if pause is None:
            pause = f"{node_id if activation is None else activation}-{interaction.name[:8]}"
        asked = asking(interaction, node_id=node_id, pause=pause, **request)
        self.writer.do_together(
            [asked],
            opening,
            node_id,
            pause,
            activation=activation,
            attempt=attempt,
            resume_conditions=resume_conditions,
            interaction_id=UUID(interaction.name),
            timeout_at=request.get("timeout_at"),
        )
        writer = Writer(
            self.writer.store, interaction, user_id=self.writer.user_id, event_metadata=self.writer.event_metadata
        )
        writer.refreshed()
        return InteractionHandle(writer)

    def answer(
        self,
        pause: str,
        response_data: Any,
        *,
        responder: str | None = None,
        response_id: UUID | None = None,
        resume_trigger: str = "human_response",
    ) -> None:
        """Record a person's answer and resume: InteractionResponded, PauseResumed and NodeContinued in one append."""
        check_value(NAME, pause, "/pause")
        known = (self.state if pause in self.state.pauses else self.refresh()).pauses.get(pause)
        others = []
        if known is not None and known.interaction_id is not None:
            interaction = Interaction.named(known.interaction_id)
            interaction = interaction.after(self.writer.store.read_stream(interaction.id))
            others.append(responding(interaction, response_data, responder=responder, response_id=response_id))
        self.writer.do_together(others, resumed, pause, response_data, resume_trigger=resume_trigger)

    def step(
        self,
        name: str,
        function: Callable[..., Any],
        *arguments: Any,
        node_type: str = "ACTION",
        retries: int = 0,
        pause_seconds: float = 1.0,
        **details: Unpack[NodeDetails],
    ) -> Any:
        """Return what a function returned for the step of that name: call it, unless the step has succeeded before.

        The step is an activation of the node `name`, and its output is recorded: as JSON, so what is returned after a
        crash is what JSON makes of it. An exception is recorded and raised, after `retries` further attempts with
        pauses from `pause_seconds` on, which double.
        """
        if (known := self.state.nodes.get(name)) is not None and known.status == "SUCCESS":
            return self._output_of(name)
        with self.node(name, node_type=node_type, activation=name, **details) as node:
            output: Any = None
            if retries:
                for attempt in node.attempts(retries, pause_seconds=pause_seconds):
                    with attempt:
                        output = Call.of(function, *arguments)
            else:
                output = Call.of(function, *arguments)
            node.succeed(output)
        return output

    def append_line(self, line: LogAppended) -> None:
        """Append a line to the execution's log."""
        append = append_of_line(self.execution_id, line, user_id=self.writer.user_id, metadata=self.line_metadata)
        (appended,) = self.writer.store.append_many([append])
        self.writer.last_position = max(self.writer.last_position, appended.last_position)

    def _closings(self) -> list[OtherStream]:
        """Return the changes that close the open questions, as far as this handle knows them, if the execution ends."""
        pauses = (self.state.pauses[name] for name in self.state.open_pauses)
        asked = [pause.interaction_id for pause in pauses if pause.interaction_id is not None]
        return [closing(one) for one in read_interactions(self.writer.store, asked[:_MOST_CLOSED])]

    def note_failure(self, node_id: str, error: BaseException) -> None:
        """Remember which node an exception came from, in case it ends the execution."""
        self._failed_node = (node_id, error)

    def note_old_attempt(self, error: BaseException) -> None:
        """Remember an exception of an attempt that is over: it does not end the execution."""
        self._of_old_attempts.append(error)

    def _is_of_an_old_attempt(self, error: BaseException) -> bool:
        if isinstance(error, BaseExceptionGroup):
            return all(map(self._is_of_an_old_attempt, error.exceptions))
        if isinstance(error, OldAttempt):
            return error.stream_id == self.state.id
        return any(error is one for one in self._of_old_attempts)

    def _node_of(self, error: BaseException) -> str | None:
        return self._failed_node[0] if self._failed_node is not None and self._failed_node[1] is error else None


def _canceled(state: Execution, interruption: BaseException, _: tuple[AggregateEvent, ...]) -> Execution:
    """Return the execution canceled that an interrupted caller has started."""
    return state.cancel(reason=type(interruption).__name__)
