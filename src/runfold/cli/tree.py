"""The tree of an execution: a line for each node, pause and child execution, each once; built in linear time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runfold.reading.status import Row

STYLES = {
    "": ("", "", "dim"),
    "SUCCESS": ("✓", "success", "green"),
    "RUNNING": ("●", "running", "cyan"),
    "ERROR": ("✗", "error", "red"),
    "RETRYING": ("↻", "retrying", "yellow"),
    "PENDING": ("○", "pending", "dim"),
    "NEW": ("○", "new", "dim"),
    "WAITING_INPUT": ("‖", "waiting", "magenta"),
    "WAITING_FOR_HUMAN": ("‖", "waiting", "magenta"),
    "PAUSED": ("‖", "paused", "magenta"),
    "SKIPPED": ("-", "skipped", "dim"),
    "CANCELED": ("-", "canceled", "yellow"),
    "TIMEOUT": ("✗", "timeout", "red"),
    "active": ("‖", "open", "magenta"),
    "resumed": ("✓", "resumed", "dim"),
    "timeout": ("✗", "timeout", "red"),
    "cancelled": ("-", "canceled", "dim"),
}
_RUNNING, _FAILED, _WAITING, _LOG = "━", "×", "░", "'"

CIRCLE = "parent circle"
"""The heading of nodes that no path of parents joins to the execution."""


@dataclass
class Span:
    """A part of a line's bar: start, end (None: not ended yet), sign and colour."""

    start: float
    end: float | None
    sign: str
    style: str
    last: str | None = None


@dataclass
class Line:
    """A line of the tree, and the lines below it."""

    label: str
    status: str
    took: int | None
    tries: str = ""
    spans: list[Span] = field(default_factory=list)
    children: list[Line] = field(default_factory=list)
    begins: float = 0.0


def build_tree(found: Row) -> Line:
    """Return the execution's line with the lines below it, from the result of `read_execution`."""
    began, ended, style = found["start_time"], found["end_time"], _style(found["status"])
    root = Line(found["workflow"] or found["execution_id"], found["status"], found["duration_ms"])
    if began is not None:
        root.spans.append(Span(began, ended, _RUNNING, style))
    root.spans += [Span(_ms(line["created_at"]), _ms(line["created_at"]), _LOG, "bold") for line in found["logs"]]
    attempts: dict[str, list[Row]] = {}
    for row in found["attempts"]:
        attempts.setdefault(row["activation"], []).append(row)
    lines = {row["id"]: _node(row, attempts.get(row["activation"], [])) for row in found["nodes"]}
    named: dict[str, Line] = {}
    of_node: dict[str, list[Line]] = {}
    for row in found["nodes"]:
        parent = lines.get(row["parent_id"], root) if row["parent_id"] != row["id"] else root
        parent.children.append(lines[row["id"]])
        named[row["activation"]] = lines[row["id"]]
        of_node.setdefault(row["node_id"], []).append(lines[row["id"]])
    circles = _cut_circles(root, found["nodes"], lines)
    for row in found["pauses"]:
        line = named.get(row["activation"]) or _waiting(of_node.get(row["paused_node_id"], []), row)
        _add_pause(line or root, row)
    children = []
    for row in found["children"]:
        child = Line(f"▸ {row['workflow'] or row['execution_id']}", row["status"], row["duration_ms"])
        child.begins = _ms(row["created_at"])
        if row["start_time"] is not None:
            child.spans.append(Span(row["start_time"], row["end_time"], _RUNNING, _style(row["status"])))
        children.append(child)
    # Each child stands before the first line that began later.
    children.sort(key=_began)
    root.children = list(merge(root.children, children, key=_began))
    if circles:
        root.children.append(Line(CIRCLE, "", None, children=circles))
    return root


def _node(row: Row, attempts: Sequence[Row]) -> Line:
    line = Line(row["activation"], row["status"], row["duration_ms"], begins=_begin(row))
    if row["retry_count"]:
        line.tries = f"{row['retry_count'] + 1}/{row['max_retries'] + 1}"
    style = _style(row["status"])
    open_from: float | None = None if attempts else row["start_time"]
    for attempt in attempts:
        if attempt["started"]:
            open_from = attempt["at"]
        elif open_from is not None:
            line.spans.append(Span(open_from, attempt["at"], _RUNNING, "red", last=_FAILED))
            open_from = None
    if open_from is not None:
        line.spans.append(
            Span(open_from, row["end_time"], _RUNNING, style, last=_FAILED if row["status"] == "ERROR" else None)
        )
    return line


def _waiting(lines: Sequence[Line], row: Row) -> Line | None:
    """Return the activation that waits at a pause of the whole node: the last that had begun when it was opened."""
    began = sum(line.begins <= _ms(row["paused_at"]) for line in lines)
    return lines[max(began, 1) - 1] if lines else None


def _add_pause(line: Line, row: Row) -> None:
    began = _ms(row["paused_at"])
    ended = _ms(row["resumed_at"] or row["updated_at"]) if row["status"] != "active" else None
    span = Span(began, ended, _WAITING, "magenta")
    line.spans.append(span)
    took = None if ended is None else max(int(ended - began), 0)
    line.children.append(Line(f"‖ {row['pause_reason']}", row["status"], took, spans=[span], begins=began))


def _cut_circles(root: Line, rows: Sequence[Row], lines: dict[str, Line]) -> list[Line]:
    """Return the first node of each circle of parents, which no longer is below another one of the circle."""
    seen: set[int] = set()
    _mark(root, seen)
    parents = {row["id"]: row["parent_id"] for row in rows}
    found: list[Line] = []
    order = {row["id"]: number for number, row in enumerate(rows)}
    for row in rows:
        if id(lines[row["id"]]) in seen:
            continue
        path: dict[str, None] = {}
        at = row["id"]
        while at not in path:
            path[at] = None
            at = parents[at]
        ring = list(path)[list(path).index(at) :]
        first = min(ring, key=order.__getitem__)
        above = lines[parents[first]]
        above.children = [line for line in above.children if line is not lines[first]]
        found.append(lines[first])
        _mark(lines[first], seen)
    return found


def _mark(line: Line, seen: set[int]) -> None:
    """Add the identities of a line and of all below it."""
    waiting = [line]
    while waiting:
        line = waiting.pop()
        seen.add(id(line))
        waiting += line.children


def walk(root: Line) -> Iterator[tuple[int, int, bool, Line]]:
    """Yield each line after its parent: its depth, a bit for each level above that goes on, if it is the last child.

    A stack and not a recursion, because the depth of a tree is up to the engine.
    """
    waiting = [(0, 0, True, root)]
    while waiting:
        depth, going_on, last, line = waiting.pop()
        yield depth, going_on, last, line
        # Bits of levels far above are dropped: a prefix shows the last ones only.
        below = ((going_on << 1) | (depth > 0 and not last)) & _BITS
        for number, child in enumerate(reversed(line.children)):
            waiting.append((depth + 1, below, number == 0, child))


_BITS = (1 << 64) - 1


def shorten(lines: Iterable[tuple[int, int, bool, Line]], width: int) -> Iterator[tuple[str, Line]]:
    """Yield the guides before each line's name; half of the width is for the name, so deep lines have a number.

    The number is the depth: `…12 └─ ` begins a line that has twelve others above it in its branch.
    """
    most = min(max(width // 2 // 3, 2), 60)
    for depth, going_on, last, line in lines:
        mark = "" if depth == 0 else "└─ " if last else "├─ "
        if depth <= most:
            guides = "".join("│  " if going_on >> (level - 1) & 1 else "   " for level in range(depth - 1, 0, -1))
        else:
            guides = f"…{depth} ".ljust(3 * (most - 1))
        yield guides + mark, line


def _style(status: str) -> str:
    return STYLES.get(status, ("", "", ""))[2]


def _began(line: Line) -> float:
    return line.begins


def _begin(row: Row) -> float:
    return float(row["start_time"]) if row["start_time"] is not None else _ms(row["created_at"])


def _ms(time: datetime) -> float:
    return time.timestamp() * 1000
