"""Interleaved rounds, medians, and the report of a bench."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table


def interleaved(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure the sides in turns (A B A B …), so that other work of the machine affects all of them."""
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            measured[name].append(measure())
    return measured


@dataclass(frozen=True)
class Ratio:
    """A promised figure: a ratio, its spread over the rounds, and the expected value."""

    name: str
    value: float
    lowest: float
    highest: float
    expected: float | None = None
    at_most: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        over: Sequence[float],
        under: Sequence[float],
        *,
        expected: float | None = None,
        at_most: bool = False,
    ) -> Ratio:
        """Return the ratio of two medians; its spread is that of the single rounds."""
        each = [a / b for a, b in zip(over, under, strict=True)]
        return cls(name, median(over) / median(under), min(each), max(each), expected, at_most)

    @property
    def met(self) -> bool | None:
        if self.expected is None:
            return None
        return self.value <= self.expected if self.at_most else self.value >= self.expected


def report(bench: str, ratios: Iterable[Ratio], facts: Mapping[str, Any]) -> None:
    """Print one table for people, and one JSON line for scripts."""
    ratios = list(ratios)
    table = Table(title=f"bench.{bench}", box=None, pad_edge=False, header_style="bold", title_justify="left")
    for column in ("ratio", "median", "lowest", "highest", "expected", "met"):
        table.add_column(column, justify="left" if column == "ratio" else "right")
    for ratio in ratios:
        bound = "" if ratio.expected is None else f"{'≤' if ratio.at_most else '≥'} {ratio.expected:g}"
        met = {None: "", True: "yes", False: "NO"}[ratio.met]
        figures = (f"{figure:.3g}" for figure in (ratio.value, ratio.lowest, ratio.highest))
        table.add_row(ratio.name, *figures, bound, met)
    console = Console(width=120)
    console.print(table)
    for name, fact in facts.items():
        console.print(f"  {name}: {fact:,.4g}" if isinstance(fact, float) else f"  {name}: {fact}", highlight=False)
    line = {
        "bench": bench,
        "ratios": {ratio.name: round(ratio.value, 4) for ratio in ratios},
        "met": {ratio.name: ratio.met for ratio in ratios if ratio.met is not None},
        "facts": dict(facts),
    }
    print(orjson.dumps(line).decode(), flush=True)
