"""The bars of a timeline's rows: pure functions from an outline's rows to drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from runfold.console import svg
from runfold.console.scale import Scale
from runfold.console.words import ENDED, epoch_ms, sign, took, visible

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a node: when it began, when it ended (None: it runs), its error if it failed."""

    start: float
    end: float | None
    error: str | None = None


def attempts_of(node: Row, events: Sequence[Row]) -> list[Attempt]:
    """Return the tries of a node; without events of its attempts it has the one that its row tells."""
    if node["start_time"] is None:
        return []
    found: list[Attempt] = []
    began: float | None = None
    for event in events:
        if event["started"]:
            if began is not None:
                found.append(Attempt(began, max(event["at"], began)))
            began = event["at"]
        elif began is not None:
            found.append(Attempt(began, max(event["at"], began), message_of(event["error_data"])))
            began = None
    if began is None and not found:
        began = node["start_time"]
    if began is not None:
        end = node["end_time"] if node["status"] in ENDED else None
        failed = message_of(node.get("error_data")) or node.get("error_message") if node["status"] == "ERROR" else None
        if node["status"] == "ERROR" and failed is None:
            failed = "failed"
        found.append(Attempt(began, None if end is None else max(end, began), failed))
    elif node["status"] == "ERROR" and node["end_time"] is not None and found[-1].error is None:
        found[-1] = Attempt(found[-1].start, found[-1].end, "failed")
    return found


def message_of(error: Any) -> str | None:
    """Return the message in an error's data, or the data as a text."""
    if error is None:
        return None
    if isinstance(error, dict):
        for name in ("message", "error", "reason", "type", "code"):
            if error.get(name):
                return str(error[name])
    return str(error)


def bars(
    node: Row, attempts: Sequence[Attempt], pauses: Sequence[Row], scale: Scale, *, now: float, queued: float | None
) -> Markup:
    """Return the drawing of a node: queueing, tries with the back-off between them, pauses, and what to say beside."""
    if not attempts:
        return Markup("")
    tone = sign(node["status"]).tone
    parts: list[Markup] = []
    if queued is not None and scale.x(attempts[0].start) - scale.x(queued) > 0.5:
        parts.append(_queue(scale, queued, attempts[0].start))
    for number, attempt in enumerate(attempts, 1):
        parts.append(_attempt(attempt, number, tone, scale, now))
        if number < len(attempts) and attempt.end is not None:
            begin, end = scale.x(attempt.end), scale.x(max(attempts[number].start, attempt.end))
            if end > begin:
                parts.append(svg.line(begin, end, "retrying", width=1.5, dashes="2 3"))
    parts += [_pause(pause, scale, now) for pause in pauses]
    left = scale.x(attempts[0].start)
    right = scale.x(_end(attempts[-1], now))
    if said := _beside(node, attempts, pauses, now):
        parts.append(svg.text(left if right > 55 else right, said[0], before=right > 55, class_=said[1]))
    return svg.joined(parts)


def child_bar(child: Row, scale: Scale, *, now: float) -> Markup:
    """Return the dashed pill of a child execution."""
    begin = child["start_time"] or epoch_ms(child["created_at"])
    end = child["end_time"] if child["status"] in ENDED and child["end_time"] else now
    left, right = scale.x(begin), scale.x(max(end, begin))
    tone = sign(child["status"]).tone
    place: dict[str, svg.Value] = {
        "x": svg.percent(left),
        "width": svg.percent(max(right - left, 0.18)),
        "y": 7,
        "height": 14,
        "rx": 7,
    }
    return svg.joined(
        [
            svg.element("rect", None, **place, class_=f"f-{tone}"),
            svg.element(
                "rect", None, **place, fill="none", class_=f"s-{tone}", stroke_width=1.2, stroke_dasharray="4 2"
            ),
            svg.text(left if right > 80 else right, "child run", before=right > 80),
        ]
    )


def density(columns: Sequence[tuple[float, float, int, int]], scale: Scale) -> Markup:
    """Return the concurrency of many nodes as two paths, what failed in front, and how many ran at once at most.

    A column is its begin and end (epoch ms), how many ran in it, and how many failed in it.
    """
    most = max((running for *_, running, _ in columns), default=0)
    if not most:
        return Markup("")
    ran, failed = [], []
    for begin, end, running, bad in columns:
        left, right = scale.x(begin), scale.x(end)
        if right <= left:
            continue
        height = max(18 * running / most, 1.2) if running or bad else 0
        shape = f"M{left:.2f} 24V{24 - height:.1f}H{right:.2f}V24z"
        if bad:
            failed.append(f"M{left:.2f} 24V4H{max(right, left + 0.4):.2f}V24z")
        elif height:
            ran.append(shape)
    paths = [svg.element("path", d="".join(ran), class_="x-success", fill_opacity=0.55)] if ran else []
    paths += [svg.element("path", d="".join(failed), class_="x-error")] if failed else []
    # The drawing's own units are percents of the width, whatever that is.
    drawn = svg.element(
        "svg", svg.joined(paths), viewBox="0 0 100 28", preserveAspectRatio="none", width="100%", height=28
    )
    end = scale.x(max(column[1] for column in columns))
    label = f"up to {most:,} at once"
    return svg.joined([drawn, svg.text(end, label, before=False)]) if end < 80 else drawn


def concurrency(spans: Iterable[tuple[float, float, bool]], parts: int = 80) -> list[tuple[float, float, int, int]]:
    """Return the columns of `density` for spans: their begin, end, and whether they failed."""
    known = sorted((a, max(a, b), failed) for a, b, failed in spans)
    if not known:
        return []
    start, end = known[0][0], max(b for _, b, _ in known)
    width = max(end - start, 1.0) / parts
    found = []
    for number in range(parts):
        left, right = start + number * width, start + (number + 1) * width
        running = sum(a < right and (b > left or (a == b and a >= left)) for a, b, _ in known)
        bad = sum(failed and left < b <= right for _, b, failed in known)
        found.append((left, right, running, bad))
    return found


def columns_of(family: Row, parts: int) -> list[tuple[float, float, int, int]]:
    """Return the columns of `density` for a family's figures."""
    if family["began"] is None or family["ended"] is None:
        return []
    by_part = {part: (begun, over, failed) for part, begun, over, failed in family["density"]}
    width = (family["ended"] + 1 - family["began"]) / parts
    running = 0
    found = []
    for part in range(parts):
        begun, over, failed = by_part.get(part, (0, 0, 0))
        running += begun
        found.append((family["began"] + part * width, family["began"] + (part + 1) * width, running, failed))
        running -= over
    return found


def _attempt(attempt: Attempt, number: int, tone: str, scale: Scale, now: float) -> Markup:
    end = _end(attempt, now)
    title = f"attempt {number}: {took(end - attempt.start)}"
    if attempt.error is not None:
        title += f" · failed: {visible(attempt.error, 200)}"
        return svg.box(scale.x(attempt.start), scale.x(end), "error", title=title, fill="url(#hatch-error)")
    if attempt.end is not None and attempt.end == attempt.start:
        return svg.diamond(scale.x(attempt.start), tone, title=f"attempt {number}, in an instant")
    return svg.box(scale.x(attempt.start), scale.x(end), tone, title=title)


def _pause(pause: Row, scale: Scale, now: float) -> Markup:
    begin, end = pause_span(pause, now)
    return svg.box(
        scale.x(begin), scale.x(end), "waiting", title=f"waited {took(end - begin)}", fill="url(#hatch-waiting)"
    )


def pause_span(pause: Row, now: float) -> tuple[float, float]:
    """Return when a pause began, and when it ended or `now`."""
    begin = epoch_ms(pause["paused_at"])
    end = now if pause["status"] == "active" else epoch_ms(pause["resumed_at"] or pause["updated_at"])
    return begin, max(end, begin)


def _queue(scale: Scale, since: float, until: float) -> Markup:
    return svg.line(scale.x(since), scale.x(until), "idle", width=1, dashes="1 3", opacity=0.3)


def _end(attempt: Attempt, now: float) -> float:
    return max(now, attempt.start) if attempt.end is None else attempt.end


def _beside(node: Row, attempts: Sequence[Attempt], pauses: Sequence[Row], now: float) -> tuple[str, str] | None:
    if pauses:
        begin, end = pause_span(pauses[-1], now)
        if pauses[-1]["status"] == "active":
            return f"waited {took(end - begin)} so far", "w"
        by = pauses[-1].get("resume_trigger")
        return f"waited {took(end - begin)}" + (f" · {visible(by, 40)}" if by else ""), "w"
    if node["status"] == "ERROR" and attempts[-1].error not in (None, "failed"):
        return visible(attempts[-1].error, 80), "m"
    return None
