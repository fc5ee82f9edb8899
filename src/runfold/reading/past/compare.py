"""Compare two executions node by node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from runfold.reading.status import Row

# The columns that are compared. Times are not among them, because they always differ.
_OF_EXECUTIONS = (
    "status", "workflow_id", "workflow_version", "deployment_version", "mode", "trigger_subtype", "trigger_data",
    "run_data", "error_message", "error_details", "metadata",
)  # fmt: skip
_OF_NODES = ("status", "node_type", "attempts", "input_data", "output_data", "error_data")
_SHOWN_OF_EXECUTIONS = ("execution_id", "workflow", "status", "start_time", "duration_ms")
_SHOWN_OF_NODES = ("activation", "iteration", "status", "attempts", "start_time", "duration_ms")

_ABSENT: Any = object()
"""The value of a side without this member or item; a null is a value."""

_PLAIN_NAME = re.compile(r"[^\W\d][\w-]*")

MOST_PATHS = 100
"""The most changes in a result."""


def diff_executions(first: Row, second: Row) -> Row:
    """Return the differences between two results of `read_execution`, JSON-ready.

    `same` tells whether they are equal except for times. `execution` and each of `nodes` have both sides, the names of
    the columns that `differs`, and the `changes` as path, first and second, with `only_in` if the other side lacks that
    part. `first_divergence` is the first node that differs, in the order of the first execution, or None. Nodes match
    by their activation, else by node_id and by their number among the activations of that node.
    """
    nodes = [_node(one, other) for one, other in _pairs(_with_attempts(first), _with_attempts(second))]
    execution = _compare(first, second, _OF_EXECUTIONS, _SHOWN_OF_EXECUTIONS)
    diverging = next((node for node in nodes if node["differs"]), None)
    return {
        "same": not execution["differs"] and diverging is None,
        "execution": execution,
        "first_divergence": diverging,
        "nodes": nodes,
    }


def _with_attempts(found: Row) -> list[Row]:
    started: dict[str, int] = {}
    for attempt in found["attempts"]:
        started[attempt["activation"]] = max(started.get(attempt["activation"], 0), attempt["attempt"] or 0)
    return [
        {**row, "attempts": max(started.get(row["activation"], 0), row["attempt"] or 0) or None}
        for row in found["nodes"]
    ]


def _pairs(first: list[Row], second: list[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield matched nodes in the order of the first execution; a node of only the second follows its predecessor."""
    match: dict[Any, Row] = {}
    left = {row["id"]: row for row in second}
    by_activation = {(row["activation"], row["node_id"]): row for row in second}
    for row in first:
        if (found := by_activation.get((row["activation"], row["node_id"]))) is not None:
            match[row["id"]] = found
            del left[found["id"]]
    waiting: dict[str, list[Row]] = {}
    for row in left.values():
        waiting.setdefault(row["node_id"], []).append(row)
    for row in first:
        if row["id"] not in match and (rest := waiting.get(row["node_id"])):
            match[row["id"]] = rest.pop(0)
    matched = {row["id"] for row in match.values()}
    place = {row["id"]: number for number, row in enumerate(second)}
    passed = 0
    for row in first:
        other = match.get(row["id"])
        if other is not None:
            # Nodes that only the second has, and that come before this one.
            for number in range(passed, place[other["id"]]):
                if second[number]["id"] not in matched:
                    yield None, second[number]
            passed = max(passed, place[other["id"]] + 1)
        yield row, other
    for number in range(passed, len(second)):
        if second[number]["id"] not in matched:
            yield None, second[number]


def _node(first: Row | None, second: Row | None) -> Row:
    node_id = (first or second or {})["node_id"]
    if first is None or second is None:
        return {
            "node_id": node_id,
            "first": first and {name: first[name] for name in _SHOWN_OF_NODES},
            "second": second and {name: second[name] for name in _SHOWN_OF_NODES},
            "differs": ["only in the second" if first is None else "only in the first"],
            "changes": [],
        }
    return {"node_id": node_id, **_compare(first, second, _OF_NODES, _SHOWN_OF_NODES)}


def _compare(first: Row, second: Row, columns: tuple[str, ...], shown: tuple[str, ...]) -> Row:
    changes = [change for column in columns for change in _changes(column, first[column], second[column])]
    return {
        "first": {name: first[name] for name in shown},
        "second": {name: second[name] for name in shown},
        "differs": [column for column in columns if not _same(first[column], second[column])],
        "changes": changes[:MOST_PATHS],
    }


def _same(first: Any, second: Any) -> bool:
    """Return whether two values are equal as JSON: 1 is not true."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_same(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_same, first, second))
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


def _changes(path: str, first: Any, second: Any) -> Iterator[dict[str, Any]]:
    """The smallest parts that differ, by path: `output_data.items[2].price`."""
    if first is _ABSENT or second is _ABSENT:
        if first is _ABSENT:
            yield {"path": path, "first": None, "second": second, "only_in": "second"}
        else:
            yield {"path": path, "first": first, "second": None, "only_in": "first"}
    elif _same(first, second):
        return
    elif isinstance(first, dict) and isinstance(second, dict):
        for name in dict.fromkeys([*first, *second]):
            yield from _changes(_member(path, name), first.get(name, _ABSENT), second.get(name, _ABSENT))
    elif isinstance(first, list) and isinstance(second, list):
        for number in range(max(len(first), len(second))):
            one = first[number] if number < len(first) else _ABSENT
            other = second[number] if number < len(second) else _ABSENT
            yield from _changes(f"{path}[{number}]", one, other)
    else:
        yield {"path": path, "first": first, "second": second}


def _member(path: str, name: str) -> str:
    """Return the path of a member, in brackets if its name is not plain."""
    return f"{path}.{name}" if _PLAIN_NAME.fullmatch(name) else f"{path}[{orjson.dumps(name).decode()}]"
