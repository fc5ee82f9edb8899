"""Following an application: subscriptions wake up, reconnect and cost writers nothing; systems of applications run."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.application import Application, ProcessingEvent
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Notification, StoredEvent
from eventsourcing.system import MultiThreadedRunner, ProcessApplication, Runner, SingleThreadedRunner, System

import runfold.eventsourcing.subscription as subscriptions
from runfold.database.migrations import migrate
from runfold.eventsourcing import Datastore, RunfoldApplicationRecorder
from runfold.eventsourcing.subscription import LogSubscription
from runfold.settings import load_settings
from tests.eventsourcing.recorders import made
from tests.faults.editing import ALLOCATE_POSITIONS, FENCE, edit
from tests.fixtures.evidence import Evidence
from tests.fixtures.servers import PrivateServerFactory, sigkill

Connection = psycopg.Connection[Any]


def stored(version: int = 1, topic: str = "a:B", originator_id: UUID | None = None) -> StoredEvent:
    return StoredEvent(originator_id or uuid4(), version, topic, b"state")


def until(reached: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.005)


def is_asleep(subscription: LogSubscription) -> Callable[[], bool]:
    """Return whether it is armed, and has read the log since."""
    return lambda: subscription.asleep


class Collected:
    """The notifications of a subscription, taken by a thread, each with its time."""

    def __init__(self, subscription: LogSubscription) -> None:
        self.notifications: list[tuple[Notification, float]] = []
        self._thread = threading.Thread(target=self._collect, args=(subscription,), daemon=True)
        self._thread.start()

    def _collect(self, subscription: LogSubscription) -> None:
        for notification in subscription:
            self.notifications.append((notification, time.monotonic()))

    @property
    def ids(self) -> list[int]:
        return [notification.id for notification, _ in self.notifications]


def test_a_sleeping_subscription_is_woken_by_an_append(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch, evidence: Evidence
) -> None:
    monkeypatch.setattr(subscriptions, "POLL_SECONDS", 60.0)  # it would not look by itself
    recorder, rounds, waits = made(datastore), evidence.scaled(20), []
    with recorder.subscribe() as subscription:
        collected = Collected(subscription)
        for number in range(1, rounds + 1):
            until(is_asleep(subscription))
            recorder.insert_events([stored()])
            written = time.monotonic()
            until(lambda: len(collected.notifications) == number)  # noqa: B023
            waits.append(collected.notifications[-1][1] - written)
    evidence.note(rounds=rounds, slowest_ms=round(1000 * max(waits), 1))
    assert collected.ids == list(range(1, rounds + 1))


def test_without_the_lock_an_append_would_not_wake_it(
    datastore: Datastore, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a subscription that only listens keeps sleeping, because no append notifies."""
    monkeypatch.setattr(subscriptions, "POLL_SECONDS", 60.0)
    monkeypatch.setattr(subscriptions.Ear, "arm", lambda self: self.is_quiet())
    recorder = made(datastore)
    with recorder.subscribe() as subscription:
        collected = Collected(subscription)
        until(is_asleep(subscription))
        recorder.insert_events([stored()])
        time.sleep(0.5)
        assert collected.ids == []
        connection.execute("NOTIFY runfold_events")
        until(lambda: collected.ids == [1])


def test_appends_notify_only_while_a_subscriber_sleeps(
    datastore: Datastore, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "POLL_SECONDS", 60.0)
    recorder, other = made(datastore), made(datastore, category="others")
    connection.execute("LISTEN runfold_events")

    def notified() -> int:
        return len(list(connection.notifies(timeout=0.2)))

    recorder.insert_events([stored()])
    assert notified() == 0
    with recorder.subscribe(gt=1) as subscription, recorder.subscribe(gt=1) as another:
        until(lambda: subscription.asleep and another.asleep)
        other.insert_events([stored()])
        assert notified() == 1
        until(lambda: subscription.asleep and another.asleep)
        recorder.insert_events([stored()])
        assert notified() == 1
    recorder.insert_events([stored()])
    assert notified() == 0


def test_an_append_that_is_slow_to_commit_wakes_who_fell_asleep_meanwhile(
    datastore: Datastore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tried the lock before the subscriber had it, so it will not notify: the subscriber must not sleep yet."""
    monkeypatch.setattr(subscriptions, "POLL_SECONDS", 0.05)
    recorder = made(datastore, text_ids=True)
    append = (
        "SELECT FROM runfold.append_opaque_events('accounts', '{slow}', '{1}', '{1}', '{a:B}', '{1}', '{state}', "
        "%s::uuid[], now())"
    )
    with psycopg.connect(database_url) as slow:
        slow.execute(append, (f"{{{uuid4()}}}",))
        with recorder.subscribe() as subscription:
            collected = Collected(subscription)
            time.sleep(0.5)
            assert not subscription.asleep
            monkeypatch.setattr(subscriptions, "POLL_SECONDS", 60.0)
            slow.commit()
            until(lambda: collected.ids == [1])


def test_a_subscription_whose_listening_connection_is_ended_listens_again(
    datastore: Datastore, connection: Connection, evidence: Evidence
) -> None:
    recorder, rounds = made(datastore), evidence.scaled(5)
    with recorder.subscribe() as subscription:
        collected = Collected(subscription)
        for number in range(1, rounds + 1):
            until(is_asleep(subscription))
            pid = subscription.ear.pid
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
            recorder.insert_events([stored()])
            until(lambda: len(collected.notifications) == number)  # noqa: B023
            until(lambda: subscription.asleep and subscription.ear.pid not in (None, pid))  # noqa: B023
    evidence.note(rounds=rounds)


def test_the_end_of_a_subscription_leaves_no_connection_and_no_lock(
    datastore: Datastore, connection: Connection
) -> None:
    recorder = made(datastore)
    with recorder.subscribe() as subscription:
        until(is_asleep(subscription))
        pid = subscription.ear.pid
        began = time.monotonic()
    assert time.monotonic() - began < 5
    until(lambda: not connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchall())
    locks = connection.execute(
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 'runfold.events'::regclass AND objid = 6"
    )
    assert not locks.fetchall()


def write_some(url: str, aggregates: int) -> None:
    """In another process: save aggregates of seven events each."""
    datastore = Datastore(load_settings(database_url=url))
    recorder = RunfoldApplicationRecorder(datastore, category="accounts")
    for _ in range(aggregates):
        originator = uuid4()
        recorder.insert_events([stored(version, originator_id=originator) for version in range(1, 8)])
    datastore.close()


def test_a_subscription_misses_nothing_of_four_writing_processes(
    datastore: Datastore, database_url: str, evidence: Evidence
) -> None:
    recorder, writers, aggregates = made(datastore), 4, evidence.scaled(100)
    total = writers * aggregates * 7
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=write_some, args=(database_url, aggregates)) for _ in range(writers)]
    with recorder.subscribe() as subscription:
        collected = Collected(subscription)
        for process in processes:
            process.start()
        until(lambda: len(collected.notifications) == total, 60)
        for process in processes:
            process.join()
    evidence.note(writers=writers, events=total)
    assert collected.ids == [each.id for each in recorder.select_notifications(1, total + 1)]
    versions: dict[UUID | str, list[int]] = {}
    for notification, _ in collected.notifications:
        versions.setdefault(notification.originator_id, []).append(notification.originator_version)
    assert len(versions) == writers * aggregates
    assert all(each == list(range(1, 8)) for each in versions.values())


# A system of applications --------------------------------------------------------------------------------------


class Order(Aggregate):
    @event("Placed")
    def __init__(self, amount: int) -> None:
        self.amount = amount


class Invoice(Aggregate):
    @event("Raised")
    def __init__(self, order_id: UUID, amount: int) -> None:
        self.order_id = order_id
        self.amount = amount


class Orders(Application[UUID]):
    def place(self, amount: int) -> UUID:
        order = Order(amount)
        self.save(order)
        return order.id


class Invoicing(ProcessApplication[UUID]):
    @singledispatchmethod
    def policy(self, domain_event: Any, processing_event: ProcessingEvent[UUID]) -> None:
        if isinstance(domain_event, Order.Placed):  # type: ignore[attr-defined]
            processing_event.collect_events(Invoice(domain_event.originator_id, domain_event.amount))


class Totals(ProcessApplication[UUID]):
    name = "totals"

    def policy(self, domain_event: Any, processing_event: ProcessingEvent[UUID]) -> None:
        """Do nothing but follow."""


@pytest.mark.parametrize("runner_class", [SingleThreadedRunner, MultiThreadedRunner])
def test_a_system_of_applications_runs(
    environment: dict[str, str], runner_class: type[Runner[UUID]], connection: Connection
) -> None:
    runner = runner_class(System(pipes=[[Orders, Invoicing, Totals]]), env=environment)
    with runner:
        orders, invoicing, totals = runner.get(Orders), runner.get(Invoicing), runner.get(Totals)
        placed = [orders.place(amount) for amount in range(1, 6)]
        until(lambda: len(invoicing.notification_log.select(1, 10)) == 5)
        last = invoicing.recorder.max_notification_id()
        until(lambda: totals.recorder.max_tracking_id("Invoicing") == last)
        invoices = [invoicing.mapper.to_domain_event(each) for each in invoicing.notification_log.select(1, 10)]
    assert [invoice.order_id for invoice in invoices] == placed  # type: ignore[attr-defined]
    trackers = connection.execute("SELECT tracker, application_name FROM runfold.tracking ORDER BY 1").fetchall()
    assert trackers == [("invoicing", "Orders"), ("totals", "Invoicing")]


def test_a_system_that_starts_again_goes_on_where_it_was(environment: dict[str, str], connection: Connection) -> None:
    system = System(pipes=[[Orders, Invoicing]])
    with Orders(env=environment) as orders:
        orders.place(1)
    for amount in (2, 3):
        with SingleThreadedRunner(system, env=environment) as runner:
            runner.get(Orders).place(amount)
    row = connection.execute("SELECT count(*) FROM runfold.events WHERE category = 'invoicing'").fetchone()
    assert row == (3,)


# Order, under writers that dawdle and give up --------------------------------------------------------------------

APPEND = (
    "SELECT first_position FROM runfold.append_opaque_events('accounts', %s::text[], %s::bigint[], %s::integer[], "
    "'{a:B}', %s::integer[], %s::bytea[], %s::uuid[], now())"
)


def dawdle(url: str, appends: int, rng: random.Random) -> list[int]:
    """Append in transactions that stay open for a while, or are rolled back; return the committed positions."""
    committed: list[int] = []
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(appends):
            size = rng.randint(1, 3)
            gives_up = rng.random() < 0.25
            ids = [uuid4() for _ in range(size)]
            ones = [1] * size
            with connection.transaction(force_rollback=gives_up):
                row = connection.execute(APPEND, ([str(uuid4())], [1], ones, ones, [b"state"] * size, ids)).fetchone()
                assert row
                time.sleep(rng.random() * 0.03)
            if not gives_up:
                committed += range(row[0], row[0] + size)
    return committed


def followed_and_committed(datastore: Datastore, database_url: str, evidence: Evidence) -> tuple[list[int], list[int]]:
    """Return what a subscription yielded while eight slow writers appended, and what they committed."""
    recorder, appends = made(datastore), evidence.scaled(40)
    with recorder.subscribe() as subscription, ThreadPoolExecutor(8) as pool:
        collected = Collected(subscription)
        writing = [pool.submit(dawdle, database_url, appends, random.Random(evidence.rng.random())) for _ in range(8)]
        committed = sorted(position for each in writing for position in each.result())
        deadline = time.monotonic() + 5
        while len(collected.ids) < len(committed) and time.monotonic() < deadline:
            time.sleep(0.05)
    evidence.note(committed=len(committed), missed=len(set(committed) - set(collected.ids)))
    return collected.ids, committed


def test_a_subscription_misses_nothing_of_writers_that_dawdle_and_give_up(
    datastore: Datastore, database_url: str, evidence: Evidence
) -> None:
    followed, committed = followed_and_committed(datastore, database_url, evidence)
    assert followed == committed


def test_without_the_fence_it_would_miss_some(
    datastore: Datastore, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    edit(connection, ALLOCATE_POSITIONS, FENCE)
    followed, committed = followed_and_committed(datastore, database_url, evidence)
    assert set(committed) - set(followed)


def test_a_subscription_outlives_its_server(private_server: PrivateServerFactory, evidence: Evidence) -> None:
    server = private_server()
    url = server.start()
    migrate(url)
    datastore = Datastore(load_settings(database_url=url))
    try:
        recorder = made(datastore)
        with recorder.subscribe() as subscription:
            collected = Collected(subscription)
            recorder.insert_events([stored()])
            until(lambda: collected.ids == [1])
            sigkill(server)
            server.start()
            (following,) = recorder.insert_events([stored()]) or ()
            until(lambda: collected.ids == [1, following], 20)
        evidence.note(position_after_the_crash=following)
    finally:
        datastore.close()
