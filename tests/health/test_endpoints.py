"""What a worker answers on its own port: probes and metrics, from memory, whether the database is up or not."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from runfold.errors import InvalidInput
from runfold.health import probes, server
from runfold.health.server import Health
from runfold.projections.definition.catalogue import load_catalogue
from runfold.settings import load_settings
from runfold.worker.maintenance import Maintenance
from runfold.worker.worker import Worker
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import Process, command, eventually, folded, forked, fresh_worker, leader
from tests.fixtures.servers import PrivateServerFactory, sigkill
from tests.health.conftest import get, probed, scraped, watched


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def watched_process(url: str, port: int) -> Iterator[Process]:
    """A worker in another process, with its health on a port."""

    def body() -> None:
        worker = fresh_worker(url)
        worker.stop_on_signals()
        settings = load_settings(database_url=url)
        with Health(worker, url, settings, load_catalogue(), port=port, every=0.1):
            worker.run()

    with forked(body) as started:
        yield started


def answers(port: int, path: str, ok: bool) -> Any:
    """Wait until a probe answers so, and return the reason."""

    def said() -> str | None:
        try:
            is_ok, reason = probed(port, path)
        except OSError:
            return None
        return reason if is_ok is ok else None

    return eventually(said)


def test_a_leader_is_alive_and_ready_and_says_what_it_has_folded(
    database_url: str, connection: psycopg.Connection[Any], log: Log
) -> None:
    last = log.append("execution-a", *run("a"))
    with watched(database_url) as worker:
        assert answers(worker.port, "/readyz", True).startswith("leads, epoch ")
        assert probed(worker.port, "/healthz")[0]
        eventually(lambda: folded(connection, last))

        def sampled() -> bool:
            found = scraped(worker.port)
            return found["runfold_group_checkpoint_position"].get(("execution",)) == last

        eventually(sampled)
        found = scraped(worker.port)
    assert found["runfold_up"] == {(): 1}
    assert found["runfold_leading"] == {(): 1}
    assert found["runfold_log_head_position"] == found["runfold_safe_head_position"] == {(): last}
    assert found["runfold_events_folded_total"]["execution",] == last
    assert found["runfold_batch_seconds_count"]["execution",] >= 1
    assert found["runfold_batch_events_sum"]["execution",] == last
    assert found["runfold_worker_state"]["leading",] == 1
    assert found["runfold_migrations_pending"] == found["runfold_migrations_failed"] == {(): 0}
    assert found["process_resident_memory_bytes"][()] > 1e7


def test_a_loop_that_is_stuck_is_found(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, freed = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        if stuck.is_set():
            freed.wait(60)

    monkeypatch.setattr(Maintenance, "make_partitions", hang)
    with watched(database_url) as worker:
        answers(worker.port, "/readyz", True)
        with monkeypatch.context() as patch:
            patch.setattr(probes, "LOOP_AGE", type(probes.LOOP_AGE)("loop", 1.0, "seconds", ""))
            assert probed(worker.port, "/healthz")[0]
            stuck.set()
            assert "the loop has not moved" in answers(worker.port, "/healthz", False)
            freed.set()
            stuck.clear()
            answers(worker.port, "/healthz", True)


def test_a_batch_may_take_longer_than_a_turn_of_the_loop_and_not_for_ever(database_url: str) -> None:
    with watched(database_url, run=False) as worker:
        numbers = worker.worker.numbers
        with numbers.in_batch():
            numbers._batch_since = time.monotonic() - 100
            numbers._moved = time.monotonic() - 100
            assert probed(worker.port, "/healthz")[0]
            numbers._batch_since = time.monotonic() - 601
            assert probed(worker.port, "/healthz") == (False, "the batch at hand takes 601 s; 600 are allowed")
        assert probed(worker.port, "/healthz")[0]
        numbers._moved = time.monotonic() - 29
        assert probed(worker.port, "/healthz")[0]
        numbers._moved = time.monotonic() - 31
        assert not probed(worker.port, "/healthz")[0]


def test_a_frozen_worker_gives_no_answer_and_a_follower_is_ready_and_takes_over(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    first, second = free_port(), free_port()
    with watched_process(database_url, first) as frozen:
        answers(first, "/readyz", True)
        with watched_process(database_url, second) as follower:
            reason = answers(second, "/readyz", True)
            assert reason.startswith("follows ")
            assert reason.endswith(f":{frozen.pid}")
            frozen.send(signal.SIGSTOP)
            with pytest.raises(TimeoutError):
                get(first, "/healthz", timeout=1.0)
            eventually(lambda: leader(connection)[1] == follower.pid)
            assert eventually(lambda: probed(second, "/readyz")[1].startswith("leads"))
            frozen.send(signal.SIGCONT)
            # It learns that it was replaced by its next statement.
            eventually(lambda: probed(first, "/readyz") == (True, f"follows {socket.gethostname()}:{follower.pid}"))
            follower.send(signal.SIGKILL)
            assert eventually(lambda: leader(connection)[1] == frozen.pid)
            eventually(lambda: probed(first, "/readyz")[1].startswith("leads"))


def test_a_follower_without_a_leader_is_not_ready(database_url: str, connection: psycopg.Connection[Any]) -> None:
    # Somebody who is no worker holds the leader's lock: nobody can lead, and nobody beats.
    connection.execute("SELECT pg_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 2)")
    with watched(database_url) as worker:
        eventually(lambda: probed(worker.port, "/readyz") == (False, "follows, and no leader has beaten ever"))
        assert probed(worker.port, "/healthz")[0]
        connection.execute("SELECT pg_advisory_unlock_all()")
        answers(worker.port, "/readyz", True)


def test_while_the_database_is_away_the_worker_is_alive_and_not_ready_and_keeps_its_values(
    private_server: PrivateServerFactory,
) -> None:
    database = private_server()
    migrate(database.url)
    with psycopg.connect(database.url, autocommit=True) as connection:
        last = Log(connection).append("execution-a", *run("a"))
    with watched(database.url, connect_timeout=2) as worker:
        eventually(
            lambda: scraped(worker.port).get("runfold_group_checkpoint_position", {}).get(("execution",)) == last
        )
        sigkill(database)
        reason = answers(worker.port, "/readyz", False)
        assert "password" not in reason
        eventually(lambda: scraped(worker.port)["runfold_up"] == {(): 0})
        assert probed(worker.port, "/healthz")[0]
        found = scraped(worker.port)
        assert found["runfold_log_head_position"] == {(): last}
        assert found["runfold_losses_total"][()] >= 1
        assert found["runfold_samples_failed_total"][()] >= 1
        database.start()
        answers(worker.port, "/readyz", True)
        eventually(lambda: scraped(worker.port)["runfold_up"] == {(): 1})


def test_a_schema_that_does_not_fit_is_not_ready(database_url: str, connection: psycopg.Connection[Any]) -> None:
    with watched(database_url) as worker:
        answers(worker.port, "/readyz", True)
        connection.execute("COMMENT ON SCHEMA runfold IS 'runfold schema 20200101000000'")
        assert "runfold migrate" in answers(worker.port, "/readyz", False)
        eventually(lambda: scraped(worker.port)["runfold_migrations_pending"] == {(): 1})
        # The table of applied migrations has it: it was begun, and its last statement was not run.
        assert scraped(worker.port)["runfold_migrations_failed"] == {(): 1}


def test_a_storm_of_scrapes_asks_the_database_nothing(database_url: str) -> None:
    with watched(database_url, every=3600) as worker:
        eventually(lambda: worker.health.sampler.newest)
        asked = worker.health.sampler.asked
        errors: list[Exception] = []

        def scrape() -> None:
            try:
                for _ in range(25):
                    assert get(worker.port, "/metrics")[0] == 200
            except (AssertionError, OSError) as exc:
                errors.append(exc)

        threads = [threading.Thread(target=scrape) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert worker.health.sampler.asked == asked == 1
        assert probed(worker.port, "/healthz")[0]


def test_control_a_sample_for_each_scrape_is_found(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(database_url, every=3600) as worker:
        eventually(lambda: worker.health.sampler.newest)
        of_memory = worker.health._metrics

        def asking(accept: str) -> tuple[bytes, str]:
            worker.health.sampler.sample()
            return of_memory(accept)

        monkeypatch.setattr(worker.health, "_metrics", asking)
        get(worker.port, "/metrics")
        with pytest.raises(AssertionError):
            assert worker.health.sampler.asked == 1


def test_slow_clients_take_no_more_than_their_places(database_url: str) -> None:
    with watched(database_url, run=False) as worker:
        slow = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(server.AT_ONCE)]
        try:
            eventually(lambda: not worker.health._server._free._value)  # type: ignore[attr-defined]
            with pytest.raises((ConnectionError, OSError)):
                get(worker.port, "/healthz")
        finally:
            for each in slow:
                each.close()
        eventually(lambda: worker.health._server._free._value == server.AT_ONCE)  # type: ignore[attr-defined]
        assert get(worker.port, "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("HEAD", "/metrics", 200), ("POST", "/metrics", 501)]
)
def test_other_requests(database_url: str, method: str, path: str, status: int) -> None:
    with watched(database_url, run=False) as worker:
        found, body = get(worker.port, path, method=method)
        assert found == status
        assert method != "HEAD" or not body


def test_openmetrics_is_spoken_where_it_is_asked_for(database_url: str) -> None:
    with watched(database_url, run=False) as worker:
        asked = "application/openmetrics-text; version=1.0.0"
        assert get(worker.port, "/metrics", accept=asked)[1].endswith("# EOF\n")
        assert not get(worker.port, "/metrics")[1].endswith("# EOF\n")


def test_a_port_in_use_is_said(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = load_settings(database_url=database_url)
        worker = Worker(database_url, settings, load_catalogue())
        with pytest.raises(InvalidInput, match="nobody can listen on") as refused:
            Health(worker, database_url, settings, load_catalogue(), port=taken.getsockname()[1])
        assert refused.value.pointer == "RUNFOLD_HEALTH_PORT"


def test_the_command_answers_where_it_is_told_and_warns_where_others_reach_it(database_url: str) -> None:
    port = free_port()
    with command("--url", database_url, "worker", "--health-port", str(port), "--health-host", "0.0.0.0") as process:
        answers(port, "/readyz", True)
        assert f"health: http://0.0.0.0:{port}/metrics" in process.output
        assert "neither a password nor TLS" in process.output
        assert scraped(port)["runfold_leading"] == {(): 1}


def test_the_command_answers_while_it_waits_for_a_database_that_is_away(database_url: str) -> None:
    port = free_port()
    away = f"postgresql://u:hidden@127.0.0.1:{free_port()}/d"
    with command("worker", RUNFOLD_DATABASE_URL=away, RUNFOLD_HEALTH_PORT=str(port)) as process:
        reason = answers(port, "/readyz", False)
        assert "hidden" not in reason + process.output
        assert answers(port, "/healthz", True)
