"""A store survives fork(): no process reads an answer to another one's call, ends its sessions, or waits for its locks.

Each control forks without the protection, and then the same question has the wrong answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4
from weakref import WeakSet

import psycopg
import pytest

import runfold
from runfold.client.sync import encryption
from runfold.database import forks
from runfold.errors import InheritedConnection, WrongAnswer
from runfold.events.codec import encode_appends
from runfold.eventsourcing.datastore import Datastore
from runfold.settings import Settings
from tests.factories import a_stream, line, lines, streams
from tests.fixtures.blocking import Blocking, Loop
from tests.fixtures.processes import forked

Connection = psycopg.Connection[Any]

ONE_CONNECTION = Settings(pool_min_size=1, pool_max_size=1)
CHILDREN, NODES = 3, 10


@pytest.fixture
def unprotected(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and children share everything with this process, as they would without the protection."""

    def forget() -> None:
        monkeypatch.setattr(forks, "_connections", WeakSet())
        monkeypatch.setattr(forks, "_renewed", WeakSet())

    return forget


@pytest.fixture
def store(database_url: str) -> Iterator[runfold.Store]:
    """A store whose pool has one connection, so that each call of a process uses the same."""
    with runfold.connect(database_url, settings=ONE_CONNECTION) as made:
        session_of(made)
        yield made


def session_of(store: runfold.Store) -> int:
    with store.transaction() as connection:
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    return int(pid)


async def session_of_async(store: runfold.AsyncStore) -> int:
    async with store.transaction() as connection:
        (pid,) = await (await connection.execute("SELECT pg_backend_pid()")).fetchone() or (0,)
    return int(pid)


def said_in_a_child(body: Callable[[], object]) -> str:
    """Return what a function returns in a child process, or the name of its error."""

    def say() -> None:
        try:
            print("said", body())
        except Exception as error:
            print("said", type(error).__name__)

    with forked(say) as child:
        assert child.wait() == 0, child.output
        return child.output.partition("said ")[2].strip()


def work(run: Any, name: str) -> None:
    for _ in range(NODES):
        node = run.node(name, node_type="ACTION")
        node.start()
        node.succeed({"by": name})


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_every_process_records_what_it_was_asked_to(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    shared = run.node("shared", node_type="ACTION")
    shared.start()

    def child(name: str) -> None:
        work(store.executions.get(run.execution_id), name)  # a new handle
        work(run, name)  # a handle of the parent's

    names = [f"child{number}" for number in range(CHILDREN)]
    processes = [forked(lambda name=name: child(name)) for name in names]  # type: ignore[misc]
    started = [process.__enter__() for process in processes]
    try:
        work(run, "parent")
        shared.succeed()
        assert [(one.wait(), one.output) for one in started] == [(0, "")] * CHILDREN
    finally:
        for process in processes:
            process.__exit__(None, None, None)
    ended = [event for event in store.read_stream(f"execution-{run.execution_id}") if event.type == "NodeSucceeded"]
    recorded = [str((event.data or {})["node_id"]) for event in ended]
    assert {name: recorded.count(name) for name in set(recorded)} == {
        "parent": NODES,
        "shared": 1,
        **dict.fromkeys(names, 2 * NODES),
    }


def test_a_child_has_sessions_of_its_own(store: runfold.Store) -> None:
    mine = session_of(store)
    assert int(said_in_a_child(lambda: session_of(store))) != mine
    assert session_of(store) == mine


def test_control_an_unprotected_child_uses_its_parent_s_session(
    store: runfold.Store, unprotected: Callable[[], None]
) -> None:
    mine = session_of(store)
    unprotected()
    assert int(said_in_a_child(lambda: session_of(store))) == mine


def test_so_has_the_child_of_a_child(store: runfold.Store) -> None:
    def child() -> list[int]:
        return [session_of(store), int(said_in_a_child(lambda: session_of(store))), session_of(store)]

    mine = session_of(store)
    first, second, again = map(int, said_in_a_child(child).strip("[]").split(","))
    assert len({mine, first, second}) == 3
    assert again == first


@pytest.mark.parametrize("is_running", [False, True], ids=["after its loop", "in its loop"])
def test_a_child_of_asyncio_has_sessions_of_its_own(database_url: str, is_running: bool) -> None:
    async def parent() -> None:
        async with await runfold.connect_async(database_url, settings=ONE_CONNECTION) as store:
            mine = await session_of_async(store)
            run = await store.executions.create(workflow_id=uuid4(), mode="MANUAL")

            async def used() -> int:
                await run.start()
                return await session_of_async(store)

            def child() -> int:
                return asyncio.run(used())

            # Another thread has no running loop; this one has.
            said = said_in_a_child(child) if is_running else await asyncio.to_thread(said_in_a_child, child)
            assert int(said) != mine
            assert await session_of_async(store) == mine
            assert (await run.refresh()).status == "RUNNING"

    asyncio.run(parent())


def test_control_an_unprotected_child_of_asyncio_uses_its_parent_s_session(
    database_url: str, unprotected: Callable[[], None]
) -> None:
    with Loop() as loop:
        target = loop.call(runfold.connect_async, database_url, settings=ONE_CONNECTION)
        mine = loop.call(session_of_async, target)
        unprotected()
        assert int(said_in_a_child(lambda: asyncio.run(session_of_async(target)))) == mine
        Blocking(target, loop).close()


def test_a_child_that_closes_its_store_ends_no_session_of_its_parent(store: runfold.Store) -> None:
    mine = session_of(store)
    assert said_in_a_child(store.close) == "None"
    assert session_of(store) == mine

    def used_and_closed() -> str:
        session_of(store)
        store.close()
        store.append(a_stream(), lines(1))
        return "open"

    assert said_in_a_child(used_and_closed) == "DatabaseUnavailable"
    assert session_of(store) == mine


def test_control_an_unprotected_child_that_closes_its_store_ends_its_parent_s_session(
    store: runfold.Store, connection: Connection, unprotected: Callable[[], None]
) -> None:
    mine = session_of(store)
    unprotected()
    said_in_a_child(store.close)
    assert connection.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (mine,)).fetchone() == (0,)


def test_a_store_that_was_closed_before_the_fork_stays_closed(database_url: str) -> None:
    with runfold.connect(database_url) as store:
        pass
    assert said_in_a_child(lambda: store.append(a_stream(), lines(1))) == "DatabaseUnavailable"


def test_the_recorders_of_an_application_have_sessions_of_their_own(database_url: str) -> None:
    datastore = Datastore(Settings(database_url=database_url, pool_min_size=1, pool_max_size=1))

    def session() -> int:
        with datastore.cursor() as cursor:
            row = cursor.execute("SELECT pg_backend_pid() AS pid").fetchone()
            assert row is not None
            return int(row["pid"])

    mine = session()
    assert int(said_in_a_child(session)) != mine
    assert session() == mine
    datastore.close()


def test_a_look_at_the_past_is_the_parent_s(store: runfold.Store) -> None:
    store.append(a_stream(), lines(1))
    with store.as_of(position=1) as past:
        assert said_in_a_child(lambda: past.execute("SELECT 1")) in ("DatabaseUnavailable", "OperationalError")
        assert past.execute("SELECT 1").fetchall()


# -- an open transaction -----------------------------------------------------------------------------------------------


def test_a_child_cannot_use_an_open_transaction_of_its_parent(store: runfold.Store, connection: Connection) -> None:
    stream, other = streams(2)
    transaction = store.transaction()
    with transaction as mine:
        store.append(stream, lines(1), connection=mine)
        child = [
            said_in_a_child(lambda: store.append(stream, lines(1), connection=mine)),
            said_in_a_child(lambda: mine.execute("ROLLBACK")),
            said_in_a_child(mine.close),
            said_in_a_child(lambda: transaction.__exit__(None, None, None)),
            said_in_a_child(lambda: store.append(other, lines(1)).version),
        ]
        assert child == ["InheritedConnection", "OperationalError", "None", "InheritedConnection", "1"]
        store.append(stream, lines(1), connection=mine)
        assert [version(connection, name) for name in (stream, other)] == [0, 1]
    assert version(connection, stream) == 2


def test_control_an_unprotected_child_ends_its_parent_s_transaction(
    store: runfold.Store, connection: Connection, unprotected: Callable[[], None]
) -> None:
    stream = a_stream()
    transaction = store.transaction()
    with transaction as mine:
        store.append(stream, lines(1), connection=mine)
        unprotected()
        said_in_a_child(lambda: transaction.__exit__(None, None, None))
        assert version(connection, stream) == 1


def test_the_refusal_says_what_to_do() -> None:
    assert "begin a transaction in this process" in str(InheritedConnection())


def version(connection: Connection, stream: str) -> int:
    (found,) = connection.execute(
        "SELECT coalesce(max(version), 0) FROM runfold.streams WHERE stream_id = %s", (stream,)
    ).fetchone() or (0,)
    return int(found)


# -- locks -------------------------------------------------------------------------------------------------------------


def test_a_child_does_not_wait_for_a_lock_that_a_thread_of_its_parent_holds(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    with run.writer._lock, store.transaction():  # and the only connection is taken
        assert said_in_a_child(run.succeed) == "None"
    assert run.refresh().status == "SUCCESS"


def test_control_an_unprotected_child_waits_for_it_for_ever(
    store: runfold.Store, unprotected: Callable[[], None]
) -> None:
    run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    unprotected()
    with run.writer._lock, forked(run.succeed) as child, pytest.raises(AssertionError):
        child.wait(1)


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("joins", [False, True], ids=["in its own transaction", "in the caller's"])
def test_an_answer_to_another_call_is_no_acknowledgement(
    database_url: str, monkeypatch: pytest.MonkeyPatch, joins: bool
) -> None:
    settings = Settings(pool_min_size=1, pool_max_size=1, retry_seconds=0.2)
    with runfold.connect(database_url, settings=settings) as store:
        asked, other = streams(2)
        text = encode_appends([runfold.Append(stream_id=other, events=[line()])])
        monkeypatch.setattr(encryption, "encoded_call", lambda *_: text)
        mine = session_of(store)

        def append() -> None:
            if not joins:
                store.append(asked, [line()])
                return
            with store.transaction() as connection:
                store.append(asked, [line()], connection=connection)

        with pytest.raises(WrongAnswer, match="run the same call again"):
            append()
        monkeypatch.undo()
        # The pool gives up such a connection; a transaction of the caller's is rolled back by the error.
        assert (session_of(store) == mine) is joins
        assert store.append(asked, [line()], expected_version=0).stream_id == asked
