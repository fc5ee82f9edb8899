"""Read an execution of any size in a bounded number of rows: its nodes without payloads, large families as figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from runfold.errors import UnknownExecution
from runfold.reading.executions import parts_of_execution
from runfold.reading.status import Row, statement

WHOLE = 40
"""A family of at most so many nodes is shown whole."""
FAILED = 40
"""So many failed nodes of a larger family are shown, the longest first."""
SLOWEST = 5
"""And so many of its others, the slowest."""
MOST_NODES = 400
COLUMNS = 160
"""Into so many equal parts the time of a large family is cut."""

Ask = Callable[[str, Row], list[Row]]
Family = tuple[UUID | None, str | None]

_PAYLOADS = ("input_data", "output_data", "error_data", "user_id")
_ENDED_BADLY = "ERROR"


def read_execution_outline(
    connection: psycopg.Connection[Any], execution_id: str, *, logs: int = 200, most: int = MOST_NODES
) -> Row:
    """Return an execution like `read_execution`, in a bounded number of rows; raises UnknownExecution.

    A family is the nodes below one parent, or the nodes of one `node_id` below none. `nodes` are at most `most` without
    payloads, with an `error_message`: those of families of at most 40, and of a larger family its 40 longest failed and
    5 slowest others. A larger family is in `families`: its `parent_id` and `node_id`, `nodes`, `statuses` (status ->
    number), `retried`, `p50` and `longest` (ms), `began` and `ended` (epoch ms), and `density`: for each of 160 equal
    parts of that time in which something happened, `[part, begun, ended, failed]`. `attempts` are those of shown nodes
    that were retried.
    """

    def ask(name: str, parameters: Row) -> list[Row]:
        with connection.cursor(row_factory=dict_row) as cursor:
            query = statement(name).replace("{tables}", "public")
            return cursor.execute(query, parameters, prepare=False).fetchall()

    return outline(ask, execution_id, logs=logs, most=most)


def outline(ask: Ask, execution_id: str, *, logs: int, most: int, with_log: bool = True) -> Row:
    """Return the outline that these questions give; `with_log` is false for a tenant, who may not read the log."""
    found = ask("outline_execution", {"execution_id": execution_id})
    if not found:
        raise UnknownExecution(f"there is no execution {execution_id!r}", hint="see `runfold execution list`")
    named = {"execution_id": execution_id, "whole": WHOLE}
    nodes = ask("outline_nodes", {**named, "failed": FAILED, "slowest": SLOWEST, "limit": most})
    larger = any(node["siblings"] > WHOLE for node in nodes)
    families = ask("outline_families", {**named, "columns": COLUMNS}) if larger else []
    retried = [node["activation"] for node in nodes if node["retry_count"]]
    parts = parts_of_execution(execution_id, found[0]["id"], logs)
    attempts = (
        ask("outline_attempts", {"execution_id": execution_id, "activations": retried, "limit": 10_000})
        if retried and with_log
        else []
    )
    return {
        **found[0],
        "nodes": nodes,
        "families": families,
        "attempts": attempts,
        **{part: ask(f"execution_{part}", parts[part]) for part in ("pauses", "children", "logs")},
    }


def outline_of(found: Row) -> Row:
    """Return the outline of what `read_execution` or `read_execution_at` returned: the same by other means."""
    families: dict[Family, list[Row]] = {}
    for node in found["nodes"]:
        families.setdefault(family_of(node), []).append(node)
    shown: list[Row] = []
    figures: list[Row] = []
    for (parent, node_id), nodes in families.items():
        if len(nodes) > WHOLE:
            figures.append({"parent_id": parent, "node_id": node_id, **_figures(nodes)})
        shown += _chosen(nodes)
    kept = {id(node) for node in shown}
    ids = {node["id"] for node in shown}
    nodes = [
        {
            **{name: value for name, value in node.items() if name not in _PAYLOADS},
            "siblings": siblings,
            "error_message": _message(node),
        }
        for node in found["nodes"]
        if id(node) in kept and (node["parent_id"] is None or node["parent_id"] in ids)
        for siblings in [len(families[family_of(node)])]
    ][:MOST_NODES]
    retried = {node["activation"] for node in nodes if node["retry_count"]}
    attempts = [row for row in found["attempts"] if row["activation"] in retried]
    return {**found, "nodes": nodes, "families": figures, "attempts": attempts}


def family_of(node: Row) -> Family:
    """Return the family of a node: its parent, or its `node_id` where it has none."""
    return (node["parent_id"], None if node["parent_id"] is not None else node["node_id"])


def _chosen(nodes: Sequence[Row]) -> list[Row]:
    if len(nodes) <= WHOLE:
        return list(nodes)
    longest = sorted(nodes, key=lambda node: (-(node["duration_ms"] or -1), node["activation"].encode()))
    failed = [node for node in longest if node["status"] == _ENDED_BADLY]
    others = [node for node in longest if node["status"] != _ENDED_BADLY]
    return [*failed[:FAILED], *others[:SLOWEST]]


def _message(node: Row) -> str | None:
    error = node["error_data"] if node["status"] == _ENDED_BADLY else None
    message = error.get("message") if isinstance(error, dict) else None
    return message[:200] if isinstance(message, str) else None


def _figures(nodes: Sequence[Row]) -> Row:
    durations = sorted(node["duration_ms"] for node in nodes if node["duration_ms"] is not None)
    begins = [node["start_time"] for node in nodes if node["start_time"] is not None]
    ends = [node["end_time"] for node in nodes if node["end_time"] is not None]
    statuses: dict[str, int] = {}
    for node in nodes:
        statuses[node["status"]] = statuses.get(node["status"], 0) + 1
    began = min(begins, default=None)
    ended = max([*begins, *ends], default=None)
    return {
        "nodes": len(nodes),
        "statuses": statuses,
        "retried": sum(node["retry_count"] > 0 for node in nodes),
        "p50": durations[(len(durations) + 1) // 2 - 1] if durations else None,
        "longest": durations[-1] if durations else None,
        "began": began,
        "ended": ended,
        "density": [] if began is None or ended is None else _density(nodes, began, ended),
    }


def _density(nodes: Iterable[Row], began: int, ended: int) -> list[list[int]]:
    parts: dict[int, list[int]] = {}

    def note(time: int, place: int, *also: int) -> None:
        part = min((time - began) * COLUMNS // (ended + 1 - began), COLUMNS - 1)
        row = parts.setdefault(part, [0, 0, 0])
        for each in (place, *also):
            row[each] += 1

    for node in nodes:
        if node["start_time"] is None:
            continue
        note(node["start_time"], 0)
        if node["end_time"] is not None:
            failed = (2,) if node["status"] == _ENDED_BADLY else ()
            note(max(node["end_time"], node["start_time"]), 1, *failed)
    return [[part, *parts[part]] for part in sorted(parts)]
