"""Fixtures of the tests of registries: a store, synchronous and asynchronous."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import runfold
from tests.fixtures.blocking import Blocking, Loop


@pytest.fixture(params=["sync", "aio"])
def store(database_url: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A store on the test's database, of both kinds."""
    if request.param == "sync":
        with runfold.connect(database_url) as made:
            yield made
        return
    with Loop() as loop:
        made = loop.call(runfold.connect_async, database_url)
        with Blocking(made, loop) as blocking:
            yield blocking
