"""A fail-over, a standby and a server that is away: what was acknowledged is there, and each says what works."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

import runfold
from runfold import errors
from runfold.database import pooled_sessions
from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer
from runfold.settings import load_settings
from tests.cli.running import run as run_command
from tests.factories import a_stream, line
from tests.fixtures.databases import with_database
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import command, drain, eventually, folded
from tests.fixtures.servers import PrivateServerFactory

Connection = psycopg.Connection[Any]


def set_read_only(connection: Connection, value: str | None) -> None:
    """Make the database's new sessions read-only, as a reader's endpoint does, or take it back."""
    database = sql.Identifier(connection.info.dbname)
    connection.execute("SET default_transaction_read_only = off")
    if value is None:
        connection.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(database))
    else:
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(database))


def read_only_store(connection: Connection, url: str, **settings: Any) -> runfold.Store:
    """Return a store whose pooled sessions were all opened in read-only times, which are over now."""
    set_read_only(connection, "on")
    store = runfold.connect(url, settings=load_settings(pool_min_size=4, **settings))
    store._pool.wait()
    set_read_only(connection, None)
    return store


def test_a_pool_from_read_only_times_writes_after_the_fail_over(connection: Connection, database_url: str) -> None:
    stream = a_stream()
    with read_only_store(connection, database_url) as store:
        assert [store.append(stream, [line()]).version for _ in range(8)] == list(range(1, 9))
        with store.executions.create(workflow_id=uuid4(), mode="MANUAL"):
            pass


def test_a_transaction_after_the_fail_over_gets_a_session_that_writes(
    connection: Connection, database_url: str
) -> None:
    """The caller's own statements are not tried again: they are given a session that can write from the start."""
    stream = a_stream()
    with read_only_store(connection, database_url) as store:
        for _ in range(3):
            with store.transaction() as lent:
                store.append(stream, [line()], connection=lent)
        assert len(store.read_stream(stream)) == 3


def test_control_a_pool_that_keeps_its_sessions_cannot_write(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooled_sessions.PooledSessions, "refused_to_write", lambda *_: None)
    with read_only_store(connection, database_url) as store, pytest.raises(errors.DatabaseReadOnly):
        store.append(a_stream(), [line()])


def test_a_database_that_stays_read_only_is_tried_once_more_and_no_longer(
    connection: Connection, database_url: str
) -> None:
    set_read_only(connection, "on")
    with runfold.connect(database_url) as store:
        with pytest.raises(errors.DatabaseReadOnly, match="default_transaction_read_only"):
            store.append(a_stream(), [line()])
        # What reads is not affected.
        assert store.read_all() == []


def test_a_callers_own_read_only_transaction_costs_no_session(connection: Connection, database_url: str) -> None:
    with runfold.connect(database_url, settings=load_settings(pool_max_size=1)) as store:
        before = _write_read_only(store)
        assert _write_read_only(store) == before


def _write_read_only(store: runfold.Store) -> int:
    """Fail to append in a read-only transaction, and return the session's pid."""
    pid = 0

    def attempt() -> None:
        nonlocal pid
        with store.transaction() as lent:
            pid = lent.info.backend_pid
            lent.execute("SET TRANSACTION READ ONLY")
            store.append(a_stream(), [line()], connection=lent)

    with pytest.raises(errors.DatabaseReadOnly):
        attempt()
    return pid


# A standby that has to confirm commits, and does not


@dataclass
class Waiting:
    """A call in a thread whose commit waits for a standby."""

    call: Callable[[], Any]
    result: Any = None
    error: BaseException | None = None
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self.call()
        except BaseException as exc:
            self.error = exc

    def ended(self) -> Waiting:
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self


def waiting_for_standby(connection: Connection) -> int | None:
    """Return the session whose commit waits for a standby."""
    row = connection.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone()
    return None if row is None else int(row[0])


def demand_standby(connection: Connection, *, present: bool) -> None:
    """Let commits wait for a standby that there is not, or no longer."""
    connection.execute("SET synchronous_commit = local")
    connection.execute(
        f"ALTER SYSTEM SET synchronous_standby_names = '{'a standby' if present else ''}'".replace(
            "'a standby'", "'\"a standby\"'"
        )
    )
    connection.execute("SELECT pg_reload_conf()")
    expected = '"a standby"' if present else ""
    eventually(lambda: connection.execute("SHOW synchronous_standby_names").fetchone() == (expected,))


@pytest.fixture
def lonely(private_server: PrivateServerFactory) -> Iterator[tuple[str, Connection]]:
    """A migrated server whose commits wait for a standby that does not exist, and an operator's session on it."""
    server = private_server()
    migrate(server.url)
    with psycopg.connect(server.url, autocommit=True) as operator:
        yield server.url, operator


def cancel(connection: Connection) -> None:
    """Cancel the wait for the standby, as an operator does, once there is one."""
    pid = eventually(lambda: waiting_for_standby(connection))
    connection.execute("SELECT pg_cancel_backend(%s)", (pid,))


def test_a_canceled_wait_for_a_standby_is_not_acknowledged_and_the_same_call_waits_again(
    lonely: tuple[str, Connection],
) -> None:
    url, operator = lonely
    stream, events = a_stream(), [line()]
    with runfold.connect(url) as store:
        demand_standby(operator, present=True)
        first = Waiting(lambda: store.append(stream, events))
        cancel(operator)
        assert isinstance(first.ended().error, errors.ReplicationUnconfirmed)
        assert first.error.retryable
        again = Waiting(lambda: store.append(stream, events))
        # It is recorded here already, and is not acknowledged for that.
        eventually(lambda: waiting_for_standby(operator))
        demand_standby(operator, present=False)
        assert again.ended().error is None
        assert (again.result.version, again.result.repeated) == (1, True)


def test_control_without_the_warning_the_wait_would_be_acknowledged(
    lonely: tuple[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, operator = lonely
    monkeypatch.setattr(pooled_sessions, "_WAITS_FOR_STANDBY", "nothing")
    with runfold.connect(url) as store:
        demand_standby(operator, present=True)
        only = Waiting(lambda: store.append(a_stream(), [line()]))
        cancel(operator)
        assert only.ended().error is None
        demand_standby(operator, present=False)


def test_a_callers_transaction_that_no_standby_confirmed_is_not_acknowledged(lonely: tuple[str, Connection]) -> None:
    url, operator = lonely
    with runfold.connect(url) as store:

        def transact() -> None:
            with store.transaction() as lent:
                store.append(a_stream(), [line()], connection=lent)

        demand_standby(operator, present=True)
        only = Waiting(transact)
        cancel(operator)
        assert isinstance(only.ended().error, errors.ReplicationUnconfirmed)
        demand_standby(operator, present=False)


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_handle_s_command_given_again_is_acknowledged_when_a_standby_has_confirmed_it(
    lonely: tuple[str, Connection], how: str
) -> None:
    """What a handle finds in the log need not have left this server: it sends the append again, which waits."""
    url, operator = lonely
    with runfold.connect(url, settings=load_settings(retry_seconds=0.5)) as store:
        execution = store.executions.create(workflow_id=uuid4(), mode="MANUAL")
        demand_standby(operator, present=True)
        first = Waiting(execution.start)
        while first.thread.is_alive():
            # The store sends it again after a lost connection: each wait is ended.
            if (pid := waiting_for_standby(operator)) is not None:
                operator.execute(sql.SQL("SELECT {}(%s)").format(sql.Identifier(how)), (pid,))
        assert isinstance(first.error, errors.ReplicationUnconfirmed | errors.DatabaseUnavailable)
        again = Waiting(execution.start)
        eventually(lambda: waiting_for_standby(operator))
        assert again.thread.is_alive()
        demand_standby(operator, present=False)
        assert again.ended().error is None
        kinds = [event.type for event in store.read_stream(f"execution-{execution.execution_id}")]
        assert kinds.count("ExecutionStarted") == 1


# A standby


@pytest.fixture
def primary(private_server: PrivateServerFactory) -> EmbeddedServer:
    """A server with an execution that is folded."""
    server = private_server()
    migrate(server.url)
    with psycopg.connect(server.url, autocommit=True) as connection:
        Log(connection).append("execution-e", *run("e"))
    drain(server.url)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("UPDATE runfold.published_head SET position = runfold.safe_head()")  # as a worker does
    return server


@pytest.fixture
def standby(primary: EmbeddedServer, private_server: PrivateServerFactory) -> EmbeddedServer:
    """A standby of it, which can be promoted."""
    primary.stop()
    home = primary.home.with_name("standby")
    subprocess.run(["/bin/cp", "-a", primary.home, home], check=True)
    (home / "port").unlink()
    subprocess.run(["/bin/cp", "-a", home / "data" / "PG_VERSION", home / "data" / "standby.signal"], check=True)
    return private_server(home=home, settings={"hot_standby": "on"})


WRITING = [
    ["worker"],
    ["worker", "--once"],
    ["projection", "rebuild", "--all"],
    ["projection", "verify"],
    ["projection", "replay", "--stream", "execution-e"],
    ["parked", "retry", "execution-e"],
    ["execution", "at", "e", "--event", "1"],
    ["why", "workflow_executions", "e", "status"],
]

READING = [
    ["status"],
    ["status", "--json"],
    ["execution", "list"],
    ["execution", "show", "e"],
    ["execution", "tail", "e"],
    ["execution", "stuck"],
    ["execution", "diff", "e", "e"],
    ["anomalies", "list"],
    ["parked", "list"],
    ["projection", "list"],
    ["interaction", "list"],
    ["response", "list"],
    ["deployment", "list"],
    ["trigger", "list"],
    ["migrate", "--check"],
]


def test_on_a_standby_each_command_reads_or_says_in_one_line_what_a_standby_can_do(standby: EmbeddedServer) -> None:
    for words in WRITING:
        done = run_command(standby.url, *words)
        assert done.returncode == 1, words
        (said,) = done.stderr.strip().splitlines()
        assert said.startswith("error: this server is a standby"), (words, said)
        assert "run it on the primary" in said
    for words in READING:
        done = run_command(standby.url, *words)
        assert done.returncode == 0, (words, done.stderr)
    with runfold.connect(standby.url) as store:
        assert len(store.read_stream("execution-e")) == len(run("e"))
        with pytest.raises(errors.DatabaseReadOnly, match="write to the primary"):
            store.append(a_stream(), [line()])
        with pytest.raises(errors.DatabaseReadOnly, match="this server is a standby"), store.as_of(position=1):
            pass


def test_a_store_that_was_opened_on_a_standby_writes_when_it_is_promoted(standby: EmbeddedServer) -> None:
    stream = a_stream()
    with runfold.connect(standby.url) as store, psycopg.connect(standby.url, autocommit=True) as operator:
        with pytest.raises(errors.DatabaseReadOnly):
            store.append(stream, [line()])
        operator.execute("SELECT pg_promote()")
        assert [store.append(stream, [line()]).version for _ in range(3)] == [1, 2, 3]
        with store.transaction() as lent:
            store.append(stream, [line()], connection=lent)


def test_a_worker_that_runs_waits_for_the_end_of_read_only_times(connection: Connection, database_url: str) -> None:
    log = Log(connection)
    with command("worker", RUNFOLD_DATABASE_URL=database_url) as worker:
        log.append("execution-a", *run("a"))
        eventually(lambda: folded(connection, log.events[-1].position))
        set_read_only(connection, "on")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'runfold worker%' AND datname = current_database()"
        )
        log.append("execution-b", *run("b"))
        eventually(lambda: "default_transaction_read_only is on" in worker.output)
        assert worker.alive
        set_read_only(connection, None)
        eventually(lambda: folded(connection, log.events[-1].position))
        assert "Traceback" not in worker.output


# A server that is away when somebody starts


@pytest.mark.parametrize("words", [["worker"], ["up"]], ids=" ".join)
def test_a_worker_that_starts_while_the_database_is_away_waits_as_a_running_one(
    primary: EmbeddedServer, words: list[str]
) -> None:
    url = primary.url
    primary.stop()
    with command(*words, RUNFOLD_DATABASE_URL=url) as worker:
        eventually(lambda: "waiting for the database" in worker.output)
        assert worker.alive
        primary.start()
        with psycopg.connect(url, autocommit=True) as connection:
            position = Log(connection).append("execution-late", *run("late"))
            eventually(lambda: folded(connection, position))
            assert worker.alive
        assert "Traceback" not in worker.output


@pytest.mark.parametrize("wrong", ["database", "password"])
def test_a_worker_whose_url_is_refused_does_not_wait(server_url: str, wrong: str) -> None:
    url = with_database(server_url, "there_is_no_such_database")
    if wrong == "password":
        url = server_url.replace("runfold:", "runfold:x", 1)
    done = run_command(url, "worker")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_on_a_standby_a_subscription_looks_by_itself_and_says_so(standby: EmbeddedServer) -> None:
    with runfold.connect(standby.url) as store:
        there = store.read_all()
        with store.subscribe() as subscription:
            assert there
            assert [next(subscription).event for _ in there] == list(there)
            assert subscription.polls is not None
            assert "this server is a standby" in subscription.polls
        with store.subscribe(subscription="billing") as kept, pytest.raises(errors.DatabaseReadOnly):
            next(kept)
    for words in (["subscription", "list"], ["subscription", "list", "--json"]):
        done = run_command(standby.url, *words)
        assert done.returncode == 0, done.stderr
