# Generated from ../aio/node.py by `make sync`: edit that file, never this one.
"""The handle of a node: one activation, from its start to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, Unpack
from uuid import UUID
from warnings import warn

from runfold.client import current
from runfold.client.background import Emit
from runfold.client.sync.interaction import InteractionHandle
from runfold.client.sync.lines import LineStream
from runfold.client.sync.writer import Writer
from runfold.domain.aggregate import AggregateEvent, now
from runfold.domain.error_data import error_data_of, placeholder_of
from runfold.domain.execution import Execution
from runfold.domain.execution_state import Node
from runfold.domain.log_line import log_line
from runfold.domain.signatures import spells_out
from runfold.errors import IllegalTransition, InvalidInput, OldAttempt
from runfold.events import LogAppended
from runfold.events.encoding import encoding_with
from runfold.events.execution import ModelUse
from runfold.events.interaction import InteractionRequest
from runfold.events.log import LogLine
from runfold.events.streams import stream_id

P = ParamSpec("P")


def _logging(
    line: Callable[P, LogAppended],
) -> Callable[Concatenate[NodeHandle, P], None]:
    @wraps(line)
    def method(self: NodeHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with encoding_with(self.run.writer.store.default):
            written = line(*args, **{"node_id": self.node_id, "node_type": self.node_type, **kwargs})  # type: ignore[arg-type]
        self.run.append_line(written)

    return method


class Run(Protocol):
    """What a node needs of the handle of its execution."""

    @property
    def writer(self) -> Writer[Execution]:
        """The writer of the execution's stream."""

    @property
    def state(self) -> Execution:
        """The state of the execution that its handle knows."""

    @property
    def line_metadata(self) -> dict[str, Any]:
        """The metadata of a log line."""

    def append_line(self, line: LogAppended) -> None:
        """Append a line to the execution's log."""

    def note_failure(self, node_id: str, error: BaseException) -> None:
        """Remember which node an exception comes from."""

    def note_old_attempt(self, error: BaseException) -> None:
        """Remember an exception of an attempt that is over: it does not end the execution."""

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
        """Ask a person, and open a pause for the answer."""


@spells_out
class NodeHandle:
    """One activation of a node; safe to share between threads or tasks.

    In `with` it is started on entering. On leaving, an exception is recorded as NodeFailed and an interruption as
    NodeCanceled, and both are raised; without one the activation succeeds, unless it has ended, waits, or is to be
    retried.
    """

    def __init__(
        self,
        run: Run,
        node_id: str,
        *,
        activation: str | None,
        input_data: Any,
        about: Mapping[str, Any],
    ) -> None:
        self.run = run
        self.node_id = node_id
        self.activation = activation
        """Its name in the execution; None before it is started, where none was given."""
        self._attempt: int | None = None
        """The attempt that this handle has begun, which its commands name."""
        self._known: Node | None = None
        """The activation as this handle knew it when it was last asked to start it."""
        self._input_data = input_data
        self._about = about

    @property
    def state(self) -> Node:
        """The state of the activation that this handle knows, which may be behind the log."""
        nodes = self.run.state.nodes
        return nodes.get(self.activation, Node(self.node_id)) if self.activation is not None else Node(self.node_id)

    @property
    def status(self) -> str | None:
        """The status that this handle knows, which may be behind the log; None before the first event."""
        return self.state.status

    @property
    def node_type(self) -> str | None:
        """The kind of node."""
        given: str | None = self._about.get("node_type")
        return self.state.node_type if given is None else given

    def __repr__(self) -> str:
        state = self.state
        name = self.node_id if self.activation is None else self.activation
        status = "not started" if state.status is None else f"{state.status}, attempt {state.attempt}"
        return f"<{type(self).__name__} {name} of {self.run.state.id}: {status}>"

    def __enter__(self) -> Self:
        self._begin(self.run.writer.do_or_undo, (_canceled,), input_data=self._input_data, takeover=None)
        current.enter(
            self,
            self.run.state.name,
            user_id=self.run.writer.user_id,
            node_id=self.node_id,
            node_type=self.node_type,
            activation=self.activation,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current.leave(self)
        if error is None:
            if self._is_over or (self.state.closed_from or self.status) == "RUNNING":
                try:
                    self.succeed()
                except OldAttempt:
                    raise  # the block's work does not count: its caller must not go on as if it did
                except IllegalTransition:
                    pass  # the activation has ended meanwhile: that end stays
            return
        if not isinstance(error, OldAttempt):
            try:
                if isinstance(error, Exception):
                    self.fail(error)
                else:
                    self.cancel(reason=type(error).__name__)
            except OldAttempt as over:
                error.add_note(f"runfold recorded no end of {self.activation}: {over}")
                self.run.note_old_attempt(error)
            except IllegalTransition:
                pass
            except Exception as unrecorded:
                error.add_note(f"runfold could not record the end of {self.activation}: {unrecorded}")
        self.run.note_failure(self.node_id, error)

    def start(self, *, input_data: Any = None, takeover: bool | None = None) -> None:
        """Start the first attempt, or the next one after an attempt that failed.

        One that has waited and goes on is no new attempt. What is RUNNING is refused if it was scheduled, because
        another worker may have taken it, or if it has moved since this handle has read it. `takeover=True` begins the
        next attempt all the same, for a worker that was given up; `takeover=False` refuses whatever is RUNNING.
        """
        self._begin(
            self.run.writer.do,
            (),
            input_data=self._input_data if input_data is None else input_data,
            takeover=takeover,
        )

    def _begin(
        self,
        do: Callable[..., tuple[AggregateEvent, ...]],
        undo: tuple[Any, ...],
        *,
        input_data: Any,
        takeover: bool | None,
    ) -> None:
        if self._known is None and self.activation is not None:
            self._known = self.state
        try:
            (event,) = do(
                *undo,
                Execution.start_node,
                self.node_id,
                activation=self.activation,
                input_data=input_data,
                takeover=takeover,
                attempt=self._attempt,
                # The same when the command is given again, as long as it is unknown what became of it.
                known=self._known,
                **self._about,
            )
        except IllegalTransition:
            self._known = None
            raise
        self._known = None
        self.activation, self._attempt = event.data["activation"], event.data.get("attempt")
        # The read tables keep what was given last: once is enough.
        self._input_data, self._about = None, {"node_type": self.node_type}

    @property
    def _is_over(self) -> bool:
        """Whether another attempt has begun after the one that this handle has started."""
        return self._attempt is not None and self._attempt < self.state.attempt

    def fail_attempt(
        self, error: BaseException | Any, *, will_retry: bool, next_retry_at: datetime | None = None
    ) -> None:
        """Record that this attempt failed, with an exception or any JSON that says why. `start` begins the next one."""
        self._record(Execution.fail_attempt, _error_data(error), will_retry=will_retry, next_retry_at=next_retry_at)

    def attempts(self, retries: int, *, pause_seconds: float = 1.0) -> Iterator[Attempt]:
        """Return attempts to be used in `with`, one after the other, until one ends without an exception.

        One that fails is recorded and the next is begun, after a pause that doubles each time, up to `retries` times;
        the last failure is raised. The first attempt is the one that has begun with the node.
        """
        for number in range(retries + 1):
            if number > 0:
                self.start()
            attempt = Attempt(self, pause_seconds * 2**number if number < retries else None)
            yield attempt
            if attempt.error is None:
                return
            time.sleep(attempt.pause_seconds or 0)

    def wait(self, *, pause: str | None = None) -> None:
        """Wait for input, at a pause if one is named."""
        self._do(Execution.wait_node, pause=pause)

    def continue_(self, *, pause: str | None = None) -> None:
        """Continue after waiting."""
        self._do(Execution.continue_node, pause=pause)

    def succeed(self, output_data: Any = None, *, end_time: int | None = None) -> None:
        """End with success.

        An output that cannot be stored does not undo the work: a placeholder that says why is recorded, with a warning.
        """
        self._record(Execution.succeed_node, output_data, end_time=end_time)

    def fail(self, error: BaseException | Any, *, end_time: int | None = None) -> None:
        """End with an error: an exception, or any JSON that says what happened."""
        self._record(Execution.fail_node, _error_data(error), end_time=end_time)

    def cancel(self, *, reason: str | None = None, end_time: int | None = None) -> None:
        """End the activation from outside."""
        self._do(Execution.cancel_node, reason=reason, end_time=end_time)

    def skip(self, *, reason: str | None = None, end_time: int | None = None) -> None:
        """Skip the activation, before it is started or when it finds nothing to do."""
        (event,) = self.run.writer.do(
            Execution.skip_node,
            self.node_id,
            activation=self.activation,
            node_type=self.node_type,
            reason=reason,
            end_time=end_time,
            attempt=self._attempt,
        )
        self.activation = event.data["activation"]

    def pause_for_human(
        self,
        *,
        pause: str | None = None,
        interaction_id: UUID | None = None,
        resume_conditions: dict[str, Any] | None = None,
        **request: Unpack[InteractionRequest],
    ) -> InteractionHandle:
        """Ask a person, and wait: NodeWaiting, PauseOpened and InteractionRequested in one append.

        `pause` names the pause. `runfold.events.interaction.InteractionRequest` says what is asked, and how.
        """
        return self.run.pause_for_human(
            self.node_id,
            activation=self._begun(),
            attempt=self._attempt,
            pause=pause,
            interaction_id=interaction_id,
            resume_conditions=resume_conditions,
            **request,
        )

    def model_called(self, **use: Unpack[ModelUse]) -> None:
        """Record that this activation called a model. `runfold.events.execution.ModelUse` says what was used."""
        self.run.writer.do(Execution.model_called, activation=self._begun(), **use)

    log = _logging(log_line)

    def stream(self, emit: Any = None, *, kind: str | None = "stream", **line: Unpack[LogLine]) -> LineStream:
        """Return a stream of text for the execution's log, to be used in `with`: one line for what comes in 200 ms.

        `emit` is an emitter, which sends the lines with what else it has; without one each line is an append. `kind`
        says what the text is. `runfold.events.log.LogLine` says what each line takes besides.
        """
        line.setdefault("node_id", self.node_id)
        line.setdefault("node_type", self.node_type)

        def line_of(text: str) -> LogAppended:
            return log_line(text, kind=kind, **line)

        def put(written: LogAppended) -> None:
            if emit is None:
                self.run.append_line(written)
                return
            writer = self.run.writer
            Emit.to(
                emit,
                stream_id("log", writer.state.name),
                written,
                user_id=writer.user_id,
                metadata=self.run.line_metadata,
            )

        return LineStream(line_of, put)

    def _begun(self) -> str:
        return self.node_id if self.activation is None else self.activation

    def _do(self, command: Callable[..., Execution], *arguments: Any, **named_arguments: Any) -> None:
        self.run.writer.do(command, self._begun(), *arguments, attempt=self._attempt, **named_arguments)

    def _record(self, command: Callable[..., Execution], value: Any, **named_arguments: Any) -> None:
        """Record what came of work that was done; a value that cannot be stored is replaced by the reason."""
        try:
            self._do(command, value, **named_arguments)
        except InvalidInput as refused:
            if (placeholder := placeholder_of(refused)) is None:
                raise
            self._do(command, placeholder, **named_arguments)
            warn(f"a value of {self._begun()} was not stored: {refused}", RuntimeWarning, stacklevel=3)


class Attempt:
    """One attempt of an activation, to be used in `with`; `error` is what ended it."""

    def __init__(self, node: NodeHandle, pause_seconds: float | None) -> None:
        self.node = node
        self.pause_seconds = pause_seconds
        """The pause before the next attempt; None for the last one."""
        self.error: Exception | None = None

    @property
    def number(self) -> int:
        """1 for the first attempt."""
        return self.node.state.attempt

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = error
        pause = self.pause_seconds
        try:
            self.node.fail_attempt(
                error,
                will_retry=pause is not None,
                next_retry_at=None if pause is None else now() + timedelta(seconds=pause),
            )
        except Exception as unrecorded:
            # Without its record there is no next attempt: the block's exception is raised.
            error.add_note(f"runfold could not record the failed attempt of {self.node.activation}: {unrecorded}")
            return False
        return pause is not None


def _canceled(state: Execution, interruption: BaseException, events: tuple[AggregateEvent, ...]) -> Execution:
    """Return the execution with the activation canceled that an interrupted caller has begun."""
    begun = events[-1].data
    return state.cancel_node(begun["activation"], reason=type(interruption).__name__, attempt=begun.get("attempt"))


def _error_data(error: BaseException | Any) -> Any:
    return error_data_of(error) if isinstance(error, BaseException) else error
