"""A rebuild that is killed at any step harms nobody and continues later; others continue beside it."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from runfold.projections.folding.ledger import Ledger
from runfold.projections.reconciling import group_rebuild as module
from runfold.projections.reconciling import shadow_build, slices
from runfold.projections.reconciling.group_rebuild import GroupRebuild
from runfold.projections.reconciling.pair import Pair
from runfold.runtime_sql import runtime_sql
from tests.fixtures.evidence import Evidence
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import Process, assert_nothing_differs, drain, eventually, folded, forked, worker
from tests.projections.reconciling.rebuilding import TABLES, Rebuilder, append_everything, damage, shadows
from tests.worker.dying_worker import Wrap, after, before, die

statement = runtime_sql("runfold.projections")

# Each step: where it is, and how to die there.
STEPS: dict[str, tuple[Any, str, Wrap]] = {
    "when it has begun": (GroupRebuild, "_begin", after(2)),
    "before a slice's rows are kept": (Pair, "copy_rows", before(4)),
    "after a slice": (slices, "_do", after(4)),
    "before the keys are made": (Pair, "index_shadow", before(5)),
    "when all is folded": (GroupRebuild, "_fold", after(2)),
    "before it catches up": (GroupRebuild, "_fold_tail", before(1)),
    "when it has compared": (GroupRebuild, "_compare", after(2)),
    "when some of it is filled": (Pair, "insert_numbered", after(3)),
    "under the lock": (GroupRebuild, "_reconcile", before(2)),
    "before a row is written": (Pair, "write", before(4)),
    "when all is written": (module, "write_differences", after(2)),
    "before it is committed": (Ledger, "note_built", after(2)),
    "after it is committed": (GroupRebuild, "_land", after(2)),
}


def dying_rebuild(url: str, step: str) -> AbstractContextManager[Process]:
    """Run a rebuild of everything in another process, which dies when it reaches a step."""

    def body() -> None:
        owner, name, wrap = STEPS[step]
        setattr(owner, name, wrap(getattr(owner, name)))
        shadow_build.slices_for = lambda *_: 5
        module._FILL_FROM, module._FIRST_PART = 1, 1
        Rebuilder(url)()

    return forked(body)


class Reading:
    """A reader that counts rows all the time, and keeps the fewest of each table and its longest read (seconds)."""

    def __init__(self, url: str) -> None:
        self.least: dict[str, int] = {}
        self.looks = 0
        self.longest = 0.0
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        query = ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.is_set():
                began = time.monotonic()
                row = connection.execute(f"SELECT {query}".encode()).fetchone() or ()
                self.longest = max(self.longest, time.monotonic() - began)
                self.looks += 1
                for table, count in zip(TABLES, row, strict=True):
                    self.least[table] = min(count, self.least.get(table, count))

    def __enter__(self) -> Reading:
        self._thread.start()
        eventually(lambda: self.looks)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("step", STEPS)
def test_a_rebuild_killed_at_any_step_goes_on_and_ends_right(
    log: Log, database_url: str, rebuilder: Rebuilder, step: str, evidence: Evidence
) -> None:
    append_everything(log, appends=8)
    drain(database_url)
    damaged = damage(log.connection)
    with Reading(database_url) as reading, worker(database_url):
        standing = dict(reading.least)
        with dying_rebuild(database_url, step) as dying:
            log.append("execution-live", *run("live"))
            if step == "before it catches up":
                log.append("execution-live2", *run("live2"))
            code = dying.wait()
        log.append("execution-later", *run("later"))
        rebuilder()
        log.append("execution-last", *run("last"))
        eventually(lambda: folded(log.connection, log.events[-1].position))
    # With nothing to catch up it lives.
    assert code == -9 or step == "before it catches up"
    log.assert_folded()
    assert_nothing_differs(database_url)
    assert shadows(log.connection) == []
    for table, count in reading.least.items():
        # Only what was surplus goes: one invented row of workflow_status.
        assert count >= standing[table] - (table == "public.workflow_status"), table
    evidence.note(step=step, damaged=damaged, looks=reading.looks)


def kill_in_the_middle(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_build, "slices_for", lambda *_: 5)
    with dying_rebuild(url, "after a slice") as dying:
        assert dying.wait() == -9


def test_what_was_folded_is_not_folded_again(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_everything(log, appends=8)
    drain(database_url)
    kill_in_the_middle(database_url, monkeypatch)
    done = dict(log.connection.execute("SELECT group_name, count(*) FROM runfold.rebuild_slices GROUP BY 1").fetchall())
    assert done
    counted: list[str] = []
    whole = slices._fold

    def counting(cursor: Any, plan: Any, task: int) -> None:
        counted.append(plan.group.name)
        whole(cursor, plan, task)

    monkeypatch.setattr(slices, "_fold", counting)
    rebuilder()
    for group, count in done.items():
        # Five slices, and the tables that cannot be sliced.
        assert counted.count(group) == 5 + (group == "execution") - count
    log.assert_folded()


def test_leftovers_of_another_rebuild_are_dropped(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_everything(log, appends=8)
    drain(database_url)
    kill_in_the_middle(database_url, monkeypatch)
    assert shadows(log.connection)
    # Other tables than those that were begun.
    for name in ("workflow_status", "deployment_anomalies"):
        rebuilder(name)
    assert shadows(log.connection) == []
    assert log.connection.execute("SELECT count(*) FROM runfold.rebuild_slices").fetchone() == (0,)
    log.assert_folded()


def test_control_a_slice_that_is_noted_apart_from_its_rows_loses_them(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_everything(log, appends=8)
    drain(database_url)
    monkeypatch.setattr(shadow_build, "slices_for", lambda *_: 5)

    def body() -> None:
        def noted_first(ledger: Any, plan: Any, task: int, *, park: bool) -> None:
            noted = {"group": plan.group.name, "digest": plan.digest, "slice": task}
            ledger.connection.execute(statement("begin_slice"), noted)
            if task == 2:
                die()

        slices._do = noted_first
        Rebuilder(database_url)("workflow_executions")

    with forked(body) as dying:
        assert dying.wait() == -9
    rebuilder("workflow_executions")
    with pytest.raises(AssertionError, match="the tables differ"):
        log.assert_folded()


# What happens between the comparison and the lock


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Any) -> None:
    """Call a function after the unlocked comparison of the execution group."""
    compare = GroupRebuild._compare

    def compared(self: GroupRebuild) -> None:
        compare(self)
        if self.group.name == "execution":
            happens()

    monkeypatch.setattr(GroupRebuild, "_compare", compared)


def a_node_without_its_execution(log: Log, url: str) -> None:
    """The live fold makes no row of a node, because the execution's row was lost; the log says that there is one."""
    log.append("execution-a", event("NodeStarted", activation="late"))
    drain(url)


def lost_execution(log: Log, url: str) -> None:
    append_everything(log, appends=8)
    log.append("execution-a", *run("a")[:3])
    drain(url)
    log.connection.execute("DELETE FROM public.workflow_executions WHERE execution_id = 'a'")


def test_what_live_folds_touch_after_the_comparison_is_compared_again(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_execution(log, database_url)
    meanwhile(monkeypatch, lambda: a_node_without_its_execution(log, database_url))
    rebuilder()
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_control_without_the_second_look_it_is_missed(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GroupRebuild, "_suspect_touched", lambda *_: None)
    monkeypatch.setattr(GroupRebuild, "_watch", lambda *_: None)
    lost_execution(log, database_url)
    meanwhile(monkeypatch, lambda: a_node_without_its_execution(log, database_url))
    rebuilder()
    with pytest.raises(AssertionError, match="the tables differ"):
        log.assert_folded()


def test_a_workflow_that_is_deleted_after_the_comparison_is_gone_from_all_tables(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_everything(log, appends=8)
    drain(database_url)
    damage(log.connection)
    workflow = next(item.data["workflow_id"] for item in log.events if item.type == "ExecutionCreated")

    def delete() -> None:
        log.append(f"deployment-{workflow}", event("WorkflowDeleted"))
        log.append("execution-new", *run("new", workflow_id=workflow))
        drain(database_url)

    meanwhile(monkeypatch, delete)
    rebuilder()
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_a_second_rebuild_of_the_same_tables_is_refused(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runfold.errors import RebuildRunning

    monkeypatch.setattr(shadow_build, "_LOCK_SECONDS", 0.2)
    append_everything(log, appends=4)
    drain(database_url)
    refused = []

    def another() -> None:
        with pytest.raises(RebuildRunning) as found:
            Rebuilder(database_url)("workflow_status")
        refused.append(found.value.code)

    meanwhile(monkeypatch, another)
    rebuilder("workflow_executions")
    assert refused == ["rebuild_running"]


def test_what_was_begun_without_a_stream_that_is_parked_now_begins_anew(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_everything(log, appends=4)
    drain(database_url)
    kill_in_the_middle(database_url, monkeypatch)
    position = log.connection.execute("SELECT position FROM runfold.rebuilds").fetchone()
    log.connection.execute(
        "INSERT INTO runfold.parked_streams (group_name, stream_id, position, sqlstate, error)"
        " SELECT group_name, 'execution-c1', 1, '22P02', 'made up' FROM runfold.rebuilds"
    )
    assert rebuilder()["workflow_executions"].position == (position or (0,))[0]
    assert_nothing_differs(database_url)
