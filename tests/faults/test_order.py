"""The one order of the log: a tailing reader skips nothing, repeats nothing, and sees streams in version order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from runfold.database.connections import map_error
from runfold.errors import UnsupportedIsolation
from tests.factories import a_stream, append, call, line, streams
from tests.faults.editing import ALLOCATE_POSITIONS, FENCE, edit
from tests.faults.feeds import Feed, Judgement, Page, committed, naive, one_statement, safe
from tests.faults.waiting import eventually, wait_until
from tests.faults.writers import Load
from tests.fixtures.evidence import Evidence

Connection = psycopg.Connection[Any]

MILLISECONDS = 4000


def torture(url: str, evidence: Evidence, batches: float = 0.0, **readers: Page) -> dict[str, Judgement]:
    """Run sixteen writers on a few streams, and these readers; return what each reader saw."""
    seconds = evidence.scaled(MILLISECONDS) / 1000
    load = Load(url, streams(24), seconds=seconds, seed=evidence.seed, batches=batches)
    feeds = {name: Feed(url, page) for name, page in readers.items()}
    with psycopg.connect(url, autocommit=True) as connection:
        for feed in feeds.values():
            feed.__enter__()
        try:
            evidence.note(**load.run())
        finally:
            for feed in feeds.values():
                feed.__exit__(None, None, None)
        log = committed(connection)
    found = {name: Judgement.of(feed.seen, log) for name, feed in feeds.items()}
    evidence.note(**{f"pages_of_{name}": feed.pages for name, feed in feeds.items()}, **found)
    assert len(log) == load.counts["events"]
    return found


@pytest.mark.parametrize("batches", [0.0, 0.5, 1.0])
def test_tailing_reader_misses_nothing_while_sixteen_writers_do_their_worst(
    database_url: str, evidence: Evidence, batches: float
) -> None:
    found = torture(database_url, evidence, batches, safe=safe, naive=naive, one_statement=one_statement)
    assert found["safe"].events > 100
    assert found["safe"].is_faultless
    assert found["naive"].missed > 0  # the controls: the load was hard enough
    assert found["one_statement"].missed > 0


@pytest.mark.parametrize("batches", [0.0, 1.0])
def test_without_the_fence_the_same_reader_misses_events(
    database_url: str, connection: Connection, evidence: Evidence, batches: float
) -> None:
    edit(connection, ALLOCATE_POSITIONS, FENCE)
    assert torture(database_url, evidence, batches, safe=safe)["safe"].missed > 0


def held_by_a_trigger(connection: Connection, message: str, gate: int) -> None:
    """Make an append of this message wait in the middle of its insert, until the advisory lock is released."""
    connection.execute(
        f"""CREATE FUNCTION public.wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_advisory_xact_lock_shared({gate}); RETURN NEW; END $$;
            CREATE TRIGGER waits_at_the_gate BEFORE INSERT ON runfold.events FOR EACH ROW
            WHEN (NEW.data ->> 'message' = '{message}') EXECUTE FUNCTION public.wait_at_the_gate()"""
    )


@pytest.mark.parametrize("held_in", ["its transaction", "its insert"])
def test_feed_never_passes_an_uncommitted_lower_position(
    database_url: str, connection: Connection, evidence: Evidence, held_in: str
) -> None:
    gate, later = 4711, evidence.scaled(30)
    held = append(events=[line("held"), line("held")])
    connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
    with (
        psycopg.connect(database_url) as slow,
        psycopg.connect(database_url) as gatekeeper,
        Feed(database_url, safe) as feed,
        Feed(database_url, naive) as control,
        ThreadPoolExecutor(1) as thread,
    ):
        if held_in == "its insert":
            held_by_a_trigger(connection, "held", gate)
            gatekeeper.execute("SELECT pg_advisory_lock(%s)", (gate,))
        waiting = thread.submit(slow.execute, "SELECT FROM runfold.append_events(%s)", (call(held),))
        eventually(connection, "SELECT last_value >= 3 FROM runfold.events_position")
        for _ in range(later):
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        wait_until(lambda: len(control.seen) == 1 + later)
        seen_while_held = len(feed.seen)
        gatekeeper.execute("SELECT pg_advisory_unlock_all()")
        waiting.result()
        slow.commit()
    log = committed(connection)
    evidence.note(later_appends=later, seen_while_held=seen_while_held, safe=Judgement.of(feed.seen, log))
    assert seen_while_held == 1
    assert Judgement.of(feed.seen, log).is_faultless
    assert Judgement.of(control.seen, log).missed == 2


def test_events_of_a_stream_come_in_version_order_whoever_began_first(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    stream = a_stream()
    with psycopg.connect(database_url) as first:
        first.execute("SELECT pg_current_xact_id()")
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(stream)),))
        first.execute("SELECT FROM runfold.append_events(%s)", (call(append(stream)),))
    by_position = [version for _, _, version in committed(connection)]
    # The control: by transaction id, as others order their logs, version 2 comes before 1.
    by_transaction = connection.execute(
        "SELECT stream_version FROM runfold.events ORDER BY xmin::text::bigint, position"
    ).fetchall()
    evidence.note(by_position=by_position, by_transaction=by_transaction)
    assert by_position == [1, 2]
    assert [version for (version,) in by_transaction] == [2, 1]


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_the_feed_is_refused_where_one_snapshot_would_skip_events(
    database_url: str, connection: Connection, level: IsolationLevel
) -> None:
    with psycopg.connect(database_url) as reader:
        reader.isolation_level = level
        for query in ("SELECT runfold.safe_head()", "SELECT * FROM runfold.read_all()"):
            with pytest.raises(psycopg.Error) as refused:
                reader.execute(query)
            reader.rollback()
            mapped = map_error(refused.value)
            assert isinstance(mapped, UnsupportedIsolation)

        # The control: with one snapshot for both, an event that is settled is not seen.
        reader.execute("SELECT count(*) FROM runfold.events")
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        (head,) = connection.execute("SELECT runfold.safe_head()").fetchone() or (0,)
        assert head == 1
        assert reader.execute("SELECT position FROM runfold.events WHERE position <= %s", (head,)).fetchall() == []


def test_events_of_one_append_become_visible_together(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    """A page may end inside an append; append_end says where it ends, and the safe head is never inside one."""
    made = [append(events=n) for n in range(1, 6)]
    connection.execute("SELECT FROM runfold.append_events(%s)", (call(*made),))
    ends = {end for (end,) in connection.execute("SELECT append_end FROM runfold.read_all()")}
    assert ends == {15}
