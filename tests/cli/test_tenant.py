"""`runfold tenant erase`: what it says before and after, for people and for scripts, and that it can be run again."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from tests.cli.conftest import Runfold
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain, worker

ANNE = UUID(int=0xA << 64)


@pytest.fixture
def anne(log: Log, database_url: str) -> str:
    """A tenant with an execution and two log lines."""
    log.connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (ANNE,))
    log.append("execution-a", *run("a"), user_id=ANNE)
    log.append("log-a", event("LogAppended"), event("LogAppended"), user_id=ANNE)
    drain(database_url)
    return str(ANNE)


def users(connection: psycopg.Connection[tuple[int]]) -> int:
    return (connection.execute("SELECT count(*) FROM auth.users").fetchone() or (-1,))[0]


@pytest.mark.parametrize("columns", [80, 200])
def test_the_dry_run_says_what_would_go_and_what_stays(runfold: Runfold, log: Log, anne: str, columns: int) -> None:
    shown = runfold("tenant", "erase", anne, "--dry-run", columns=columns)
    assert shown.code == 0, shown.err
    text = " ".join(shown.out.split())
    for words in (
        "2 streams, 9 events; would be removed:",
        "public.node_executions 2",
        "stays readable",
        "ExecutionCreated",
    ):
        assert words in text
    assert users(log.connection) == 1
    assert runfold("tenant", "erase", anne, "--dry-run", "--json").json()["is_erased"] is False


def test_it_erases_and_says_so_and_again_it_changes_nothing(
    runfold: Runfold, log: Log, database_url: str, anne: str
) -> None:
    with worker(database_url):
        done = runfold("tenant", "erase", anne, "--yes", "--timeout", "30")
    assert done.code == 0, done.err
    assert f"tenant {anne} is erased, at position 10" in done.out
    assert "backups from before this stay" in done.out
    assert users(log.connection) == 0
    again = runfold("tenant", "erase", anne, "--yes", "--json").json()
    assert again["is_erased"]
    assert (again["position"], again["rows"], again["left"]) == (10, {}, {})
    assert log.connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (10,)


def test_without_a_worker_it_says_what_it_waits_for_and_is_run_again(
    runfold: Runfold, log: Log, database_url: str, anne: str
) -> None:
    waited = runfold("tenant", "erase", anne, "--yes", "--timeout", "0.2")
    assert waited.code == 1
    assert "waiting for a worker to fold up to position 10" in waited.err
    assert "run it again" in waited.err
    drain(database_url)
    assert runfold("tenant", "erase", anne, "--yes", "--json").json()["is_erased"]


def test_it_asks_before_it_erases(runfold: Runfold, log: Log, anne: str) -> None:
    assert runfold("tenant", "erase", anne).code != 0
    assert users(log.connection) == 1
