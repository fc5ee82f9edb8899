"""`runfold execution diff`: compare two executions."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from runfold.cli._connection import open_database
from runfold.cli.durations import clock, short
from runfold.cli.output import Json, print_json, print_table, print_text

_LONGEST = 60
_BEFORE = 15
_COLUMN = re.compile(r"\w+")
_SHOWN_CHANGES = 20


def diff(
    first: Annotated[str, typer.Argument(help="An execution's id, or its beginning.")],
    second: Annotated[str, typer.Argument(help="The id of the one to compare with it, or its beginning.")],
    everything: Annotated[bool, typer.Option("--all", help="Show also the nodes that do not differ.")] = False,
    lines: Annotated[int, typer.Option("--lines", min=1, max=100_000, help="How many nodes at most.")] = 200,
    as_json: Json = False,
) -> None:
    """Compare two executions node by node: the first node that differs, and all differences.

    Statuses, attempts, inputs, outputs and errors are compared; times are only shown. Exit code 1 when they differ.
    """
    from runfold.reading.executions import read_execution, require_history
    from runfold.reading.past.compare import diff_executions

    with open_database(shared=True) as connection:
        sides = [read_execution(connection, each, logs=0) for each in (first, second)]
        # Attempts are compared, too, and come from the log.
        require_history(connection, [side["execution_id"] for side in sides])
        found = diff_executions(*sides)
    if as_json:
        print_json(found)
    else:
        _print(found, everything=everything, lines=lines)
    if not found["same"]:
        raise typer.Exit(1)


def _print(found: dict[str, Any], *, everything: bool, lines: int) -> None:
    sides = [found["execution"]["first"], found["execution"]["second"]]
    print_table(
        [{**side, "started": clock(side["start_time"]), "took": short(side["duration_ms"])} for side in sides],
        columns=["execution_id", "workflow", "status", "started", "took"],
    )
    if found["same"]:
        print_text("\nthe two executions do not differ")
    if found["execution"]["changes"]:
        print_text("\nthe executions")
        _print_changes(found["execution"]["changes"])
    diverging = found["first_divergence"]
    if diverging is not None:
        print_text(f"\nfirst divergence: {_name(diverging)}, {', '.join(diverging['differs'])}")
        _print_changes(diverging["changes"])
    nodes = [node for node in found["nodes"] if everything or node["differs"]]
    if nodes:
        alike = len(found["nodes"]) - sum(bool(node["differs"]) for node in found["nodes"])
        print_text("\nnodes" if everything else f"\nnodes that differ; {alike:,} do not")
        print_table(
            [
                {
                    "node": _name(node),
                    "first": _side(node["first"], attempts="attempts" in node["differs"]),
                    "second": _side(node["second"], attempts="attempts" in node["differs"]),
                    "differs": ", ".join(node["differs"]),
                }
                for node in nodes[:lines]
            ],
            columns=["node", "first", "second", "differs"],
        )
        if len(nodes) > lines:
            print_text(f"… {len(nodes) - lines:,} more nodes, see --lines")


def _name(node: dict[str, Any]) -> str:
    return str((node["first"] or node["second"])["activation"])


def _side(side: dict[str, Any] | None, *, attempts: bool) -> str | None:
    """Return a node's status and duration, and its attempts if it had several or if they differ."""
    if side is None:
        return None
    said = [side["status"].lower(), short(side["duration_ms"]) or ""]
    if attempts or (side["attempts"] or 1) > 1:
        said.insert(1, f"attempt {side['attempts']}" if side["attempts"] else "no attempt")
    return " ".join(filter(None, said))


def _print_changes(changes: list[dict[str, Any]]) -> None:
    if not changes:
        return
    rows = []
    for change in changes[:_SHOWN_CHANGES]:
        first, second = (_value(change, side) for side in ("first", "second"))
        start = 0
        if max(len(first or ""), len(second or "")) > _LONGEST:
            # Long values often begin alike: show the part that differs.
            start = max(_alike(first or "", second or "") - _BEFORE, 0)
        rows.append({"what": change["path"], "first": _cut(first, start), "second": _cut(second, start)})
    print_table(rows, columns=["what", "first", "second"])
    if len(changes) > _SHOWN_CHANGES:
        print_text(f"… {len(changes) - _SHOWN_CHANGES} more, see --json")


def _value(change: dict[str, Any], side: str) -> str | None:
    """Return a side's value as text, or None if it has none; a null inside JSON is "null", a null column is None."""
    value = change[side]
    if value is None:
        return None if change.get("only_in", side) != side or _COLUMN.fullmatch(change["path"]) else "null"
    return str(value) if isinstance(value, (str, UUID)) else orjson.dumps(value, default=str).decode()


def _alike(first: str, second: str) -> int:
    """Return the length of the common beginning of two texts."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(first), len(second)))


def _cut(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    part = text[start : start + _LONGEST]
    return ("…" if start else "") + part + ("…" if start + _LONGEST < len(text) else "")
