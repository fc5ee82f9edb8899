"""No look for events takes long: each ends after a span of positions, where an append ends, whatever it has found."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding import fold, projector
from runfold.projections.folding.fold import batch_bounds
from runfold.reading import status
from tests.fixtures.logs import Log, event
from tests.fixtures.processes import checkpoint, drain

QUESTION = f"interaction-{UUID(int=1)}"
GROUPS = load_catalogue().groups


def spans_of(monkeypatch: pytest.MonkeyPatch, positions: int) -> None:
    """Let every look of a worker in this process end after so many positions."""
    for module in (fold, projector):
        monkeypatch.setattr(module, "SPAN", positions)


def watch_checkpoints(connection: psycopg.Connection[Any]) -> None:
    """Note every position that a group's checkpoint is moved to: what a reader between two batches can see."""
    connection.execute("CREATE TABLE public.moves (n serial, group_name text, position bigint)")
    connection.execute(
        "CREATE FUNCTION public.note_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
        " IF NEW.position <> OLD.position THEN"
        " INSERT INTO public.moves (group_name, position) VALUES (NEW.group_name, NEW.position);"
        " END IF; RETURN NEW; END $$"
    )
    connection.execute(
        "CREATE TRIGGER noted AFTER UPDATE ON runfold.checkpoints FOR EACH ROW EXECUTE FUNCTION public.note_move()"
    )


def moves(connection: psycopg.Connection[Any], group: str) -> list[int]:
    found = connection.execute(
        "SELECT position FROM public.moves WHERE group_name = %s ORDER BY n", (group,)
    ).fetchall()
    return [position for (position,) in found]


def test_a_span_ends_where_an_append_ends_also_one_of_ten_thousand_events(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans_of(monkeypatch, 15_000)
    log.append(QUESTION, event("InteractionRequested"))
    for _ in range(4):
        log.append("log-00000000-0000-4000-8000-000000000001", *[event("LogAppended")] * 10_000)
    log.append(QUESTION, event("InteractionNotified"))
    watch_checkpoints(log.connection)
    assert drain(database_url) == {}
    # The first look ends beyond 15,000, at 20,001; the next one begins there.
    assert moves(log.connection, "interaction") == [20_001, 40_001, 40_002]
    ends = {end for (end,) in log.connection.execute("SELECT DISTINCT append_end FROM runfold.events").fetchall()}
    seen = log.connection.execute("SELECT DISTINCT position FROM public.moves").fetchall()
    assert {position for (position,) in seen} <= ends


def test_a_sparse_group_is_moved_a_span_at_a_time_between_the_batches_of_others(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans_of(monkeypatch, 50)
    for n in range(60):
        log.append(f"execution-{n}", *[event("ExecutionCreated", execution_id=str(n)), event("ExecutionStarted")] * 1)
        log.append(f"execution-{n}", *[event("ExecutionMetadataSet", metadata={"n": n})] * 3)
    log.append(QUESTION, event("InteractionRequested"))
    watch_checkpoints(log.connection)
    assert drain(database_url) == {}
    steps = moves(log.connection, "interaction")
    assert len(steps) >= 6
    assert all(after - before <= 50 + 3 for before, after in zip([0, *steps], steps, strict=False))
    # Between two batches of the group that is behind, the sparse one has moved once at most.
    order = log.connection.execute(
        "SELECT group_name FROM public.moves WHERE group_name IN ('execution', 'interaction') ORDER BY n"
    ).fetchall()
    first = [name for (name,) in order][: 2 * len(steps) - 2]
    assert all(one != other for one, other in pairwise(first))
    log.assert_folded()


def test_control_without_a_span_one_look_goes_through_all_of_the_log(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(30):
        log.append(f"execution-{n}", event("ExecutionCreated", execution_id=str(n)))
    with log.connection.cursor() as cursor:
        spans_of(monkeypatch, 10)
        assert batch_bounds(cursor, GROUPS["interaction"], after=0, head=30, size=100).upto == 10
        spans_of(monkeypatch, 1_000)
        assert batch_bounds(cursor, GROUPS["interaction"], after=0, head=30, size=100).upto == 30


def test_a_hole_where_the_span_ends_is_no_append(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.append(QUESTION, event("InteractionRequested"))
    log.connection.execute("SELECT setval('runfold.events_position', 100)")
    log.append(QUESTION, event("InteractionNotified"))
    spans_of(monkeypatch, 50)
    with log.connection.cursor() as cursor:
        assert batch_bounds(cursor, GROUPS["log"], after=0, head=101, size=1).upto == 50


def test_the_lag_is_looked_at_a_span_far_and_said_to_be_inexact_beyond(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain(database_url)
    for n in range(30):
        log.append(f"execution-{n}", event("ExecutionCreated", execution_id=str(n)))
    log.append(QUESTION, event("InteractionRequested"))

    def lag(group: str) -> tuple[int, bool]:
        (row,) = [
            row for row in status.read_status(log.connection, load_catalogue())["groups"] if row["group"] == group
        ]
        return row["lag_events"], row["lag_is_exact"]

    assert (lag("execution"), lag("interaction"), lag("log")) == ((30, True), (1, True), (0, True))
    monkeypatch.setattr(status, "LAG_LOOKED_AT", 10)
    assert (lag("execution"), lag("interaction"), lag("log")) == ((10, False), (0, False), (0, False))


def test_a_group_far_behind_is_not_passed_by(log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is moved in transactions of its own, a span each, also where it has no event at all."""
    spans_of(monkeypatch, 20)
    for n in range(100):
        log.append(f"execution-{n}", event("ExecutionCreated", execution_id=str(n)))
    watch_checkpoints(log.connection)
    drain(database_url)
    assert moves(log.connection, "deployment")[:4] == [20, 40, 60, 80]
    assert checkpoint(log.connection, "deployment") == 100


def test_beside_a_sparse_group_far_behind_executions_wait_for_one_batch_at_most(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert waits(log, database_url, monkeypatch, span=500) == 1


def test_control_without_the_bound_one_look_of_the_sparse_group_reads_all_that_is_left(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match="in one batch"):
        waits(log, database_url, monkeypatch, span=1_000_000)


def waits(log: Log, url: str, monkeypatch: pytest.MonkeyPatch, *, span: int) -> int:
    """Return how many batches of another group lie between two looks for executions, at most; all groups catch up."""
    spans_of(monkeypatch, span)
    log.append(QUESTION, event("InteractionRequested"))
    for n in range(40):
        stream = f"log-00000000-0000-4000-8000-{n:012}"
        log.append(stream, *[event("LogAppended")] * 100)
        log.append(f"execution-{n}", event("ExecutionCreated", execution_id=str(n)))
    log.append(QUESTION, event("InteractionNotified"))
    looked: list[str] = []
    advance = projector.Projector.advance

    def noted(self: Any, group: Any, *given: Any, **named: Any) -> Any:
        looked.append(group.name)
        return advance(self, group, *given, **named)

    monkeypatch.setattr(projector.Projector, "advance", noted)
    watch_checkpoints(log.connection)
    assert drain(url, batch_size=50) == {}
    far = [0, *moves(log.connection, "interaction")]
    assert max(b - a for a, b in pairwise(far)) <= 2 * span, "all in one batch"
    assert max(b - a for a, b in pairwise(far)) < len(log.events) / 2, "all in one batch"
    turns = [n for n, name in enumerate(looked) if name == "execution"]
    return max(max((looked[a:b].count(name) for name in GROUPS if name != "execution"), default=0)
               for a, b in pairwise(turns))  # fmt: skip
