"""Fixtures of the memory's tests: the same suite runs as a service, as a tenant, and for asyncio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold.memory.aio.session import AsyncPart
from tests.fixtures.blocking import Blocking, Loop

ENGINE = "?options=-c%20role%3Drunfold_engine"
"""Added to a superuser's URL: its sessions have the rights of a service, and row security binds them."""


class BlockingMemory(Blocking):
    """The memory of asyncio with the API of the synchronous one: its parts block as well."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if isinstance(found, AsyncPart):
            return BlockingMemory(found, self._loop)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            result = found(*args, **kwargs)
            return BlockingMemory(result, self._loop) if isinstance(result, AsyncPart) else result

        return call


def add_user(url: str) -> UUID:
    """Add a user to the database, and return its id."""
    user_id = uuid4()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [user_id])
    return user_id


@pytest.fixture
def user(database_url: str) -> UUID:
    """A user of the test's database."""
    return add_user(database_url)


@pytest.fixture(params=["service", "tenant", "asyncio"])
def memory(request: pytest.FixtureRequest, database_url: str, user: UUID) -> Iterator[Any]:
    """The memory of the user: as a service that acts for it, as the tenant itself, and as the tenant for asyncio."""
    if request.param == "service":
        with runfold.connect(database_url + ENGINE) as store:
            yield store.memory(user)
    elif request.param == "tenant":
        with runfold.connect(database_url) as store:
            yield store.as_user(user).memory
    else:
        with Loop() as loop:
            store = loop.call(runfold.connect_async, database_url)
            try:
                yield BlockingMemory(store.as_user(user).memory, loop)
            finally:
                loop.call(store.close)


@pytest.fixture
def expire(connection: psycopg.Connection[tuple[Any, ...]]) -> Any:
    """Let the rows of a table expire a moment ago, without a cleanup."""

    def expired(table: str, condition: str = "true") -> int:
        return connection.execute(
            f"UPDATE public.{table} SET expires_at = now() - interval '1 ms' WHERE {condition}"  # type: ignore[arg-type]
        ).rowcount

    return expired
