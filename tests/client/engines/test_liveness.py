"""An engine that beats is alive however long its work takes; one that is silent is found by the leader's beats."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

import runfold
from runfold.client.sync.engine import PATIENCE
from runfold.database.migrations import migrate
from runfold.errors import EngineGone, ExecutionHeld, InvalidInput
from runfold.reading.stuck import declare_lost, find_stuck
from tests.client.engines.leading import (
    Connection,
    another_leads,
    hold_without_an_engine,
    leader_beats,
    silent,
    started,
)
from tests.client.human.asking import created
from tests.fixtures.processes import drain, eventually, worker
from tests.fixtures.servers import PrivateServerFactory

NOW = timedelta(0)
OUTAGE = 3


def test_an_outage_of_the_server_loses_nobody(private_server: PrivateServerFactory, schema_copy: Path) -> None:
    server = private_server()
    migrate(server.url, folder=schema_copy)
    with worker(server.url), runfold.connect(server.url) as store:
        run = started(store)
        with store.engine("alive") as engine:
            engine.hold(run.execution_id, 0)
            # A beat has seen the leader: there is one before the outage.
            eventually(lambda: asked(server.url, "SELECT leader_beat FROM runfold.engines") > 0)
            before = asked(server.url, "SELECT epoch FROM runfold.leader")
            server.stop("immediate")
            time.sleep(OUTAGE)  # the outage itself
            server.start()
            by_age = f"SELECT count(*) FROM runfold.engines WHERE beat_at < clock_timestamp() - interval '{OUTAGE} s'"
            # The control: by the age of its beat the engine would be lost, with all that it holds.
            assert asked(server.url, by_age) == 1

            def leads_long() -> bool:
                with psycopg.connect(server.url, autocommit=True) as connection:
                    assert silent(connection) == set()
                    assert declare_lost(connection, run.execution_id, NOW) is None
                epoch, beat = asked(server.url, "SELECT (epoch, beat)::text FROM runfold.leader")[1:-1].split(",")
                return int(epoch) > before and int(beat) > 2 * PATIENCE

            eventually(leads_long, within=120, every=0.1)
            # It was heard again meanwhile, by the beat alone.
            assert asked(server.url, by_age) == 0


def asked(url: str, query: str) -> Any:
    """Return the first value of a query."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row and row[0]


def test_an_engine_is_silent_after_so_many_beats_of_the_leader(connection: Connection) -> None:
    hold_without_an_engine(connection, "dead")
    leader_beats(connection, 19)
    assert silent(connection) == set()
    leader_beats(connection, 1)
    assert silent(connection) == {"dead"}


def test_an_outage_or_another_leader_makes_nobody_silent_before_so_many_new_beats(connection: Connection) -> None:
    hold_without_an_engine(connection, "quiet")
    leader_beats(connection, 19)
    # A minute passes without a database: every beat is old.
    connection.execute("UPDATE runfold.engines SET beat_at = beat_at - interval '1 minute'")
    assert silent(connection) == set()
    another_leads(connection)
    leader_beats(connection, 19)
    assert silent(connection) == set()
    leader_beats(connection, 1)
    assert silent(connection) == {"quiet"}


def test_control_by_the_age_of_the_beat_an_outage_makes_everybody_silent(
    store: runfold.Store, connection: Connection
) -> None:
    with store.engine("alive"):
        hold_without_an_engine(connection, "also alive")
        connection.execute("UPDATE runfold.engines SET beat_at = beat_at - interval '1 minute'")
        by_age = "SELECT count(*) FROM runfold.engines WHERE beat_at < clock_timestamp() - interval '10 seconds'"
        assert connection.execute(by_age).fetchone() == (2,)
        assert silent(connection) == set()


def test_an_engine_beats_in_one_statement_a_second_whatever_it_holds(
    private_server: PrivateServerFactory, schema_copy: Path
) -> None:
    server = private_server(settings={"log_statement": "all", "log_min_duration_statement": "-1"})
    url = server.url
    migrate(url, folder=schema_copy)

    def statements() -> list[str]:
        return [line for line in server.log.read_text().splitlines() if "statement:" in line or "execute " in line]

    with psycopg.connect(url, autocommit=True) as connection, runfold.connect(url) as store:
        with store.engine("busy") as engine:
            for number in range(200):
                engine.hold(f"e{number}", 0)
            assert connection.execute("SELECT count(*) FROM runfold.holds").fetchone() == (200,)
            connection.execute("SELECT 'from here'")
            begun = time.monotonic()
            eventually(lambda: sum("An engine lives" in line for line in after(statements(), "from here")) >= 4)
            seconds = time.monotonic() - begun
            said = after(statements(), "from here")
        beating = [line for line in said if "An engine lives" in line]
        assert len(beating) == len(said), said
        assert len(beating) <= seconds / 0.9 + 1
    with psycopg.connect(url, autocommit=True) as connection:

        def written() -> tuple[int, int] | None:
            return connection.execute(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_all_tables WHERE relid = 'runfold.engines'::regclass"
            ).fetchone()

        # Every beat is HOT: no index grows by it. The statistics come when the connection has ended.
        eventually(lambda: (found := written()) is not None and found[0] >= 4)
        updated, hot = written() or (0, 1)
        assert updated == hot


def after(lines: list[str], mark: str) -> list[str]:
    """Return the lines after the one with a mark."""
    at = next((number for number, line in enumerate(lines) if mark in line), len(lines))
    return [line for line in lines[at + 1 :] if "pg_stat" not in line]


def test_who_holds_an_execution_keeps_it_while_it_beats(store: runfold.Store, connection: Connection) -> None:
    run = started(store)
    hold_without_an_engine(connection, "first", run.execution_id)
    with store.engine("second"):
        with pytest.raises(ExecutionHeld) as held, run:
            raise AssertionError("entered")
        assert (held.value.engine, held.value.execution_id) == ("first", run.execution_id)
        with pytest.raises(ExecutionHeld):
            run.take_over()
        leader_beats(connection, 20)
        assert silent(connection) <= {"first", "second"}
        eventually(lambda: silent(connection) == {"first"})
        run.take_over()
        with run:
            pass
    assert run.status == "SUCCESS"
    assert connection.execute("SELECT count(*) FROM runfold.holds").fetchone() == (0,)


def test_an_engine_that_leaves_says_goodbye(store: runfold.Store, connection: Connection) -> None:
    with store.engine("one") as engine:
        engine.hold("7", 0)
        with pytest.raises(InvalidInput), store.engine("another"):
            pass
    for table in ("engines", "holds"):
        assert connection.execute(f"SELECT count(*) FROM runfold.{table}").fetchone() == (0,)


def test_an_engine_that_was_given_up_learns_it_by_its_beat(
    store: runfold.Store, database_url: str, connection: Connection
) -> None:
    run = started(store)
    with store.engine("frozen") as frozen, runfold.connect(database_url) as elsewhere:
        frozen.hold(run.execution_id, 0)
        # It does not beat while the leader does.
        frozen._beating.stop()
        leader_beats(connection, 20)
        with elsewhere.engine("next"):
            elsewhere.executions.resume(run.execution_id)
            assert not frozen.gone.is_set()
            frozen._beating.start()
            assert frozen.gone.wait(30)
            with pytest.raises(EngineGone):
                frozen.hold("another", 0)


def test_stuck_and_declare_lost_respect_who_beats(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    store.append_many([created(name) for name in ("held", "dead", "nobody's")])
    drain(database_url)
    hold_without_an_engine(connection, "silent", "dead")
    leader_beats(connection, 20)
    with store.engine("busy for an hour") as engine:
        engine.hold("held", 0)
        found = find_stuck(connection, NOW)
        assert {(row["execution_id"], row["engine"]) for row in found.executions} == {
            ("dead", "silent"),
            ("nobody's", None),
        }
        # Whose engine is silent is found at once; who has no engine, after so long without an event.
        assert [row["execution_id"] for row in find_stuck(connection, timedelta(hours=1)).executions] == ["dead"]
        assert declare_lost(connection, "held", NOW) is None
        assert declare_lost(connection, "dead", NOW) is not None
        assert declare_lost(connection, "nobody's", NOW) is not None
    # Without its engine it is as before.
    assert declare_lost(connection, "held", NOW) is not None


ENGINE = "INSERT INTO runfold.engines (engine_id, name, host, pid, patience)"
HOLD = "INSERT INTO runfold.holds (execution_id, engine_id, epoch)"


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("engines_have_a_name", f"{ENGINE} VALUES (gen_random_uuid(), '', 'h', 1, 20)"),
        ("engines_have_a_name", f"{ENGINE} VALUES (gen_random_uuid(), repeat('x', 256), 'h', 1, 20)"),
        ("patience_is_some_beats", f"{ENGINE} VALUES (gen_random_uuid(), 'n', 'h', 1, 3)"),
        ("patience_is_some_beats", f"{ENGINE} VALUES (gen_random_uuid(), 'n', 'h', 1, 100001)"),
        ("engines_pkey", f"{ENGINE} SELECT engine_id, 'n', 'h', 1, 20 FROM runfold.engines"),
        ("holds_pkey", f"{HOLD} SELECT execution_id, engine_id, 0 FROM runfold.holds"),
        ("holds_engine_fkey", f"{HOLD} VALUES ('x', gen_random_uuid(), 0)"),
        ("epoch_is_not_negative", "UPDATE runfold.holds SET epoch = -1"),
    ],
)
def test_constraints_hold(connection: Connection, constraint: str, statement: str) -> None:
    hold_without_an_engine(connection, "one", "7")
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute(statement)
    assert refused.value.diag.constraint_name == constraint


def test_an_engine_of_a_wrong_name_or_patience_is_refused(store: runfold.Store) -> None:
    with pytest.raises(InvalidInput):
        store.engine("")
    for patience in (3, 100_001, 20.0, True):
        with pytest.raises(InvalidInput):
            store.engine("x", patience=patience)  # type: ignore[arg-type]
    for patience in (4, 100_000):
        with store.engine("x", patience=patience):
            pass
