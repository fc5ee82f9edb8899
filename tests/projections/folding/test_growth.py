"""A fold of twice as many events visits twice as many rows, and not four times as many: of one stream, and of many.

No clock is read: PostgreSQL counts what each node of a plan gives and leaves out. `bench.folds` measures the seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from bench.fold_stories import STORIES

from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.definition.contract import parse_projection
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.projector import Projector
from runfold.projections.folding.registry import register_group
from tests.projections.folding.crowds import copy_events
from tests.projections.folding.plans import Explaining, nodes_of

FEW = 400
GROUPS = tuple(group for group in load_catalogue().groups.values() if not group.of_user)
# Twice as many, and what a plan of another shape adds.
MOST = 2.6
# Below this a plan's visits are those that it makes for any batch.
LEAST = 4_000

QUADRATIC = """\
-- name: pairs
-- version: 1
-- group: pairs
-- table: public.pairs
-- key: id
-- cross_stream: true
-- events: NodeStarted, NodeSucceeded

INSERT INTO pairs AS n (id, events)
SELECT b.stream_id, count(*)
  FROM batch b
  JOIN batch c ON c.stream_id = b.stream_id AND c.position < b.position
 GROUP BY b.stream_id
    ON CONFLICT (id) DO UPDATE SET events = n.events + excluded.events;
"""


class Visiting(Explaining):
    """Runs what it explains, and takes it back, to see what it visits."""

    analyze = True


@pytest.fixture
def folding(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        connection.cursor_factory = Visiting
        yield connection


def visits(connection: psycopg.Connection[Any], name: str, count: int, groups: tuple[Group, ...]) -> dict[str, int]:
    """Fold so many events of one stream and of many, each in one batch; return the rows that the plans visit."""
    found: dict[str, int] = {}
    for many in (False, True):
        told = ((stream, (event.event_type(), event.to_data())) for stream, event in STORIES[name](count, many))
        head = copy_events(connection, [(stream, (kind, dict(data))) for stream, (kind, data) in told])
        Visiting.plans.clear()
        projector = Projector(Ledger(connection), batch_size=100_000)
        for group in groups:
            register_group(connection, group)
            while projector.advance(group, head) is not None:
                pass
        for what, plan in Visiting.plans:
            title = f"{what}, {'many streams' if many else 'one stream'}"
            found[title] = found.get(title, 0) + round(sum(_rows(node) for node in nodes_of(plan)))
    return found


def _rows(node: Any) -> float:
    """Return how many rows a node gave and left out."""
    kinds = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
    return sum(float(node.get(kind, 0)) for kind in kinds) * float(node.get("Actual Loops", 1))


def that_grow_too_fast(
    connection: psycopg.Connection[Any], name: str, groups: tuple[Group, ...] = GROUPS
) -> dict[str, tuple[int, int]]:
    """Return what a fold visits for so many events and for twice as many, where that grows faster than they do."""
    visits(connection, name, 10, groups)
    few = visits(connection, name, FEW, groups)
    more = visits(connection, name, 2 * FEW, groups)
    assert more, "something was folded"
    return {
        what: (few.get(what, 0), count)
        for what, count in more.items()
        if count > LEAST and count > MOST * few.get(what, 0)
    }


@pytest.mark.parametrize("name", STORIES)
def test_what_a_fold_visits_grows_as_its_events_do(folding: psycopg.Connection[Any], name: str) -> None:
    assert that_grow_too_fast(folding, name) == {}
    assert folding.execute("SELECT count(*) FROM runfold.parked_streams").fetchone() == (0,)


def test_control_a_fold_that_compares_each_event_with_all_is_found(folding: psycopg.Connection[Any]) -> None:
    folding.execute("CREATE TABLE public.pairs (id text PRIMARY KEY, events bigint NOT NULL)")
    group = Group("pairs", (parse_projection(QUADRATIC, expected_name="pairs"),))
    found = that_grow_too_fast(folding, "nodes", (group,))
    assert any(title.endswith(", one stream") for title in found)


def test_what_the_walk_asks_of_pauses_grows_as_they_do(connection: psycopg.Connection[Any]) -> None:
    """A plan does not show what a function visits, so its own statement is asked, with all pauses of a stream."""
    (body,) = connection.execute("SELECT prosrc FROM pg_proc WHERE proname = 'walk_pauses'").fetchone() or ("",)
    connection.execute(
        f"PREPARE walk (jsonb, jsonb, boolean, text[], jsonb[], integer) AS {body}".encode(), prepare=False
    )

    def rows(count: int) -> float:
        told = [event for _, event in STORIES["pauses in turn"](count, False)]
        types = [event.event_type() for event in told]
        arguments = ["{}", "{}", False, types, [psycopg.types.json.Jsonb(dict(event.to_data())) for event in told], 3]
        literal = psycopg.sql.SQL(", ").join(map(psycopg.sql.Literal, arguments))
        explain = psycopg.sql.SQL("EXPLAIN (ANALYZE, TIMING off, FORMAT json) EXECUTE walk({})").format(literal)
        ((plans,),) = connection.execute(explain, prepare=False).fetchall()
        return sum(_rows(node) for node in nodes_of(plans[0]["Plan"]))

    assert rows(2 * FEW) < MOST * rows(FEW)
