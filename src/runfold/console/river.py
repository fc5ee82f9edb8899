"""The river of positions: how far the log goes, and how far each group has folded it. A pure function to a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from runfold.console import svg

Row = dict[str, Any]

_LEFT, _RIGHT = 14.0, 99.5
_LINE = 30


def river(groups: Sequence[Row], *, verified: int | None, safe_head: int, head: int) -> Row:
    """Return the drawing, its height, and the number of positions that it spans.

    It spans from before the least of what is drawn to the head. A group without events behind it is drawn up to the
    safe head: its checkpoint alone would look like lag.
    """
    reached = [safe_head if not group["lag_events"] else group["checkpoint"] for group in groups]
    least = min([*reached, safe_head, *([verified] if verified is not None else [])], default=0)
    span = max(head - least, 4)
    begin = least - span * 0.25

    def x(position: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * min(max((position - begin) / max(head - begin, 1), 0.0), 1.0)

    height = 44 + _LINE * len(groups)
    parts = [svg.element("line", x1=svg.percent(_LEFT), x2="100%", y1=22, y2=22, class_="grid")]
    parts += _marks(x, verified=verified, safe_head=safe_head, head=head)
    for number, (group, position) in enumerate(zip(groups, reached, strict=True)):
        parts += _group(group, x(position), x(safe_head), 40 + _LINE * number)
    return {"drawing": svg.joined(parts), "height": height, "span": head - least}


def _marks(x: Any, *, verified: int | None, safe_head: int, head: int) -> list[Markup]:
    marks = [(head, "head", "running")]
    if safe_head != head:
        marks.append((safe_head, "safe head", "retrying"))
    if verified is not None and verified != safe_head:
        marks.append((verified, "verified", "success"))
    parts: list[Markup] = []
    free = 101.0
    said: list[tuple[float, str]] = []
    for position, name, tone in sorted(marks, key=lambda mark: -mark[0]):
        place = x(position)
        parts.append(
            svg.element(
                "line",
                x1=svg.percent(place),
                x2=svg.percent(place),
                y1=18,
                y2="100%",
                class_="gapl",
                stroke_dasharray="2 3",
            )
        )
        parts.append(svg.element("circle", cx=svg.percent(place), cy=22, r=4, class_=f"x-{tone}"))
        label = f"{name} {position:,}"
        if free - place < 16 and said:  # it would lie over the one beside it
            said[-1] = (said[-1][0], f"{label} · {said[-1][1]}")
        else:
            said.append((place, label))
            free = place
    for place, label in said:
        anchor = "end" if place > 90 else "start" if place < 20 else "middle"
        parts.append(svg.element("text", label, x=svg.percent(place), y=12, text_anchor=anchor))
    return parts


def _group(group: Row, until: float, safe: float, y: int) -> list[Markup]:
    behind = bool(group["lag_events"])
    tone = "error" if group["state"] == "stopped" else "retrying" if behind else "success"
    width = svg.percent(max(until - _LEFT, 0.3))
    left = svg.percent(_LEFT)
    parts = [svg.element("text", group["group"], x=0, y=y + 11, class_="t-in")]
    if behind and safe > until:
        parts.append(
            svg.element(
                "rect", x=svg.percent(until), width=svg.percent(safe - until), y=y, height=14, fill="url(#hatch-future)"
            )
        )
    parts.append(svg.element("rect", x=left, width=width, y=y, height=14, rx=3, class_=f"f-{tone}"))
    parts.append(svg.element("rect", x=left, width=width, y=y, height=14, rx=3, fill="none", class_=f"s-{tone}"))
    text = state_of(group)
    if until > 60:
        parts.append(svg.element("text", text, x=svg.percent(until), dx=-8, y=y + 11, text_anchor="end"))
    else:
        parts.append(svg.element("text", text, x=svg.percent(until), dx=8, y=y + 11))
    return parts


def state_of(group: Row) -> str:
    """Return how far a group is, in words."""
    if group["state"] == "stopped":
        return "has stopped"
    if not group["lag_events"]:
        return "nothing to fold" + (f" · {group['parked']:,} parked" if group["parked"] else "")
    more = "" if group["lag_is_exact"] else "+"
    parked = f" · {group['parked']:,} parked" if group["parked"] else ""
    return f"{group['lag_events']:,}{more} events behind, the oldest {group['lag_seconds']:.0f} s{parked}"
