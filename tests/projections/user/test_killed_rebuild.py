"""A rebuild of a user's group that is killed at any step harms nobody and continues later."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.errors import RebuildFailed, RebuildRunning
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling import shadow_build
from runfold.projections.reconciling.group_rebuild import GroupRebuild
from runfold.projections.reconciling.pair import Pair
from runfold.projections.reconciling.rebuild import Rebuilt, rebuild
from runfold.runtime_sql import runtime_sql
from tests.fixtures.logs import Log
from tests.fixtures.processes import assert_nothing_differs, drain, eventually, forked
from tests.projections.user.costs import PYTHON_FORM, SQL_FORM, TABLE, actual, expected, spend, write_form
from tests.projections.user.groups import user_login
from tests.worker.dying_worker import Wrap, after, before, die

statement = runtime_sql("runfold.projections")

BOTH = pytest.mark.parametrize("form", ["sql", "py"])

# Each step: where it is, how to die there, and how many batches are folded then for good (of more).
STEPS: dict[str, tuple[Any, str, Wrap, int | None]] = {
    "when it has begun": (GroupRebuild, "_begin", after(1), 0),
    "before a batch is kept": (GroupRebuild, "_note", before(6), 2),
    "when a batch is folded": (GroupRebuild, "_note", after(6), 2),
    "before the next batch": (GroupRebuild, "_note", before(7), 3),
    "under the lock": (GroupRebuild, "_reconcile", before(1), None),
    "before a row is written": (Pair, "write", before(1), None),
    "before it is committed": (GroupRebuild, "_reconcile", after(1), None),
    "after it is committed": (GroupRebuild, "_land", after(1), None),
}


@pytest.fixture
def costs(log: Log, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log of a dozen batches."""
    monkeypatch.setattr(shadow_build, "_BATCH_SIZE", 2)
    log.connection.execute(TABLE)
    for n in range(12):
        spend(log, f"run{n}", [0.25, n], workflow="00000000-0000-4000-8000-00000000000" + str(n % 5))
    return log


def damage(log: Log) -> None:
    log.connection.execute("UPDATE projections.costs SET cost = cost + 1 WHERE workflow_id::text ~ '1$'")
    log.connection.execute("DELETE FROM projections.costs WHERE workflow_id::text ~ '2$'")
    log.connection.execute("INSERT INTO projections.costs VALUES (gen_random_uuid(), '2026-01-01', 1, 1)")


def rebuilt(url: str, folder: Path, **options: Any) -> Rebuilt:
    catalogue = load_catalogue(folder)
    options |= {"login": user_login(url)}
    (found,) = rebuild(lambda: psycopg.connect(url, autocommit=True), catalogue, ["costs"], **options)
    return found


def killed(url: str, folder: Path, owner: Any, name: str, wrap: Wrap) -> None:
    def body() -> None:
        setattr(owner, name, wrap(getattr(owner, name)))
        rebuilt(url, folder)

    with forked(body) as dying:
        assert dying.wait() == -signal.SIGKILL, dying.output


def shadows(log: Log) -> list[Any]:
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'runfold_user_shadow'::regnamespace AND relkind = 'r'"
    return log.connection.execute(query).fetchall() + log.connection.execute(
        "SELECT group_name FROM runfold.rebuilds"
    ).fetchall()  # fmt: skip


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list of the first positions of the batches that are folded from now on."""
    begins: list[int] = []
    whole = GroupRebuild._fold_tail

    def fold(self: GroupRebuild, cursor: Any, upto: int, *events: Any) -> None:
        begins.append(self.position)
        whole(self, cursor, upto, *events)

    monkeypatch.setattr(GroupRebuild, "_fold_tail", fold)
    return begins


@BOTH
@pytest.mark.parametrize("step", STEPS)
def test_a_rebuild_killed_at_any_step_goes_on_and_ends_right(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, step: str
) -> None:
    owner, name, wrap, batches = STEPS[step]
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    damage(costs)
    broken = actual(costs.connection)
    killed(database_url, folder, owner, name, wrap)
    committed = step == "after it is committed"
    assert actual(costs.connection) == (expected(costs) if committed else broken)
    assert shadows(costs) == [("costs",), ("costs",)]
    done = 2 * batches if batches is not None else 24
    spend(costs, "later", [7], workflow="00000000-0000-4000-8000-000000000001")
    drain(database_url, folder)
    begins = counting(monkeypatch)
    result = rebuilt(database_url, folder)
    assert (result.inserted, result.updated, result.deleted) == ((0, 0, 0) if committed else (1, 1, 1))
    assert actual(costs.connection) == expected(costs)
    # What was folded is not folded again.
    nodes = [item.position for item in costs.events if item.type == "NodeSucceeded"]
    assert len([position for position in nodes if position <= begins[0]]) == done
    assert shadows(costs) == []
    assert_nothing_differs(database_url, folder)


def begins_anew_after(
    costs: Log, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]
) -> None:
    drain(url, folder)
    killed(url, folder, GroupRebuild, "_note", before(9))
    change()
    begins = counting(monkeypatch)
    rebuilt(url, folder)
    assert begins[0] == 0
    assert shadows(costs) == []


def test_another_file_begins_anew(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_form(tmp_path / "own", "sql")
    text = SQL_FORM.replace("version: 1", "version: 2").replace("count(*) AS nodes", "10 * count(*) AS nodes")
    begins_anew_after(costs, database_url, folder, monkeypatch, lambda: write_form(folder, "sql", text=text))
    tenfold = {workflow: (cost, 10 * nodes) for workflow, (cost, nodes) in expected(costs).items()}
    assert actual(costs.connection) == tenfold


def test_another_shape_of_the_table_begins_anew(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_form(tmp_path / "own", "py")
    alter = "ALTER TABLE projections.costs ADD COLUMN currency text NOT NULL DEFAULT 'USD'"
    begins_anew_after(costs, database_url, folder, monkeypatch, lambda: costs.connection.execute(alter))
    assert actual(costs.connection) == expected(costs)
    assert_nothing_differs(database_url, folder)


def test_another_parked_stream_begins_anew(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_form(tmp_path / "own", "sql")
    park = "INSERT INTO runfold.parked_streams VALUES ('costs', 'execution-run0', 1, '22P02', 'made up')"
    begins_anew_after(costs, database_url, folder, monkeypatch, lambda: costs.connection.execute(park))
    assert actual(costs.connection) == expected(costs, without=["execution-run0"])


def test_a_checkpoint_that_was_sent_back_begins_anew(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_form(tmp_path / "own", "sql")
    back = "UPDATE runfold.checkpoints SET position = 0 WHERE group_name = 'costs'"
    drain(database_url, folder)
    killed(database_url, folder, GroupRebuild, "_note", before(9))
    costs.connection.execute(back)
    rebuilt(database_url, folder)
    assert actual(costs.connection) == {}
    drain(database_url, folder)
    assert actual(costs.connection) == expected(costs)


@BOTH
def test_control_a_batch_that_is_noted_apart_from_its_rows_loses_them(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)

    def noted_first(whole: Any) -> Any:
        def note(self: GroupRebuild, cursor: Any, upto: int) -> bool:
            if upto > self.position > 0:
                with psycopg.connect(database_url, autocommit=True) as apart:
                    cursor.execute("ROLLBACK")
                    apart.execute("UPDATE runfold.rebuilds SET position = %s", [upto])
                die()
            return bool(whole(self, cursor, upto))

        return note

    killed(database_url, folder, GroupRebuild, "_note", noted_first)
    rebuilt(database_url, folder)
    assert actual(costs.connection) != expected(costs)


def test_one_that_can_not_be_folded_leaves_nothing_behind(costs: Log, database_url: str, tmp_path: Path) -> None:
    folder = write_form(tmp_path / "own", "sql")
    drain(database_url, folder)
    write_form(folder, "sql", text=SQL_FORM.replace("version: 1", "version: 2").replace("::numeric)", "::date)"))
    with pytest.raises(RebuildFailed, match="cannot be folded"):
        rebuilt(database_url, folder)
    assert shadows(costs) == []


def test_a_dry_run_leaves_nothing_behind(costs: Log, database_url: str, tmp_path: Path) -> None:
    folder = write_form(tmp_path / "own", "py")
    drain(database_url, folder)
    damage(costs)
    broken = actual(costs.connection)
    assert rebuilt(database_url, folder, dry_run=True).differing == 3
    assert (actual(costs.connection), shadows(costs)) == (broken, [])


def test_a_second_rebuild_of_the_group_is_refused(
    costs: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_build, "_LOCK_SECONDS", 0.2)
    folder = write_form(tmp_path / "own", "sql")
    drain(database_url, folder)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(statement("rebuild_lock"), {"key": "runfold rebuild costs"})
        with pytest.raises(RebuildRunning, match="rebuild of group costs to end"):
            rebuilt(database_url, folder)
    eventually(lambda: rebuilt(database_url, folder))


def test_a_user_s_table_may_have_the_name_of_one_of_runfold_s(costs: Log, database_url: str, tmp_path: Path) -> None:
    """Its shadow is not the shadow of runfold's table."""
    costs.connection.execute("ALTER TABLE projections.costs RENAME TO workflow_status")
    text = PYTHON_FORM.replace('name="costs"', 'name="costs", table="projections.workflow_status"')
    folder = write_form(tmp_path / "own", "py", text=text.replace("INSERT INTO costs", "INSERT INTO workflow_status"))
    drain(database_url, folder)
    catalogue = load_catalogue(folder)
    found = rebuild(
        lambda: psycopg.connect(database_url, autocommit=True),
        catalogue,
        ["costs", "workflow_status"],
        login=user_login(database_url),
    )
    assert {item.projection: item.differing for item in found if item.differing} == {}
    costs.assert_folded()
