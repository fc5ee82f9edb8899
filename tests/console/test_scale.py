"""The axis of a timeline is monotone, stays inside, and folds what nothing happened in."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from runfold.console.bars import bars, concurrency, density
from runfold.console.scale import MOST_FOLDS, Scale, merged_spans

TIMES = st.integers(min_value=0, max_value=3_000_000_000_000)
SPANS = st.lists(st.tuples(TIMES, TIMES), max_size=30)


@given(TIMES, TIMES, SPANS, st.lists(TIMES, max_size=20), st.booleans())
def test_places_are_monotone_and_inside(
    a: int, b: int, busy: list[tuple[int, int]], asked: list[int], linear: bool
) -> None:
    scale = Scale.of(a, b, busy, linear=linear)
    places = [scale.x(time) for time in sorted(asked)]
    assert all(math.isfinite(place) and 0 <= place <= 100 for place in places)
    assert places == sorted(places)
    assert scale.x(scale.start) == 0
    assert scale.x(scale.end) == 100


@given(TIMES, TIMES, SPANS)
def test_pieces_follow_each_other_and_folds_add_up(a: int, b: int, busy: list[tuple[int, int]]) -> None:
    scale = Scale.of(a, b, busy)
    for left, right in zip(scale.pieces, scale.pieces[1:], strict=False):
        assert left.end == right.start
        assert left.right == right.left
    assert scale.pieces[0].left == 0
    assert scale.pieces[-1].right == 100
    assert len(scale.folds) <= MOST_FOLDS
    shown = sum(piece.end - piece.start for piece in scale.pieces)
    assert math.isclose(shown, max(b, a + 1) - a, rel_tol=1e-9)


@given(TIMES, TIMES, SPANS)
def test_nothing_busy_is_folded_away(a: int, b: int, busy: list[tuple[int, int]]) -> None:
    scale = Scale.of(a, b, busy)
    for begin, end in busy:
        left, right = max(begin, scale.start), min(max(begin, end), scale.end)
        assert all(right <= fold.start or left >= fold.end for fold in scale.folds if left <= right)


@given(TIMES, TIMES)
def test_ticks_are_few_and_inside(a: int, b: int) -> None:
    ticks = list(Scale.of(a, b, []).ticks())
    assert len(ticks) <= 9
    assert all(0 <= place <= 100 and ms > 0 for place, ms in ticks)


def test_two_hours_of_waiting_between_seconds_of_work_are_folded() -> None:
    scale = Scale.of(0, 7_260_000, [(0, 30_000), (7_230_000, 7_260_000)])
    (fold,) = scale.folds
    assert fold.end - fold.start > 7_190_000
    assert scale.x(30_000) > 45
    assert Scale.of(0, 7_260_000, [(0, 30_000), (7_230_000, 7_260_000)], linear=True).folds == []


def test_spans_that_touch_become_one() -> None:
    assert merged_spans([(5, 7), (1, 3), (3, 4), (6, 9)]) == [(1, 4), (5, 9)]


@given(st.lists(st.tuples(TIMES, TIMES, st.booleans()), max_size=20))
def test_concurrency_has_no_more_than_there_are(spans: list[tuple[int, int, bool]]) -> None:
    columns = concurrency(spans)
    assert all(0 <= running <= len(spans) for *_, running, _ in columns)
    if spans:
        assert max(running for *_, running, _ in columns) >= 1
        assert sum(failed for *_, failed in columns) <= sum(failed for *_, failed in spans)


@given(TIMES, TIMES, TIMES, TIMES)
def test_drawings_have_no_number_that_is_none(a: int, b: int, start: int, end: int) -> None:
    scale = Scale.of(a, b, [(start, end)])
    drawn = str(density(concurrency([(start, end, True)]), scale)) + str(
        bars({"status": "ERROR", "node_id": "n"}, [], [], scale, now=b, queued=a)
    )
    assert "nan" not in drawn
    assert "inf" not in drawn
