"""Lost tables are filled in parts: none holds the lock for long, and each new row is correct from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from runfold.projections.reconciling import group_rebuild as module
from runfold.projections.reconciling.group_rebuild import GroupRebuild
from runfold.projections.reconciling.pair import Pair
from tests.fixtures.logs import Log, created, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, verified
from tests.projections.reconciling.rebuilding import TABLES, Rebuilder, append_everything

PART = 7


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Lets a rebuild fill missing rows in small parts; yields the table and the rows of each part."""
    for name, value in (
        ("_FILL_FROM", 1), ("_FIRST_PART", PART), ("_SMALLEST_PART", PART), ("_LARGEST_PART", PART),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    found: list[tuple[str, int]] = []
    insert = Pair.insert_numbered

    def counted(self: Pair, cursor: psycopg.Cursor[Any], after: int, upto: int) -> int:
        inserted = insert(self, cursor, after, upto)
        found.append((self.projection.name, inserted))
        return inserted

    monkeypatch.setattr(Pair, "insert_numbered", counted)
    return found


def lose_everything(connection: psycopg.Connection[Any]) -> None:
    connection.execute(f"TRUNCATE {', '.join(TABLES)}".encode())


def after_each_part(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Call a function whenever the rebuild has released the lock."""
    held = GroupRebuild._at_checkpoint

    @contextmanager
    def then(self: GroupRebuild, **how: bool) -> Iterator[Any]:
        with held(self, **how) as at:
            yield at
        happens()

    monkeypatch.setattr(GroupRebuild, "_at_checkpoint", then)


def fill_beside_a_worker(log: Log, url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Lose all rows and rebuild them; between the parts, every execution that has not ended continues."""
    append_everything(log, appends=5)
    names = [f"open{number}" for number in range(20)]
    for name in names:
        log.append(f"execution-{name}", created(name), event("ExecutionStarted"))
        log.append(f"execution-{name}-done", *run(f"{name}-done"))
    drain(url)
    lose_everything(log.connection)
    wrong: list[str] = []

    def goes_on() -> None:
        for name in names:
            log.append(f"execution-{name}", event("ExecutionMetadataSet", metadata={f"seen{len(log.events)}": True}))
        drain(url)
        found = {each.projection: each for each in verified(url)}["workflow_executions"]
        wrong.extend(each.kind for each in found.differences if each.kind != "missing")

    after_each_part(monkeypatch, goes_on)
    done = rebuilder()
    drain(url)
    assert wrong == [], "rows appeared that differ from the log"
    return done


def test_lost_tables_are_filled_in_parts_whose_rows_are_right_from_then_on(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch, parts: list[tuple[str, int]]
) -> None:
    done = fill_beside_a_worker(log, database_url, rebuilder, monkeypatch)
    log.assert_folded()
    assert_nothing_differs(database_url)
    filled = [rows for name, rows in parts if name == "workflow_executions"]
    assert len(filled) > 5
    assert max(rows for _, rows in parts) <= PART
    assert done["workflow_executions"].inserted >= sum(filled) >= 40


def test_control_rows_from_shadows_that_were_not_caught_up_are_found(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch, parts: list[tuple[str, int]]
) -> None:
    fold_tail = GroupRebuild._fold_tail

    def only_before(self: GroupRebuild, cursor: psycopg.Cursor[Any], upto: int, *events: Any) -> None:
        if not parts or self.group.name != "execution":
            fold_tail(self, cursor, upto, *events)

    monkeypatch.setattr(GroupRebuild, "_fold_tail", only_before)
    with pytest.raises(AssertionError, match="rows appeared that differ"):
        fill_beside_a_worker(log, database_url, rebuilder, monkeypatch)


def test_few_missing_rows_wait_until_the_rebuild_lands(
    log: Log, database_url: str, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch, parts: list[tuple[str, int]]
) -> None:
    monkeypatch.setattr(module, "_FILL_FROM", 1_000)
    append_everything(log)
    drain(database_url)
    lose_everything(log.connection)
    rebuilder()
    log.assert_folded()
    assert parts == []


def test_a_new_version_appears_at_once(
    log: Log, database_url: str, rebuilder: Rebuilder, parts: list[tuple[str, int]]
) -> None:
    append_everything(log)
    drain(database_url)
    lose_everything(log.connection)
    log.connection.execute("UPDATE runfold.projections SET version = 9 WHERE name = 'node_executions'")
    rebuilder()
    log.assert_folded()
    assert {name for name, _ in parts}.isdisjoint({"node_executions", "workflow_executions"})
    assert "workflow_execution_logs" in {name for name, _ in parts}


def test_a_child_whose_parent_has_another_s_name_is_inserted_when_the_rebuild_lands(
    log: Log, database_url: str, rebuilder: Rebuilder, parts: list[tuple[str, int]]
) -> None:
    for name in "abc":
        log.append(f"execution-{name}", *run(name))
    drain(database_url)
    log.connection.execute("DELETE FROM public.node_executions")
    log.connection.execute("UPDATE public.workflow_executions SET execution_id = 'x' WHERE execution_id = 'b'")
    done = rebuilder()
    log.assert_folded()
    assert done["workflow_executions"].updated == 1
    assert done["node_executions"].inserted == 6
