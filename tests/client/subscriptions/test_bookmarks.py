"""A subscription with a name keeps its bookmark: forward only, one consumer at a time, failures kept."""

from __future__ import annotations

import threading
from itertools import islice
from typing import Any

import psycopg
import pytest

import runfold
from runfold.client.sync.subscriptions import Subscription
from runfold.errors import InvalidInput, SubscriptionTaken, UnknownSubscription
from runfold.reading.subscriptions import drop_subscription, move_subscription, read_subscriptions
from tests.client.subscriptions.following import Following
from tests.factories import CATEGORY, a_stream, happening, lines
from tests.fixtures.processes import eventually

Connection = psycopg.Connection[Any]


def kept(connection: Connection) -> int:
    row = connection.execute("SELECT position FROM runfold.subscriptions WHERE name = 'billing'").fetchone()
    return -1 if row is None else int(row[0])


def take(subscription: Any, count: int) -> list[int]:
    """Take so many events, and say of each that it is done."""
    positions = []
    for item in subscription:
        subscription.done(item)
        positions.append(item.event.position)
        if len(positions) == count:
            return positions
    raise AssertionError("it ended")


def test_it_goes_on_behind_what_is_done(store: runfold.Store, connection: Connection) -> None:
    store.append(a_stream(), lines(6))
    with store.subscribe(subscription="billing") as subscription:
        assert take(subscription, 2) == [1, 2]
        assert next(iter(subscription)).event.position == 3  # never done
    assert kept(connection) == 2
    with store.subscribe(subscription="billing", after=5) as subscription:
        assert take(subscription, 4) == [3, 4, 5, 6]
    with store.subscribe(subscription="new", after=4) as subscription:
        assert take(subscription, 1) == [5]


def test_done_moves_forward_only(store: runfold.Store, connection: Connection) -> None:
    store.append(a_stream(), lines(4))
    with store.subscribe(subscription="billing") as subscription:
        items = list(islice(subscription, 3))
        subscription.done(items[2].event)
        subscription.done(items[0])
        subscription.done(items[2].bookmark)
        assert kept(connection) == 3
        with pytest.raises(InvalidInput, match="position 4 was not received yet"):
            subscription.done(runfold.Bookmark(4))
    with store.subscribe() as subscription, pytest.raises(InvalidInput, match="keeps no bookmark"):
        subscription.done(next(iter(subscription)))


def test_a_bookmark_passes_what_was_not_asked_for_but_nothing_that_is_not_done(
    store: runfold.Store, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("aio", "sync"):
        monkeypatch.setattr(f"runfold.client.{kind}.subscriptions.PASSING_SECONDS", 0.0)
    store.register_event_types(CATEGORY)
    store.append(a_stream(), lines(5))
    with Following(store.subscribe(subscription="billing", category=CATEGORY)) as following:
        eventually(lambda: kept(connection) == 5)
        store.append(a_stream(CATEGORY), [happening()])
        following.reaches(1)
        store.append(a_stream(), lines(3))
        following.sleeps()
        assert kept(connection) == 5
        following.subscription.done(following.items[0])
        store.append(a_stream(), lines(1))
        eventually(lambda: kept(connection) == 10)


def test_another_consumer_waits_and_takes_over(store: runfold.Store) -> None:
    store.append(a_stream(), lines(3))
    with store.subscribe(subscription="billing") as first:
        assert take(first, 1) == [1]
        with Following(store.subscribe(subscription="billing")) as second:
            with pytest.raises(AssertionError, match="still False"):
                eventually(lambda: bool(second.items), within=1)
            first.close()
            second.reaches(2)
            assert second.positions == [2, 3]


def test_another_consumer_is_refused_if_it_does_not_want_to_wait(store: runfold.Store) -> None:
    store.append(a_stream(), lines(1))
    with store.subscribe(subscription="billing") as first:
        take(first, 1)
        with pytest.raises(SubscriptionTaken) as refused:
            next(iter(store.subscribe(subscription="billing", if_taken="raise")))
        assert (refused.value.code, refused.value.subscription) == ("subscription_taken", "billing")
        with store.subscribe(subscription="shipping", if_taken="raise") as other:
            take(other, 1)


def test_a_consumer_that_lost_its_name_meanwhile_moves_nothing(store: runfold.Store, connection: Connection) -> None:
    store.append(a_stream(), lines(5))
    with store.subscribe(subscription="billing") as first:
        item = next(iter(first))
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (first._bell.pid,))
        with store.subscribe(subscription="billing") as second:
            take(second, 3)
            with pytest.raises(SubscriptionTaken) as refused:
                first.done(item)
    assert refused.value.code == "subscription_moved"
    assert (refused.value.facts["position"], refused.value.facts["found"]) == (0, 3)
    assert kept(connection) == 3


def test_control_without_the_compare_it_moves_the_bookmark_back(store: runfold.Store, connection: Connection) -> None:
    body = connection.execute("SELECT pg_get_functiondef('runfold.move_subscription'::regproc)").fetchone()
    assert body is not None
    edited = body[0].replace("AND s.position = from_position AND to_position > from_position", "")
    assert edited != body[0]
    connection.execute(edited)
    store.append(a_stream(), lines(5))
    with store.subscribe(subscription="billing") as first:
        item = next(iter(first))
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (first._bell.pid,))
        with store.subscribe(subscription="billing") as second:
            take(second, 3)
            first.done(item)
    assert kept(connection) == 1


def test_a_handler_that_raises_gets_the_event_again_and_the_error_is_kept(
    store: runfold.Store, connection: Connection
) -> None:
    store.append(a_stream(), lines(3))
    handled: list[int] = []
    wrong = threading.Event()
    wrong.set()
    subscription = store.subscribe(subscription="billing")

    def handle(event: runfold.RecordedEvent) -> None:
        handled.append(event.position)
        if event.position == 2 and wrong.is_set():
            raise ValueError("no such customer")

    async def handle_async(event: runfold.RecordedEvent) -> None:
        handle(event)

    sync = isinstance(subscription, Subscription)
    runs = threading.Thread(target=lambda: subscription.run(handle if sync else handle_async))  # type: ignore[arg-type]
    runs.start()
    try:
        eventually(lambda: handled.count(2) >= 3)
        (row,) = eventually(lambda: [r for r in read_subscriptions(connection, "billing") if r["failed_tries"] >= 2])
        assert (row["position"], row["failed_code"], row["failed_error"]) == (1, "ValueError", "no such customer")
        assert row["failed_since"] is not None
        wrong.clear()
        eventually(lambda: kept(connection) == 3)
        (row,) = read_subscriptions(connection, "billing")
        assert (row["failed_tries"], row["failed_error"], row["failed_since"]) == (0, None, None)
        assert [each for each in handled if each != 2] == [1, 3]
    finally:
        subscription.close()
        runs.join(30)
    assert not runs.is_alive()


def test_the_list_says_who_has_it_and_how_far_behind_it_is(store: runfold.Store, connection: Connection) -> None:
    store.append(a_stream(), lines(5))
    with store.subscribe(subscription="billing", types=["LogAppended"]) as subscription:
        take(subscription, 2)
        (row,) = read_subscriptions(connection)
        assert row["holder_pid"] == subscription._bell.pid
        assert (row["holder"], row["filters"]) == ("runfold subscription billing", {"types": ["LogAppended"]})
        assert (row["position"], row["lag"], row["lag_is_exact"]) == (2, 3, True)
        assert 0 <= row["lag_seconds"] < 60
    (row,) = eventually(lambda: [r for r in read_subscriptions(connection) if r["holder_pid"] is None])
    assert row["restored_position"] is None


def test_an_operator_moves_and_drops_it_but_not_under_a_consumer(store: runfold.Store, connection: Connection) -> None:
    store.append(a_stream(), lines(5))
    with store.subscribe(subscription="billing") as subscription:
        take(subscription, 3)
        for change in (
            lambda: move_subscription(connection, "billing", 1),
            lambda: drop_subscription(connection, "billing"),
        ):
            with pytest.raises(SubscriptionTaken):
                change()
    eventually(lambda: read_subscriptions(connection, "billing")[0]["holder_pid"] is None)
    moved = move_subscription(connection, "billing", 1, dry_run=True)
    assert (moved.position, moved.to, moved.events, moved.forward) == (3, 1, 2, False)
    assert kept(connection) == 3
    move_subscription(connection, "billing", 1)
    with store.subscribe(subscription="billing") as subscription:
        assert take(subscription, 2) == [2, 3]
    eventually(lambda: read_subscriptions(connection, "billing")[0]["holder_pid"] is None)
    assert move_subscription(connection, "billing", None).to == 5
    with pytest.raises(InvalidInput, match="beyond the safe head, which is 5"):
        move_subscription(connection, "billing", 6)
    assert move_subscription(connection, "billing", 0).to == 0
    drop_subscription(connection, "billing", dry_run=True)
    drop_subscription(connection, "billing")
    for gone in (
        lambda: move_subscription(connection, "billing", 1),
        lambda: read_subscriptions(connection, "billing"),
    ):
        with pytest.raises(UnknownSubscription):
            gone()


def test_done_after_it_was_dropped_is_refused(store: runfold.Store, connection: Connection) -> None:
    store.append(a_stream(), lines(1))
    with store.subscribe(subscription="billing") as subscription:
        item = next(iter(subscription))
        connection.execute("DELETE FROM runfold.subscriptions")
        with pytest.raises(UnknownSubscription) as refused:
            subscription.done(item)
        assert refused.value.code == "unknown_subscription"


INSERT = "INSERT INTO runfold.subscriptions (name, server, {}) VALUES (%s, 's', {})"


@pytest.mark.parametrize(
    ("constraint", "name", "column", "value"),
    [
        ("subscriptions_pkey", "taken", "position", "0"),
        ("subscriptions_name_is_short", "", "position", "0"),
        ("subscriptions_name_is_short", "x" * 201, "position", "0"),
        ("subscriptions_position_is_a_position", "a", "position", "-1"),
        ("subscriptions_event_has_a_position", "a", "event_id", "gen_random_uuid()"),
        ("subscriptions_filters_are_an_object", "a", "filters", "'[]'"),
        ("subscriptions_tries_are_counted", "a", "failed_tries", "-1"),
        ("subscriptions_failure_is_whole", "a", "failed_error", "'e'"),
    ],
)
def test_each_constraint_holds(connection: Connection, constraint: str, name: str, column: str, value: str) -> None:
    connection.execute(INSERT.format("position", "0"), ("taken",))  # type: ignore[arg-type]
    connection.execute(INSERT.format("position", "0"), ("x" * 200,))  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute(INSERT.format(column, value), (name,))  # type: ignore[arg-type]
    assert refused.value.diag.constraint_name == constraint
