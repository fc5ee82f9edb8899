"""Whatever the planner knows of the log and of the read tables, a large batch is folded by one kind of plan.

Nothing is read whole again and again: an inner side of a nested loop is a look-up by index. What the planner knows is
what autovacuum and ANALYZE left: nothing, as after an import; what was true when the tables were empty, or held a
hundredth; or the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.definition.contract import parse_projection
from runfold.projections.folding import fold
from runfold.projections.folding.fold import FOLD_SESSION, SMALL_BATCH, ask_bounds
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.projector import Projector
from runfold.projections.folding.registry import register_group
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.replay import replay
from runfold.projections.reconciling.verify import verify
from runfold.reading.past.reader import open_past
from tests.projections.folding.crowds import append_crowd, delete_workflows, erase_tenants
from tests.projections.folding.plans import Explaining, log_conditions, loops_over_scans

EXECUTIONS = 300
GROUPS = tuple(load_catalogue().groups.values())

NO_AUTOVACUUM = """
    DO $$
    DECLARE t regclass;
    BEGIN
        FOR t IN SELECT oid FROM pg_class
                  WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', 'runfold')
        LOOP EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t); END LOOP;
    END $$
"""


def of_nothing(connection: psycopg.Connection[Any], moment: str) -> None:
    """No statistics at all."""


def of_empty_tables(connection: psycopg.Connection[Any], moment: str) -> None:
    """Statistics of the time before the first event."""
    if moment == "empty":
        connection.execute("ANALYZE")


def of_a_few_rows(connection: psycopg.Connection[Any], moment: str) -> None:
    """Statistics of the time of the first few executions."""
    if moment == "few":
        connection.execute("ANALYZE")


def true_ones(connection: psycopg.Connection[Any], moment: str) -> None:
    """True statistics, at all times."""
    connection.execute("ANALYZE")


Statistics = Callable[[psycopg.Connection[Any], str], None]
STATISTICS: tuple[Statistics, ...] = (of_nothing, of_empty_tables, of_a_few_rows, true_ones)


@pytest.fixture
def folding(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session that folds and notes how, in a database that nobody else analyzes."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(NO_AUTOVACUUM)
        connection.execute(FOLD_SESSION)
        connection.cursor_factory = Explaining
        Explaining.plans.clear()
        Explaining.queries.clear()
        yield connection


def advance(connection: psycopg.Connection[Any], head: int, groups: tuple[Group, ...] = GROUPS) -> None:
    """Fold what there is up to a position into the live tables, in batches as large as they come."""
    projector = Projector(Ledger(connection))
    for group in groups:
        register_group(connection, group)
        while projector.advance(group, head) is not None:
            pass


def fold_a_crowd(
    connection: psycopg.Connection[Any], statistics: Statistics, groups: tuple[Group, ...] = GROUPS
) -> None:
    """Fold a few executions, and then many: all that begins them in a batch, all that ends them in another."""
    statistics(connection, "empty")
    advance(connection, append_crowd(connection, "few", 10)[1], groups)
    statistics(connection, "few")
    began, ended = append_crowd(connection, "many", EXECUTIONS)
    Explaining.plans.clear()
    statistics(connection, "imported")
    advance(connection, began, groups)
    statistics(connection, "half folded")
    advance(connection, ended, groups)


def slow_plans() -> dict[str, list[str]]:
    """What was folded by reading something again and again, and what that is."""
    return {what: loops for what, plan in Explaining.plans if (loops := loops_over_scans(plan))}


@pytest.mark.parametrize("statistics", STATISTICS)
def test_no_fold_of_a_large_batch_loops_over_a_scan(folding: psycopg.Connection[Any], statistics: Statistics) -> None:
    fold_a_crowd(folding, statistics)
    advance(folding, delete_workflows(folding))
    advance(folding, erase_tenants(folding))
    assert slow_plans() == {}
    folded = {part.text for group in GROUPS for projection in group.projections for part in projection.statements}
    assert {statement for statement in folded if not any(statement in query for query in Explaining.queries)} == set()
    assert folding.execute("SELECT count(*) FROM runfold.parked_streams").fetchone() == (0,)


@pytest.mark.parametrize("statistics", STATISTICS)
def test_neither_does_a_fold_of_verify_replay_and_of_the_past(
    folding: psycopg.Connection[Any], statistics: Statistics
) -> None:
    catalogue = load_catalogue()
    fold_a_crowd(folding, statistics)
    Explaining.plans.clear()
    assert not any(found.differing for found in verify(folding, catalogue))
    assert not any(found.differing for found in replay(folding, catalogue, "execution-many7"))
    (head,) = folding.execute("SELECT max(position) FROM runfold.events").fetchone() or (0,)
    with open_past(folding, catalogue, position=head, execution="many7") as past:
        past.fold("workflow_executions", "node_executions", "workflow_execution_pauses")
    with open_past(folding, catalogue, position=head - 1) as past:
        past.fold("workflow_executions", "workflow_status")
    # The few events of a stream may each be compared with all that is parked.
    left_out = {"Index Scan on parked_streams", "Index Only Scan on discarded_events"}
    assert {what: loops for what, loops in slow_plans().items() if not left_out.issuperset(loops)} == {}
    assert len(Explaining.plans) > 25


@pytest.mark.parametrize("statistics", STATISTICS)
def test_neither_does_a_rebuild(folding: psycopg.Connection[Any], statistics: Statistics, database_url: str) -> None:
    def connect() -> psycopg.Connection[Any]:
        connection = psycopg.connect(database_url, autocommit=True)
        connection.cursor_factory = Measuring
        return connection

    fold_a_crowd(folding, statistics)
    Explaining.plans.clear()
    assert not any(found.differing for found in rebuild(connect, load_catalogue(), jobs=1))
    assert slow_plans() == {}
    assert len(Explaining.plans) > 15


class Measuring(Explaining):
    """Runs what it explains, and takes it back: a slice looks rows up in tables without indexes, which are empty."""

    analyze = True


def test_what_a_stream_is_folded_from_is_found_by_its_name(folding: psycopg.Connection[Any]) -> None:
    fold_a_crowd(folding, of_nothing)
    Explaining.plans.clear()
    replay(folding, load_catalogue(), "execution-many7", dry_run=True)
    conditions = [condition for _, plan in Explaining.plans for condition in log_conditions(plan)]
    assert conditions
    assert [condition for condition in conditions if "stream_id" not in condition] == []


@pytest.mark.parametrize("statistics", STATISTICS)
def test_the_next_batch_is_looked_for_in_order(folding: psycopg.Connection[Any], statistics: Statistics) -> None:
    """Else all that is left of the log would be sorted, batch by batch."""
    fold_a_crowd(folding, statistics)
    for group in GROUPS:
        with folding.cursor() as cursor:
            asking = Recording(cursor)
            ask_bounds(asking, group, after=10, head=10_000, size=SMALL_BATCH)  # type: ignore[arg-type]
            plan = "\n".join(line for (line,) in asking.explained)
        limited = plan[plan.index("Limit") :]
        assert "Sort" not in limited, plan
        assert "Index Scan using events_" in limited, plan


class Recording:
    """Stands for a cursor: explains what it is given."""

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor
        self.explained: list[tuple[str]] = []

    def execute(self, query: str, parameters: dict[str, Any]) -> None:
        self.explained = self._cursor.execute(f"EXPLAIN {query}", parameters, prepare=False).fetchall()  # type: ignore[arg-type]


USERS = """\
-- name: neighbours
-- version: 1
-- group: neighbours
-- table: public.neighbours
-- key: id
-- cross_stream: true
-- events: NodeStarted, NodeSucceeded

INSERT INTO neighbours AS n (id, events)
SELECT b.stream_id, count(*)
  FROM batch b
  JOIN batch c ON c.stream_id = b.stream_id AND c.type = b.type
  LEFT JOIN neighbours s ON s.id = b.stream_id
 WHERE b.data ->> 'activation' <> 'n9' AND c.position > 0
 GROUP BY b.stream_id
    ON CONFLICT (id) DO UPDATE SET events = n.events + excluded.events;
"""


@pytest.mark.parametrize("statistics", STATISTICS)
def test_a_user_s_join_of_the_batch_with_itself_is_no_loop(
    folding: psycopg.Connection[Any], statistics: Statistics
) -> None:
    folding.execute("CREATE TABLE public.neighbours (id text PRIMARY KEY, events bigint NOT NULL)")
    group = Group("neighbours", (parse_projection(USERS, expected_name="neighbours"),))
    fold_a_crowd(folding, statistics, (group,))
    assert slow_plans() == {}
    assert len(Explaining.plans) == 2


def test_control_folds_that_do_not_say_their_size_loop(
    folding: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = fold._batch
    monkeypatch.setattr(fold, "_batch", lambda streams, events, **_: batch(streams, events, sized=False))
    fold_a_crowd(folding, of_nothing)
    assert "INSERT INTO execution_anomalies" in slow_plans()


def test_control_a_loop_over_a_scan_is_found(folding: psycopg.Connection[Any]) -> None:
    folding.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_indexscan = off")
    folding.execute("SET enable_bitmapscan = off; SET enable_indexonlyscan = off")
    fold_a_crowd(folding, true_ones)
    assert len(slow_plans()) > 5
