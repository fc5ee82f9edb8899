"""What the one query says: every metric of the catalogue, the right numbers, within its time, for a worker's login."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from runfold.client.sync.store import Store
from runfold.database.connections import connect
from runfold.database.migrations import migrate
from runfold.emitter.emitter import Emitter
from runfold.health import sampler as sampling
from runfold.health.collector import WorkerCollector
from runfold.health.engine import EngineCollector
from runfold.health.metrics import METRICS
from runfold.health.sampler import Sample, Sampler
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.verify import verify
from runfold.settings import load_settings
from runfold.worker.numbers import SECONDS, Histogram, Numbers
from tests.fixtures.logs import Log, created, run
from tests.fixtures.owned import Owned
from tests.fixtures.processes import drain, eventually
from tests.fixtures.servers import PrivateServerFactory
from tests.health.conftest import scraped, watched
from tests.projections.folding.test_parking import smuggle


@contextmanager
def sampled(url: str) -> Iterator[Sampler]:
    """A sampler that is asked by hand."""
    settings = load_settings(database_url=url)
    made = Sampler(lambda: connect(url, settings, autocommit=True, shared=True), load_catalogue())
    try:
        yield made
    finally:
        made._close()


def sample(url: str) -> Sample:
    """Ask once; fails with what the database said."""
    with sampled(url) as made:
        made.sample()
        assert made.error is None
        assert made.newest is not None
        return made.newest


def read(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_every_metric_of_the_catalogue_is_scraped(
    private_server: PrivateServerFactory, postgres_bin: Any, tmp_path: Any
) -> None:
    server = private_server(settings={"archive_mode": "on", "archive_command": "/bin/false"})
    migrate(server.url)
    with psycopg.connect(server.url, autocommit=True) as connection:
        Log(connection).append("execution-a", *run("a"))
        drain(server.url)
        verify(connection, load_catalogue())
        connection.execute(
            "INSERT INTO runfold.subscriptions (name, server) VALUES ('mailer', runfold.server_identity())"
        )
        connection.execute("SELECT runfold.sample_table_sizes()")
        connection.execute(
            "INSERT INTO runfold.table_size_samples"
            " SELECT day - 5, table_name, bytes - 5, 0 FROM runfold.table_size_samples"
        )
        if read(connection, "SELECT to_regclass('runfold.backups') IS NOT NULL"):
            connection.execute("INSERT INTO runfold.backups (taken_at) VALUES (clock_timestamp() - interval '1 day')")
        there = {
            name for name in sampling.PARTS if read(connection, f"SELECT to_regclass('runfold.{name}') IS NOT NULL")
        }
        receiver = subprocess.Popen([postgres_bin / "pg_receivewal", "-d", server.url, "-D", str(tmp_path)])
        try:
            eventually(lambda: read(connection, "SELECT count(*) FROM pg_stat_replication"))
            with watched(server.url) as worker, Store.connected(server.url) as store, Emitter(store) as emitter:
                engine = CollectorRegistry()
                engine.register(EngineCollector(store, {"main": emitter}))
                eventually(lambda: "runfold_replication_lag_seconds" in scraped(worker.port))
                found = set(scraped(worker.port)) | {
                    line.split("{")[0].split(" ")[0] for line in generate_latest(engine).decode().splitlines()
                }
        finally:
            receiver.kill()
            receiver.wait()
    of_absent = {
        "archives": {"archived_position", "archived_events"},
        "backfills": {"backfills_pending", "backfill_age_seconds"},
        "backups": {"backup_age_seconds"},
        "seals": {"sealed_position", "seal_age_seconds"},
    }
    absent = set().union(*(of_absent[name] for name in sampling.PARTS if name not in there))
    # What has a label of a group is there when the group was folded in this process.
    folded = {metric.short for metric in METRICS.values() if metric.source == "worker" and metric.label == "group"}
    names = {
        metric.short: f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        for metric in METRICS.values()
    }
    assert {short for short, name in names.items() if name not in found} <= absent | folded


def test_the_query_says_only_what_the_catalogue_has(database_url: str) -> None:
    newest = sample(database_url)
    for short, values in newest.values.items():
        assert METRICS[short].source == "database", short
        assert all((label is None) == (METRICS[short].label is None) for label in values), short


def test_the_numbers_are_those_of_the_store(database_url: str, connection: psycopg.Connection[Any], log: Log) -> None:
    log.append("execution-bad", created("bad"))
    smuggle(log, "execution-bad", "ExecutionStarted", {"start_time": "soon"})
    drain(database_url)
    behind = log.append("execution-behind", *run("behind"))
    connection.execute("INSERT INTO runfold.subscriptions (name, server, position) VALUES ('mailer', 'x', 1)")
    connection.execute(
        "INSERT INTO runfold.engines (engine_id, name, host, pid, patience, gone_at)"
        " VALUES (gen_random_uuid(), 'lost', 'h', 1, 10, now()), (gen_random_uuid(), 'well', 'h', 2, 10, NULL)"
    )
    connection.execute("UPDATE runfold.checkpoints SET stopped_error = 'why' WHERE group_name = 'log'")
    connection.execute("INSERT INTO runfold.verifications VALUES ('node_executions', 1, now() - interval '40 days', 3)")
    values = sample(database_url).values
    assert values["log_head_position"] == values["safe_head_position"] == {None: behind}
    assert values["parked_streams"]["execution"] == 1
    assert values["group_lag_events"]["execution"] == behind - 2
    assert 0 < values["group_lag_seconds"]["execution"] < 60
    assert values["group_stopped"]["log"] == 1
    assert values["group_stopped"]["execution"] == 0
    assert values["subscription_lag_positions"]["mailer"] == behind - 1
    assert values["subscription_lag_seconds"]["mailer"] > 0
    assert (values["engines"][None], values["engines_silent"][None]) == (2, 1)
    assert values["verified_differences"]["node_executions"] == 3
    assert values["verified_age_seconds"]["node_executions"] > 39 * 86400
    assert values["spare_partitions"][None] >= 2


def test_an_open_append_is_seen_as_the_age_of_the_safe_head(database_url: str, log: Log) -> None:
    log.append("execution-a", created("a"))
    with psycopg.connect(database_url) as writing:
        Log(writing).append("execution-open", created("open"))
        eventually(lambda: sample(database_url).value("safe_head_age_seconds"))
        Log(log.connection).append("execution-later", created("later"))
        values = sample(database_url).values
        assert values["safe_head_position"][None] < values["log_head_position"][None]
        writing.rollback()
    assert sample(database_url).value("safe_head_age_seconds") == 0


def test_days_left_follow_from_what_is_free_and_the_growth_of_the_week() -> None:
    def left(free: float | None, growth: float | None) -> float | None:
        values = {} if growth is None else {"growth_bytes_per_day": {None: growth}}
        return Sample(values=values, stamp=None, applied=frozenset(), leader=None, disk_free=free).days_left

    assert left(100.0, 10.0) == 10
    assert left(100.0, 0.0) == left(100.0, -5.0) == float("inf")
    assert left(None, 10.0) is left(100.0, None) is None


def test_growth_is_that_of_a_day_in_the_last_week(database_url: str, connection: psycopg.Connection[Any]) -> None:
    for days, size in ((20, 1), (6, 1000), (3, 5000), (0, 7000)):
        connection.execute(
            "INSERT INTO runfold.table_size_samples VALUES (current_date - %s, 't', %s, 0)", [days, size]
        )
    assert sample(database_url).value("growth_bytes_per_day") == 1000


def test_a_lock_ends_the_query_in_its_time_and_the_last_values_stay(
    database_url: str, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MILLISECONDS", 200)
    with sampled(database_url) as made:
        made.sample()
        before = made.newest
        assert before is not None
        with connection.transaction():
            connection.execute("LOCK TABLE runfold.anomalies IN ACCESS EXCLUSIVE MODE")
            made.sample()
            assert not made.up
            assert "statement timeout" in str(made.error)
            assert made.newest is before
        made.sample()
        assert made.up


def test_the_login_of_a_worker_may_ask_and_is_not_shown_what_it_may_not(owned: Owned) -> None:
    newest = sample(owned.login("a_worker"))
    assert "wal_bytes" not in newest.values
    assert newest.disk_free is None
    assert newest.value("database_bytes")
    assert newest.wrong_schema is None
    assert newest.migrations == (0, 0)
    assert sample(owned.superuser).value("wal_bytes")


def test_engines_show_their_pools_and_emitters(database_url: str) -> None:
    with Store.connected(database_url) as store, Emitter(store) as emitter:
        emitter("execution-a", created_event()).result(10)
        registry = CollectorRegistry()
        registry.register(EngineCollector(store, {"main": emitter}))

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(f"runfold_{name}", labels)

        assert value("emitter_acknowledged_total", emitter="main") == 1
        assert value("emitter_refused_total", emitter="main") == value("spool_refused_events", emitter="main") == 0
        assert value("pool_limit") == load_settings().pool_max_size
        assert eventually(lambda: value("pool_in_use") == 0)
        with store.transaction():
            assert value("pool_in_use") == 1
        assert value("pool_waiting") == 0


def created_event() -> Any:
    from runfold.events import ExecutionCreated

    return ExecutionCreated(execution_id="a", workflow_id=uuid4(), mode="MANUAL")


def test_a_scrape_speaks_of_one_sample_while_the_next_one_comes() -> None:
    sample = Sample({"safe_head_position": {None: 7.0}}, None, frozenset(), None, disk_free=1.0)

    class Turning:
        """A sampler whose first sample comes in the middle of a scrape."""

        up, failures, seconds = True, 0, Histogram(SECONDS)

        def __init__(self) -> None:
            self.answers = iter([None, sample, sample])

        @property
        def newest(self) -> Sample | None:
            return next(self.answers)

    turning: Any = Turning()
    scrapes = [
        {metric.name for metric in WorkerCollector(Numbers(), turning).collect() if metric.samples} for _ in range(2)
    ]
    of_the_database = {"runfold_safe_head_position", "runfold_disk_free_bytes", "runfold_migrations_pending"}
    assert [of_the_database & scrape for scrape in scrapes] == [set(), of_the_database]
