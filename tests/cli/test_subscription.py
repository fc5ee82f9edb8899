"""`runfold subscription`: where consumers are, and an operator's moves, for people and for scripts."""

from __future__ import annotations

from itertools import islice
from typing import Any

import psycopg
import pytest

import runfold
from tests.cli.conftest import Runfold
from tests.factories import a_stream, lines
from tests.fixtures.processes import eventually


@pytest.fixture
def billing(database_url: str, connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A subscription that is at 3 of 5 events, and that nobody has."""
    with runfold.connect(database_url) as store:
        store.append(a_stream(), lines(5))
        with store.subscribe(subscription="billing", types=["LogAppended"]) as subscription:
            subscription.done(list(islice(subscription, 3))[-1])
    held = "SELECT FROM pg_stat_activity WHERE application_name = 'runfold subscription billing'"
    eventually(lambda: not connection.execute(held).fetchall())
    return connection


def position(runfold: Runfold) -> int:
    return int(runfold("subscription", "show", "billing", "--json").json()["position"])


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_they_are_listed(runfold: Runfold, billing: psycopg.Connection[Any], columns: int) -> None:
    shown = runfold("subscription", "list", columns=columns)
    assert shown.code == 0, shown.err
    for part in ("billing", "3", "2", "none", "ok"):
        assert part in shown.out
    (row,) = runfold("subscription", "list", "--json").json()
    assert (row["name"], row["position"], row["lag"], row["lag_is_exact"]) == ("billing", 3, 2, True)


def test_without_any_it_says_so(runfold: Runfold) -> None:
    assert runfold("subscription", "list").out == "no subscriptions\n"
    assert runfold("subscription", "list", "--json").json() == []


def test_one_is_shown_with_what_it_fails_with_and_whether_it_was_restored(
    runfold: Runfold, billing: psycopg.Connection[Any]
) -> None:
    shown = runfold("subscription", "show", "billing").out
    assert "fails since" not in shown
    assert "LogAppended" in shown
    billing.execute("SELECT runfold.fail_subscription('billing', 'ValueError', 'no such customer')")
    billing.execute("UPDATE runfold.subscriptions SET server = 'another'")
    shown = " ".join(runfold("subscription", "show", "billing", columns=200).out.split())
    assert "ValueError: no such customer" in shown
    assert "tries: 1" in shown
    assert "its bookmark was at 3 when the database was restored or failed over" in shown
    assert "fails, restored" in runfold("subscription", "list", columns=200).out


def test_it_is_moved_when_it_is_confirmed(runfold: Runfold, billing: psycopg.Connection[Any]) -> None:
    back = "billing goes from position 3 to 1 and receives 2 events again"
    assert runfold("subscription", "move", "billing", "--to", "1", "--dry-run").out == f"{back} (not moved)\n"
    refused = runfold("subscription", "move", "billing", "--to", "1")
    assert refused.code == 1
    assert position(runfold) == 3
    assert runfold("subscription", "move", "billing", "--to", "1", "--yes").out == f"{back}\n"
    assert position(runfold) == 1
    moved = runfold("subscription", "move", "billing", "--to", "end", "--yes", "--json").json()
    assert moved == {
        "name": "billing", "position": 1, "to": 5, "events": 4, "events_are_exact": True, "moved": True
    }  # fmt: skip
    stays = runfold("subscription", "move", "billing", "--to", "5", "--yes").out
    assert stays == "billing stays at position 5\n"
    skipped = runfold("subscription", "move", "billing", "--to", "start", "--yes").out
    assert skipped == "billing goes from position 5 to 0 and receives 5 events again\n"
    forward = runfold("subscription", "move", "billing", "--to", "2", "--dry-run").out
    assert forward == "billing goes from position 0 to 2 and skips 2 events for ever (not moved)\n"


def test_it_is_dropped_when_it_is_confirmed(runfold: Runfold, billing: psycopg.Connection[Any]) -> None:
    assert "would be dropped" in runfold("subscription", "drop", "billing", "--dry-run").out
    assert runfold("subscription", "drop", "billing").code == 1
    assert position(runfold) == 3
    assert runfold("subscription", "drop", "billing", "--yes").out == "billing is dropped; it was at position 3\n"
    gone = runfold("subscription", "show", "billing")
    assert gone.code == 1
    assert "there is no subscription billing" in gone.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["move", "billing", "--to", "6", "--yes"], 1, "beyond the safe head, which is 5"),
        (["move", "billing", "--to", "soon", "--yes"], 2, "is not a position"),
        (["move", "billing", "--to", "-1", "--yes"], 2, "is not a position"),
        (["move", "shipping", "--to", "1", "--yes"], 1, "there is no subscription shipping"),
        (["drop", "shipping", "--yes"], 1, "there is no subscription shipping"),
        (["show", "shipping"], 1, "there is no subscription shipping"),
    ],
)
def test_mistakes_are_said(
    runfold: Runfold, billing: psycopg.Connection[Any], words: list[str], code: int, said: str
) -> None:
    answer = runfold("subscription", *words, columns=200)
    assert (answer.code, said in answer.err) == (code, True), answer.err


def test_while_a_consumer_runs_it_is_neither_moved_nor_dropped(
    runfold: Runfold, billing: psycopg.Connection[Any], database_url: str
) -> None:
    from runfold import connect

    with connect(database_url) as store, store.subscribe(subscription="billing") as subscription:
        next(iter(subscription))
        for words in (["move", "billing", "--to", "1"], ["drop", "billing"]):
            refused = runfold("subscription", *words, "--yes")
            assert (refused.code, "a consumer has the subscription" in refused.err) == (1, True)
        assert "pid " in runfold("subscription", "list", columns=200).out
    assert position(runfold) == 3


def test_the_doctor_finds_a_bookmark_that_has_not_moved_for_30_days(
    runfold: Runfold, billing: psycopg.Connection[Any]
) -> None:
    def found() -> list[str]:
        rows = runfold("doctor", "--advise", "--json").json()
        return [row["object"] for row in rows if row["kind"] == "unmoved bookmark"]

    billing.execute("UPDATE runfold.subscriptions SET moved_at = now() - interval '29 days 23 hours'")
    assert found() == []
    billing.execute("UPDATE runfold.subscriptions SET moved_at = now() - interval '30 days 1 hour'")
    assert found() == ["billing"]
    assert "has not moved since" in runfold("doctor", "--advise", columns=200).out
    # A log in which nothing happened is no fault of the consumer's.
    runfold("subscription", "move", "billing", "--to", "end", "--yes")
    billing.execute("UPDATE runfold.subscriptions SET moved_at = now() - interval '30 days 1 hour'")
    assert found() == []
