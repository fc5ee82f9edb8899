"""One API, two stores: the suite runs on both, plus asyncio's own problems: cancellation and a blocked loop."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold.client.aio.vectors import AsyncVectors
from runfold.client.sync.vectors import Vectors
from runfold.database.connections import embedded_server
from runfold.errors import (
    CheckpointAhead,
    DatabaseUnavailable,
    EventIdConflict,
    InvalidInput,
    PoolExhausted,
    RunfoldError,
    SchemaOutdated,
    StreamParked,
    StreamUnavailable,
    UnknownProjection,
    VersionConflict,
    WaitTimeout,
)
from runfold.settings import Settings
from tests.factories import CATEGORY, a_stream, append, happening, line, lines, streams
from tests.fixtures.blocking import Blocking, Loop
from tests.fixtures.evidence import Evidence
from tests.fixtures.servers import is_running, remove

Connection = psycopg.Connection[Any]
Connect = Callable[..., runfold.Store]
T = TypeVar("T")

PATIENCE = 0.5


# -- the suite, once for each ------------------------------------------------------------------------------------------


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Call `runfold.connect`, or `runfold.connect_async` in another thread's loop."""
    if request.param == "sync":
        yield runfold.connect
        return
    with Loop() as loop:
        yield lambda *args, **options: Blocking(loop.call(runfold.connect_async, *args, **options), loop)  # type: ignore[return-value]


@pytest.fixture
def store(connect: Connect, database_url: str) -> Iterator[runfold.Store]:
    """A store of each kind on the test's database."""
    with connect(database_url) as made:
        yield made


def test_events_come_back_in_order_as_lists(store: runfold.Store) -> None:
    first, second = streams(2)
    events = lines(3)
    appended = store.append(first, events, expected_version=0)
    assert appended == runfold.Appended(first, 3, 1, 3, False)
    store.append(second, lines(2))

    read = store.read_stream(first)
    assert isinstance(read, list)
    assert [(event.event_id, event.stream_version) for event in read] == [
        (event.event_id, n) for n, event in enumerate(events, 1)
    ]
    assert [event.stream_version for event in store.read_stream(first, 1, limit=1)] == [2]
    assert store.read_stream(a_stream()) == []

    everything = store.read_all()
    assert isinstance(everything, list)
    assert [event.position for event in everything] == [1, 2, 3, 4, 5]
    assert [event.position for event in store.read_all(2, limit=2)] == [3, 4]
    assert store.read_all(types=["NodeStarted"]) == []
    assert store.read_all(5) == []


def test_a_reader_ahead_of_the_log_is_told_so(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    """After an older dump was restored, events that are appended up to the reader's position would be skipped."""
    with pytest.raises(CheckpointAhead, match="position 1 lies ahead of the log, which ends at 0") as refused:
        store.read_all(1)
    assert (refused.value.code, refused.value.facts["head"]) == ("checkpoint_ahead", 0)
    store.append(a_stream(), lines(3))
    assert store.read_all(3) == []
    with pytest.raises(CheckpointAhead):
        store.read_all(4)
    with pytest.raises(psycopg.Error, match="lies ahead of the log") as in_sql:
        connection.execute("SELECT runfold.read_all(after => 4)")
    assert in_sql.value.sqlstate == "RF016"


def test_a_reader_is_not_refused_because_an_open_append_holds_the_head_back(
    store: runfold.Store, connection: psycopg.Connection[Any]
) -> None:
    store.append(a_stream(), lines(3))
    (head,) = connection.execute("SELECT runfold.safe_head()").fetchone() or (0,)
    with connection.transaction():  # an append that read the sequence before the others took their positions
        connection.execute("SELECT pg_advisory_xact_lock_shared('runfold.events_position'::regclass::oid::int, 1)")
        assert connection.execute("SELECT runfold.safe_head() < %s", (head,)).fetchone() == (True,)
        assert store.read_all(head) == []


def test_an_append_of_several_streams_is_whole_or_nothing(store: runfold.Store) -> None:
    first, second = streams(2)
    with pytest.raises(VersionConflict) as refused:
        store.append_many([append(first), append(second, expected_version=7)])
    assert (refused.value.stream_id, refused.value.version, refused.value.expected_version) == (second, 0, 7)
    assert store.read_all() == []
    results = store.append_many([append(first, events=2), append(second, expected_version=0)])
    assert [(result.stream_id, result.version) for result in results] == [(first, 2), (second, 1)]


def test_an_append_sent_again_is_recorded_once(store: runfold.Store) -> None:
    stream, events, command = a_stream(), lines(2), uuid4()
    original = store.append(stream, events)
    again = store.append(stream, events)
    assert (original.repeated, again.repeated) == (False, True)
    assert (again.first_position, again.last_position) == (original.first_position, original.last_position)
    with pytest.raises(EventIdConflict):
        store.append(stream, [*events, line()])

    assert not store.append(stream, lines(1), command_id=command).repeated
    assert store.append(stream, lines(1), command_id=command).repeated
    assert len(store.read_stream(stream)) == 3


def test_what_is_wrong_is_refused_before_it_is_sent(store: runfold.Store) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.append(a_stream(), [line(metadata={"ratio": float("nan")})])
    assert refused.value.pointer == "/0/events/0/metadata/ratio"
    assert store.read_all() == []


def test_metadata_of_the_call_lies_under_each_events_own(store: runfold.Store) -> None:
    stream = a_stream()
    store.append(stream, [line(metadata={"a": 1}), line()], metadata={"a": 0, "huge": 1e30})
    (first, second) = store.read_stream(stream)
    assert (first.metadata, second.metadata) == ({"a": 1, "huge": 1e30}, {"a": 0, "huge": 1e30})
    assert type(first.metadata["huge"]) is float


def test_the_stores_tenant_is_the_one_of_an_append_that_names_none(connect: Connect, database_url: str) -> None:
    tenant, stream = uuid4(), a_stream()
    with connect(database_url, user_id=tenant) as store:
        store.append(stream, lines(1))
        with pytest.raises(StreamUnavailable):
            store.append(stream, lines(1), user_id=uuid4())
        assert [event.user_id for event in store.read_stream(stream)] == [tenant]


def test_a_category_takes_events_once_its_types_are_registered(store: runfold.Store) -> None:
    stream = a_stream(CATEGORY)
    with pytest.raises(InvalidInput):
        store.append(stream, [happening()])
    store.register_event_types(CATEGORY)
    assert store.append(stream, [happening()]).version == 1


def test_a_transaction_takes_appends_and_tables_of_ones_own(store: runfold.Store, connection: Connection) -> None:
    connection.execute("CREATE TABLE mine (n integer)")
    stream = a_stream()
    with pytest.raises(ZeroDivisionError), store.transaction() as mine:  # noqa: PT012
        mine.execute("INSERT INTO mine VALUES (1)")
        store.append(stream, lines(1), connection=mine)
        raise ZeroDivisionError
    assert store.read_stream(stream) == []

    with store.transaction() as mine:
        mine.execute("INSERT INTO mine VALUES (2)")
        assert store.append(stream, lines(2), connection=mine).version == 2
        assert store.read_stream(stream) == []
    assert len(store.read_stream(stream)) == 2
    assert connection.execute("SELECT n FROM mine").fetchall() == [(2,)]


def test_errors_in_the_callers_transaction_come_as_runfolds(store: runfold.Store) -> None:
    with pytest.raises(VersionConflict), store.transaction() as mine:
        store.append(a_stream(), lines(1), expected_version=3, connection=mine)
    with pytest.raises(SchemaOutdated), store.transaction() as mine:
        mine.execute("SELECT FROM runfold.no_such_table")


def test_waiting_ends_when_the_projections_are_there_or_says_why_not(
    store: runfold.Store, connection: Connection
) -> None:
    connection.execute("INSERT INTO runfold.checkpoints (group_name, position) VALUES ('g', 1)")
    connection.execute("INSERT INTO runfold.projections (name, group_name, version, digest) VALUES ('p', 'g', 1, '')")
    parked, flowing = streams(2)
    store.append(parked, lines(1))
    at = store.append(flowing, lines(1)).last_position

    store.wait_for(1)
    store.wait_for(1, ["p"])
    began = time.monotonic()
    with pytest.raises(WaitTimeout) as late:
        store.wait_for(at, ["p"], timeout=0.2)
    assert 0.2 <= time.monotonic() - began < 5
    assert late.value.facts["position"] == at
    with pytest.raises(UnknownProjection):
        store.wait_for(1, ["nobody"], timeout=0.1)
    connection.execute(
        "INSERT INTO runfold.parked_streams (group_name, stream_id, position, sqlstate, error)"
        " VALUES ('g', %s, 1, '23514', 'x')",
        (parked,),
    )
    with pytest.raises(StreamParked) as stuck:
        store.wait_for(1, ["p"])
    assert stuck.value.facts["stream_id"] == parked


def test_a_closed_store_says_that_it_is_closed(connect: Connect, database_url: str, connection: Connection) -> None:
    store = connect(database_url)
    store.append(a_stream(), lines(1))
    store.close()
    store.close()
    with pytest.raises(DatabaseUnavailable) as refused:
        store.read_all()
    assert not refused.value.retryable
    assert sessions(connection) == 0


def test_a_database_that_can_not_be_used_is_refused_at_once(
    connect: Connect, empty_database_url: str, connection: Connection
) -> None:
    began = time.monotonic()
    with pytest.raises(SchemaOutdated):
        connect(empty_database_url)
    with pytest.raises(DatabaseUnavailable):
        connect(empty_database_url + "_absent")
    assert time.monotonic() - began < 5


def test_both_stores_have_the_same_api() -> None:
    def api(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
        return {
            name: [(each.name, each.kind, each.default) for each in inspect.signature(member).parameters.values()]
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert api(runfold.AsyncStore) == api(runfold.Store)
    assert api(runfold.AsyncTenant) == api(runfold.Tenant)
    assert api(AsyncVectors) == api(Vectors)
    assert set(api(runfold.Store)) == {
        "append", "append_encoded", "append_many", "as_of", "as_user", "change", "close", "delete_blob", "engine",
        "get_blob", "keep_blobs_in", "log_identity", "memory", "pool_numbers", "put_blob", "read_all", "read_stream",
        "register_event_types", "subscribe", "transaction", "vectors", "wait_for",
    }  # fmt: skip
    for one, other in [(runfold.connect, runfold.connect_async), (runfold.Store, runfold.AsyncStore)]:
        assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters)


# -- asyncio's own -----------------------------------------------------------------------------------------------------


def sessions(connection: Connection, *, states: str = "{}") -> int:
    """Return the number of sessions of stores in the test's database, once they are in these states; {} is any."""
    deadline = time.monotonic() + 5
    while True:
        (count, settled) = connection.execute(
            "SELECT count(*), coalesce(bool_and(%(states)s = '{}' OR state = ANY (%(states)s::text[])), true)"
            " FROM pg_stat_activity WHERE application_name = 'runfold' AND datname = current_database()",
            {"states": states},
        ).fetchone() or (0, True)
        if (settled and (states != "{}" or count == 0)) or time.monotonic() > deadline:
            return int(count)
        time.sleep(0.02)


def in_a_loop(test: Coroutine[Any, Any, T], *, seconds: float = 60) -> T:
    """Run to the end, but at most for this time; nothing may remain running."""

    async def limited() -> T:
        async with asyncio.timeout(seconds):
            result = await test
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "something runs on after the store was closed"
        return result

    return asyncio.run(limited(), debug=False)


@asynccontextmanager
async def heartbeat() -> Any:
    """Yield a list of the loop's beats during the block: a blocked loop has none."""
    beats: list[float] = []

    async def beat() -> None:
        while True:
            await asyncio.sleep(0.01)
            beats.append(time.monotonic())

    task = asyncio.create_task(beat())
    try:
        yield beats
    finally:
        task.cancel()


async def outcome(attempt: Awaitable[object]) -> type[BaseException] | None:
    try:
        await attempt
    except (RunfoldError, asyncio.CancelledError) as error:
        return type(error)
    return None


async def assert_pool_is_whole(store: runfold.AsyncStore, size: int) -> None:
    """Fail unless all connections of the pool can be used at once, and each is clean."""
    async with asyncio.timeout(5):
        async with asyncio.TaskGroup() as group:
            together = asyncio.Barrier(size)

            async def hold() -> None:
                async with store.transaction() as mine:
                    cursor = await mine.execute("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()")
                    assert await cursor.fetchone() is not None
                    await together.wait()

            for _ in range(size):
                group.create_task(hold())


def test_an_exhausted_pool_fails_by_its_deadline_and_leaks_nothing(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    tasks = 50
    settings = Settings(pool_max_size=2, pool_timeout=PATIENCE)

    async def test() -> None:
        async with await runfold.connect_async(database_url, settings=settings) as store:

            async def attempt() -> type[BaseException] | None:
                began = time.monotonic()
                result = await outcome(store.append(a_stream(), lines(1)))
                assert result is None or time.monotonic() - began < PATIENCE + 5
                return result

            async with store.transaction() as first, store.transaction() as second:
                assert first is not second
                while_held = await asyncio.gather(*(attempt() for _ in range(tasks)))
            afterwards = await asyncio.gather(*(attempt() for _ in range(tasks)))
            evidence.note(refused=while_held.count(PoolExhausted), recorded=afterwards.count(None))
            assert while_held == [PoolExhausted] * tasks
            assert None in afterwards
            assert set(afterwards) <= {None, PoolExhausted}
            assert len(await store.read_all()) == afterwards.count(None)
            await assert_pool_is_whole(store, 2)
            assert sessions(connection, states="{idle}") == 2

    in_a_loop(test())
    assert sessions(connection) == 0


def test_fifty_tasks_share_a_pool_of_two(database_url: str) -> None:
    async def test() -> None:
        async with await runfold.connect_async(database_url, settings=Settings(pool_max_size=2)) as store:
            stream = a_stream()
            results = await asyncio.gather(*(store.append(stream, lines(2)) for _ in range(50)))
            assert sorted(result.version for result in results) == list(range(2, 101, 2))
            assert len(await store.read_stream(stream)) == 100

    in_a_loop(test())


def test_a_cancelled_append_gives_its_connection_back_clean(database_url: str, connection: Connection) -> None:
    stream, events = a_stream(), lines(2)

    async def test() -> None:
        settings = Settings(pool_min_size=1, pool_max_size=1)
        async with await runfold.connect_async(database_url, settings=settings) as store:
            await store.append(stream, lines(1))
            async with store.transaction() as mine:
                backend = mine.info.backend_pid
            with psycopg.connect(database_url) as other:
                other.execute("SELECT FROM runfold.streams WHERE stream_id = %s FOR UPDATE", (stream,))
                task = asyncio.create_task(store.append(stream, events))
                for _ in range(500):
                    waits = connection.execute(
                        "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'", (backend,)
                    )
                    if waits.fetchone() is not None:
                        break
                    await asyncio.sleep(0.01)
                else:
                    raise AssertionError("the append did not come to wait")
                began = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert time.monotonic() - began < 5
                assert sessions(connection, states="{idle}") == 1
                # The lock is still held: nothing of the append waits for it on the server.
                assert len(await store.read_stream(stream)) == 1
            async with store.transaction() as mine:
                assert mine.info.backend_pid == backend
            appended = await store.append(stream, events)
            assert (appended.version, appended.repeated) == (3, False)
            assert (await store.append(stream, events)).repeated

    in_a_loop(test())


def test_appends_cancelled_at_any_moment_can_be_sent_again(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    """Some were recorded, some were not, none twice and none in part; and no connection was lost."""
    count = evidence.scaled(150)

    async def test() -> None:
        async with await runfold.connect_async(database_url, settings=Settings(pool_max_size=2)) as store:
            began = time.monotonic()
            await asyncio.gather(*(store.append(a_stream(), lines(3)) for _ in range(10)))
            usual = (time.monotonic() - began) / 5
            work = [(stream, lines(3)) for stream in streams(count)]

            async def attempt(stream: str, events: list[runfold.NewEvent]) -> type[BaseException] | None:
                task = asyncio.create_task(outcome_of(store.append(stream, events)))
                for _ in range(evidence.rng.choice((1, 1, 2))):  # the second cancels the cancelling
                    await asyncio.sleep(evidence.rng.uniform(0, 0.5 * usual))
                    task.cancel()
                (result,) = await asyncio.gather(task, return_exceptions=True)
                return type(result) if isinstance(result, BaseException) else None

            async def outcome_of(attempted: Awaitable[object]) -> None:
                await attempted

            results: list[type[BaseException] | None] = []
            for at in range(0, count, 6):
                results += await asyncio.gather(*(attempt(*each) for each in work[at : at + 6]))
            assert set(results) <= {None, asyncio.CancelledError}

            again = [await store.append(stream, events) for stream, events in work]
            assert [result.version for result in again] == [3] * count
            recorded = sum(
                result.repeated for result, cancelled in zip(again, results, strict=True) if cancelled is not None
            )
            cancelled = results.count(asyncio.CancelledError)
            evidence.note(cancelled=cancelled, recorded_nevertheless=recorded)
            assert all(result.repeated for result, cancelled in zip(again, results, strict=True) if cancelled is None)
            assert cancelled - recorded > 0, "no append was cancelled before its commit"
            for stream, events in work:
                assert [event.event_id for event in await store.read_stream(stream)] == [e.event_id for e in events]
            await assert_pool_is_whole(store, 2)
            assert sessions(connection, states="{idle}") <= 2

    in_a_loop(test())
    assert sessions(connection) == 0


def test_a_transaction_that_is_cancelled_is_rolled_back(database_url: str, connection: Connection) -> None:
    stream = a_stream()

    async def test() -> None:
        async with await runfold.connect_async(database_url, settings=Settings(pool_max_size=1)) as store:
            with pytest.raises(TimeoutError):  # noqa: PT012
                async with asyncio.timeout(0.2), store.transaction() as mine:
                    await store.append(stream, lines(1), connection=mine)
                    await asyncio.sleep(10)
            assert await store.read_stream(stream) == []
            await assert_pool_is_whole(store, 1)
            assert sessions(connection, states="{idle}") == 1

    in_a_loop(test())


def test_waiting_leaves_the_loop_to_others_and_can_be_cancelled(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocks(seconds: float) -> None:
        raise AssertionError(f"the loop was blocked for {seconds} s")

    async def test() -> None:
        async with await runfold.connect_async(database_url) as store, heartbeat() as beats:
            monkeypatch.setattr(time, "sleep", blocks)
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await store.wait_for(1, timeout=30)
            assert time.monotonic() - began < 5
            assert len(beats) > 5
            monkeypatch.undo()

    in_a_loop(test())


def test_the_embedded_servers_start_leaves_the_loop_to_others(tmp_path: Path, postgres_bin: Path) -> None:
    settings = Settings(home=tmp_path / ".runfold", postgres_bin=postgres_bin)
    server = embedded_server(settings)

    async def beats_while(connecting: Callable[[], Any]) -> int:
        async with heartbeat() as beats:
            with pytest.raises(SchemaOutdated):  # it runs, and was never migrated
                await connecting()
            return len(beats)

    try:
        assert in_a_loop(beats_while(lambda: runfold.connect_async(settings=settings))) > 5
        assert is_running(server)
        server.stop()
        # The synchronous one in a coroutine is what must not happen.
        assert in_a_loop(beats_while(lambda: runfold.connect(settings=settings))) == 0
    finally:
        remove(server)


def test_a_task_cancelled_while_it_connects_leaves_nothing_behind(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    attempts = 20

    async def test() -> int:
        cancelled = 0
        for n in range(attempts):
            task = asyncio.create_task(runfold.connect_async(database_url))
            await asyncio.sleep(n * 0.004)
            task.cancel()
            (opened,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(opened, runfold.AsyncStore):
                await opened.close()
            else:
                assert type(opened) is asyncio.CancelledError
                cancelled += 1
        return cancelled

    cancelled = in_a_loop(test())
    evidence.note(cancelled=cancelled, opened=attempts - cancelled)
    assert cancelled
    assert sessions(connection) == 0
