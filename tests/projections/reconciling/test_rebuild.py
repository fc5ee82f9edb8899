"""A rebuild makes the tables equal to the log, writes only rows that differ, and loses nothing."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from runfold.errors import RebuildFailed, UnknownProjection
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling import pair as reconcile
from runfold.projections.reconciling import slices
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, verified
from tests.model.payloads import WORKFLOWS
from tests.projections.folding.test_parking import POISON, correct, parked, smuggle
from tests.projections.reconciling.rebuilding import (
    TABLES,
    Rebuilder,
    append_everything,
    counted_writes,
    damage,
    shadows,
)


@pytest.fixture
def folded(log: Log, database_url: str) -> Log:
    """A log with events for every table, folded."""
    append_everything(log)
    drain(database_url)
    return log


@pytest.mark.parametrize("slices_wanted", [1, 7])
def test_damage_of_every_table_is_repaired(
    folded: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch, slices_wanted: int
) -> None:
    monkeypatch.setattr("runfold.projections.reconciling.shadow_build.slices_for", lambda *_: slices_wanted)
    assert damage(folded.connection) > 20
    differing = {item.projection: item.differing for item in verified(database_url) if item.differing}
    assert len(differing) > 6
    done = rebuilder()
    assert {name: item.differing for name, item in done.items() if item.differing} == differing
    folded.assert_folded()
    assert_nothing_differs(database_url)
    assert shadows(folded.connection) == []
    assert folded.connection.execute("SELECT count(*) FROM runfold.rebuilds").fetchone() == (0,)


def test_only_rows_that_differ_are_written(folded: Log, database_url: str, rebuilder: Rebuilder) -> None:
    with counted_writes(folded.connection) as none:
        rebuilder()
    assert none == {}
    damage(folded.connection)
    folded.connection.execute("TRUNCATE public.writes")
    done = rebuilder()
    written = dict(folded.connection.execute("SELECT name, count(*) FROM public.writes GROUP BY 1").fetchall())
    assert written == {
        name: item.inserted + item.updated + item.deleted
        for name, item in done.items()
        if item.inserted + item.updated + item.deleted
    }
    assert {name: item.differing for name, item in done.items() if item.differing} == written


def test_an_empty_table_is_filled(folded: Log, database_url: str, rebuilder: Rebuilder) -> None:
    rows = sum(folded.connection.execute(f"SELECT FROM {table}".encode()).rowcount for table in TABLES)
    assert rows > 50
    folded.connection.execute(f"TRUNCATE {', '.join(TABLES)}".encode())
    done = rebuilder()
    assert sum(item.inserted for item in done.values()) == rows
    assert sum(item.updated + item.deleted for item in done.values()) == 0
    folded.assert_folded()


def test_tables_that_foreign_keys_tie_come_along(folded: Log, database_url: str, rebuilder: Rebuilder) -> None:
    folded.connection.execute("TRUNCATE public.workflow_executions CASCADE")
    folded.connection.execute("DELETE FROM public.workflow_status")
    done = rebuilder("node_executions")
    assert set(done) == {"workflow_executions", "node_executions", "workflow_execution_pauses"}
    assert {item.projection for item in verified(database_url) if item.differing} == {"workflow_status"}


def test_a_row_that_has_another_s_key_gets_its_own_back_and_its_children_stay(
    folded: Log, rebuilder: Rebuilder
) -> None:
    folded.connection.execute("UPDATE public.workflow_executions SET id = gen_random_uuid() WHERE execution_id = 'c1'")
    with counted_writes(folded.connection) as written:
        rebuilder()
    assert written == {("workflow_executions", "UPDATE"): 1}
    folded.assert_folded()


def test_a_dry_run_names_the_differences_and_changes_nothing(
    folded: Log, database_url: str, rebuilder: Rebuilder
) -> None:
    damage(folded.connection)
    expected = {item.projection: (item.differing, item.differences) for item in verified(database_url)}
    with counted_writes(folded.connection) as written:
        found = rebuilder(dry_run=True)
    assert written == {}
    assert shadows(folded.connection) == []
    assert {name: (item.differing, item.differences) for name, item in found.items()} == expected
    assert [item for item in verified(database_url) if item.differing]


def test_a_parked_stream_is_left_out_and_named(log: Log, database_url: str, rebuilder: Rebuilder) -> None:
    log.append("execution-sick", event("ExecutionCreated", execution_id="sick"))
    position = smuggle(log, "execution-sick", *POISON["a number that is none"][:2])
    log.append("execution-sick", event("ExecutionPaused"))
    append_everything(log)
    drain(database_url)
    log.connection.execute("TRUNCATE public.workflow_executions CASCADE")
    done = rebuilder("workflow_executions")
    assert done["workflow_executions"].parked_streams == ["execution-sick"]
    assert done["workflow_executions"].newly_parked == []
    assert_nothing_differs(database_url)
    log.events = [item for item in log.events if item.stream_id != "execution-sick" or item.position < position]
    log.assert_folded()


def poisoned_after_it_was_folded(log: Log, database_url: str) -> int:
    append_everything(log)
    log.append("execution-sick", *run("sick"))
    drain(database_url)
    first = [item for item in log.events if item.stream_id == "execution-sick"][1]
    correct(log, first.position, {"start_time": "soon"})
    return first.position


def test_what_can_not_be_folded_is_refused_by_name_and_nothing_is_changed(
    log: Log, database_url: str, rebuilder: Rebuilder
) -> None:
    position = poisoned_after_it_was_folded(log, database_url)
    with counted_writes(log.connection) as written, pytest.raises(RebuildFailed) as refused:
        rebuilder()
    assert refused.value.facts == {"stream_id": "execution-sick", "position": position}
    assert parked(log.connection) == []
    assert written == {}


def test_with_park_it_is_parked_from_its_bad_event_on_and_the_rest_is_built(
    log: Log, database_url: str, rebuilder: Rebuilder
) -> None:
    position = poisoned_after_it_was_folded(log, database_url)
    log.connection.execute("TRUNCATE public.workflow_executions CASCADE")
    done = rebuilder(park=True)
    assert done["workflow_executions"].newly_parked == ["execution-sick"]
    assert parked(log.connection) == [("execution", "execution-sick", position, "22P02")]
    assert_nothing_differs(database_url)
    log.events = [item for item in log.events if item.stream_id != "execution-sick" or item.position < position]
    log.assert_folded()


@pytest.mark.parametrize("looks_again", [True, False], ids=["as it is", "control: without a look at what was found"])
def test_tasks_that_fail_at_one_stream_find_it_once(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch, looks_again: bool
) -> None:
    position = poisoned_after_it_was_folded(log, database_url)
    log.connection.execute("TRUNCATE public.workflow_executions CASCADE")
    fold, both_failed = slices._fold, threading.Barrier(2)

    def failing_together(*about: Any) -> None:
        try:
            fold(*about)
        except psycopg.DataError:
            with suppress(threading.BrokenBarrierError):
                both_failed.wait(20)
                both_failed.abort()  # only the first two wait for each other
            raise

    monkeypatch.setattr(slices, "_fold", failing_together)
    if not looks_again:
        monkeypatch.setattr(slices, "_left_out", lambda *_: [])
        with pytest.raises(RebuildFailed, match="no single stream is to blame"):
            rebuilder(park=True)
        return
    assert rebuilder(park=True)["workflow_executions"].newly_parked == ["execution-sick"]
    assert parked(log.connection) == [("execution", "execution-sick", position, "22P02")]
    assert_nothing_differs(database_url)


def test_a_stream_that_is_unparked_meanwhile_makes_the_rebuild_begin_anew(
    log: Log, database_url: str, rebuilder: Rebuilder
) -> None:
    from tests.projections.folding.test_parking import retry

    good = event("ExecutionStarted")[1]
    log.append("execution-sick", event("ExecutionCreated", execution_id="sick"))
    position = smuggle(log, "execution-sick", "ExecutionStarted", {"start_time": "soon"})
    log.append("execution-sick", event("ExecutionPaused"))
    append_everything(log)
    drain(database_url)
    steps = []

    def progress(group: str, step: str, done: int, total: int) -> None:
        steps.append((group, step))
        if (group, step) == ("execution", "compare") and parked(log.connection):
            correct(log, position, good)
            assert retry(database_url, "execution-sick") is None

    done = rebuilder(progress=progress)
    assert steps.count(("execution", "land")) == 2
    assert done["workflow_executions"].parked_streams == []
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_copies_in_workflows_are_made_again(log: Log, database_url: str, rebuilder: Rebuilder) -> None:
    log.connection.execute(
        "INSERT INTO public.workflows (id, name, workflow_data, created_at, updated_at) VALUES (%s, 'w', '{}', 0, 0)",
        (WORKFLOWS[0],),
    )
    log.append("execution-a", *run("a"))
    drain(database_url)
    with log.connection.transaction():
        log.connection.execute("SET LOCAL session_replication_role = replica")
        log.connection.execute("UPDATE public.workflows SET latest_execution_status = 'ERROR'")
    assert [item for item in verified(database_url) if item.differing]
    rebuilder("workflow_status")
    assert_nothing_differs(database_url)


def test_unknown_names_are_refused(rebuilder: Rebuilder) -> None:
    with pytest.raises(UnknownProjection):
        rebuilder("nothing")


# Controls: each takes one protection away, and the tables come out wrong.


def test_control_a_slice_without_the_deletions_of_workflows_is_found(
    folded: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.projections.reconciling.shadow_build.slices_for", lambda *_: 7)
    monkeypatch.setattr(slices, "NOT_LEFT_OUT", "false")
    rebuilder()
    with pytest.raises(AssertionError, match="the tables differ"):
        folded.assert_folded()


def test_control_without_the_search_for_renamed_rows_children_are_lost(
    folded: Log, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = reconcile.Pair.__init__

    def forgetful(self: Any, *arguments: Any, **named: Any) -> None:
        whole(self, *arguments, **named)
        self._uniques = []

    monkeypatch.setattr(reconcile.Pair, "__init__", forgetful)
    folded.connection.execute("UPDATE public.workflow_executions SET id = gen_random_uuid() WHERE execution_id = 'c1'")
    rebuilder()
    with pytest.raises(AssertionError, match="the tables differ"):
        folded.assert_folded()


def test_what_is_cross_stream_is_said_in_the_files() -> None:
    """Slices are correct only for tables whose rows come from one stream: all others have to say so."""
    whole = {item.name for item in load_catalogue().projections if item.cross_stream}
    assert whole == {"workflow_status", "hil_responses", "interaction_anomalies"}


def test_readers_may_hold_what_they_read(folded: Log, database_url: str, rebuilder: Rebuilder) -> None:
    """A transaction that has read every table blocks nobody, and nobody blocks it."""
    with psycopg.connect(database_url) as reader:
        for table in TABLES:
            reader.execute(f"SELECT count(*) FROM {table}".encode())
        damage(folded.connection)
        rebuilder()
        reader.execute("SELECT count(*) FROM public.workflow_executions")
    folded.assert_folded()
