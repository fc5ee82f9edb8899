"""A subscription yields what is and what comes, in order, none skipped; an append wakes it, also without a worker."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

import runfold
from runfold.errors import InvalidInput
from tests.client.subscriptions.following import Following
from tests.factories import CATEGORY, a_stream, append, call, happening, lines, streams
from tests.fixtures.evidence import Evidence
from tests.fixtures.processes import eventually

Connection = psycopg.Connection[Any]

BELL = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 'runfold.events'::regclass AND objid = 6"
)


def count(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return int(row[0])


def test_it_yields_what_is_there_and_what_comes_in_the_order_of_the_log(store: runfold.Store) -> None:
    store.append(a_stream(), lines(1200))  # more than a page
    with store.subscribe() as subscription, Following(subscription) as following:
        following.reaches(1200)
        store.append(a_stream(), lines(3))
        following.reaches(1203)
        assert following.positions == list(range(1, 1204))
        last = following.items[-1]
        assert last.bookmark == runfold.Bookmark(1203, last.event.event_id) == subscription.bookmark


@pytest.mark.usefixtures("sleepy")
def test_an_append_wakes_it_without_a_worker(store: runfold.Store, evidence: Evidence) -> None:
    waits = []
    with Following(store.subscribe()) as following:
        for number in range(1, evidence.scaled(20) + 1):
            following.sleeps()
            store.append(a_stream(), lines(1))
            written = time.monotonic()
            following.reaches(number)
            waits.append(following.times[-1] - written)
    evidence.note(rounds=len(waits), slowest_ms=round(1000 * max(waits), 1))


@pytest.mark.usefixtures("sleepy")
def test_control_a_subscription_without_the_lock_is_woken_by_no_append(
    store: runfold.Store, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def arm_async(bell: Any) -> bool:
        bell.armed = True
        return True

    def arm(bell: Any) -> bool:
        bell.armed = True
        return True

    monkeypatch.setattr("runfold.client.aio.bell.AsyncBell.arm", arm_async)
    monkeypatch.setattr("runfold.client.sync.bell.Bell.arm", arm)
    with Following(store.subscribe()) as following:
        following.sleeps()
        store.append(a_stream(), lines(1))
        with pytest.raises(AssertionError, match="still False"):
            eventually(lambda: bool(following.positions), within=0.5)
        connection.execute("NOTIFY runfold_events")
        following.reaches(1)


def test_appends_notify_only_while_somebody_sleeps(store: runfold.Store, connection: Connection) -> None:
    connection.execute("LISTEN runfold_events")

    def notified() -> int:
        return len(list(connection.notifies(timeout=0.2)))

    store.append(a_stream(), lines(1))
    assert notified() == 0
    with Following(store.subscribe()) as one, Following(store.subscribe()) as two:
        one.reaches(1)
        two.reaches(1)
        one.sleeps()
        two.sleeps()
        assert count(connection, BELL) == 2
        store.append(a_stream(), lines(1))
        assert notified() >= 1
        one.reaches(2)
        two.reaches(2)
    eventually(lambda: count(connection, BELL) == 0)
    store.append(a_stream(), lines(1))
    assert notified() == 0


def test_types_streams_and_category_limit_the_events(store: runfold.Store) -> None:
    store.register_event_types(CATEGORY)
    first, second = streams(2)
    thing = a_stream(CATEGORY)
    for _ in range(3):
        store.append(first, lines(2))
        store.append(thing, [happening("A"), happening("B")])
        store.append(second, lines(1))

    def found(**asked: Any) -> list[tuple[str, int]]:
        with Following(store.subscribe(**asked)) as following:
            following.sleeps()
            return [(item.event.stream_id, item.event.stream_version) for item in following.items]

    assert found(types=["B"]) == [(thing, 2), (thing, 4), (thing, 6)]
    assert found(category=CATEGORY) == [(thing, n) for n in range(1, 7)]
    assert found(streams=[second, second]) == [(second, 1), (second, 2), (second, 3)]
    assert found(streams=[first, thing], types=["A", "LogAppended"]) == [
        (first, 1), (first, 2), (thing, 1), (first, 3), (first, 4), (thing, 3), (first, 5), (first, 6), (thing, 5)
    ]  # fmt: skip
    assert found(streams=[first, thing], category=CATEGORY, after=5)[0] == (thing, 3)
    assert found(types=[]) == []


def test_it_begins_where_it_is_told(store: runfold.Store) -> None:
    store.append(a_stream(), lines(5))
    bookmark = store.read_all(2, limit=1).bookmark
    for after, expected in [(3, [4, 5, 6]), (bookmark, [4, 5, 6]), (runfold.Bookmark.parse(str(bookmark)), [4, 5, 6])]:
        with Following(store.subscribe(after=after)) as following:
            following.reaches(2)
            if len(store.read_all()) == 5:
                store.append(a_stream(), lines(1))
            following.reaches(3)
            assert following.positions == expected
    with Following(store.subscribe(after="now")) as following:
        following.sleeps()
        store.append(a_stream(), lines(1))
        following.reaches(1)
        assert following.positions == [7]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"types": "A"}, "/types"),
        ({"streams": "execution-1"}, "/streams"),
        ({"streams": []}, "/streams"),
        ({"streams": ["x"] * 1001}, "/streams"),
        ({"after": "today"}, "/after"),
        ({"if_taken": "steal"}, "/if_taken"),
        ({"subscription": ""}, "/subscription"),
        ({"subscription": "x" * 201}, "/subscription"),
        ({"subscription": "a\nb"}, "/subscription"),
    ],
)
def test_what_it_cannot_be_asked_is_refused_at_once(store: runfold.Store, asked: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.subscribe(**asked)
    assert refused.value.pointer == pointer


def test_the_limits_themselves_are_taken(store: runfold.Store) -> None:
    store.subscribe(streams=["x"] * 1000, subscription="x" * 200).close()


def dawdle(url: str, appends: int, rng: random.Random) -> None:
    """Append in transactions that stay open for a while, or are rolled back."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(appends):
            with connection.transaction(force_rollback=rng.random() < 0.25):
                appends_text = call(append(events=rng.randint(1, 3)))
                connection.execute("SELECT FROM runfold.append_events(%s)", (appends_text,))
                time.sleep(rng.random() * 0.02)


def test_it_misses_nothing_of_writers_that_dawdle_and_give_up(
    store: runfold.Store, database_url: str, evidence: Evidence
) -> None:
    appends = evidence.scaled(30)
    with Following(store.subscribe()) as following, ThreadPoolExecutor(6) as pool:
        for each in [
            pool.submit(dawdle, database_url, appends, random.Random(evidence.rng.random())) for _ in range(6)
        ]:
            each.result()
        committed = [event.position for event in store.read_all(limit=100_000)]
        following.reaches(len(committed))
        assert following.positions == committed
    evidence.note(committed=len(committed))


def test_a_listener_that_is_ended_listens_again(
    store: runfold.Store, connection: Connection, evidence: Evidence
) -> None:
    with Following(store.subscribe()) as following:
        for number in range(1, evidence.scaled(5) + 1):
            following.sleeps()
            pid = following.subscription._bell.pid
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
            store.append(a_stream(), lines(1))
            following.reaches(number)
            eventually(lambda: following.subscription._bell.pid not in (None, pid))  # noqa: B023 - called at once


def test_its_end_leaves_no_session_and_no_lock(store: runfold.Store, connection: Connection) -> None:
    with Following(store.subscribe()) as following:
        following.sleeps()
        pid = following.subscription._bell.pid
    eventually(lambda: not connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchall())
    assert count(connection, BELL) == 0
