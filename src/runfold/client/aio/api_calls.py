"""Calls of other services, recorded without their secrets."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Unpack

import orjson
import psycopg

from runfold.client.aio.log import AsyncLog, statement
from runfold.database.forks import renew
from runfold.domain.api_call import ApiCall, recorded
from runfold.domain.signatures import spells_out
from runfold.errors import InvalidInput, RunfoldError

_MOST = 500
"""So many calls are written by one statement at most."""


@dataclass(slots=True)
class _Waiting:
    """A call that is to be written, and what came of it."""

    row: dict[str, Any]
    done: bool = False
    error: Exception | None = None


@spells_out
class AsyncApiCalls:
    """The table external_api_call_logs: rows are added and expire, and never change. Safe to share.

    Calls that are recorded at the same time are written together, by whoever comes first.
    """

    def __init__(self, store: AsyncLog) -> None:
        self._store = store
        self._waiting: deque[_Waiting] = deque()
        self._lock = asyncio.Lock()
        renew(self)

    def _after_fork(self) -> None:
        """Leave to the parent what it has to write."""
        self._waiting = deque()
        self._lock = asyncio.Lock()

    async def record(self, **call: Unpack[ApiCall]) -> None:
        """Record a call, durably. `runfold.domain.api_call.ApiCall` says what is recorded of it.

        Before it leaves this process, its secrets are removed: see `runfold.domain.sanitizing`. Raises InvalidInput
        for what the table could not take, and what an append raises when the database cannot be reached.
        """
        waiting = _Waiting(recorded(call, self._store.user_id))
        self._waiting.append(waiting)
        while not waiting.done:
            async with self._lock:
                if not waiting.done:
                    await self._write()
        if waiting.error is not None:
            raise waiting.error

    async def _write(self) -> None:
        """Write the calls that wait. One that is refused does not keep back the others."""
        batch = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
        try:
            await self._insert(batch)
        except (RunfoldError, psycopg.Error) as error:
            if len(batch) == 1 or (isinstance(error, RunfoldError) and error.retryable):
                for each in batch:
                    each.error, each.done = error, True
            else:
                await self._write_each(batch)
        finally:
            # After an interruption others write them, with the same ids: what was written stays written once.
            self._waiting.extendleft(each for each in reversed(batch) if not each.done)

    async def _write_each(self, batch: list[_Waiting]) -> None:
        for each in batch:
            try:
                await self._insert([each])
            except (RunfoldError, psycopg.Error) as error:
                each.error, each.done = error, True

    async def _insert(self, batch: list[_Waiting]) -> None:
        calls = orjson.dumps([each.row for each in batch]).decode()
        try:
            await self._store._retried(statement("record_api_calls"), {"calls": calls})
        except psycopg.errors.ForeignKeyViolation as violated:
            raise InvalidInput(
                "user_id is nobody's id", hint="name a user that there is", code="unknown_user", pointer="/user_id"
            ) from violated
        for each in batch:
            each.done = True
