"""Positions without an event: rolled back by the thousand, or issued a second time after a crash."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from tests.factories import append, call, line
from tests.faults.feeds import Feed, Judgement, committed, safe
from tests.faults.kills import kill_whole_server
from tests.fixtures.evidence import Evidence
from tests.fixtures.servers import PrivateServerFactory, sigkill

Connection = psycopg.Connection[Any]

CLIENTS = 4
ROLLBACKS = 10_000
COMMITTED_EVERY = 100


def append_and_roll_back(url: str, times: int) -> None:
    """Append this often on one connection, and commit one append in a hundred."""
    event = line()
    text = call(append("log-STREAM", [event])).replace(str(event.event_id), "EVENT_ID")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT set_config('test.call', %s, false)", (text,))
        connection.execute(
            f"""DO $$ DECLARE body constant text := current_setting('test.call');
                BEGIN FOR i IN 1..{times} LOOP
                    PERFORM runfold.append_events(
                        replace(replace(body, 'STREAM', gen_random_uuid()::text), 'EVENT_ID', gen_random_uuid()::text));
                    IF i % {COMMITTED_EVERY} = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
                END LOOP; END $$"""
        )


def test_ten_thousand_rollbacks_neither_stall_nor_skip(
    database_url: str, connection: Connection, evidence: Evidence
) -> None:
    each = evidence.scaled(ROLLBACKS / CLIENTS * (1 + 1 / COMMITTED_EVERY))
    with Feed(database_url, safe) as feed, ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(append_and_roll_back, database_url, each) for _ in range(CLIENTS)]:
            done.result()
    log = committed(connection)
    (head,) = connection.execute("SELECT runfold.safe_head()").fetchone() or (0,)
    evidence.note(positions=head, holes=head - len(log), judged=Judgement.of(feed.seen, log))
    assert head == CLIENTS * each  # the holes are settled, the last one included
    assert len(log) == CLIENTS * (each // COMMITTED_EVERY)
    assert Judgement.of(feed.seen, log).is_faultless


def test_positions_issued_again_after_a_crash_are_neither_skipped_nor_doubled(
    private_server: PrivateServerFactory, schema_copy: Path, evidence: Evidence
) -> None:
    """A rolled-back append leaves nothing that had to reach the disk: after a kill the sequence goes back."""
    server = private_server(settings={"autovacuum": "off"})
    migrate(server.url, folder=schema_copy)
    seen: list[tuple[int, str, int]] = []
    reissued = skipped_by_head = 0
    rounds = evidence.scaled(5)
    for _ in range(rounds):
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=3)),))
            connection.execute("CHECKPOINT")
            # Nobody writes the log out by himself: the holes are in memory only when the server is killed.
            (wal_writer,) = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"
            ).fetchone() or (0,)
            os.kill(wal_writer, signal.SIGSTOP)
            with psycopg.connect(server.url) as writer:
                writer.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=500)),))
                writer.rollback()
            seen += safe(connection, seen[-1][0] if seen else 0)
            (head,) = connection.execute("SELECT runfold.safe_head()").fetchone() or (0,)
            kill_whole_server(server)
        server.start()
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=5)),))
            by_head = connection.execute("SELECT count(*) FROM runfold.events WHERE position > %s", (head,)).fetchone()
            seen += safe(connection, seen[-1][0])
            log = committed(connection)
        reissued += log[-1][0] <= head
        skipped_by_head += 5 - (by_head or (0,))[0]
    judged = Judgement.of(seen, log)
    evidence.note(rounds=rounds, reissued=reissued, skipped_by_a_checkpoint_at_the_head=skipped_by_head, judged=judged)
    assert reissued > 0
    assert judged.is_faultless
    assert skipped_by_head > 0  # the control: a checkpoint that is the head skips what is issued again


def test_a_prepared_append_holds_readers_back_over_a_crash(
    private_server: PrivateServerFactory, schema_copy: Path
) -> None:
    server = private_server()
    migrate(server.url, folder=schema_copy)
    with psycopg.connect(server.url, autocommit=True) as engine:
        (allowed,) = engine.execute("SELECT current_setting('max_prepared_transactions')::int").fetchone() or (0,)
        if not allowed:
            pytest.skip("this server has max_prepared_transactions = 0")
        engine.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        engine.execute("BEGIN")
        engine.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=2)),))
        engine.execute("PREPARE TRANSACTION 'prepared'")
    sigkill(server)
    server.start()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SELECT FROM runfold.append_events(%s)", (call(append()),))
        held = connection.execute("SELECT pid, prepared_gid FROM runfold.head_holders()").fetchall()
        assert held == [(None, "prepared")]
        assert len(safe(connection, 0)) == 1
        connection.execute("COMMIT PREPARED 'prepared'")
        assert [position for position, _, _ in safe(connection, 1)][:2] == [2, 3]
        assert len(safe(connection, 0)) == 4
