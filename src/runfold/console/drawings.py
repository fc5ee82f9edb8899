"""The drawings above and behind a timeline: the axis, its grid, the slider's ticks, the lane of the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from runfold.console import svg
from runfold.console.scale import Scale
from runfold.console.words import clock, epoch_ms, took, visible

Row = dict[str, Any]

_TONES = (
    ("AttemptFailed", "retrying"),
    ("Failed", "error"),
    ("TimedOut", "timeout"),
    ("Canceled", "canceled"),
    ("Skipped", "idle"),
    ("Retr", "retrying"),
    ("Pause", "waiting"),
    ("Waiting", "waiting"),
    ("Human", "waiting"),
    ("Succeeded", "success"),
    ("Started", "running"),
)
_TALL = frozenset({"error", "timeout", "retrying", "waiting"})


def tone_of_event(type_: str) -> str:
    """Return the colour of an event type."""
    return next((tone for part, tone in _TONES if part in type_), "idle")


def ticks(bins: Sequence[tuple[int, int, str]], last: int, chosen: int | None) -> Markup:
    """Return the slider's marks: for each bin its first event, its last, and a tone; with the knob at an event."""
    if not last:
        return Markup("")
    marks = []
    for first, until, tone in bins:
        place = ((first + until) / 2 - 0.5) / last * 100
        later = chosen is not None and first > chosen
        marks.append(
            svg.element(
                "line",
                x1=svg.percent(place),
                x2=svg.percent(place),
                y1=4 if tone in _TALL else 10,
                y2=22,
                class_=f"s-{tone}",
                stroke_width=3 if len(bins) <= 160 else 1.6,
                stroke_opacity=0.3 if later else 0.95,
            )
        )
    knob = svg.joined(
        [
            svg.element("path", d="M-4.5 0h9v4.5L0 9l-4.5-4.5z", fill="var(--text)"),
            svg.element("path", d="M0 8V26", stroke="var(--text)", stroke_width=1.5),
        ]
    )
    at = ((last if chosen is None else chosen) - 0.5) / last * 100
    marks.append(svg.element("svg", knob, x=svg.percent(at), width=1, height=26, overflow="visible"))
    return svg.joined(marks)


def axis(scale: Scale) -> Markup:
    """Return the axis: where each piece begins, round times after that, and how long each fold is."""
    parts: list[Markup] = []
    for fold in scale.folds:
        middle = (fold.left + fold.right) / 2
        anchor = "end" if middle > 93 else "start" if middle < 7 else "middle"
        parts.append(
            svg.element(
                "text", took(fold.end - fold.start), x=svg.percent(middle), y=13, text_anchor=anchor, class_="t-in"
            )
        )
        wave = svg.element("path", d="M-14 23l4-3 4 6 4-6 4 6 4-6 4 3", class_="gapl")
        parts.append(svg.element("svg", wave, x=svg.percent(middle), width=1, overflow="visible"))
    free = 0.0
    for place, ms in [(0.0, 0.0), *scale.ticks()]:
        parts.append(svg.element("line", x1=svg.percent(place), x2=svg.percent(place), y1=20, y2=30, class_="grid"))
        beside = any(fold.left - 7 < place < fold.right for fold in scale.folds)
        if place >= free and place < 94 and not (ms and beside):
            label = clock(scale.start) if not ms else f"+{took(ms).replace('.0 s', ' s')}"
            parts.append(svg.element("text", label, x=svg.percent(place), y=27, dx=4))
            free = place + 11
    return svg.joined(parts)


def backdrop(scale: Scale, *, future_from: float | None = None) -> Markup:
    """Return what is behind the rows: the grid, the folds, and what was still to come at a moment of the past."""
    parts = [_upright(place, "grid", opacity=0.7) for place, _ in [(0.0, 0.0), *scale.ticks()]]
    for fold in scale.folds:
        place = {"x": svg.percent(fold.left), "width": svg.percent(fold.right - fold.left)}
        parts.append(svg.element("rect", **place, y=0, height="100%", class_="gap", fill_opacity=0.6))
        parts += [_upright(edge, "gapl", dashes="2 3") for edge in (fold.left, fold.right)]
    if future_from is not None:
        left = scale.x(future_from)
        parts.append(
            svg.element(
                "rect",
                x=svg.percent(left),
                width=svg.percent(100 - left),
                y=0,
                height="100%",
                fill="url(#hatch-future)",
            )
        )
        parts.append(_upright(left, "now"))
    return svg.joined(parts)


def log_lane(lines: Iterable[Row], scale: Scale) -> Markup:
    """Return a tick for each line of the log, tall and coloured where it warns."""
    parts = []
    for line in lines:
        place = svg.percent(scale.x(epoch_ms(line["created_at"])))
        level = str(line["level"]).upper()
        tone = "error" if level in ("ERROR", "CRITICAL") else "retrying" if level.startswith("WARN") else "idle"
        parts.append(
            svg.element(
                "line",
                svg.element("title", visible(line["message"], 160)),
                x1=place,
                x2=place,
                y1=10 if tone == "idle" else 8,
                y2=18,
                class_=f"s-{tone}",
                stroke_width=2,
                stroke_linecap="round",
            )
        )
    return svg.joined(parts)


def log_bar(duration_ms: float | None, tone: str) -> Markup:
    """Return the bar of a duration in a list: the logarithm of it, from a hundredth of a second to a week."""
    import math

    share = 0.0 if not duration_ms or duration_ms <= 0 else math.log10(max(duration_ms, 10) / 10) / 7.8
    width = round(46 * min(max(share, 0.04), 1.0), 1)
    return svg.joined(
        [
            svg.element("rect", x=0, y=3, width=46, height=6, rx=3, class_="f-idle", fill_opacity=0.5),
            svg.element("rect", x=0, y=3, width=width, height=6, rx=3, class_=f"x-{tone}", fill_opacity=0.65),
        ]
    )


def _upright(place: float, class_: str, *, opacity: float | None = None, dashes: str | None = None) -> Markup:
    return svg.element(
        "line",
        x1=svg.percent(place),
        x2=svg.percent(place),
        y1=0,
        y2="100%",
        class_=class_,
        stroke_opacity=opacity,
        stroke_dasharray=dashes,
    )
