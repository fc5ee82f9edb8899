"""Times to places on an axis: pure functions, in percent, with long stretches of waiting folded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

MOST_FOLDS = 8
FOLD_PERCENT = 4.2
_LEAST_FOLD_MS = 1000.0
_TICKS = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the axis, from a time to a time and from a place to a place; a folded one has a fixed width."""

    start: float
    end: float
    left: float
    right: float
    folded: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis of pieces that follow each other without a gap, from 0 to 100 percent."""

    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, start: float, end: float, busy: Iterable[tuple[float, float]], *, linear: bool = False) -> Scale:
        """Return the axis from `start` to `end` (epoch ms); stretches without anything busy are folded, 8 at most.

        A stretch is folded if it is longer than all that is busy together, and than a second.
        """
        end = max(end, start + 1)
        merged = merged_spans((max(a, start), min(max(a, b), end)) for a, b in busy if a <= end and max(a, b) >= start)
        gaps = [] if linear else _folds(start, end, merged)
        width = min(FOLD_PERCENT, 40 / len(gaps)) if gaps else 0.0
        shown = end - start - sum(b - a for a, b in gaps)
        per_ms = (100 - width * len(gaps)) / shown if shown > 0 else 0.0
        pieces: list[Piece] = []
        at, place = start, 0.0
        for a, b in [*gaps, (end, end)]:
            if a > at:
                right = place + (a - at) * per_ms
                pieces.append(Piece(at, a, place, min(right, 100.0), folded=False))
                place = min(right, 100.0)
            if b > a:
                pieces.append(Piece(a, b, place, min(place + width, 100.0), folded=True))
                place = min(place + width, 100.0)
            at = b
        last = pieces[-1]
        pieces[-1] = Piece(last.start, last.end, last.left, 100.0, last.folded)
        return cls(tuple(pieces))

    @property
    def start(self) -> float:
        """The first time of the axis."""
        return self.pieces[0].start

    @property
    def end(self) -> float:
        """The last time of the axis."""
        return self.pieces[-1].end

    @property
    def folds(self) -> list[Piece]:
        """The folded stretches."""
        return [piece for piece in self.pieces if piece.folded]

    def x(self, time: float) -> float:
        """Return the place of a time in percent; what is off the axis is at its end."""
        if time <= self.start:
            return 0.0
        if time >= self.end:
            return 100.0
        piece = self.pieces[bisect_right([each.start for each in self.pieces], time) - 1]
        share = (time - piece.start) / (piece.end - piece.start)
        return piece.left + share * (piece.right - piece.left)

    def ticks(self) -> Iterator[tuple[float, float]]:
        """Yield about eight round times after the beginning of their piece: the place, and the milliseconds."""
        shown = sum(piece.end - piece.start for piece in self.pieces if not piece.folded)
        step = next(size for size in _steps() if shown / size <= _TICKS)
        for piece in self.pieces:
            if piece.folded:
                continue
            number = 1
            while piece.start + number * step < piece.end:
                yield self.x(piece.start + number * step), number * step
                number += 1


def merged_spans(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return spans that do not touch each other, in order, which cover what these cover."""
    found: list[tuple[float, float]] = []
    for a, b in sorted(spans):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], b))
        else:
            found.append((a, b))
    return found


def _folds(start: float, end: float, busy: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the stretches to fold, in order; a margin of what is busy is left on both sides."""
    if not busy:
        return []
    total = sum(b - a for a, b in busy)
    margin = max(total * 0.02, 1.0)
    edges = [(start, start), *busy, (end, end)]
    gaps = [(a[1] + margin, b[0] - margin) for a, b in pairwise(edges)]
    long = [gap for gap in gaps if gap[1] - gap[0] > max(total, _LEAST_FOLD_MS)]
    long.sort(key=lambda gap: gap[0] - gap[1])
    return sorted(long[:MOST_FOLDS])


def _steps() -> Iterator[float]:
    size = 1.0
    while size < 1000:
        yield from (size, 2 * size, 5 * size)
        size *= 10
    yield from (1000 * s for s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 43_200))
    days = 1
    while True:
        yield 86_400_000.0 * days
        days *= 2
