"""`runfold execution diff`: the nodes in which two executions differ; times do not count."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

import runfold
from runfold import events
from runfold.reading.past.compare import diff_executions
from tests.cli.running import NOON, execution, ms, run
from tests.fixtures.processes import drain

pytest_plugins = ["tests.fixtures.stores"]


def nodes_of(*nodes: tuple[str, str, int, dict[str, Any]], at: int = 0) -> list[events.Event]:
    """Return events of nodes (activation, node_id, attempts, output), each node a second later."""
    found: list[events.Event] = []
    for n, (activation, node_id, attempts, output) in enumerate(nodes):
        about = {"activation": activation, "node_id": node_id}
        start = ms(NOON) + 1000 * n + at
        for attempt in range(1, attempts + 1):
            found.append(
                events.NodeStarted(**about, node_type="TOOL", attempt=attempt, start_time=start, input_data={"n": n})
            )
            if attempt < attempts:
                found.append(
                    events.NodeAttemptFailed(**about, attempt=attempt, error_data={"code": 1}, will_retry=True)
                )
        found.append(events.NodeSucceeded(**about, end_time=start + 500, output_data=output))
    return found


def compare(store: runfold.Store, url: str, first: list[events.Event], second: list[events.Event]) -> dict[str, Any]:
    store.append_many([execution("one", *first), execution("two", *second, at=NOON + timedelta(hours=1))])
    drain(url)
    answer = run(url, "execution", "diff", "one", "two", "--json")
    found: dict[str, Any] = json.loads(answer.stdout)
    assert answer.returncode == (0 if found["same"] else 1), answer.stderr
    return found


END = events.ExecutionSucceeded(end_time=ms(NOON) + 9000)


def test_two_runs_that_went_the_same_way_are_the_same_whatever_their_times(
    store: runfold.Store, database_url: str
) -> None:
    nodes = [("a#1", "a", 1, {"x": 1}), ("b#1", "b", 2, {"y": [1, 2]})]
    found = compare(store, database_url, [*nodes_of(*nodes), END], [*nodes_of(*nodes, at=3_600_000), END])
    assert (found["same"], found["first_divergence"]) == (True, None)
    assert [node["differs"] for node in found["nodes"]] == [[], []]
    assert found["nodes"][1]["first"]["attempts"] == 2
    shown = run(database_url, "execution", "diff", "one", "two", columns=80)
    assert (shown.returncode, "the two executions do not differ" in shown.stdout) == (0, True)
    assert "b#1" not in shown.stdout
    assert "b#1" in run(database_url, "execution", "diff", "one", "two", "--all").stdout


def test_the_first_divergence_is_named_with_what_changed(store: runfold.Store, database_url: str) -> None:
    first = nodes_of(("a#1", "a", 1, {"x": 1}), ("b#1", "b", 1, {"items": [{"p": 1}, {"p": 2}]}), ("c#1", "c", 1, {}))
    second = nodes_of(("a#1", "a", 1, {"x": 1}), ("b#1", "b", 2, {"items": [{"p": 1}, {"p": 3}]}), ("d#1", "d", 1, {}))
    found = compare(
        store, database_url, [*first, END], [*second, events.ExecutionFailed(end_time=1, error_message="no")]
    )
    diverging = found["first_divergence"]
    assert (diverging["node_id"], diverging["differs"]) == ("b", ["attempts", "output_data", "error_data"])
    assert diverging["changes"] == [
        {"path": "attempts", "first": 1, "second": 2},
        {"path": "output_data.items[1].p", "first": 2, "second": 3},
        {"path": "error_data", "first": None, "second": {"code": 1}},
    ]
    assert [(node["node_id"], node["differs"]) for node in found["nodes"]] == [
        ("a", []),
        ("b", ["attempts", "output_data", "error_data"]),
        ("c", ["only in the first"]),
        ("d", ["only in the second"]),
    ]
    assert found["execution"]["differs"] == ["status", "error_message"]
    for columns in (80, 200):
        shown = run(database_url, "execution", "diff", "one", "two", columns=columns)
        assert shown.returncode == 1
        for words in ("first divergence: b#1, attempts, output_data, error_data", "output_data.items[1].p",
                      "only in the first", "nodes that differ; 1 do not"):  # fmt: skip
            assert words in shown.stdout
        assert max(map(len, shown.stdout.splitlines())) <= columns


def row(activation: str, node_id: str, **about: Any) -> dict[str, Any]:
    return {
        "id": activation, "activation": activation, "node_id": node_id, "iteration": None, "status": "SUCCESS",
        "node_type": "T", "attempt": 1, "input_data": None, "output_data": None, "error_data": None, "start_time": 0,
        "duration_ms": 1, **about,
    }  # fmt: skip


def found_of(*nodes: dict[str, Any], **about: Any) -> dict[str, Any]:
    columns = (
        "execution_id workflow status start_time duration_ms workflow_id workflow_version deployment_version mode"
        " trigger_subtype trigger_data run_data error_message error_details metadata"
    )
    return {**dict.fromkeys(columns.split()), "nodes": list(nodes), "attempts": [], **about}


def pairs(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    found = diff_executions(found_of(*first), found_of(*second))
    return [
        (node["first"] and node["first"]["activation"], node["second"] and node["second"]["activation"])
        for node in found["nodes"]
    ]


def test_nodes_are_matched_by_activation_else_by_their_number_in_the_node() -> None:
    first = [row("x1", "a"), row("x2", "a"), row("b#1", "b")]
    second = [row("b#1", "b"), row("y1", "a"), row("y2", "a"), row("y3", "a")]
    assert pairs(first, second) == [("x1", "y1"), ("x2", "y2"), ("b#1", "b#1"), (None, "y3")]
    assert pairs([], second[:1]) == [(None, "b#1")]
    assert pairs(first[:1], []) == [("x1", None)]
    assert pairs([], []) == []


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1, 1.0, True), (1, True, False), (0, False, False), ([1], [True], False), ({"a": None}, {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True), ([1, 2], [2, 1], False), ("1", 1, False), (None, None, True),
    ],
)  # fmt: skip
def test_values_are_compared_as_json(first: Any, second: Any, same: bool) -> None:
    found = diff_executions(found_of(row("a", "a", output_data=first)), found_of(row("a", "a", output_data=second)))
    assert found["same"] == same


def changes(first: Any, second: Any) -> list[dict[str, Any]]:
    found = diff_executions(found_of(row("a", "a", output_data=first)), found_of(row("a", "a", output_data=second)))
    changes: list[dict[str, Any]] = found["nodes"][0]["changes"]
    return changes


def test_what_is_missing_is_told_from_what_is_null() -> None:
    assert changes({"a": None}, {}) == [
        {"path": "output_data.a", "first": None, "second": None, "only_in": "first"},
    ]
    assert changes([1], [1, None]) == [{"path": "output_data[1]", "first": None, "second": None, "only_in": "second"}]
    assert changes({"a": None}, {"a": 1}) == [{"path": "output_data.a", "first": None, "second": 1}]
    assert changes(None, {"a": 1}) == [{"path": "output_data", "first": None, "second": {"a": 1}}]


def test_a_path_says_which_member_whatever_its_name() -> None:
    (change,) = changes({"a.b": {"c d": 1}}, {"a.b": {"c d": 2}})
    assert change["path"] == 'output_data["a.b"]["c d"]'


def test_loops_retries_nulls_and_large_values_can_be_read(store: runfold.Store, database_url: str) -> None:
    letter = "Dear customer, " * 40
    first = nodes_of(
        ("w#1", "w", 1, {"text": f"{letter}yes", "gone": None}), ("w#2", "w", 1, {}), ("w#3", "w", 3, {}),
        *((f"n#{n}", "n", 1, {}) for n in range(6)),
    )  # fmt: skip
    second = nodes_of(("w#1", "w", 1, {"text": f"{letter}no"}), ("w#2", "w", 1, {}))
    second.append(events.NodeSucceeded(activation="w#3", node_id="w", node_type="TOOL", end_time=ms(NOON)))
    compare(store, database_url, [*first, END], second)
    for columns in (80, 200):
        shown = run(database_url, "execution", "diff", "one", "two", "--lines", "3", columns=columns)
        assert max(map(len, shown.stdout.splitlines())) <= columns
        words = " ".join(shown.stdout.split())
        for said in ("customer, yes", "customer, no", "output_data.gone null -", "attempt 3", "no attempt",
                     "… 5 more nodes, see --lines"):  # fmt: skip
            assert said in words, said
    assert "n#5" not in shown.stdout
    assert "n#5" in run(database_url, "execution", "diff", "one", "two").stdout


def test_an_unknown_execution_is_an_error_of_one_line(database_url: str) -> None:
    refused = run(database_url, "execution", "diff", "one", "two")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "error: there is no execution 'one': see `runfold execution list`\n"
