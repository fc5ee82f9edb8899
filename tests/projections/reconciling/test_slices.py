"""However the log is cut into slices, and wherever catching up begins, the tables equal the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.reconciling import shadow_build as module
from runfold.projections.reconciling import shadows, slices
from runfold.projections.reconciling.group_rebuild import GroupRebuild
from runfold.projections.reconciling.pair import Pair
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_tables
from tests.model.histories import History, histories, isolate, size
from tests.projections.folding.test_folds_equal_the_model import DELETION, EXCHANGE, LATE, MATCHES, Database, database
from tests.projections.reconciling.rebuilding import Rebuilder

__all__ = ["database"]

# Each example builds the tables from all earlier histories too, so few examples test as much as many.
few_in_one_database = settings(
    deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def move_checkpoints(connection: psycopg.Connection[tuple[object, ...]], position: int) -> None:
    """Set every group's checkpoint to a position: the rebuild has to add the rows that the live tables lack."""
    connection.execute("UPDATE runfold.checkpoints SET position = %s", (position,))


def build(database: Database, history: History, cut: int, wanted: int) -> None:
    """Append the history, build the tables in this many slices up to an event, and catch up with the rest."""
    events = database.append(isolate(history, f"{uuid4().hex[:12]}."))
    if not events:
        return
    names = list(load_catalogue().groups)
    database.connection.execute(
        "INSERT INTO runfold.checkpoints (group_name) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", (names,)
    )
    move_checkpoints(database.connection, events[min(cut, len(events) - 1)].position)
    fold, sliced = GroupRebuild._fold, module.slices_for

    def then_more(self: GroupRebuild, plan: slices.Plan) -> None:
        fold(self, plan)
        move_checkpoints(database.connection, events[-1].position)

    module.slices_for = lambda *_: wanted
    GroupRebuild._fold = then_more  # type: ignore[method-assign]
    try:
        Rebuilder(database.url)()
    finally:
        module.slices_for = sliced
        GroupRebuild._fold = fold  # type: ignore[method-assign]
    assert_tables_equal(reference.fold(events), read_tables(database.connection, events[0].position - 1))


@few_in_one_database
@example(DELETION, 3, 2)
@example(MATCHES, 4, 3)
@example(EXCHANGE, 5, 7)
@example(LATE, 0, 1)
@given(histories(), st.integers(0, 60), st.integers(1, 7))
def test_slices_and_catching_up_make_the_model_s_tables(
    database: Database, history: History, cut: int, wanted: int
) -> None:
    build(database, history, cut, wanted)


def without_deletions(history: History) -> History:
    kept = [
        (stream_id, user_id, [(event, at) for event, at in happenings if event["type"] != "WorkflowDeleted"])
        for stream_id, user_id, happenings in history
    ]
    return [append for append in kept if append[2]]


@few_in_one_database
@example(MATCHES, 4, 3)
@example(EXCHANGE, 5, 7)
@example(LATE, 0, 1)
@given(histories().map(without_deletions), st.integers(0, 60), st.integers(1, 7))
def test_what_is_not_sliced_is_folded_at_once_where_nothing_was_deleted(
    database: Database, history: History, cut: int, wanted: int
) -> None:
    build(database, history, cut, wanted)


def everything_is_sliced(self: slices.Plan) -> Group | None:
    return None


def across_all_the_same(self: slices.Plan) -> Group | None:
    return replace(self.group, projections=tuple(item for item in self.group.projections if item.cross_stream))


def nothing_of_the_others(group: Group, names: Sequence[str]) -> Group:
    return Group(group.name, tuple(item for item in group.projections if item.name in names))


BROKEN: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "what depends on several streams is sliced, too": lambda patch: (
        patch.setattr(slices.Plan, "whole", property(everything_is_sliced)),
        patch.setattr(slices.Plan, "sliced", property(lambda self: [item.name for item in self.group.projections])),
    )[0],
    "what depends on several streams is folded at once, barriers or not": lambda patch: patch.setattr(
        slices.Plan, "across", property(across_all_the_same)
    ),
    "what a fold reads is not folded": lambda patch: patch.setattr(slices, "reads_of", nothing_of_the_others),
}


@pytest.mark.parametrize("how", BROKEN)
def test_control_other_slices_are_found(database: Database, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    BROKEN[how](monkeypatch)
    history = [*DELETION, *MATCHES, *EXCHANGE]
    with pytest.raises((AssertionError, Exception), match=r"differ|one key|cannot be folded"):
        build(database, history, size(history), 7)


def test_as_many_slices_as_connections_scans_and_barriers_allow() -> None:
    assert slices.slices_for(0, 0, 2) == 1
    assert slices.slices_for(1_000, 0, 2) == 2
    assert slices.slices_for(1_000_000, 0, 2) == 4
    assert slices.slices_for(1_000_000, 0, 3) == 6
    assert slices.slices_for(1_000_000_000, 0, 2) == slices.MOST_SLICES
    assert slices.slices_for(1_000_000, 5_000, 2) == 1


def rows_read_in_passing(log: Log, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Rebuild a log with a deletion in its middle; return how many rows of nodes were scanned, and how many made."""
    log.append_many([(f"execution-{n}", run(str(n), nodes=4)) for n in range(150)])
    log.append(f"deployment-{uuid4()}", event("WorkflowDeleted"))
    log.append_many([(f"execution-more{n}", run(f"more{n}", nodes=4)) for n in range(150)])
    drain(rebuilder.url)
    scanned: list[tuple[int, int]] = []
    copy = Pair.copy_rows

    def counted(self: Pair, cursor: psycopg.Cursor[Any], source: str) -> None:
        if self.projection.name == "node_executions":
            cursor.execute(
                "SELECT sum(seq_tup_read), sum(n_tup_ins) FROM pg_stat_xact_user_tables"
                " WHERE relid = 'pg_temp.node_executions'::regclass"
            )
            scanned.extend(cursor.fetchall())
        copy(self, cursor, source)

    monkeypatch.setattr(Pair, "copy_rows", counted)
    rebuilder("execution_anomalies", jobs=1)
    log.assert_folded()
    return sum(int(read) for read, _ in scanned), sum(int(rows) for _, rows in scanned)


def test_a_deletion_in_the_log_does_not_make_a_rebuild_read_its_tables_again_and_again(
    log: Log, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, rows = rows_read_in_passing(log, rebuilder, monkeypatch)
    assert rows == 1200
    assert read < 20 * rows


def test_control_without_indexes_it_does(log: Log, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "make_shadows", partial(shadows.make_shadows, indexed=False))
    read, rows = rows_read_in_passing(log, rebuilder, monkeypatch)
    assert read > 100 * rows
