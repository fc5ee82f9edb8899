"""A bookmark kept outside of the database shows a restored log, however far it has grown; one inside is marked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

import runfold
from runfold.errors import CheckpointAhead
from runfold.reading.subscriptions import move_subscription, read_subscriptions
from tests.factories import a_stream, append, call, lines
from tests.fixtures.databases import create_database, drop_database

Connection = psycopg.Connection[Any]

BACKUP, READ, GROWN = 20, 30, 45
"""The backup is taken at the first position; the consumer is at the second; the restored log has grown to the third."""


def write(url: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(count):
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=1)),))


@contextmanager
def restored(server_url: str, database_url: str) -> Iterator[tuple[str, runfold.Bookmark]]:
    """Yield the URL of a log that was restored from a backup, and a bookmark from before the restore."""
    write(database_url, BACKUP)
    name = urlsplit(database_url).path.lstrip("/")
    backup = create_database(server_url, template=name)
    try:
        write(database_url, READ - BACKUP)
        with runfold.connect(database_url) as store:
            bookmark = store.read_all(limit=READ).bookmark
        assert bookmark.position == READ
        yield backup, bookmark
    finally:
        drop_database(server_url, backup)


@pytest.mark.parametrize("grown", [BACKUP, READ - 1, READ, GROWN])
@pytest.mark.parametrize("types", [None, ["LogAppended"]])
def test_a_restored_log_is_refused_also_when_it_has_grown_past_the_bookmark(
    server_url: str, database_url: str, grown: int, types: list[str] | None
) -> None:
    with restored(server_url, database_url) as (url, bookmark), runfold.connect(url) as store:
        write(url, grown - BACKUP)
        kept_as_text = runfold.Bookmark.parse(str(bookmark))
        with (
            store.subscribe(after=kept_as_text, types=types) as subscription,
            pytest.raises(CheckpointAhead) as refused,
        ):
            next(iter(subscription))
        assert (refused.value.code, refused.value.sqlstate) == ("log_differs", "RF016")
        assert refused.value.facts["position"] == READ
        with pytest.raises(CheckpointAhead):
            store.read_all(bookmark, types=types)
        in_both = store.read_all(limit=BACKUP).bookmark
        assert store.read_all(in_both) == store.read_all(BACKUP)


def test_control_a_position_alone_skips_events_of_a_restored_log_in_silence(server_url: str, database_url: str) -> None:
    with restored(server_url, database_url) as (url, bookmark), runfold.connect(url) as store:
        write(url, GROWN - BACKUP)
        with store.subscribe(after=bookmark.position) as subscription:
            received = [item.event.position for item in islice(subscription, GROWN - READ)]
        assert received == list(range(READ + 1, GROWN + 1))  # 21 to 30 are new, and were never received


def test_a_log_that_changes_under_a_subscription_stops_it(database_url: str, connection: Connection) -> None:
    """As a standby that was behind and was promoted: positions are issued again."""
    write(database_url, 3)
    with runfold.connect(database_url) as store, store.subscribe() as subscription:
        list(islice(subscription, 3))
        connection.execute("ALTER TABLE runfold.events DISABLE TRIGGER USER")
        connection.execute("UPDATE runfold.events SET event_id = gen_random_uuid() WHERE position = 3")
        with pytest.raises(CheckpointAhead) as refused:
            next(iter(subscription))
        assert refused.value.code == "log_differs"


def test_a_kept_bookmark_on_another_server_is_marked_restored_until_an_operator_moves_it(
    store: runfold.Store, connection: Connection
) -> None:
    store.append(a_stream(), lines(4))
    with store.subscribe(subscription="billing") as subscription:
        subscription.done(list(islice(subscription, 2))[1])
    assert read_subscriptions(connection, "billing")[0]["restored_position"] is None
    connection.execute("UPDATE runfold.subscriptions SET server = 'another/00000001'")
    assert read_subscriptions(connection, "billing")[0]["restored_position"] == 2
    with store.subscribe(subscription="billing") as subscription:
        subscription.done(next(iter(subscription)))
    (row,) = read_subscriptions(connection, "billing")
    assert (row["position"], row["restored_position"]) == (3, 2)
    with psycopg.connect(store.url, autocommit=True) as operator:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'runfold subscription%'"
        )
        move_subscription(operator, "billing", 4)
    assert read_subscriptions(connection, "billing")[0]["restored_position"] is None


@pytest.mark.parametrize("text", ["", "x", "-1", "1/", "1/x", "0/018f0000-0000-7000-8000-000000000000", "1.5"])
def test_a_text_that_is_no_bookmark_is_refused(text: str) -> None:
    if text == "1/":
        assert runfold.Bookmark.parse(text) == runfold.Bookmark(1)
        return
    with pytest.raises(runfold.errors.InvalidInput, match="is not a bookmark"):
        runfold.Bookmark.parse(text)
