"""The rows of an execution's timeline: pure functions from an outline to what the page shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from runfold.console.bars import (
    Attempt,
    attempts_of,
    bars,
    child_bar,
    columns_of,
    concurrency,
    density,
    pause_span,
)
from runfold.console.scale import Scale
from runfold.console.words import ENDED, Sign, count, epoch_ms, sign, took, visible
from runfold.reading.outline import COLUMNS, WHOLE, Family, family_of

Row = dict[str, Any]

MOST_ROWS = 150
_NOTHING = Markup("")
_DENSE_FROM = 5
"""A node with so many below it shows how many of them ran, in place of its own bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """A row: what stands in it, its depth, and its drawing."""

    kind: str
    depth: int
    sign: Sign
    name: str
    about: str = ""
    tries: int = 0
    took: str = ""
    drawing: Markup = _NOTHING
    activation: str | None = None
    execution: str | None = None
    has_children: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """The rows that are shown, how many are not, and the axis."""

    rows: list[TimelineRow]
    left_out: int
    scale: Scale
    now: float


def scale_of(outline: Row, now: float, *, linear: bool = False) -> Scale:
    """Return the axis of an execution: from its first moment to its last, or to now while it is open."""
    begins = [node["start_time"] for node in outline["nodes"] if node["start_time"] is not None]
    begins += [row["began"] for row in outline["families"] if row["began"] is not None]
    start = min([outline["start_time"] or epoch_ms(outline["created_at"]), *begins])
    open_ = outline["status"] not in ENDED
    ends = [node["end_time"] or node["start_time"] for node in outline["nodes"] if node["start_time"] is not None]
    ends += [row["ended"] for row in outline["families"] if row["ended"] is not None]
    end = max([start + 1, outline["end_time"] or start, *ends, *([now] if open_ else [])])
    busy = list(_busy(outline, now if open_ else end))
    # The ends of the execution are events, too: they are not folded away.
    edges = [(at, at) for at in (start, outline["start_time"], outline["end_time"]) if at is not None]
    return Scale.of(start, end, [*busy, *edges], linear=linear)


def _busy(outline: Row, now: float) -> Iterable[tuple[float, float]]:
    attempts = _by_activation(outline["attempts"])
    waits = [(pause.get("activation"), *pause_span(pause, now)) for pause in outline["pauses"]]
    parents = {node["parent_id"] for node in outline["nodes"]}
    for node in outline["nodes"]:
        if node["id"] in parents:
            # What is below says when something happened; of itself, its beginning and its end.
            yield from ((at, at) for at in (node["start_time"], node["end_time"]) if at is not None)
            continue
        for attempt in attempts_of(node, attempts.get(node["activation"], [])):
            end = now if attempt.end is None else attempt.end
            paused = [(a, b) for activation, a, b in waits if activation in (None, node["activation"])]
            yield from _without(attempt.start, end, paused)
            if node["status"] in ("WAITING_INPUT", "WAITING_FOR_HUMAN") and attempt.end is None:
                break
    for row in outline["families"]:
        if row["began"] is not None and row["ended"] is not None:
            yield (row["began"], row["ended"])
    for child in outline["children"]:
        begin = child["start_time"] or epoch_ms(child["created_at"])
        if child["status"] in ENDED:
            yield (begin, child["end_time"] or begin)


def _without(start: float, end: float, holes: Iterable[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """Yield what is left of a stretch without the holes; where a hole is, its edge remains."""
    at = start
    for a, b in sorted(holes):
        if b <= at or a >= end:
            continue
        if a >= at:
            yield (at, a)
        at = max(at, b)
    if at <= end:
        yield (at, end)


def timeline(outline: Row, scale: Scale, now: float, *, limit: int = MOST_ROWS) -> Timeline:
    """Return the rows of an execution on an axis; bars of what is open end at `now` (epoch ms)."""
    drawer = _Drawer(outline, scale, now)
    rows = list(drawer.rows())
    return Timeline(rows[:limit], max(len(rows) - limit, 0), scale, now)


class _Drawer:
    def __init__(self, outline: Row, scale: Scale, now: float) -> None:
        self._outline = outline
        self._scale = scale
        self._now = now
        self._attempts = _by_activation(outline["attempts"])
        self._families: dict[Family, Row] = {(row["parent_id"], row["node_id"]): row for row in outline["families"]}
        self._below: dict[Any, list[Row]] = {}
        ids = {node["id"] for node in outline["nodes"]}
        for node in outline["nodes"]:
            parent = node["parent_id"] if node["parent_id"] in ids and node["parent_id"] != node["id"] else None
            self._below.setdefault(parent, []).append(node)
        self._children = self._placed_children()

    def rows(self) -> Iterable[TimelineRow]:
        """Yield the rows: each node before those below it. A stack, because the depth is up to the engine."""
        waiting: list[tuple[int, Row | TimelineRow]] = []
        self._push(waiting, self._below.get(None, []), None, 0)
        seen: set[Any] = set()
        while waiting:
            depth, item = waiting.pop()
            if isinstance(item, TimelineRow):
                yield item
                continue
            if item["id"] in seen:
                continue
            seen.add(item["id"])
            yield self._node(item, depth)
            children = reversed(self._children.get(item["id"], []))
            waiting.extend((depth + 1, self._child(child, depth + 1)) for child in children)
            self._push(waiting, self._below.get(item["id"], []), item["id"], depth + 1)
        for child in self._children.get(None, []):
            yield self._child(child, 0)

    def _push(self, waiting: list[tuple[int, Row | TimelineRow]], nodes: list[Row], parent: Any, depth: int) -> None:
        """Put nodes on the stack, the first on top; of a large family those that failed come first."""
        items: list[tuple[int, Row | TimelineRow]] = []
        done: set[Family] = set()
        for node in nodes:
            family = family_of(node) if parent is None else (parent, None)
            if (figures := self._families.get(family)) is None:
                items.append((depth, node))
            elif family not in done:
                done.add(family)
                shown = [each for each in nodes if parent is not None or family_of(each) == family]
                below = depth
                if parent is None:
                    items.append((depth, self._header(figures, node, depth)))
                    below = depth + 1
                shown.sort(key=lambda each: each["status"] != "ERROR")
                items += [(below, each) for each in shown]
                items.append((below, _rest(figures["nodes"] - len(shown), below)))
        waiting += reversed(items)

    def _node(self, node: Row, depth: int) -> TimelineRow:
        attempts = attempts_of(node, self._attempts.get(node["activation"], []))
        below = self._below.get(node["id"], [])
        family = self._families.get((node["id"], None))
        drawing, about = Markup(""), str(node["node_subtype"] or node["node_type"]).replace("_", " ").lower()
        if family is not None:
            drawing, about = density(columns_of(family, COLUMNS), self._scale), _figures(family)
        elif len(below) >= _DENSE_FROM:
            spans = [self._span(each) for each in below if each["start_time"] is not None]
            drawing, about = density(concurrency(spans), self._scale), _figures_of(below)
        if not drawing:
            drawing = self._bar(node, attempts)
        return TimelineRow(
            kind="node",
            depth=depth,
            sign=sign(node["status"]),
            name=visible(node["node_name"] or node["activation"], 255),
            about=visible(about, 120),
            tries=node["retry_count"] + 1 if node["retry_count"] else 0,
            took=self._took(node),
            drawing=drawing,
            activation=node["activation"],
            has_children=bool(below) or node["id"] in self._children,
        )

    def _bar(self, node: Row, attempts: Sequence[Attempt]) -> Markup:
        pauses = [pause for pause in self._outline["pauses"] if _is_at(pause, node)]
        since = epoch_ms(node["created_at"])
        return bars(node, attempts, pauses, self._scale, now=self._now, queued=since)

    def _took(self, node: Row) -> str:
        if node["duration_ms"] is not None:
            return took(node["duration_ms"])
        if node["start_time"] is None or node["status"] in ENDED:
            return ""
        return took(max(self._now - node["start_time"], 0)) + "…"

    def _span(self, node: Row) -> tuple[float, float, bool]:
        end = node["end_time"] if node["end_time"] is not None else self._now
        return node["start_time"], max(end, node["start_time"]), node["status"] == "ERROR"

    def _header(self, figures: Row, node: Row, depth: int) -> TimelineRow:
        worst = "ERROR" if figures["statuses"].get("ERROR") else _open_status(figures["statuses"])
        span = None if figures["began"] is None else figures["ended"] - figures["began"]
        return TimelineRow(
            kind="family",
            depth=depth,
            sign=sign(worst),
            name=visible(node["node_id"], 255),
            about=_figures(figures),
            took=took(span),
            drawing=density(columns_of(figures, COLUMNS), self._scale),
            has_children=True,
        )

    def _child(self, child: Row, depth: int) -> TimelineRow:
        open_ = child["status"] not in ENDED
        begin = child["start_time"] or epoch_ms(child["created_at"])
        lasted = child["duration_ms"] if not open_ else max(self._now - begin, 0)
        return TimelineRow(
            kind="child",
            depth=depth,
            sign=sign(child["status"]),
            name=visible(child["execution_id"], 255),
            about=visible(child["workflow"] or child["workflow_id"], 80),
            took=took(lasted) + ("…" if open_ else ""),
            drawing=child_bar(child, self._scale, now=self._now),
            execution=child["execution_id"],
        )

    def _placed_children(self) -> dict[Any, list[Row]]:
        """Return the child executions by the node below which they are drawn: the last that had begun by then."""
        begun = sorted(
            (node["start_time"], number, node["id"])
            for number, node in enumerate(self._outline["nodes"])
            if node["start_time"] is not None
        )
        placed: dict[Any, list[Row]] = {}
        for child in self._outline["children"]:
            at = child["start_time"] or epoch_ms(child["created_at"])
            before = [node for start, _, node in begun if start <= at]
            placed.setdefault(before[-1] if before else None, []).append(child)
        return placed


def _rest(number: int, depth: int) -> TimelineRow:
    text = f"+ {number:,} more: failed and slowest are shown"
    return TimelineRow(kind="rest", depth=depth, sign=sign(None), name=text)


def _figures(family: Row) -> str:
    failed = family["statuses"].get("ERROR", 0)
    parts = [f"{family['nodes']:,} items"]
    parts += [f"{failed:,} failed"] if failed else []
    parts += [f"{family['retried']:,} retried"] if family["retried"] else []
    parts += [f"p50 {took(family['p50'])}"] if family["p50"] is not None else []
    parts += [f"max {took(family['longest'])}"] if family["longest"] is not None else []
    return " · ".join(parts)


def _figures_of(nodes: Sequence[Row]) -> str:
    durations = sorted(node["duration_ms"] for node in nodes if node["duration_ms"] is not None)
    return _figures(
        {
            "nodes": len(nodes),
            "statuses": {"ERROR": sum(node["status"] == "ERROR" for node in nodes)},
            "retried": sum(node["retry_count"] > 0 for node in nodes),
            "p50": durations[(len(durations) + 1) // 2 - 1] if durations else None,
            "longest": durations[-1] if durations else None,
        }
    )


def _open_status(statuses: dict[str, int]) -> str:
    return next((each for each in ("RUNNING", "RETRYING", "WAITING_INPUT", "PENDING") if statuses.get(each)), "SUCCESS")


def _is_at(pause: Row, node: Row) -> bool:
    activation = pause.get("activation")
    return bool(
        activation == node["activation"] if activation is not None else pause["paused_node_id"] == node["node_id"]
    )


def _by_activation(attempts: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in attempts:
        found.setdefault(row["activation"], []).append(row)
    return found


def node_count(outline: Row) -> str:
    """Return how many nodes an execution has."""
    return count(outline.get("node_count", len(outline["nodes"])))


__all__ = ["MOST_ROWS", "WHOLE", "Timeline", "TimelineRow", "node_count", "scale_of", "timeline"]
