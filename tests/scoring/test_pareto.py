from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.scoring.pareto import (
    area,
    area_under_hull,
    by_cost,
    front,
    hull,
    hypervolume,
)
from tests.made import Floats

POINTS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda p: (p[0] / 4, p[1] / 20)),
    min_size=1,
    max_size=9,
)


def highest(points: list[tuple[float, float]], at: float) -> float:
    """By brute force: the best that mixing any two points reaches at a cost; -inf left of all."""
    best = max((q for c, q in points if c <= at), default=-np.inf)
    for c0, q0 in points:
        for c1, q1 in points:
            if c0 <= at < c1:
                best = max(best, q0 + (q1 - q0) * (at - c0) / (c1 - c0))
    return best


@given(POINTS)
def test_the_hull_is_what_mixing_two_points_reaches(points: list[tuple[float, float]]) -> None:
    cost, quality = np.array(points).T
    x, y = hull(cost, quality)
    for at in np.linspace(x[0], cost.max() + 1, 41):
        assert np.interp(at, x, y) == pytest.approx(highest(points, at), abs=1e-12)


@given(POINTS)
def test_the_hull_rises_and_bends_down(points: list[tuple[float, float]]) -> None:
    x, y = hull(*np.array(points).T)
    assert x[0] == min(cost for cost, _ in points)
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()
    slopes = np.diff(y) / np.diff(x)
    assert (np.diff(slopes) <= 1e-12).all()


@given(POINTS)
def test_no_point_lies_above_the_hull(points: list[tuple[float, float]]) -> None:
    cost, quality = np.array(points).T
    assert (np.interp(cost, *hull(cost, quality)) >= quality - 1e-12).all()


@given(st.integers(1, 8), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_many_hulls_at_once_are_each_their_own(n: int, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost, quality = rng.integers(0, 6, (2, rows, n)) / 5
    together = hull(cost, quality)
    for row in range(rows):
        x, y = hull(cost[row], quality[row])
        for whole, part in ((together[0][row], x), (together[1][row], y)):
            assert whole[: len(part)].tolist() == part.tolist()
            assert (whole[len(part) :] == part[-1]).all()


@given(POINTS, st.integers(0, 24), st.integers(0, 24))
def test_the_area_is_that_of_slices(
    points: list[tuple[float, float]], one: int, other: int
) -> None:
    x, y = by_cost(*np.array(sorted(points)).T)
    low, high = sorted((one, other))
    # every corner lies on an edge of a slice, so that the middle of each is exact
    middles = (np.arange(low, high) + 0.5) / 4
    heights = np.where(middles < x[0], 0, np.interp(middles, *distinct(x, y)))
    assert float(area(x, y, low / 4, high / 4)) == pytest.approx(heights.sum() / 4, abs=1e-6)


@given(POINTS, st.integers(0, 24), st.integers(0, 24))
def test_the_area_under_the_hull_is_that_under_its_corners(
    points: list[tuple[float, float]], one: int, other: int
) -> None:
    x, y = np.array(points).T
    low, high = sorted((one / 4, other / 4))
    expected = float(area(*hull(x, y), low, high))
    assert float(area_under_hull(x, y, low, high)) == pytest.approx(expected, abs=1e-12)
    both = area_under_hull(np.stack([x, x + 1]), np.stack([y, y]), low, high)
    assert both.shape == (2,)
    assert both[0] == pytest.approx(expected, abs=1e-12)


def distinct(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Points of one cost moved apart by next to nothing, in their order."""
    return x + np.arange(len(x)) * 1e-9, y


def test_areas_by_hand() -> None:
    x, y = np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.7, 0.3])
    assert area(x, y, 1, 2) == pytest.approx(0.6)
    assert area(x, y, 2, 4) == pytest.approx(1.0)
    assert area(x, y, 0, 1) == 0  # nothing to the left
    assert area(x, y, 4, 6) == pytest.approx(0.6)  # level to the right
    assert area(x, y, 3, 5) == pytest.approx(0.4 + 0.3)
    assert area(x[:1], y[:1], 0, 3) == pytest.approx(1.0)
    assert area([1.0, 1.0, 2.0], [0.1, 0.9, 0.9], 1, 2) == pytest.approx(0.9)  # a step
    both = area(np.stack([x, x]), np.stack([y, 2 * y]), np.array([1, 2]), np.array([2, 4]))
    np.testing.assert_allclose(both, [0.6, 2.0])


@given(POINTS, st.integers(1, 8))
def test_the_hypervolume_is_the_area_of_a_staircase(
    points: list[tuple[float, float]], limit: int
) -> None:
    edges = sorted({0.0, float(limit), *(c for c, _ in points if c < limit)})
    stairs = sum(
        (right - left) * max((q for c, q in points if c <= left), default=0.0)
        for left, right in pairwise(edges)
    )
    cost, quality = np.array(points).T
    assert hypervolume(cost, quality, limit) == pytest.approx(stairs, abs=1e-12)


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    def dominated(point: tuple[float, float]) -> bool:
        return any(c <= point[0] and q >= point[1] and (c, q) != point for c, q in points)

    kept = front(*np.array(points).T)
    assert kept.tolist() == [not dominated(point) for point in points]
