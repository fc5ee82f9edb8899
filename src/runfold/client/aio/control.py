"""Control of an execution: who works on it, who ends it, signals, children, and steps that are done once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TypeVar, Unpack

from runfold.client.aio.engine import default_name, engine_of
from runfold.client.aio.feed import feed_of
from runfold.client.aio.log import statement
from runfold.client.aio.writer import AsyncWriter
from runfold.client.background import AsyncBlock, AsyncFlag
from runfold.domain.aggregate import NAME, check_value
from runfold.domain.commands import append_of
from runfold.domain.execution import Execution, outputs_of
from runfold.domain.execution_state import Signal
from runfold.errors import (
    EndedElsewhere,
    ExecutionHeld,
    IllegalTransition,
    NotSucceeded,
    RunfoldError,
    TakenOver,
    VersionConflict,
    WaitTimeout,
)
from runfold.events.base import types_that_end
from runfold.events.encoding import encoding_with
from runfold.events.execution import NewExecution
from runfold.events.machines import EXECUTION
from runfold.events.row_id import row_id

_T = TypeVar("_T")

_CONFLICTS = 20
_ENDS = types_that_end(EXECUTION)


class AsyncCancellation:
    """Whether somebody else has ended an execution, or has taken it over; `error` says what happened."""

    def __init__(self) -> None:
        self.error: RunfoldError | None = None
        self._flag = AsyncFlag()

    def is_set(self) -> bool:
        """Return whether it has happened, as far as this process knows: a tenth of a second after it did."""
        return self._flag.is_set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until it happens, or so many seconds; return whether it has happened."""
        return await self._flag.wait(timeout)

    def raise_if_cancelled(self) -> None:
        """Raise EndedElsewhere or TakenOver if it has happened."""
        if self.error is not None:
            raise self.error

    def _tell(self, error: RunfoldError) -> None:
        if self.error is None:
            self.error = error
            self._flag.set()


class AsyncControl:
    """What the handle of an execution knows of others: engines, whoever ends it, and whoever signals."""

    def __init__(self, writer: AsyncWriter[Execution]) -> None:
        self.writer = writer
        self._cancellation = AsyncCancellation()
        self._block: AsyncBlock | None = None
        self._epoch: int | None = None
        """The epoch in which this handle works; a later one fences it. None: it is nobody's engine."""
        self._is_held = False
        self._is_watched = False
        self._is_asked = False
        """Whether somebody has asked for `cancelled`, and may look at it at any time."""
        self._ends_it_itself = False
        self._waiters: set[AsyncFlag] = set()
        self._recorded_outputs: dict[str, Any] = {}

    @property
    def cancelled(self) -> AsyncCancellation:
        """Whether somebody else has ended the execution or taken it over; it is watched from now on."""
        self._is_asked = True
        self._watch()
        return self._cancellation

    @property
    def line_metadata(self) -> dict[str, Any]:
        """The metadata of a log line: that of each event, and which engine wrote it, as lines are not fenced."""
        engine = engine_of(self.writer.store)
        return {**({} if engine is None else {"producer": engine.name}), **self.writer.event_metadata}

    async def take_over(self, *, engine: str | None = None, force: bool = False) -> None:
        """Take the execution over from an engine that is gone: record ExecutionTakenOver, and give up what it ran.

        From then on a command of a handle that worked on it before raises TakenOver. `engine` names who takes it: the
        store's engine if it has one, which then holds it. Raises ExecutionHeld while another engine holds it and
        beats, unless `force`; VersionConflict where another engine takes it over at the same time; IllegalTransition
        when it has ended.
        """
        mine = engine_of(self.writer.store)
        name = engine if engine is not None else mine.name if mine is not None else default_name()
        before = (await self.writer.refreshed()).epoch
        conflicts = 0
        while True:
            try:
                await self._take_over(name, force=force)
                break
            except VersionConflict:
                conflicts += 1
                # Only another take-over is a conflict; what else was appended is read, and this decides again.
                if (await self.writer.refreshed()).epoch != before or conflicts >= _CONFLICTS:
                    raise
        self._works_in(await self.writer.refreshed())
        self._is_held = mine is not None

    async def _take_over(self, name: str, *, force: bool) -> None:
        store, state = self.writer.store, self.writer.state
        mine = engine_of(store)
        former = await store._retried(statement("holder"), {"execution": state.name})
        from_engine = state.engine
        for engine_id, holder, is_silent in former:
            from_engine = holder
            if not (is_silent or force or (mine is not None and engine_id == mine.engine_id)):
                raise ExecutionHeld(
                    f"the engine {holder} holds execution {state.name}, and it beats",
                    hint="leave it alone, or say force=True",
                    execution_id=state.name,
                    engine=holder,
                )
        if mine is not None and mine.gone.is_set():
            raise mine.refusal()
        with encoding_with(store.default):
            taken = state.take_over(name, from_engine=from_engine)
        append = append_of(taken, user_id=self.writer.user_id, metadata=self.writer.event_metadata)
        asked = {
            "execution": state.name,
            "engine": None if mine is None else mine.engine_id,
            "epoch": taken.epoch,
        }
        async with store.transaction() as connection:
            (appended,) = await store.append_many([append], connection=connection)
            await connection.execute(statement("take_hold"), asked)
        self.writer.last_position = max(self.writer.last_position, appended.last_position)

    def _works_in(self, state: Execution) -> None:
        """Work on the execution in its present epoch: a later one refuses what this handle records."""
        self._epoch = state.epoch
        self.writer.fence = self._require_ours

    def _require_ours(self, state: Execution) -> None:
        if self._epoch is not None and state.epoch > self._epoch:
            raise TakenOver(
                f"the engine {state.engine} has taken {state.id} over",
                hint="stop this work, it is done there now",
                execution_id=state.name,
                engine=state.engine,
                epoch=state.epoch,
            )

    @property
    def _is_fenced(self) -> bool:
        return self._epoch is not None and self.writer.state.epoch > self._epoch

    async def _enter(self) -> None:
        """Hold the execution while the block lasts, where the store has an engine, and notice who ends it."""
        if self._epoch is None:
            self._works_in(self.writer.state)
        else:
            self._require_ours(await self.writer.refreshed())
        if (engine := engine_of(self.writer.store)) is not None:
            if not self._is_held:
                await engine.hold(self.writer.state.name, self._epoch or 0)
                self._is_held = True
            self._block = AsyncBlock()
            self._watch()

    async def _leave(self) -> None:
        """Hold the execution no more."""
        self._is_asked = False
        self._forget()
        engine = engine_of(self.writer.store)
        if self._is_held and engine is not None:
            self._is_held = False
            await engine.let_go(self.writer.state.name)

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            feed_of(self.writer.store).watch(self.writer.state.id, self._look_again)

    def _forget(self) -> None:
        """Watch it no more, if nobody waits for anything."""
        if self._is_watched and not (self._waiters or self._is_asked or self._block is not None):
            self._is_watched = False
            feed_of(self.writer.store).forget(self.writer.state.id, self._look_again)

    async def _look_again(self) -> None:
        """Read what others appended, and tell whoever waits for it."""
        await self.writer.refreshed()
        self._judge()
        for flag in list(self._waiters):
            flag.set()

    def _judge(self) -> None:
        """Notice the end or the take-over by somebody else."""
        state = self.writer.state
        if self._is_fenced:
            try:
                self._require_ours(state)
            except TakenOver as error:
                self._cancellation._tell(error)
        elif state.has_ended and not self._ends_it_itself:
            self._cancellation._tell(
                EndedElsewhere(
                    f"somebody else has ended execution {state.name}: it is {state.status}",
                    hint="stop this work, that end stays",
                    execution_id=state.name,
                    status=state.status,
                )
            )
        if self._cancellation.error is not None and self._block is not None:
            self._block.interrupt()

    async def _until(self, found: Callable[[Execution], _T | None], what: str, seconds: float | None) -> _T:
        """Return what is found in the state, as soon as it is there; raises WaitTimeout after so many seconds."""
        deadline = None if seconds is None else time.monotonic() + seconds
        flag = AsyncFlag()
        self._waiters.add(flag)
        self._watch()
        try:
            while True:
                flag.clear()
                if (answer := found(await self.writer.refreshed())) is not None:
                    return answer
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not await flag.wait(left):
                    raise WaitTimeout(f"{what} did not come in {seconds:g} s", hint="wait longer, or ask again later")
        finally:
            self._waiters.discard(flag)
            self._forget()

    async def signal(self, name: str, data: Any = None, *, by: str | None = None) -> None:
        """Send the execution a signal: `signals` of whoever runs it takes it once."""
        await self.writer.do(Execution.send_signal, name, data, by=by)

    async def signals(
        self,
        name: str,
        *,
        key: str | None = None,
        timeout: float | None = None,
    ) -> Signal:
        """Take the next signal of a name, and wait until there is one; no other call takes the same one.

        `key` names who takes it, a step for instance: asked again with the same key, also after a crash and in another
        process, it returns the same signal. Without a key, a signal that was taken just before a crash is not given
        again. Raises WaitTimeout after `timeout` seconds, EndedElsewhere when the execution has ended, TakenOver.
        """
        check_value(NAME, name, "/signal")
        if key is not None:
            check_value(NAME, key, "/key")

        def found(state: Execution) -> Signal | None:
            self._require_ours(state)
            if key is not None and (again := state.taken_signals.get((name, key))) is not None:
                return again
            if state.has_ended:
                self._judge()
                self._cancellation.raise_if_cancelled()
                state.take_signal(name, 1)  # refuses it
            waiting = state.signals.get(name, ())
            return waiting[0] if waiting else None

        while True:
            signal = await self._until(found, f"signal {name}", timeout)
            if key is not None and self.writer.state.taken_signals.get((name, key)) == signal:
                return signal
            try:
                await self.writer.do(Execution.take_signal, name, signal.version, key=key)
            except IllegalTransition:
                continue  # another call has taken it
            return signal

    async def child(self, name: str, **about: Unpack[NewExecution]) -> Self:
        """Return the child execution of that name: create it, or find the one that was created before a crash.

        Its id follows from this execution and the name. It is NEW at first: run it in `with`, or let another engine do
        so, and wait for its `result`. `runfold.events.execution.NewExecution` says what it is created with.
        """
        check_value(NAME, name, "/name")
        about.setdefault("parent_execution_id", self.writer.state.name)
        writer = AsyncWriter(
            self.writer.store,
            Execution.named(row_id(self.writer.state.id, "child", name)),
            user_id=self.writer.user_id,
            event_metadata=self.writer.event_metadata,
            is_known=True,
        )
        with suppress(IllegalTransition):  # it was created before
            await writer.do(Execution.create, **about)
        return type(self)(writer)

    async def result(self, *, timeout: float | None = None) -> Any:
        """Wait for the end, and return what the execution succeeded with: `run_data` of its end.

        Raises NotSucceeded when it ended otherwise, WaitTimeout after `timeout` seconds.
        """

        def ended(state: Execution) -> str | None:
            return state.status if state.has_ended else None

        status = await self._until(ended, f"the end of execution {self.writer.state.name}", timeout)
        data: dict[str, Any] = {}
        for event in await self.writer.store.read_stream(self.writer.state.id):
            if event.type in _ENDS:
                data = dict(event.data or {})
                break
        if status == "SUCCESS":
            return data.get("run_data")
        raise NotSucceeded(
            f"execution {self.writer.state.name} has ended as {status}",
            hint=data.get("error_message") or data.get("reason"),
            execution_id=self.writer.state.name,
            status=status,
            error_message=data.get("error_message"),
        )

    async def outputs(self) -> dict[str, Any]:
        """Return the output of each activation that has succeeded, by its name, as the log has them now."""
        return outputs_of(self.writer.state.id, await self.writer.store.read_stream(self.writer.state.id))

    async def _output_of(self, activation: str) -> Any:
        """Return the recorded output of an activation that has succeeded; the log is read once for all of them."""
        if activation not in self._recorded_outputs:
            self._recorded_outputs = await self.outputs()
        return self._recorded_outputs.get(activation)
