"""Which errors of a call can pass."""

from __future__ import annotations

from runfold.errors import RunfoldError


def is_worth_another_try(exc: BaseException) -> bool:
    """Whether the same call can succeed soon; a wait for a standby that somebody canceled is not begun again."""
    callers = ("pool_exhausted", "replication_unconfirmed")
    return isinstance(exc, RunfoldError) and exc.retryable and exc.code not in callers
