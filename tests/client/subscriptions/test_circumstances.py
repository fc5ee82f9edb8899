"""Poolers, standbys, forks, servers that die, consumers that are killed."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
from itertools import islice
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runfold
from runfold.database.migrations import migrate
from runfold.errors import BehindPooler, InheritedConnection
from runfold.settings import load_settings
from tests.client.subscriptions.following import Following
from tests.factories import CATEGORY, a_stream, append, call, happening, lines
from tests.fixtures.evidence import Evidence
from tests.fixtures.poolers import pgbouncer
from tests.fixtures.processes import eventually, forked
from tests.fixtures.servers import PrivateServerFactory, sigkill

Connection = psycopg.Connection[Any]


def test_behind_a_transaction_pooler_it_looks_by_itself_and_says_so(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pgbouncer(database_url) as pooled, runfold.connect(pooled) as store:
        with caplog.at_level(logging.WARNING), Following(store.subscribe()) as following:
            store.append(a_stream(), lines(2))
            following.reaches(2)
            store.append(a_stream(), lines(2))
            following.reaches(4)
        assert following.subscription.polls is not None
        assert "a pooler is between" in following.subscription.polls
        assert [each for each in caplog.records if "looks at the log every 1 s" in each.getMessage()]
        with pytest.raises(BehindPooler, match="a subscription with a name needs a direct connection"):
            next(iter(store.subscribe(subscription="billing")))


def test_behind_a_session_pooler_it_has_a_session_when_it_is_said_so(database_url: str) -> None:
    with pgbouncer(database_url, "session", sessions=6) as pooled:
        chosen = load_settings(database_url=pooled, session_pooler=True)
        with runfold.connect(pooled, settings=chosen) as store:
            store.append(a_stream(), lines(1))
            with Following(store.subscribe(subscription="billing")) as following:
                following.reaches(1)
                following.sleeps()
                assert following.subscription.polls is None
                store.append(a_stream(), lines(1))
                following.reaches(2)


def test_a_child_process_does_not_share_it(database_url: str) -> None:
    with runfold.connect(database_url) as store, store.subscribe(subscription="billing") as subscription:
        store.append(a_stream(), lines(3))
        item = next(iter(subscription))

        def body() -> None:
            for use in (lambda: next(iter(subscription)), lambda: subscription.done(item)):
                with pytest.raises(InheritedConnection):
                    use()
            with store.subscribe() as own:
                assert next(iter(own)).event.position == 1

        with forked(body) as child:
            assert child.wait() == 0, child.output
        subscription.done(item)
        assert next(iter(subscription)).event.position == 2


def test_it_outlives_its_server(private_server: PrivateServerFactory, evidence: Evidence) -> None:
    server = private_server()
    url = server.start()
    migrate(url)
    with runfold.connect(url) as store, Following(store.subscribe(subscription="billing")) as following:
        store.append(a_stream(), lines(1))
        following.reaches(1)
        sigkill(server)
        server.start()
        appended = store.append(a_stream(), lines(1))
        following.reaches(2)
        assert following.positions == [1, appended.last_position]
    evidence.note(position_after_the_crash=appended.last_position)


def test_a_database_that_is_away_at_the_beginning_is_said(database_url: str) -> None:
    with runfold.connect(database_url) as store:
        subscription = store.subscribe()
        store.url = store.url.replace("/runfold_test", "/absent")
        with pytest.raises(runfold.errors.DatabaseUnavailable):
            next(iter(subscription))


def consume(url: str, pipe: int) -> None:
    """Handle events, write each position to the pipe, and die by chance at any moment of it."""
    dice = random.Random(os.getpid())
    with runfold.connect(url) as store, store.subscribe(subscription="billing") as subscription:
        for item in subscription:
            if dice.random() < 0.05:
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(pipe, f"{item.event.position}\n".encode())
            if dice.random() < 0.05:
                os.kill(os.getpid(), signal.SIGKILL)
            subscription.done(item)
            if dice.random() < 0.05:
                os.kill(os.getpid(), signal.SIGKILL)


def handled_by_dying_consumers(url: str, evidence: Evidence, *, careless: bool = False) -> tuple[list[int], int]:
    """Return the positions that were handled, by consumers of which each is killed, and the last position."""
    total = evidence.scaled(150)
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(total):
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=1)),))
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    handled: list[int] = []
    deaths = 0

    def drained() -> bool:
        with contextlib.suppress(BlockingIOError):
            handled.extend(int(each) for each in os.read(reading, 1 << 20).split())
        return bool(handled) and max(handled) == total

    body = careless_consumer if careless else consume
    while not drained():
        with forked(lambda: body(url, writing)) as consumer:
            eventually(lambda: drained() or not consumer.alive, within=60)
            deaths += not consumer.alive
    evidence.note(events=total, deaths=deaths, handled=len(handled), again=len(handled) - len(set(handled)))
    return handled, total


def careless_consumer(url: str, pipe: int) -> None:
    """The control: it says that an event is done before it handles it."""
    dice = random.Random(os.getpid())
    with runfold.connect(url) as store, store.subscribe(subscription="billing") as subscription:
        for item in subscription:
            subscription.done(item)
            if dice.random() < 0.1 and item.event.position < 140:
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(pipe, f"{item.event.position}\n".encode())


def test_consumers_that_are_killed_at_any_moment_skip_nothing(database_url: str, evidence: Evidence) -> None:
    handled, total = handled_by_dying_consumers(database_url, evidence)
    assert sorted(set(handled)) == list(range(1, total + 1))
    # In order, but for what is handled again: each is either new, and the next one, or was handled before.
    seen = 0
    for position in handled:
        assert position <= seen + 1
        seen = max(seen, position)


def test_control_consumers_that_say_done_too_early_skip_events(database_url: str, evidence: Evidence) -> None:
    handled, total = handled_by_dying_consumers(database_url, evidence, careless=True)
    assert set(handled) < set(range(1, total + 1))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(["log", CATEGORY]), st.integers(1, 3)),
        st.tuples(st.just("roll back"), st.integers(1, 30)),
        st.tuples(st.just("receive"), st.integers(1, 4)),
        st.tuples(st.just("done")),
        st.tuples(st.just("restart")),
        st.tuples(st.just("cut")),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, wanted=st.sampled_from([None, "log", CATEGORY]))
def test_whatever_happens_the_consumer_receives_what_a_model_says(
    module_database_url: str, steps: list[tuple[Any, ...]], wanted: str | None
) -> None:
    """The model: a list of positions, and how much of it is done."""
    with runfold.connect(module_database_url) as store, psycopg.connect(module_database_url, autocommit=True) as by:
        by.execute("DELETE FROM runfold.subscriptions")
        store.register_event_types(CATEGORY)
        begins = store.read_all(limit=1_000_000).bookmark
        model: list[int] = []
        done = at = 0

        def opened() -> Any:
            return store.subscribe(subscription="billing", after=begins, category=wanted)

        subscription, last = opened(), None
        for step, *about in steps:
            if step == "append":
                category, count = about
                events = lines(count) if category == "log" else [happening()] * 0 + [happening() for _ in range(count)]
                appended = store.append(a_stream(category), events)
                if wanted in (None, category):
                    model += range(appended.first_position, appended.last_position + 1)
            elif step == "roll back":
                with by.transaction(force_rollback=True):
                    by.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=about[0])),))
            elif step == "receive":
                for item in islice(subscription, min(about[0], len(model) - at)):
                    assert item.event.position == model[at]
                    last, at = item, at + 1
            elif step == "done" and last is not None:
                subscription.done(last)
                done = at
            elif step == "restart":
                subscription.close()
                subscription, last, at = opened(), None, done
            elif step == "cut" and subscription._bell.pid is not None:
                by.execute("SELECT pg_terminate_backend(%s, 5000)", (subscription._bell.pid,))
        for item in islice(subscription, len(model) - at):
            assert item.event.position == model[at]
            at += 1
        assert at == len(model)
        subscription.close()
