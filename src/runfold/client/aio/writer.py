"""The writer: the commands on one stream, decided, recorded, and decided again when somebody was faster."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic
from uuid import UUID

from runfold.client.aio.log import AsyncLog
from runfold.domain.aggregate import Aggregate, AggregateEvent, AnyAggregate
from runfold.domain.commands import Also, Asked, Decided, append_of, pause_before
from runfold.errors import RunfoldError, VersionConflict

# Commands that wait while an append is under way are recorded by the next one, so many of them at most.
_BATCH = 100


class AsyncWriter(Generic[AnyAggregate]):
    """Writes one stream, for threads or tasks, and keeps its state between commands.

    Commands that come while an append is under way wait and go into the next one together. When another writer was
    faster, the new events are read, and each command is decided and appended again: one that is not possible any more
    raises IllegalTransition; VersionConflict comes only when the store's retry time is over.

    After DatabaseUnavailable, and after an interruption, it is unknown whether the command was recorded. Given again,
    it is recorded once in either case.
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
        self.event_metadata = dict(event_metadata or {})
        self.last_position = 0
        """The position of the last event that this writer has recorded, 0 before the first."""
        self._state = state
        self._is_known = is_known
        self._lock = asyncio.Lock()
        self._queue: deque[Asked] = deque()
        self._doubtful: list[Asked] = []

    @property
    def state(self) -> AnyAggregate:
        """The state as this writer knows it, which may be behind the log."""
        return self._state

    async def refreshed(self) -> AnyAggregate:
        """The state with everything that is in the log by now."""
        async with self._lock:
            await self._read()
        return self._state

    async def do(
        self, command: Callable[..., AnyAggregate], *arguments: Any, **named_arguments: Any
    ) -> tuple[AggregateEvent, ...]:
        """Record what a command makes of the state, and return its events; raises what made it impossible."""
        return await self.do_also((), command, *arguments, **named_arguments)

    async def do_also(
        self, also: Iterable[Also], command: Callable[..., AnyAggregate], *arguments: Any, **named_arguments: Any
    ) -> tuple[AggregateEvent, ...]:
        """As `do`, with what other streams get in the same append."""
        asked = Asked(command, arguments, named_arguments, tuple(also))
        self._queue.append(asked)
        await asyncio.shield(self._answer(asked))
        if asked.error is not None:
            raise asked.error
        return asked.events

    async def _answer(self, asked: Asked) -> None:
        async with self._lock:
            if asked.is_answered:
                return
            batch = [asked]
            while self._queue and len(batch) < _BATCH:
                if (waiting := self._queue.popleft()) is not asked:
                    batch.append(waiting)
            await self._write(batch)

    async def _write(self, batch: list[Asked]) -> None:
        """Record a batch, and answer each of its commands."""
        deadline = time.monotonic() + self.store.retry_seconds
        tries = 0
        is_fresh = False
        while True:
            decided: Decided | None = None
            try:
                if not self._is_known:
                    await self._read()
                    is_fresh = True
                if self._doubtful:
                    self._answer_what_was_recorded(batch)
                decided = Decided.of(self._state, batch)
                if decided.depends_on_the_state and not is_fresh:
                    # What this writer knows may be old: nothing is refused for that.
                    self._is_known = False
                    continue
                decided.refuse()
                await self._append(decided)
                return
            except VersionConflict as conflict:
                await self._read_after(conflict, decided)
                if time.monotonic() >= deadline:
                    _answer_all(batch, conflict)
                    return
            except RunfoldError as error:
                if error.retryable:
                    self._doubt(decided)
                elif decided is not None and len(decided.possible) > 1:
                    # One of them was refused: alone, each gets its own answer.
                    for asked in decided.possible:
                        await self._write([asked])
                    return
                _answer_all(batch, error)
                return
            except BaseException:
                self._doubt(decided)
                raise
            await asyncio.sleep(pause_before(tries))
            tries += 1

    async def _append(self, decided: Decided) -> None:
        """Append what was decided, if there is anything, and answer its commands."""
        appends = decided.appends(user_id=self.user_id, metadata=self.event_metadata)
        if appends:
            appended = await self.store.append_many(appends)
            self.last_position = max(self.last_position, *(one.last_position for one in appended))
        if self._doubtful:
            self._forget(decided.possible)
        decided.state.collect_events()
        self._state = decided.state  # type: ignore[assignment]  # a command keeps the kind of its state
        _answer_all(decided.possible, None)

    async def _read(self) -> None:
        """Read what the log has beyond the state."""
        events = await self.store.read_stream(self._state.id, after=self._state.version)
        self._state = self._state.after(events)
        self._is_known = True
        if events and self.user_id is None:
            self.user_id = events[0].user_id
        recorded = {event.event_id for event in events}
        for asked in self._doubtful:
            asked.look_among(recorded)

    async def _read_after(self, conflict: VersionConflict, decided: Decided | None) -> None:
        """Read the stream that another writer wrote to: this one, or one that a command concerns besides."""
        if conflict.stream_id == self._state.id:
            self._is_known = False
            return
        other = Aggregate.of(conflict.stream_id).after(await self.store.read_stream(conflict.stream_id))
        for asked in decided.possible if decided is not None else ():
            asked.reloaded(conflict.stream_id, other)

    def _doubt(self, decided: Decided | None) -> None:
        """It is unknown whether these commands were recorded: the log will tell when it is read again."""
        self._is_known = False
        if decided is not None:
            self._doubtful += decided.possible

    def _answer_what_was_recorded(self, batch: list[Asked]) -> None:
        """A command that is given again, and was recorded without an answer the first time, is done."""
        for asked in batch:
            found = (one for one in self._doubtful if one.was_found and (one is asked or one.is_the_same_as(asked)))
            if not asked.is_answered and (before := next(found, None)) is not None:
                asked.events = before.events
                asked.answer()
                self._doubtful.remove(before)

    def _forget(self, batch: list[Asked]) -> None:
        """What has its answer now is not doubtful any more."""
        for asked in batch:
            self._doubtful = [one for one in self._doubtful if not (one is asked or one.is_the_same_as(asked))]


def _answer_all(batch: Iterable[Asked], error: BaseException | None) -> None:
    for asked in batch:
        if not asked.is_answered:
            asked.answer(error)


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
