"""An append never fails because of the wake-up: a NOTIFY queue that somebody else has filled is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from tests.fixtures.logs import Log, event
from tests.fixtures.processes import eventually, folded, worker
from tests.fixtures.servers import PrivateServerFactory
from tests.worker.test_waking import idle


def fill(connection: psycopg.Connection[Any]) -> None:
    """Notify until the queue is full, and raise what the server says then."""
    while True:
        connection.execute(
            "SELECT count(pg_notify('another_application', repeat('x', 7000) || g)) FROM generate_series(1, 20) AS g"
        )


@pytest.fixture
def full_queue(private_server: PrivateServerFactory) -> Iterator[str]:
    """The URL of a migrated database on a server whose notification queue is full."""
    server = private_server()
    with psycopg.connect(server.url, autocommit=True) as connection:
        if connection.info.server_version < 170000:
            pytest.skip("before PostgreSQL 17 the queue takes 8 GB")
        connection.execute("ALTER SYSTEM SET max_notify_queue_pages = 64")
    server.stop()
    url = server.start()
    migrate(url)
    with psycopg.connect(url, autocommit=True) as listener, psycopg.connect(url, autocommit=True) as other:
        listener.execute("LISTEN another_application")
        listener.autocommit = False
        listener.execute("SELECT 1")  # idle in its transaction: the queue cannot be emptied
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            fill(other)
        yield url
        listener.rollback()


def append(url: str, name: str) -> tuple[Log, int]:
    log = Log(psycopg.connect(url, autocommit=True))
    return log, log.append(f"log-{name}", event("LogAppended"))


def wait_until_idle(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as looking:
        eventually(lambda: idle(looking))


def test_appends_succeed_beside_a_full_queue_and_are_folded(full_queue: str) -> None:
    with worker(full_queue):
        wait_until_idle(full_queue)
        for name in "abc":
            log, position = append(full_queue, name)
            eventually(lambda log=log, position=position: folded(log.connection, position))  # type: ignore[misc]
            wait_until_idle(full_queue)


def test_control_an_append_that_notifies_anyway_fails(full_queue: str) -> None:
    with psycopg.connect(full_queue, autocommit=True) as connection:
        (source,) = connection.execute("SELECT pg_get_functiondef('runfold.append_events'::regproc)").fetchone() or (
            "",
        )
        assert "AND pg_notification_queue_usage() < 0.5" in source
        connection.execute(source.replace("AND pg_notification_queue_usage() < 0.5", "").encode())
    with worker(full_queue):
        wait_until_idle(full_queue)
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            append(full_queue, "a")


def test_every_function_that_notifies_looks_at_the_queue_first(connection: psycopg.Connection[Any]) -> None:
    found = connection.execute(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'runfold'::regnamespace"
        " AND p.prosrc LIKE '%pg_notify(%' AND p.prosrc NOT LIKE '%pg_notification_queue_usage() < 0.5%'"
    ).fetchall()
    assert found == []
    notifying = connection.execute(
        "SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'runfold'::regnamespace AND p.prosrc LIKE '%pg_notify(%'"
    ).fetchone()
    assert notifying == (5,)
