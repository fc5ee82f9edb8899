"""Calls that are tried again while that can help."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from runfold.errors import RunfoldError

_T = TypeVar("_T")


async def retried(seconds: float, call: Callable[..., Awaitable[_T]], *arguments: Any) -> _T:
    """Return what a call returns; for so many seconds it is tried again where that can help."""
    # What nearly always succeeds does not pay for the machinery of retrying.
    give_up_at = time.monotonic() + seconds
    try:
        return await call(*arguments)
    except RunfoldError as exc:
        left = give_up_at - time.monotonic()
        if left <= 0 or not _is_worth_another_try(exc):
            raise
    retrying = AsyncRetrying(
        retry=retry_if_exception(_is_worth_another_try),
        stop=stop_after_delay(left),
        wait=wait_random_exponential(multiplier=0.01, max=1),
        reraise=True,
    )
    return await retrying(call, *arguments)


def _is_worth_another_try(exc: BaseException) -> bool:
    """Whether the same call can succeed soon; a wait for a standby that somebody canceled is not begun again."""
    callers = ("pool_exhausted", "replication_unconfirmed")
    return isinstance(exc, RunfoldError) and exc.retryable and exc.code not in callers
