"""Draw an execution as a tree with time bars: nodes and attempts, pauses, log lines and child executions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from runfold.cli.durations import short
from runfold.cli.printable import printable
from runfold.cli.tree import STYLES, Line, Span, build_tree, shorten, walk

if TYPE_CHECKING:
    from runfold.reading.status import Row

_STATUS_WIDTH = 10
_TRY_WIDTH = 3
_TOOK_WIDTH = 9
_LEAST_BAR = 16


def render_timeline(found: Row, *, now: float, width: int, height: int | None = None) -> Text:
    """Draw the result of `read_execution` in `width` columns; bars of unfinished work end at `now` (epoch ms).

    One line for each node, pause and child execution: name, status, attempt, duration and a bar. In the bar, `━` is
    work, `×` a failed attempt, `░` a pause; `'` on the execution's line is a log line. A line without a time has no
    bar. If the tree is higher than `height`, the lines below succeeded nodes are left out, then the last lines.
    """
    root = build_tree(found)
    lines = list(walk(root))
    complete = len(lines)
    if height is not None and len(lines) + 1 > height:
        for line in root.children:
            line.children = [] if line.status == "SUCCESS" else line.children
        lines = list(walk(root))[: max(height - 1, 0)]
    left_out = complete - len(lines)
    fixed = _STATUS_WIDTH + _TRY_WIDTH + _TOOK_WIDTH + 4
    most = min(max(width - fixed - _LEAST_BAR, 12), max(2 * width // 5, 20))
    labels = [printable(prefix + line.label).replace("\n", " ") for prefix, line in shorten(lines, most)]
    label_width = min(max(map(cell_len, labels), default=0), most)
    bar_width = width - fixed - label_width
    scale = _Scale.of((line for *_, line in lines), now, max(bar_width, 0))
    text = Text(no_wrap=True, overflow="crop")
    if bar_width >= _LEAST_BAR:
        text.append(" " * (width - bar_width)).append(scale.header(), style="dim").append("\n")
    for number, (label, (*_, line)) in enumerate(zip(labels, lines, strict=True)):
        text.append("\n" if number else "").append_text(_drawn(line, label, label_width))
        if bar_width >= _LEAST_BAR:
            # Only the new end is stripped: `Text.rstrip` looks at all lines above.
            bar = scale.bar(line.spans)
            bar.rstrip()
            text.append_text(bar)
    if left_out:
        text.append(f"\n… {left_out:,} more lines", style="dim")
    text.rstrip()
    return text


def _drawn(line: Line, label: str, label_width: int) -> Text:
    """Return a line without its bar: name, status, attempt and duration."""
    sign, word, style = STYLES.get(line.status, ("?", line.status.lower(), ""))
    text = Text(_fit(label, label_width) + " ")
    text.append(f"{sign} {word}".ljust(_STATUS_WIDTH) + " ", style=style)
    text.append(line.tries.ljust(_TRY_WIDTH) + " ", style="yellow" if line.tries else "")
    text.append((short(line.took) or "").rjust(_TOOK_WIDTH) + " ", style="dim")
    return text


@dataclass(frozen=True)
class _Scale:
    """Converts times to columns."""

    began: float
    ended: float
    width: int

    @classmethod
    def of(cls, lines: Iterable[Line], now: float, width: int) -> _Scale:
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

    def bar(self, spans: Iterable[Span]) -> Text:
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


def _fit(label: str, width: int) -> str:
    """Return the label in exactly this many columns of a terminal; one that is longer ends with `…`."""
    return set_cell_size(label, width) if cell_len(label) <= width else set_cell_size(label, width - 1) + "…"
