"""An acknowledged append remains, exactly once; an unacknowledged one is recorded completely or not at all."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
import pytest

import runfold
from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer
from runfold.events.envelope import Append
from runfold.settings import Settings
from tests.client.log.batches import APPEND_BATCH, arrays_of_appends
from tests.factories import a_stream, append, call, lines, streams
from tests.faults.editing import ALLOCATE_POSITIONS, APPEND_EVENTS, STEPS, stop_at
from tests.faults.kills import hang_up, kill_backend, kill_whole_server
from tests.faults.waiting import eventually, wait_until
from tests.fixtures.evidence import Evidence
from tests.fixtures.proxy import Proxy
from tests.fixtures.servers import PrivateServerFactory

Connection = psycopg.Connection[Any]

CYCLES = 50
CONTROL_CYCLES = 6
WRITERS = 4
AS_IN_PRODUCTION = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def ids_of(appends: list[Append]) -> list[UUID]:
    return [event.event_id for made in appends for event in made.events if isinstance(event, runfold.NewEvent)]


@dataclass
class Writer:
    """Appends by either function until the server dies; the call with an unknown outcome is sent again first."""

    streams: list[str]
    rng: random.Random
    acknowledged: list[UUID] = field(default_factory=list)
    unknown: list[Append] | None = None
    repeated: int = 0

    def write(self, url: str, options: str) -> None:
        try:
            with psycopg.connect(url, autocommit=True, options=options) as connection:
                while True:
                    appends = self.unknown or [append(name, self.rng.randint(1, 5)) for name in self._some_streams()]
                    self.unknown = appends
                    if self.rng.random() < 0.5:
                        rows = connection.execute(APPEND_BATCH, arrays_of_appends(appends)).fetchall()
                    else:
                        rows = connection.execute(
                            "SELECT * FROM runfold.append_events(%s)", (call(*appends),)
                        ).fetchall()
                    self.repeated += rows[0][4]
                    self.acknowledged += ids_of(appends)
                    self.unknown = None
        except psycopg.OperationalError:
            return

    def _some_streams(self) -> list[str]:
        return self.rng.sample(self.streams, self.rng.choice((1, 1, 2)))


def kill_under_load(server: EmbeddedServer, evidence: Evidence, *, cycles: int, options: str = "") -> list[Writer]:
    """Kill the server at a random moment under load and start it again, this often."""
    names = streams(6)
    writers = [Writer(names, random.Random(f"{evidence.seed}/{number}")) for number in range(WRITERS)]
    for _ in range(cycles):
        url = server.start()
        with ThreadPoolExecutor(WRITERS) as pool:
            for writer in writers:
                pool.submit(writer.write, url, options)
            time.sleep(evidence.rng.uniform(0.02, 0.25))
            kill_whole_server(server)
    server.start()
    return writers


def stored_ids(connection: Connection) -> list[UUID]:
    return [event_id for (event_id,) in connection.execute("SELECT event_id FROM runfold.events")]


IRREGULAR = """
    SELECT count(*) FROM (SELECT stream_version, row_number() OVER (PARTITION BY stream_id ORDER BY position) AS n
                            FROM runfold.events) AS e WHERE stream_version <> n"""


@pytest.mark.slow
def test_acknowledged_events_survive_any_kill_of_the_server_exactly_once(
    private_server: PrivateServerFactory, schema_copy: Path, evidence: Evidence
) -> None:
    server = private_server(settings=AS_IN_PRODUCTION)
    migrate(server.url, folder=schema_copy)
    cycles = evidence.scaled(CYCLES)
    writers = kill_under_load(server, evidence, cycles=cycles)
    with psycopg.connect(server.url, autocommit=True) as connection:
        stored = stored_ids(connection)
        (irregular,) = connection.execute(IRREGULAR).fetchone() or (None,)
    acknowledged = {event_id for writer in writers for event_id in writer.acknowledged}
    unknown = [set(ids_of(writer.unknown)) for writer in writers if writer.unknown]
    evidence.note(
        kills=cycles,
        acknowledged=len(acknowledged),
        stored=len(stored),
        committed_unheard_and_sent_again=sum(writer.repeated for writer in writers),
        lost=len(acknowledged - set(stored)),
        doubled=len(stored) - len(set(stored)),
    )
    assert len(acknowledged) > cycles
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))
    assert irregular == 0
    # Everything else in the log was sent and not answered: each such call is complete.
    for ids in unknown:
        assert not ids & set(stored) or ids <= set(stored)
    assert set(stored) - acknowledged <= {event_id for ids in unknown for event_id in ids}


def test_without_synchronous_commit_acknowledged_events_are_lost(
    private_server: PrivateServerFactory, schema_copy: Path, evidence: Evidence
) -> None:
    server = private_server(settings={**AS_IN_PRODUCTION, "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"})
    migrate(server.url, folder=schema_copy)
    writers = kill_under_load(server, evidence, cycles=CONTROL_CYCLES, options="-c synchronous_commit=off")
    with psycopg.connect(server.url, autocommit=True) as connection:
        stored = set(stored_ids(connection))
    acknowledged = {event_id for writer in writers for event_id in writer.acknowledged}
    evidence.note(kills=CONTROL_CYCLES, acknowledged=len(acknowledged), lost=len(acknowledged - stored))
    assert acknowledged - stored


@pytest.fixture
def killable(private_server: PrivateServerFactory, schema_copy: Path) -> EmbeddedServer:
    """A migrated server whose backends may be killed."""
    server = private_server(settings={"restart_after_crash": "on"})
    migrate(server.url, folder=schema_copy)
    return server


def can_connect(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


WAYS: dict[str, Callable[[Connection, int], None]] = {
    "its backend is killed": lambda writer, pid: kill_backend(pid),
    "its client is gone": lambda writer, pid: hang_up(writer),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_writer_that_dies_before_its_commit_leaves_nothing(
    killable: EmbeddedServer, evidence: Evidence, way: str
) -> None:
    url, stream, events = killable.url, a_stream(), lines(3)
    text = call(append(stream, events, claims=[("kind", "key")]))
    with psycopg.connect(url, autocommit=True) as connection:
        originals = [
            definition
            for (definition,) in connection.execute(
                "SELECT pg_get_functiondef(f::regprocedure) FROM unnest(%s::text[]) AS f",
                ([APPEND_EVENTS, ALLOCATE_POSITIONS],),
            )
        ]
    for next_step in (*STEPS.values(), None):  # None: the append has returned, its COMMIT was not sent
        with psycopg.connect(url, autocommit=True) as connection:
            for original in originals:
                connection.execute(original)
            if next_step is not None:
                stop_at(connection, *next_step)
            writer = psycopg.connect(url, options="-c client_connection_check_interval=50ms")
            pid = writer.info.backend_pid
            with ThreadPoolExecutor(1) as thread:
                waiting = thread.submit(writer.execute, "SELECT FROM runfold.append_events(%s)", (text,))
                if next_step is None:
                    waiting.result()
                else:
                    eventually(connection, "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s", (pid,))
                WAYS[way](writer, pid)
                if next_step is not None:
                    with pytest.raises(psycopg.OperationalError):
                        waiting.result()
            writer.close()
        # Until the server has seen that a backend died, it lets clients in; then it recovers.
        wait_until(lambda: not psutil.pid_exists(pid) and can_connect(url))  # noqa: B023
        with psycopg.connect(url, autocommit=True) as connection:
            eventually(connection, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", (pid,))
            left = connection.execute(
                """SELECT (SELECT count(*) FROM runfold.events), (SELECT count(*) FROM runfold.streams),
                          (SELECT count(*) FROM runfold.event_ids), (SELECT count(*) FROM runfold.claims),
                          (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"""
            ).fetchone()
            assert left == (0, 0, 0, 0, 0), next_step
    with psycopg.connect(url, autocommit=True) as connection:
        for original in originals:
            connection.execute(original)
        assert connection.execute("SELECT version, repeated FROM runfold.append_events(%s)", (text,)).fetchall() == [
            (3, False)
        ]
    evidence.note(steps=len(STEPS) + 1)


def test_a_writer_that_dies_in_its_commit_leaves_all_or_nothing(killable: EmbeddedServer, evidence: Evidence) -> None:
    """The client disconnects between sending COMMIT and the answer; sent again, the events are recorded once."""
    url, rounds, found = killable.url, evidence.scaled(60), {0: 0, 3: 0}
    for _ in range(rounds):
        stream, events = a_stream(), lines(3)
        text = call(append(stream, events))
        writer = psycopg.connect(url)
        pid = writer.info.backend_pid
        writer.execute("SELECT FROM runfold.append_events(%s)", (text,))
        if evidence.rng.random() < 0.8:
            writer.pgconn.send_query(b"COMMIT")
            time.sleep(evidence.rng.random() * 0.002)
        hang_up(writer)
        writer.close()
        with psycopg.connect(url, autocommit=True) as connection:
            eventually(connection, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", (pid,))
            rows = connection.execute("SELECT FROM runfold.read_stream(%s)", (stream,)).fetchall()
            assert len(rows) in found
            found[len(rows)] += 1
            again = connection.execute("SELECT version, repeated FROM runfold.append_events(%s)", (text,)).fetchall()
            assert again == [(3, len(rows) == 3)]
    evidence.note(rounds=rounds, nothing=found[0], all=found[3])
    assert found[0]
    assert found[3]


def test_a_commit_whose_answer_was_lost_is_safe_to_retry(database_url: str, evidence: Evidence) -> None:
    """The server commits, the connection is cut before the answer arrives, and the store sends the same ids again."""
    rounds, stream = evidence.scaled(20), a_stream()
    cut_next = threading.Event()

    def watch(said: bytes) -> bool:
        if cut_next.is_set() and stream.encode() in said:
            cut_next.clear()
            return True
        return False

    with (
        Proxy(database_url, watch) as proxy,
        runfold.connect(proxy.url, settings=Settings(retry_seconds=10, pool_max_size=2)) as store,
    ):
        repeated = 0
        for number in range(rounds):
            cut_next.set()
            appended = store.append(stream, lines(2), expected_version=2 * number)
            assert appended.version == 2 * number + 2
            repeated += appended.repeated
        versions = [event.stream_version for event in store.read_stream(stream)]
    evidence.note(rounds=rounds, cuts=proxy.cuts, repeated=repeated)
    assert versions == list(range(1, 2 * rounds + 1))
    assert proxy.cuts == repeated == rounds


def test_without_its_ids_a_retried_commit_would_be_stored_twice(database_url: str) -> None:
    """The control: a client that makes new events for each attempt."""
    stream = a_stream()
    cuts = iter([True])
    with Proxy(database_url, lambda said: stream.encode() in said and next(cuts, False)) as proxy:
        for _ in range(2):
            with psycopg.connect(proxy.url, autocommit=True) as connection:
                try:
                    connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(stream)),))
                except psycopg.OperationalError:
                    continue
    with psycopg.connect(database_url) as connection:
        assert len(connection.execute("SELECT FROM runfold.read_stream(%s)", (stream,)).fetchall()) == 2
