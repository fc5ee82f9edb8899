"""Behind a transaction pooler tenants share sessions, and none sees a row of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

import runfold
from runfold.settings import Settings
from tests.client.tenants.conftest import ONE, OTHER, ROWS
from tests.fixtures.poolers import pgbouncer
from tests.fixtures.tenants import GATEWAY, PASSWORD

THREADS, CALLS, SESSIONS = 12, 60, 3

RIGHT = "right"
QUERY = "SELECT user_id, current_user AS who, auth.uid() AS uid FROM workflows"

Ask = Callable[[UUID, int], list[dict[str, Any]]]


class RolledBack(Exception):
    """A tenth of the calls is."""


@pytest.fixture
def pooled(gateway_url: str, database_url: str) -> Iterator[str]:
    """The gateway's login through a transaction pooler with three sessions."""
    assert GATEWAY in gateway_url
    parts = urlsplit(database_url)
    url = parts._replace(netloc=f"{GATEWAY}:{PASSWORD}@{parts.hostname}:{parts.port}").geturl()
    with pgbouncer(url, sessions=SESSIONS) as through:
        yield through


def race(ask: Ask) -> Counter[str]:
    """Let threads ask for two tenants in turns; return how many answers were right, or how they were wrong."""
    together = Barrier(THREADS)

    def one(number: int) -> Counter[str]:
        found: Counter[str] = Counter()
        together.wait()
        for call in range(CALLS):
            user = (ONE, OTHER)[(number + call) % 2]
            rolls_back = (number * CALLS + call) % 10 == 0
            try:
                rows = ask(user, rolls_back)
            except RolledBack:
                found[RIGHT] += 1
                continue
            except psycopg.Error as exc:
                found[type(exc).__name__] += 1
                continue
            others = [row for row in rows if row["user_id"] != user or row["uid"] != user]
            right = not others and len(rows) == ROWS[user] and {row["who"] for row in rows} == {"authenticated"}
            found[RIGHT if right else "another's rows" if others else "rows are missing"] += 1
        return found

    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(one, range(THREADS)), Counter())


def asking(store: runfold.Store) -> Ask:
    def ask(user: UUID, rolls_back: int) -> list[dict[str, Any]]:
        tenant = store.as_user(user)
        if not rolls_back:
            return tenant.fetch(QUERY)
        with tenant.transaction() as cursor:
            cursor.execute("UPDATE workflows SET name = 'rolled back'")
            rows = cursor.execute(QUERY).fetchall()
            if {row["user_id"] for row in rows} == {user}:
                raise RolledBack
        return rows

    return ask


def test_no_tenant_sees_a_row_of_another_through_a_pooler(pooled: str, connection: psycopg.Connection[Any]) -> None:
    with runfold.connect(pooled, settings=Settings(pool_max_size=THREADS)) as store:
        assert race(asking(store)) == {RIGHT: THREADS * CALLS}
    assert connection.execute("SELECT count(*) FROM workflows WHERE name = 'rolled back'").fetchone() == (0,)
    with psycopg.connect(pooled, prepare_threshold=None) as left:
        state = (
            "SELECT current_user, current_setting('role'), coalesce(current_setting('request.jwt.claims', true), '')"
        )
        assert left.execute(state).fetchone() == (GATEWAY, "none", "")


def test_control_who_sets_the_session_sees_rows_of_others(pooled: str) -> None:
    """As every driver offers: SET ROLE and set_config for the session, each statement for itself."""

    def ask(user: UUID, rolls_back: int) -> list[dict[str, Any]]:
        with psycopg.connect(pooled, autocommit=True, prepare_threshold=None, row_factory=dict_row) as session:
            session.execute("SET ROLE authenticated")
            session.execute("SELECT set_config('request.jwt.claims', %s, false)", [f'{{"sub": "{user}"}}'])
            return session.execute(QUERY).fetchall()

    found = race(ask)
    assert sum(found.values()) == THREADS * CALLS
    assert found["another's rows"] > 0
