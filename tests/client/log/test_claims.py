"""A claim belongs to one stream at a time, taken and released inside an append."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

import runfold
from runfold.errors import ClaimTaken
from tests.factories import a_stream, append, call, lines, streams

Connection = psycopg.Connection[Any]

CLAIM = ("webhook_path", "/orders")


def holder(connection: Connection, claim: tuple[str, str] = CLAIM) -> str | None:
    row = connection.execute("SELECT stream_id FROM runfold.claims WHERE (kind, key) = (%s, %s)", claim).fetchone()
    return None if row is None else str(row[0])


def test_a_claim_is_held_by_one_stream_until_it_releases_it(store: runfold.Store, connection: Connection) -> None:
    first, second = streams(2)
    store.append_many([append(first, claims=[CLAIM])])
    with pytest.raises(ClaimTaken) as refused:
        store.append_many([append(), append(second, claims=[("webhook_path", "/free"), CLAIM])])
    assert (refused.value.code, refused.value.facts["kind"], refused.value.facts["key"]) == ("claim_taken", *CLAIM)
    assert refused.value.facts["pointer"] == "/1/claims/1"
    assert holder(connection) == first
    assert holder(connection, ("webhook_path", "/free")) is None  # refused as a whole
    assert len(list(store.read_all())) == 1

    store.append_many([append(first, releases=[CLAIM])])
    assert holder(connection) is None
    store.append_many([append(second, claims=[CLAIM])])
    assert holder(connection) == second


def test_a_claim_may_change_hands_in_one_call(store: runfold.Store, connection: Connection) -> None:
    first, second = streams(2)
    store.append_many([append(first, claims=[CLAIM])])
    store.append_many([append(second, claims=[CLAIM]), append(first, releases=[CLAIM])])
    assert holder(connection) == second


def test_a_stream_may_take_its_claim_again_and_release_only_its_own(
    store: runfold.Store, connection: Connection
) -> None:
    first, second = streams(2)
    store.append_many([append(first, claims=[CLAIM])])
    store.append_many([append(first, claims=[CLAIM])])
    store.append_many([append(second, releases=[CLAIM])])
    assert holder(connection) == first


def test_a_rolled_back_append_leaves_no_claim(database_url: str, store: runfold.Store, connection: Connection) -> None:
    with psycopg.connect(database_url) as mine:
        store.append_many([append(claims=[CLAIM])], connection=mine)
        mine.rollback()
    assert holder(connection) is None


def test_a_repeated_call_takes_nothing_a_second_time(store: runfold.Store, connection: Connection) -> None:
    first, second = streams(2)
    taking = append(first, claims=[CLAIM])
    store.append_many([taking])
    store.append_many([append(first, releases=[CLAIM])])
    store.append_many([append(second, claims=[CLAIM])])
    assert store.append_many([taking])[0].repeated
    assert holder(connection) == second


def test_one_of_many_wins_a_claim(store: runfold.Store, connection: Connection) -> None:
    def contend(stream: str) -> bool:
        try:
            store.append_many([append(stream, claims=[CLAIM])])
        except ClaimTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(contend, streams(8))) == 1
    assert len(list(store.read_all())) == 1


def test_a_claim_is_seen_however_its_key_is_written_in_json(connection: Connection) -> None:
    first, second = streams(2)
    claiming = call(append(first, claims=[CLAIM])).replace('"claims"', '"\\u0063laims"')
    connection.execute("SELECT FROM runfold.append_events(%s)", (claiming,))
    assert holder(connection) == first
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(second, claims=[CLAIM])),))
    assert refused.value.sqlstate == ClaimTaken.sqlstate

    releasing = call(append(first, releases=[CLAIM])).replace('"releases"', '"\\u0072eleases"')
    connection.execute("SELECT FROM runfold.append_events(%s)", (releasing,))
    assert holder(connection) is None


def test_appends_of_the_same_size_without_claims_leave_the_table_alone(
    store: runfold.Store, connection: Connection
) -> None:
    store.append(a_stream(), lines(3))
    assert connection.execute("SELECT count(*) FROM runfold.claims").fetchone() == (0,)
