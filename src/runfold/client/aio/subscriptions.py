"""Subscriptions: follow the log from a bookmark on, each event at least once, woken by appends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import orjson

from runfold.client.aio.bell import AsyncBell
from runfold.client.aio.log import AsyncLog, statement
from runfold.client.pages import page_of, page_parameters
from runfold.database.forks import renew
from runfold.database.sessions import behind_pooler
from runfold.errors import InheritedConnection, InvalidInput, RunfoldError, SubscriptionTaken
from runfold.events.envelope import Bookmark, Received, RecordedEvent

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""So often a subscription looks by itself, for what did not ring, and where nothing can ring."""
PASSING_SECONDS = 10.0
"""So often a kept bookmark moves past events that the subscription did not ask for."""
_PAGE = 500
_SLICE_SECONDS = 0.1  # a subscription notices its end within this time
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 30.0
_MOST_STREAMS = 1000


class AsyncSubscription:
    """The events behind a bookmark, present and future, in the order of the log, as an iterator without an end.

    Each is yielded at least once: again after a restart, unless the consumer said `done`. One thread or task iterates;
    another may close it, which ends the iteration.
    """

    def __init__(
        self,
        store: AsyncLog,
        *,
        after: int | Bookmark | Literal["now"] | None = None,
        types: Sequence[str] | None = None,
        streams: Sequence[str] | None = None,
        category: str | None = None,
        subscription: str | None = None,
        if_taken: Literal["wait", "raise"] = "wait",
        archived: Literal["skip"] | None = None,
    ) -> None:
        begins = Bookmark() if after is None or isinstance(after, str) else after
        self._asked = page_parameters(
            begins, limit=_PAGE, types=types, streams=streams, category=category, archived=archived
        )
        if after is not None and isinstance(after, str) and after != "now":
            raise InvalidInput(
                f"after is {after!r}", hint='give a position, a Bookmark, or "now"', pointer="/after", found=after
            )
        if if_taken not in ("wait", "raise"):
            raise InvalidInput(
                f"if_taken is {if_taken!r}", hint='give "wait" or "raise"', pointer="/if_taken", found=if_taken
            )
        _check_name(subscription)
        _check_streams(self._asked["streams"])
        self.name = subscription
        self._store = store
        self._from_now = after == "now"
        self._if_taken = if_taken
        self._bell = AsyncBell(store, f"runfold subscription {subscription or ''}".strip())
        self._waiting: deque[RecordedEvent] = deque()
        self._looked = Bookmark(self._asked["after"], self._asked["event_id"])
        self._kept: Bookmark | None = None
        self._kept_at = 0.0
        self._yielded = Bookmark()
        self._done = Bookmark()
        self._keeping = asyncio.Lock()
        self._iterating = False
        self._opened = False
        self._inherited = False
        self._pause = _FIRST_PAUSE
        self.closed = False
        self.asleep = False
        renew(self)

    def _after_fork(self) -> None:
        """The events are the parent's, and so is the lock of the name."""
        self._inherited = True

    @property
    def bookmark(self) -> Bookmark:
        """How far it is: the last event that was yielded, or looked past where none was waiting."""
        return self._yielded if self._waiting else max(self._yielded, self._looked, key=lambda each: each.position)

    @property
    def polls(self) -> str | None:
        """Why appends cannot wake it, so that it looks once a second; None where they do. Known once it has begun."""
        return self._bell.why_silent

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        while not self.closed:
            if self._inherited:
                raise InheritedConnection("this subscription belongs to the process that forked this one")
            if self._waiting:
                event = self._waiting.popleft()
                self._yielded = Bookmark(event.position, event.event_id)
                return Received(event, self._yielded)
            self._iterating = True
            try:
                await self._go_on()
            finally:
                self._iterating = False
        await self._bell.close()
        raise StopAsyncIteration

    async def close(self) -> None:
        """End it: the iteration ends, and another consumer may take the name."""
        self.closed = True
        # Who iterates has the session: it notices, and closes it.
        if not self._iterating and not self._inherited:
            await self._bell.close()

    async def done(self, last: Received | RecordedEvent | Bookmark) -> None:
        """Keep that this event, and all before it, are dealt with: the subscription goes on behind it after a restart.

        The bookmark moves forward only. Raises SubscriptionTaken where another consumer, or an operator, has moved it
        meanwhile, UnknownSubscription where it was dropped, InvalidInput for a subscription without a name.
        """
        if self.name is None:
            raise InvalidInput(
                "this subscription keeps no bookmark",
                hint='open it with subscription="a name", or keep `item.bookmark` yourself',
                pointer="/subscription",
            )
        if self._inherited:
            raise InheritedConnection("this subscription belongs to the process that forked this one")
        to = last if isinstance(last, Bookmark) else Bookmark(_event(last).position, _event(last).event_id)
        if to.position > self._yielded.position:
            raise InvalidInput(
                f"position {to.position} was not received yet", hint="give an event that this subscription yielded",
                pointer="/last", limit=self._yielded.position, found=to.position,
            )  # fmt: skip
        self._done = max(self._done, to, key=lambda each: each.position)
        await self._keep(to)

    async def run(self, handler: Callable[[RecordedEvent], Awaitable[None]]) -> None:
        """Call the handler with each event and keep that it is done, until the subscription is closed.

        An event whose handling raises is handled again after a pause, which grows to half a minute, and never skipped;
        `runfold subscription show` shows the last error. So the handler has to stand being called twice.
        """
        async for item in self:
            pause = 0.1
            while not self.closed:
                try:
                    await handler(item.event)
                except Exception as error:
                    log.warning("%s: handling the event at %s failed", self._shown, item.event.position, exc_info=True)
                    await self._note(error)
                    await self._sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                else:
                    if self.name is not None:
                        await self.done(item)
                    break

    async def _note(self, error: Exception) -> None:
        """Keep the handler's error, where that can be done: it is the handler that must go on."""
        if self.name is None:
            return
        said = {"name": self.name, "code": getattr(error, "code", type(error).__name__), "error": str(error)[:1000]}
        try:
            await self._store._retried(statement("fail_subscription"), said)
        except RunfoldError:
            log.warning("%s: the error could not be kept", self._shown, exc_info=True)

    @property
    def _shown(self) -> str:
        return f"subscription {self.name}" if self.name else "a subscription"

    async def _go_on(self) -> None:
        """Look at the log once, or sleep until there may be more. What passes is waited for, once it has begun."""
        try:
            await self._begin()
            if not self.closed:
                await self._look_or_sleep()
        except RunfoldError as error:
            if not self._opened or not error.retryable:
                await self._bell.close()
                raise
            log.warning("%s: %s; trying again", self._shown, error.message)
            await self._sleep(self._longer_pause())

    async def _begin(self) -> None:
        """Open the session, take the name, and read its bookmark, where that is not done yet."""
        if self._opened and self._bell.is_open:
            return
        await self._bell.open()
        if self.polls is not None and not self._opened:
            log.warning("%s looks at the log every %g s: %s", self._shown, POLL_SECONDS, self.polls)
        if self.name is not None:
            if not await self._take():
                return
            await self._read_bookmark(self.name)
        elif not self._opened and self._from_now:
            self._looked = await self._last()
        self._opened = True

    async def _take(self) -> bool:
        """Take the name; False when it was closed before. Raises SubscriptionTaken, BehindPooler."""
        if self._bell.is_shared:
            raise behind_pooler("a subscription with a name")
        self._bell.refuse_standby("a subscription with a name keeps its bookmark there")
        while not (await self._bell.ask(statement("take_subscription"), {"name": self.name}))[0][0]:
            if self._if_taken == "raise":
                await self._bell.close()
                raise SubscriptionTaken(
                    f"another consumer has the subscription {self.name}",
                    hint="stop it first, or give this consumer a name of its own",
                    subscription=self.name,
                )
            # Asked again and again: a statement that waits for a lock would keep the server from removing old rows.
            await self._sleep(POLL_SECONDS / 2)
            if self.closed:
                return False
        return True

    async def _read_bookmark(self, name: str) -> None:
        begins = await self._last() if self._from_now and self._kept is None else self._looked
        filters = {"types": self._asked["types"], "streams": self._asked["streams"]}
        filters["category"] = self._asked["categories"] and self._asked["categories"][0]
        given = {
            "name": name,
            "filters": orjson.dumps({key: value for key, value in filters.items() if value is not None}).decode(),
            "after": begins.position,
            "event_id": begins.event_id,
            "archived": self._asked["archived"],
        }
        kept = Bookmark(*(await self._bell.ask(statement("begin_subscription"), given))[0])
        if self._kept is None:
            self._looked = self._yielded = self._done = kept
        elif kept != self._kept:
            # Somebody else had the name while this consumer had lost it: go on from where that one was.
            self._looked = self._yielded = self._done = kept
            self._waiting.clear()
        self._kept = kept
        self._kept_at = time.monotonic()

    async def _last(self) -> Bookmark:
        rows = await self._ask(statement("last_bookmark"), {})
        return Bookmark(*rows[0]) if rows else Bookmark()

    async def _ask(self, query: Any, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Ask in the session that listens; behind a pooler in any."""
        if self._bell.is_shared:
            return await self._store._retried(query, parameters)
        return await self._bell.ask(query, parameters)

    async def _look_or_sleep(self) -> None:
        was_armed = self._bell.armed
        asked = self._asked | {"after": self._looked.position, "event_id": self._looked.event_id}
        rows, look = page_of(await self._ask(statement("read_all"), asked), asked)
        if rows:
            await self._bell.disarm()
            self._waiting.extend(await self._store.encryption.opened(rows))
        self._looked = look.bookmark
        if rows or not look.at_end:
            self._pause = _FIRST_PAUSE
            return
        await self._pass_by()
        if self.polls is not None:
            await self._sleep(POLL_SECONDS)
        elif was_armed and look.settled:
            self._pause = _FIRST_PAUSE
            await self._sleep_until_rung(POLL_SECONDS)
        elif not self._bell.armed and await self._bell.arm():
            return
        else:
            await self._sleep(self._longer_pause())

    async def _sleep_until_rung(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.asleep = True
        try:
            while not self.closed and (left := until - time.monotonic()) > 0:
                if await self._bell.wait(min(left, _SLICE_SECONDS)):
                    break
        finally:
            self.asleep = False

    async def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.closed and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _SLICE_SECONDS))

    def _longer_pause(self) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, POLL_SECONDS)
        return pause

    async def _pass_by(self) -> None:
        """Keep how far it looked, now and then, where no event waits to be done: who starts again begins there."""
        if self._kept is None or self._looked.position <= self._kept.position:
            return
        if self._done.position < self._yielded.position or time.monotonic() - self._kept_at < PASSING_SECONDS:
            return
        await self._keep(self._looked)

    async def _keep(self, bookmark: Bookmark) -> None:
        async with self._keeping:
            if self._kept is None or bookmark.position <= self._kept.position:
                return
            kept, to = self._kept.position, bookmark.position
            moved = {"name": self.name, "from": kept, "to": to, "event_id": bookmark.event_id}
            await self._store._retried(statement("move_subscription"), moved)
            self._kept = bookmark
            self._kept_at = time.monotonic()


def _event(last: Received | RecordedEvent) -> RecordedEvent:
    return last.event if isinstance(last, Received) else last


def _check_name(name: str | None) -> None:
    if name is not None and not (1 <= len(name) <= 200 and name.isprintable()):
        raise InvalidInput(
            "the name of a subscription has 1 to 200 printable characters",
            hint="give it a shorter name",
            pointer="/subscription",
            limit=200,
            found=name[:200],
        )


def _check_streams(streams: list[str] | None) -> None:
    if streams is not None and not 1 <= len(streams) <= _MOST_STREAMS:
        raise InvalidInput(
            f"a subscription follows 1 to {_MOST_STREAMS} streams by name",
            hint="follow a category for more, and leave `streams` out for all",
            pointer="/streams",
            limit=_MOST_STREAMS,
            found=len(streams),
        )
