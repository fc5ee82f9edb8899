"""Draw an execution as a tree with time bars: nodes and attempts, pauses, log lines and child executions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from runfold.cli.durations import short

if TYPE_CHECKING:
    from runfold.reading.status import Row

_STYLES = {
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
_STATUS_WIDTH = 10
_TRY_WIDTH = 3
_TOOK_WIDTH = 9
_LEAST_BAR = 16

_RUNNING, _FAILED, _WAITING, _LOG = "━", "×", "░", "'"


@dataclass
class _Span:
    """A part of a line's bar: start, end (None: not ended yet), sign and colour."""

    start: float
    end: float | None
    sign: str
    style: str
    last: str | None = None


@dataclass
class _Line:
    label: str
    status: str
    took: int | None
    tries: str = ""
    spans: list[_Span] = field(default_factory=list)
    children: list[_Line] = field(default_factory=list)
    begins: float = 0.0


def render_timeline(found: Row, *, now: float, width: int, height: int | None = None) -> Text:
    """Draw the result of `read_execution` in `width` columns; bars of unfinished work end at `now` (epoch ms).

    One line for each node, pause and child execution: name, status, attempt, duration and a bar. In the bar, `━` is
    work, `×` a failed attempt, `░` a pause; `'` on the execution's line is a log line. A line without a time has no
    bar. If the tree is higher than `height`, the lines below succeeded nodes are left out, then the last lines.
    """
    root = _execution(found)
    lines = list(_walk(root))
    if height is not None and len(lines) + 1 > height:
        for line in root.children:
            line.children = [] if line.status == "SUCCESS" else line.children
        lines = list(_walk(root))
    left_out = 0 if height is None else max(len(lines) + 1 - height, 0)
    lines = lines[: len(lines) - left_out]
    labels = [prefix + line.label for prefix, line in lines]
    fixed = _STATUS_WIDTH + _TRY_WIDTH + _TOOK_WIDTH + 4
    label_width = min(max(map(len, labels)), max(width - fixed - _LEAST_BAR, 12), max(2 * width // 5, 20))
    bar_width = width - fixed - label_width
    scale = _Scale.of((line for _, line in lines), now, max(bar_width, 0))
    text = Text(no_wrap=True, overflow="crop")
    if bar_width >= _LEAST_BAR:
        text.append(" " * (width - bar_width)).append(scale.header(), style="dim").append("\n")
    for label, (_, line) in zip(labels, lines, strict=True):
        sign, word, style = _STYLES.get(line.status, ("?", line.status.lower(), ""))
        text.append(_fit(label, label_width) + " ")
        text.append(f"{sign} {word}".ljust(_STATUS_WIDTH) + " ", style=style)
        text.append(line.tries.ljust(_TRY_WIDTH) + " ", style="yellow" if line.tries else "")
        text.append((short(line.took) or "").rjust(_TOOK_WIDTH) + " ", style="dim")
        if bar_width >= _LEAST_BAR:
            text.append(scale.bar(line.spans))
        text.rstrip()
        text.append("\n")
    if left_out:
        text.append(f"… {left_out} more lines", style="dim")
    text.rstrip()
    return text


def _execution(found: Row) -> _Line:
    began, ended, style = found["start_time"], found["end_time"], _style(found["status"])
    root = _Line(found["workflow"] or found["execution_id"], found["status"], found["duration_ms"])
    if began is not None:
        root.spans.append(_Span(began, ended, _RUNNING, style))
    root.spans += [_Span(_ms(line["created_at"]), _ms(line["created_at"]), _LOG, "bold") for line in found["logs"]]
    attempts: dict[str, list[Row]] = {}
    for row in found["attempts"]:
        attempts.setdefault(row["activation"], []).append(row)
    lines = {row["id"]: _node(row, attempts.get(row["activation"], [])) for row in found["nodes"]}
    named: dict[str, _Line] = {}
    for row in found["nodes"]:
        parent = lines.get(row["parent_id"], root) if row["parent_id"] != row["id"] else root
        parent.children.append(lines[row["id"]])
        named[row["node_id"]] = lines[row["id"]]
    for row in found["pauses"]:
        _add_pause(named.get(row["paused_node_id"], root), row)
    for row in found["children"]:
        child = _Line(f"▸ {row['workflow'] or row['execution_id']}", row["status"], row["duration_ms"])
        child.begins = _ms(row["created_at"])
        if row["start_time"] is not None:
            child.spans.append(_Span(row["start_time"], row["end_time"], _RUNNING, _style(row["status"])))
        _insert(root.children, child)
    return root


def _node(row: Row, attempts: Sequence[Row]) -> _Line:
    line = _Line(row["activation"], row["status"], row["duration_ms"], begins=_begin(row))
    if row["retry_count"]:
        line.tries = f"{row['retry_count'] + 1}/{row['max_retries'] + 1}"
    style = _style(row["status"])
    open_from: float | None = None if attempts else row["start_time"]
    for attempt in attempts:
        if attempt["started"]:
            open_from = attempt["at"]
        elif open_from is not None:
            line.spans.append(_Span(open_from, attempt["at"], _RUNNING, "red", last=_FAILED))
            open_from = None
    if open_from is not None:
        line.spans.append(
            _Span(open_from, row["end_time"], _RUNNING, style, last=_FAILED if row["status"] == "ERROR" else None)
        )
    return line


def _add_pause(line: _Line, row: Row) -> None:
    began = _ms(row["paused_at"])
    ended = _ms(row["resumed_at"] or row["updated_at"]) if row["status"] != "active" else None
    span = _Span(began, ended, _WAITING, "magenta")
    line.spans.append(span)
    took = None if ended is None else max(int(ended - began), 0)
    line.children.append(_Line(f"‖ {row['pause_reason']}", row["status"], took, spans=[span], begins=began))


def _insert(lines: list[_Line], new: _Line) -> None:
    """Insert a line before the first one that began later."""
    at = next((number for number, line in enumerate(lines) if line.begins > new.begins), len(lines))
    lines.insert(at, new)


def _walk(line: _Line, guides: str = "", mark: str = "") -> Iterator[tuple[str, _Line]]:
    yield guides + mark, line
    below = guides + ("" if not mark else "   " if mark == "└─ " else "│  ")
    for number, child in enumerate(line.children, 1):
        yield from _walk(child, below, "└─ " if number == len(line.children) else "├─ ")


@dataclass(frozen=True)
class _Scale:
    """Converts times to columns."""

    began: float
    ended: float
    width: int

    @classmethod
    def of(cls, lines: Iterable[_Line], now: float, width: int) -> _Scale:
        spans = [span for line in lines for span in line.spans]
        began = min((span.start for span in spans), default=now)
        ended = max((now if span.end is None else span.end for span in spans), default=now)
        return cls(began, max(ended, began + 1), width)

    def column(self, time: float) -> int:
        share = (time - self.began) / (self.ended - self.began)
        return min(max(int(share * self.width), 0), self.width - 1)

    def header(self) -> str:
        """Return the header of the scale: its ends, and round times between them where there is room."""
        line = [" "] * self.width
        total = self.ended - self.began
        end = short(int(total)) or ""
        step = next((size for size in _steps() if size / total * self.width >= 10), total)
        times = [number * step for number in range(int(total // step) + 1)]
        for time in times:
            at, label = self.column(self.began + time), (short(int(time)) if time else "0") or ""
            if at + len(label) < self.width - len(end) - 1:
                line[at : at + len(label)] = label
        line[self.width - len(end) :] = end
        return "".join(line[: self.width])

    def bar(self, spans: Iterable[_Span]) -> Text:
        """Return a bar of these spans, later ones over earlier ones; even the shortest has one column."""
        cells: list[tuple[str, str]] = [(" ", "")] * self.width
        for span in spans:
            first = self.column(span.start)
            last = max(self.column(self.ended if span.end is None else span.end), first)
            cells[first : last + 1] = [(span.sign, span.style)] * (last + 1 - first)
            if span.last is not None:
                cells[last] = (span.last, f"bold {span.style}")
        text = Text()
        for sign, style in cells:
            text.append(sign, style=style)
        return text


def _steps() -> Iterator[float]:
    """Yield round durations in ms, ascending."""
    size = 1
    while size < 1000:
        yield from (size, 2 * size, 5 * size)
        size *= 10
    yield from (
        1000 * seconds for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200)
    )
    days = 1
    while True:
        yield 86_400_000 * days
        days *= 2


def _style(status: str) -> str:
    return _STYLES.get(status, ("", "", ""))[2]


def _begin(row: Row) -> float:
    return float(row["start_time"]) if row["start_time"] is not None else _ms(row["created_at"])


def _ms(time: datetime) -> float:
    return time.timestamp() * 1000


def _fit(label: str, width: int) -> str:
    return label.ljust(width) if len(label) <= width else label[: width - 1] + "…"
