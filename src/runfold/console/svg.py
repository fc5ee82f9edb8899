"""Drawings by the server: every text and number of data goes through `element`, which escapes it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from markupsafe import Markup, escape

from runfold.console.words import visible

Value = str | float | int | None


def element(name: str, content: str | Markup | None = None, /, **attributes: Value) -> Markup:
    """Return an element; `_` in a name of an attribute is `-`, a final one is dropped, None leaves it out."""
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is not None:
            parts.append(f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"')
    if content is None:
        return Markup("".join(parts) + "/>")
    inner = content if isinstance(content, Markup) else escape(visible(content))
    return Markup("".join(parts) + f">{inner}</{name}>")


def joined(parts: Iterable[Markup]) -> Markup:
    """Return elements one after the other."""
    return Markup("").join(parts)


def percent(place: float) -> str:
    """Return a place as a percentage of at most three decimals, never outside of 0 to 100."""
    kept = min(max(place, 0.0), 100.0) if math.isfinite(place) else 0.0
    return f"{kept:.3f}".rstrip("0").rstrip(".") + "%"


def box(left: float, right: float, tone: str, *, title: str, fill: str | None = None, round_: float = 2.5) -> Markup:
    """Return a bar of a timeline's row with its outline and its tooltip; it is at least a hair wide."""
    place: dict[str, Value] = {
        "x": percent(left),
        "width": percent(max(right - left, 0.18)),
        "y": 7,
        "height": 14,
        "rx": round_,
    }
    filled = element("rect", None, **place, class_=None if fill else f"f-{tone}", fill=fill)
    outline = element("rect", None, **place, fill="none", class_=f"s-{tone}", stroke_width=1.2)
    return element("g", joined([element("title", title), filled, outline]))


def line(left: float, right: float, tone: str, *, width: float, dashes: str, opacity: float | None = None) -> Markup:
    """Return a dotted line in the middle of a row."""
    return element(
        "line",
        x1=percent(left),
        x2=percent(right),
        y1=14,
        y2=14,
        class_=f"s-{tone}",
        stroke_width=width,
        stroke_dasharray=dashes,
        stroke_opacity=opacity,
    )


def text(place: float, content: str, *, before: bool, class_: str | None = None) -> Markup:
    """Return a text right of a place, or left of it."""
    return element(
        "text",
        content,
        x=percent(place),
        y=18,
        dx=-6 if before else 6,
        class_=class_,
        text_anchor="end" if before else None,
    )


def diamond(place: float, tone: str, *, title: str) -> Markup:
    """Return the mark of an instant."""
    mark = element("path", d="M0 8.5L5.5 14 0 19.5-5.5 14z", class_=f"f-{tone} s-{tone}", stroke_width=1.2)
    return element("svg", joined([element("title", title), mark]), x=percent(place), width=1, height=28)


def _text(value: str | float | int) -> str:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"
    return str(value)
