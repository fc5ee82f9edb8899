"""A segment of a million events leaves and comes back beside writers: nothing is lost, and no row differs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from bench.archive import beside_writers, fill

from runfold.archive.listing import read_archives, verify_archives
from runfold.archive.restoring import restore_range
from runfold.archive.writing import write_archives


@pytest.mark.parametrize("events", [10_000, pytest.param(1_000_000, marks=pytest.mark.large)])
@pytest.mark.process
def test_rows_are_equal_and_every_append_is_there(
    connection: psycopg.Connection[tuple[object, ...]], database_url: str, folder: Path, events: int
) -> None:
    fill(connection, events)
    connection.execute(f"CREATE TABLE public.kept AS SELECT * FROM runfold.events WHERE position <= {events}".encode())
    (appended,) = (
        connection.execute("SELECT count(*) FROM runfold.events WHERE position > %s", (events,)).fetchone() or ()
    )

    def archive() -> int:
        return write_archives(connection, folder, older_than=timedelta(days=30)).events

    left, written = beside_writers(database_url, archive)
    assert left == events - events // 100
    (rest,) = connection.execute("SELECT count(*) FROM runfold.events WHERE position <= %s", (events,)).fetchone() or ()
    assert (rest, read_archives(connection)[0].left_events) == (events - left, left)
    assert [each.found for each in verify_archives(connection, folder)] == ["ok"]
    restored, more = beside_writers(database_url, lambda: restore_range(connection, folder, 1, events))
    assert restored.events == left
    (differing,) = (
        connection.execute(
            "SELECT count(*) FROM public.kept k FULL JOIN (SELECT * FROM runfold.events WHERE position <= %s) e"
            " USING (position) WHERE k IS NULL OR e IS NULL OR k *<> e",
            (events,),
        ).fetchone()
        or ()
    )
    assert differing == 0
    (now,) = connection.execute("SELECT count(*) FROM runfold.events WHERE position > %s", (events,)).fetchone() or ()
    assert now == int(str(appended)) + len(written) + len(more)
    (ids,) = connection.execute("SELECT count(*) FROM runfold.event_ids").fetchone() or ()
    (all_events,) = connection.execute("SELECT count(*) FROM runfold.events").fetchone() or ()
    assert ids == all_events
    connection.execute("ALTER TABLE runfold.events DISABLE TRIGGER USER")
    connection.execute("UPDATE runfold.events SET metadata = '{\"other\": 1}' WHERE position = 7")
    (control,) = (
        connection.execute(
            "SELECT count(*) FROM public.kept k JOIN runfold.events e USING (position) WHERE k *<> e"
        ).fetchone()
        or ()
    )
    assert control == 1, "a row that differs is seen"
