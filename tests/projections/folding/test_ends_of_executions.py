"""Ends of executions and attempts that are over: the folds and the model agree, however late an event is."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model import nodes, reference
from tests.model.histories import History, record, size
from tests.model.payloads import BASE_MS, NODES, payload
from tests.projections.folding.test_folds_equal_the_model import Database, database, in_one_database, written

__all__ = ["database"]

EXECUTION = "execution-1"
END = "ExecutionCanceled"


def of_nodes(*events: tuple[str, dict[str, Any]]) -> History:
    """Return a history of one running execution."""
    return written(
        (EXECUTION, "ExecutionCreated", {}),
        (EXECUTION, "ExecutionStarted", {"start_time": BASE_MS}),
        *((EXECUTION, kind, about) for kind, about in events),
    )


def a(**about: Any) -> dict[str, Any]:
    return {"activation": "a", **about}


CLOSED = of_nodes(
    ("NodeScheduled", {"activation": "pending"}),
    ("NodeStarted", {"activation": "running", "attempt": 1, "start_time": BASE_MS + 1}),
    ("NodeStarted", {"activation": "retrying", "attempt": 1}),
    ("NodeAttemptFailed", {"activation": "retrying", "attempt": 1}),
    ("NodeStarted", {"activation": "waiting", "attempt": 1}),
    ("NodeWaiting", {"activation": "waiting", "attempt": 1}),
    ("NodeStarted", {"activation": "later than the end", "attempt": 1, "start_time": BASE_MS + 1_000}),
    ("NodeStarted", {"activation": "done", "attempt": 1}),
    ("NodeSucceeded", {"activation": "done", "attempt": 1}),
    (END, {"end_time": BASE_MS + 9}),
)
"""An execution that ends with an activation in each status."""

LATE: History = CLOSED + written(
    *(
        (EXECUTION, kind, about)
        for kind, about in (
            ("NodeSucceeded", {"activation": "running", "attempt": 1, "end_time": BASE_MS + 12}),
            ("NodeFailed", {"activation": "running", "attempt": 1}),
            ("NodeStarted", {"activation": "pending", "attempt": 1, "start_time": BASE_MS + 20}),
            ("NodeSkipped", {"activation": "pending", "end_time": BASE_MS + 21}),
            ("NodeStarted", {"activation": "retrying", "attempt": 2}),
            ("NodeSucceeded", {"activation": "retrying", "attempt": 1}),
            ("NodeFailed", {"activation": "retrying", "attempt": 2}),
            ("NodeContinued", {"activation": "waiting"}),
            ("NodeStarted", {"activation": "new", "attempt": 3, "start_time": BASE_MS + 30}),
            ("NodeScheduled", {"activation": "new and planned"}),
            ("NodeFailed", {"activation": "new and failed"}),
            ("NodeSucceeded", {"activation": "done"}),
            ("ExecutionSucceeded", {"end_time": BASE_MS + 50}),
        )
    )
)
"""The same, with everything that a node can say after the end."""

OLD = of_nodes(
    ("NodeStarted", a(attempt=2, start_time=BASE_MS + 50, input_data={"attempt": 2})),
    ("NodeStarted", a(attempt=1, start_time=BASE_MS + 10, input_data={"attempt": 1})),
    ("NodeAttemptFailed", a(attempt=1)),
    ("NodeWaiting", a(attempt=1)),
    ("NodeContinued", a(attempt=1)),
    ("NodeSucceeded", a(attempt=1, output_data={"attempt": 1})),
    ("NodeFailed", a(attempt=1)),
    ("NodeSucceeded", a(attempt=2, end_time=BASE_MS + 60, output_data={"attempt": 2})),
    ("NodeSucceeded", a(attempt=1, output_data={"attempt": 1})),
    ("NodeSucceeded", a()),
)
"""Everything that attempt 1 says after attempt 2 has begun."""


def anomalies(history: History) -> list[str]:
    """Return the code of each event's anomaly in the model, "" where it has none."""
    events = record(history)
    found = reference.fold(events)["anomalies"]
    codes = {position: row["code"] for (position, projection), row in found.items() if projection == nodes.PROJECTION}
    return [codes.get(event.position, "") for event in events]


@pytest.mark.parametrize("history", [CLOSED, LATE, OLD], ids=["closed", "late", "old"])
def test_an_end_closes_what_is_open_wherever_the_batch_is_cut(database: Database, history: History) -> None:
    database.check(history, [size(history)])
    database.check(history, list(range(1, size(history) + 1)))
    for cut in range(2, size(history)):
        database.check(history, [cut, size(history)])


def test_nothing_of_an_ended_execution_is_open_and_its_own_end_wins() -> None:
    rows = {row["activation"]: row for row in reference.fold(record(CLOSED))["node_executions"].values()}
    end = size(CLOSED)
    assert {name: (row["status"], row["closed_by"]) for name, row in rows.items()} == {
        **dict.fromkeys(("pending", "running", "retrying", "waiting", "later than the end"), ("CANCELED", end)),
        "done": ("SUCCESS", None),
    }
    assert (rows["running"]["end_time"], rows["running"]["duration_ms"]) == (BASE_MS + 9, 8)
    assert (rows["later than the end"]["end_time"], rows["later than the end"]["duration_ms"]) == (BASE_MS + 1_000, 0)
    rows = {row["activation"]: row for row in reference.fold(record(LATE))["node_executions"].values()}
    assert {name: (row["status"], row["closed_by"]) for name, row in rows.items()} == {
        "running": ("SUCCESS", None),
        "pending": ("SKIPPED", None),
        "retrying": ("ERROR", None),
        "waiting": ("CANCELED", end),
        "later than the end": ("CANCELED", end),
        "done": ("SUCCESS", None),
        "new": ("CANCELED", end),
        "new and planned": ("CANCELED", end),
        "new and failed": ("ERROR", None),
    }
    assert anomalies(LATE)[end:] == [
        "", "after_end", "execution_ended", "", "execution_ended", "old_attempt", "", "execution_ended",
        "execution_ended", "execution_ended", "", "after_end", "",
    ]  # fmt: skip


def test_an_attempt_that_is_over_changes_nothing_and_is_noted() -> None:
    (row,) = reference.fold(record(OLD))["node_executions"].values()
    assert (row["status"], row["attempt"], row["retry_count"]) == ("SUCCESS", 2, 1)
    assert (row["input_data"], row["output_data"]) == ({"attempt": 2}, {"attempt": 2})
    assert anomalies(OLD)[2:] == ["", *["old_attempt"] * 6, "", "old_attempt", "after_end"]


def test_control_without_an_attempt_an_event_speaks_for_the_one_at_hand(database: Database) -> None:
    unnamed = of_nodes(("NodeStarted", a(attempt=2)), ("NodeSucceeded", a(output_data="late")))
    (row,) = reference.fold(record(unnamed))["node_executions"].values()
    assert (row["status"], row["output_data"]) == ("SUCCESS", "late")
    database.check(unnamed, [3, 4])


# Ends, late events and cuts, mixed


def ended_history(seed: int) -> History:
    """Return an execution whose nodes go on at random before and after its end, with any attempts."""
    random = Random(seed)
    happened: list[tuple[str, dict[str, Any]]] = []
    for _ in range(random.randint(4, 16)):
        kind = random.choice(NODES)
        about: dict[str, Any] = {"activation": random.choice("ab")}
        if kind in ("NodeStarted", "NodeAttemptFailed") or random.random() < 0.6:
            about["attempt"] = random.choice((1, 1, 2, 3))
        happened.append((kind, {**payload(kind, random), **_possible(kind, about)}))
    for _ in range(random.choice((1, 1, 1, 2))):
        happened.insert(random.randint(0, len(happened)), (END, payload(END, random)))
    return of_nodes(*happened)


def _possible(kind: str, about: dict[str, Any]) -> dict[str, Any]:
    named = kind not in ("NodeScheduled", "NodeSkipped", "NodeCanceled")
    return about if named else {"activation": about["activation"]}


@in_one_database
@given(seed=st.integers(0, 2**32), cut_at=st.sets(st.integers(1, 18)))
def test_any_mixture_of_ends_late_events_and_cuts_gives_the_model_s_tables(
    database: Database, seed: int, cut_at: set[int]
) -> None:
    history = ended_history(seed)
    database.check(history, sorted({*(cut for cut in cut_at if cut < size(history)), size(history)}))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("close_the_open_ones", lambda tables, event: None),
        ("is_old", lambda row, event: False),
        ("ENDED", frozenset({"SUCCESS"})),
    ],
)
def test_control_a_model_without_one_of_the_rules_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any
) -> None:
    monkeypatch.setattr(nodes, name, wrong)
    with pytest.raises(AssertionError, match="the tables differ"):
        database.check([*LATE, *OLD[2:]], [size(LATE) + size(OLD) - 2])


def test_the_mixtures_reach_every_rule() -> None:
    reached = {(code, row["closed_by"] is None) for seed in range(200) for code, row in _outcomes(ended_history(seed))}
    assert {code for code, _ in reached} >= {"old_attempt", "execution_ended", "after_end", "illegal_transition", ""}
    assert {closed for _, closed in reached} == {True, False}


def _outcomes(history: History) -> list[tuple[str, dict[str, Any]]]:
    rows = list(reference.fold(record(history))["node_executions"].values())
    return [(code, row) for code in anomalies(history) for row in rows]
