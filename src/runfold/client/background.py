"""What the asynchronous and the synchronous client do differently: work beside the caller's, and waiting for it.

`AsyncX` is made of tasks, `X` of threads; both have the same methods. So the modules of `aio` name the first, and
their generated twins the second.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import isawaitable
from typing import Any

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.1
"""The least pause after a failure."""


class AsyncFlag(asyncio.Event):
    """A flag to wait for."""

    async def wait(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        """Return whether the flag was set within so many seconds."""
        try:
            await asyncio.wait_for(super().wait(), timeout)
        except TimeoutError:
            return False
        return True


class Flag(threading.Event):
    """A flag to wait for."""


class AsyncBackground:
    """Repeats a function in a task until it returns True or is stopped; what fails is logged and repeated."""

    def __init__(self, name: str, function: Callable[[], Awaitable[object]], seconds: float) -> None:
        self._name, self._function, self._seconds = name, function, seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless it has begun; what is under way when it returns True is followed by another turn."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._repeat(), name=self._name)

    async def stop(self) -> None:
        """Repeat no more, and wait for what is under way."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _repeat(self) -> None:
        while True:
            try:
                if await self._function() is True:
                    self._task = None
                    return
            except Exception as failed:
                log.warning("%s is tried again: %s", self._name, failed)
                await asyncio.sleep(max(self._seconds, _PAUSE_SECONDS))
                continue
            await asyncio.sleep(self._seconds)


class Background:
    """Repeats a function in a thread until it returns True or is stopped; what fails is logged and repeated."""

    def __init__(self, name: str, function: Callable[[], object], seconds: float) -> None:
        self._name, self._function, self._seconds = name, function, seconds
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._again = False

    def start(self) -> None:
        """Begin, unless it has begun; what is under way when it returns True is followed by another turn."""
        with self._lock:
            self._again = True
            if self._thread is None or not self._thread.is_alive():
                self._ended = threading.Event()
                self._thread = threading.Thread(target=self._repeat, args=(self._ended,), name=self._name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Repeat no more, and wait for what is under way."""
        with self._lock:  # a thread that is being started cannot be waited for yet
            self._ended.set()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _repeat(self, ended: threading.Event) -> None:
        while not ended.is_set():
            self._again = False
            try:
                if self._function() is True:
                    with self._lock:
                        if not self._again:
                            self._thread = None
                            return
                    continue
            except Exception as failed:
                log.warning("%s is tried again: %s", self._name, failed)
                ended.wait(max(self._seconds, _PAUSE_SECONDS))
                continue
            ended.wait(self._seconds)


class AsyncBlock:
    """The task that has entered a block, which can be interrupted there."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._was_interrupted = False

    def interrupt(self) -> None:
        """Cancel the task, so that its block ends at the next await."""
        if self._task is not None and not self._was_interrupted:
            self._was_interrupted = True
            self._task.cancel()

    def is_interrupted_by_us(self, error: BaseException | None) -> bool:
        """Return whether the block ended by our interruption and by nobody else's; then the task goes on."""
        if not self._was_interrupted or self._task is None:
            return False
        others = self._task.uncancel()
        return isinstance(error, asyncio.CancelledError) and others == 0


class Block:
    """The thread that has entered a block: nothing interrupts it there, so it asks by itself."""

    def interrupt(self) -> None:
        """Do nothing."""

    def is_interrupted_by_us(self, error: BaseException | None) -> bool:  # noqa: ARG002 - as tasks have it
        """Return False."""
        return False


class AsyncCall:
    """Calls a function, and waits for it if it is asynchronous."""

    @staticmethod
    async def of(function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function returns."""
        answer = function(*arguments)
        return await answer if isawaitable(answer) else answer


class Call:
    """Calls a function."""

    @staticmethod
    def of(function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function returns."""
        return function(*arguments)


class AsyncEmit:
    """Gives an event to an emitter, and waits until the emitter has room for it."""

    @staticmethod
    async def to(emitter: Any, stream_id: str, event: Any, **about: Any) -> None:
        """Do it; the emitter answers for the rest."""
        await emitter.put(stream_id, event, **about)


class Emit:
    """Gives an event to an emitter, and waits until the emitter has room for it."""

    @staticmethod
    def to(emitter: Any, stream_id: str, event: Any, **about: Any) -> None:
        """Do it; the emitter answers for the rest."""
        emitter(stream_id, event, **about)
