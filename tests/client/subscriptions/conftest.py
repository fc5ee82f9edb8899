"""Stores of each kind for the tests of subscriptions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import runfold
from tests.fixtures.blocking import Blocking, Loop
from tests.fixtures.evidence import evidence

__all__ = ["evidence"]


@pytest.fixture(params=["sync", "async"])
def store(request: pytest.FixtureRequest, database_url: str) -> Iterator[runfold.Store]:
    """A store on the test's database, and asyncio's behind the same API."""
    if request.param == "sync":
        with runfold.connect(database_url) as made:
            yield made
        return
    with Loop() as loop, Blocking(loop.call(runfold.connect_async, database_url), loop) as made:
        yield made


@pytest.fixture
def sleepy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Subscriptions do not look by themselves: they have to be woken."""
    for kind in ("aio", "sync"):
        monkeypatch.setattr(f"runfold.client.{kind}.subscriptions.POLL_SECONDS", 600.0)
