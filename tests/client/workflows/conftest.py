"""Fixtures of the tests of workflows: a store of a service, and a tenant's, of both kinds behind one API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold
from tests.client.workflows.tables import a_user
from tests.fixtures.blocking import Blocking, Loop
from tests.fixtures.tenants import login_of_gateway


@pytest.fixture
def user(connection: psycopg.Connection[Any]) -> UUID:
    """A user of the test's database."""
    return a_user(connection)


@pytest.fixture(params=["service, threads", "service, asyncio", "tenant, threads", "tenant, asyncio"])
def workflows(request: pytest.FixtureRequest, database_url: str, user: UUID) -> Iterator[Any]:
    """The user's workflows, by a store whose tenant it is, and by the tenant's own access; threads and asyncio."""
    who, kind = request.param.split(", ")
    url = login_of_gateway(database_url) if who == "tenant" else database_url
    about: dict[str, Any] = {} if who == "tenant" else {"user_id": user}
    if kind == "threads":
        with runfold.connect(url, **about) as store:
            yield (store.as_user(user) if who == "tenant" else store).workflows
        return
    with Loop() as loop:
        opened = loop.call(runfold.connect_async, url, **about)
        yield Blocking((opened.as_user(user) if who == "tenant" else opened).workflows, loop)
        loop.call(opened.close)
