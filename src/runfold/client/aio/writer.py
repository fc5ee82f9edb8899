"""The writer of one stream: it decides commands, records them, and decides again when another writer was faster."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Generic
from uuid import UUID

from runfold.client.aio.log import AsyncLog
from runfold.database.forks import renew
from runfold.domain.aggregate import Aggregate, AggregateEvent, AnyAggregate
from runfold.domain.commands import Command, Decision, OtherStream, append_of, pause_before
from runfold.errors import RunfoldError, VersionConflict
from runfold.events.encoding import encoding_with
from runfold.events.faults import fault
from runfold.events.json_values import json_type

# Commands that wait while an append is under way are recorded by the next one, so many of them at most.
_BATCH = 100


class AsyncWriter(Generic[AnyAggregate]):
    """Writes one stream, for threads or tasks, and keeps its state between commands.

    Commands that come while an append is under way wait and go into the next one together. When another writer was
    faster, the new events are read, and each command is decided and appended again: one that is not possible any more
    raises IllegalTransition; VersionConflict comes only when the store's retry time is over.

    After DatabaseUnavailable, and after an interruption, it is unknown whether the command was recorded. Given again,
    it is recorded once in either case.

    After fork() parent and child are two writers of the stream. What threads of the parent have under way is the
    parent's to record.
    """

    def __init__(
        self,
        store: AsyncLog,
        state: AnyAggregate,
        *,
        user_id: UUID | None = None,
        event_metadata: Mapping[str, Any] | None = None,
        is_known: bool = False,
    ) -> None:
        self.store = store
        self.user_id = user_id
        if event_metadata is not None and not isinstance(event_metadata, Mapping):
            raise fault("wrong_type", "/event_metadata", limit="object", found=json_type(event_metadata))
        self.event_metadata = dict(event_metadata or {})
        self.last_position = 0
        """The position of the last event that this writer has recorded, 0 before the first."""
        self.fence: Callable[[AnyAggregate], None] | None = None
        """Raises where this writer may not write any more, because the stream was given to another one."""
        self._state = state
        self._is_known = is_known
        self._lock = asyncio.Lock()
        self._queue: deque[Command] = deque()
        self._doubtful: list[Command] = []
        renew(self)

    def _after_fork(self) -> None:
        """Take a new lock and an empty queue in a child process, and read the log before the next command."""
        self._lock = asyncio.Lock()
        self._queue = deque()
        self._is_known = False

    @property
    def state(self) -> AnyAggregate:
        """The state that this writer knows, which may be behind the log."""
        return self._state

    async def refreshed(self) -> AnyAggregate:
        """Read what the log has beyond the state, and return the state."""
        async with self._lock:
            await self._read()
        return self._state

    async def do(
        self, function: Callable[..., AnyAggregate], *arguments: Any, **named_arguments: Any
    ) -> tuple[AggregateEvent, ...]:
        """Record what a command makes of the state, and return its events; raises what made it impossible."""
        return await self._give(Command(function, arguments, named_arguments))

    async def do_together(
        self,
        others: Iterable[OtherStream],
        function: Callable[..., AnyAggregate],
        *arguments: Any,
        **named_arguments: Any,
    ) -> tuple[AggregateEvent, ...]:
        """As `do`, with the changes of other streams in the same append."""
        return await self._give(Command(function, arguments, named_arguments, tuple(others)))

    async def do_or_undo(
        self,
        undo: Callable[[AnyAggregate, BaseException, tuple[AggregateEvent, ...]], AnyAggregate],
        function: Callable[..., AnyAggregate],
        *arguments: Any,
        **named_arguments: Any,
    ) -> tuple[AggregateEvent, ...]:
        """As `do`; where its caller is interrupted and the command was recorded all the same, `undo` follows it.

        `undo` gets the state, the interruption and the command's events. Without it nobody would end what has begun:
        its caller never learns of it.
        """
        command = Command(function, arguments, named_arguments)
        try:
            return await self._give(command)
        except Exception:
            raise
        except BaseException as interruption:
            caught = interruption

            def undone(state: AnyAggregate) -> AnyAggregate:
                return undo(state, caught, command.events) if command.was_recorded else state

            with suppress(Exception):
                await self.do(undone)
                async with self._lock:
                    # Given again, it is another command: this one was undone.
                    self._doubtful = [one for one in self._doubtful if one is not command]
            raise

    async def _give(self, command: Command) -> tuple[AggregateEvent, ...]:
        """Let a command be recorded, and return its events; raises what made it impossible."""
        self._queue.append(command)
        try:
            await asyncio.shield(self._settle(command))
        except BaseException as interruption:
            # What has not begun is not recorded after its caller has gone.
            if command in self._queue:
                with suppress(ValueError):
                    self._queue.remove(command)
                    command.settle(interruption)
            raise
        if command.error is not None:
            raise command.error
        return command.events

    async def _settle(self, command: Command) -> None:
        """Record a command, with those that wait beside it, unless another caller has recorded it meanwhile."""
        async with self._lock:
            if command.is_settled:
                return
            batch = [command]
            while self._queue and len(batch) < _BATCH:
                if (waiting := self._queue.popleft()) is not command:
                    batch.append(waiting)
            await self._write(batch)

    async def _write(self, batch: list[Command]) -> None:
        """Record a batch, and settle each of its commands."""
        deadline = time.monotonic() + self.store.retry_seconds
        tries = 0
        is_fresh = False
        while True:
            decision: Decision | None = None
            try:
                if not self._is_known:
                    await self._read()
                    is_fresh = True
                if self.fence is not None:
                    self.fence(self._state)
                if self._doubtful:
                    await self._settle_what_was_recorded(batch)
                with encoding_with(self.store.default):
                    decision = Decision.of(self._state, batch)
                if decision.depends_on_the_state and not is_fresh:
                    # What this writer knows may be old: nothing is refused for that.
                    self._is_known = False
                    continue
                if decision.impossible:
                    decision.refuse()
                await self._append(decision)
                return
            except VersionConflict as conflict:
                await self._read_after(conflict, decision)
                if time.monotonic() >= deadline:
                    _settle_all(batch, conflict)
                    return
            except RunfoldError as error:
                if error.retryable:
                    self._doubt(decision)
                elif decision is not None and len(decision.possible) > 1:
                    # One of them was refused: alone, each is settled for itself.
                    for command in decision.possible:
                        await self._write([command])
                    return
                _settle_all(batch, error)
                return
            except BaseException:
                self._doubt(decision)
                raise
            await asyncio.sleep(pause_before(tries))
            tries += 1

    async def _append(self, decision: Decision) -> None:
        """Append what was decided, if there is anything, and settle its commands."""
        appends = decision.appends(user_id=self.user_id, metadata=self.event_metadata)
        if appends:
            for command in decision.possible:
                command.sent = tuple(appends)
            appended = await self.store.append_many(appends)
            for one in appended:
                self.last_position = max(self.last_position, one.last_position)
        if self._doubtful:
            self._forget(decision.possible)
        # First of all: an interruption after it finds the commands settled.
        _settle_all(decision.possible, None)
        decision.state.collect_events()
        self._state = decision.state  # type: ignore[assignment]  # a command keeps the kind of its state

    async def _read(self) -> None:
        """Read what the log has beyond the state."""
        events = await self.store.read_stream(self._state.id, after=self._state.version)
        self._state = self._state.after(events)
        self._is_known = True
        if events and self.user_id is None:
            self.user_id = events[0].user_id
        recorded = {event.event_id for event in events}
        for command in self._doubtful:
            command.look_among(recorded)

    async def _read_after(self, conflict: VersionConflict, decision: Decision | None) -> None:
        """Read the stream that another writer wrote to: this one, or one that a command changes besides."""
        if conflict.stream_id == self._state.id:
            self._is_known = False
            return
        other = Aggregate.of(conflict.stream_id).after(await self.store.read_stream(conflict.stream_id))
        for command in decision.possible if decision is not None else ():
            command.reload(conflict.stream_id, other)

    def _doubt(self, decision: Decision | None) -> None:
        """Remember commands of which it is unknown whether they were recorded: the log shows it when it is read."""
        self._is_known = False
        if decision is not None:
            self._doubtful += decision.possible

    async def _settle_what_was_recorded(self, batch: list[Command]) -> None:
        """Settle a command that is given again, and was recorded the first time without its caller knowing it.

        Its append is sent again. That records nothing, but waits for a standby where one has to confirm commits: what
        the log shows may not have left this server.
        """
        for command in batch:
            found = (one for one in self._doubtful if one.was_found and (one is command or one.is_the_same_as(command)))
            if not command.is_settled and (before := next(found, None)) is not None:
                await self.store.append_many(before.sent)
                command.events = before.events
                command.settle()
                self._doubtful.remove(before)

    def _forget(self, batch: list[Command]) -> None:
        """Take commands that are recorded now out of the doubtful ones."""
        for command in batch:
            self._doubtful = [one for one in self._doubtful if not (one is command or one.is_the_same_as(command))]


def _settle_all(batch: Iterable[Command], error: BaseException | None) -> None:
    for command in batch:
        if not command.is_settled:
            command.is_settled, command.error = True, error


async def change_streams(
    store: AsyncLog,
    change: Callable[..., Iterable[Aggregate]],
    *states: Aggregate,
    event_metadata: Mapping[str, Any] | None = None,
) -> list[Aggregate]:
    """Change several streams together, all or nothing, and return their new states.

    `states` name the streams. Each is read; `change` gets the states in their order and returns the new ones, with the
    events pending that its commands made. When another writer was faster, what it wrote is read and `change` decides
    again: it must do nothing but decide. A state that it returns of a stream not named here must be that of a new one.
    Raises what `change` raises, and VersionConflict when the store's retry time is over.
    """
    deadline = time.monotonic() + store.retry_seconds
    known = {state.id: state for state in states}
    stale = set(known)
    tries = 0
    while True:
        for stream_id in stale:
            state = known[stream_id]
            known[stream_id] = state.after(await store.read_stream(stream_id, after=state.version))
        with encoding_with(store.default):
            changed = list(change(*(known[state.id] for state in states)))
        appends = [append_of(state, user_id=None, metadata=event_metadata or {}) for state in changed if state.pending]
        try:
            if appends:
                await store.append_many(appends)
            return [state.recorded() for state in changed]
        except VersionConflict as conflict:
            if time.monotonic() >= deadline or conflict.stream_id not in known:
                raise
            stale = {conflict.stream_id}
        await asyncio.sleep(pause_before(tries))
        tries += 1
