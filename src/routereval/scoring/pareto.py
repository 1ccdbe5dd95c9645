"""Curves in the cost–quality plane: hull, area, Pareto front; for many resamples at once.

Every function takes points along the last axis, so one call does a curve or all of its bootstrap
replicates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def hull(cost: ArrayLike, quality: ArrayLike) -> tuple[Floats, Floats]:
    """The non-decreasing convex hull (NDCH) from above: what mixing operating points can reach.

    It starts at the cheapest point, of several at the best, and ends at the first of the highest
    quality; further to the right it stays level, since nobody has to spend more.

    Args:
        cost: (..., n_points).
        quality: (..., n_points).

    Returns:
        Cost and quality of its corners, (..., n_corners), from left to right; where one of several
        curves has fewer corners than another, its last one is repeated.

    Source: RouterBench (Hu et al. 2024, arXiv 2403.12031).

    >>> hull([1, 2, 3, 4], [0.2, 0.3, 0.6, 0.5])
    (array([1., 3.]), array([0.2, 0.6]))
    """
    x, y = np.broadcast_arrays(np.asarray(cost, np.float64), np.asarray(quality, np.float64))
    cheapest = x == x.min(axis=-1, keepdims=True)
    corner = np.where(cheapest, y, -np.inf).argmax(axis=-1, keepdims=True)
    corners = [corner]
    for _ in range(x.shape[-1] - 1):
        right, up = x - _at(x, corner), y - _at(y, corner)
        slope = np.full(x.shape, -np.inf)
        np.divide(up, right, out=slope, where=(up > 0) & (right > 0))
        ahead = slope.argmax(axis=-1, keepdims=True)
        on = _at(slope, ahead) > 0
        if not on.any():
            break
        corner = np.where(on, ahead, corner)
        corners.append(corner)
    found = np.concatenate(corners, axis=-1)
    return _at(x, found), _at(y, found)


def area(x: ArrayLike, y: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """The area under straight lines through points, from `low` to `high`.

    Nothing lies under the curve to the left of its first point; to the right of its last one it
    stays level.

    Args:
        x: (..., n_points), from left to right.
        y: (..., n_points).
        low: (...,) where to begin.
        high: (...,) where to end.

    >>> area([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], 0.5, 3.0)
    array(0.875)
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    ends = np.asarray(low, np.float64)[..., None], np.asarray(high, np.float64)[..., None]
    within = np.clip(x, *ends)
    left, right = within[..., :-1], within[..., 1:]
    run, rise = np.diff(x), np.diff(y)
    slope = np.divide(rise, run, out=np.zeros(np.broadcast(rise, run).shape), where=run > 0)
    middle = y[..., :-1] + slope * ((left + right) / 2 - x[..., :-1])
    rest = (ends[1][..., 0] - within[..., -1]) * y[..., -1]
    return np.asarray(((right - left) * middle).sum(axis=-1) + rest)


def area_under_hull(cost: ArrayLike, quality: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """What `area` is under the corners of `hull`, without keeping them: for many resamples.

    Args:
        cost: (..., n_points).
        quality: (..., n_points).
        low: (...,) where to begin.
        high: (...,) where to end.

    >>> area_under_hull([1, 2, 3, 4], [0.2, 0.3, 0.6, 0.5], 1.0, 4.0)
    array(1.4)
    """
    x, y = np.broadcast_arrays(np.asarray(cost, np.float64), np.asarray(quality, np.float64))
    # points first: what is done to all resamples then runs along memory
    X, Y = (np.ascontiguousarray(values.reshape(-1, x.shape[-1]).T) for values in (x, y))
    first, last = (np.broadcast_to(end, x.shape[:-1]).ravel() for end in (low, high))
    at = X.min(axis=0)
    level = np.where(at == X, Y, -np.inf).max(axis=0)
    total, slope = np.zeros(len(at)), np.empty_like(X)
    for _ in range(len(X) - 1):
        right, up = X - at, Y - level
        slope.fill(-np.inf)
        np.divide(up, right, out=slope, where=(up > 0) & (right > 0))
        steepest = slope.max(axis=0)
        on = steepest > 0
        if not on.any():
            break
        rise = np.where(on, steepest, 0.0)
        end = np.where(on, np.where(slope == steepest, X, -np.inf).max(axis=0), at)
        left, stop = np.clip(at, first, last), np.clip(end, first, last)
        total += (stop - left) * (level + rise * ((left + stop) / 2 - at))
        level, at = level + rise * (end - at), end
    total += (last - np.clip(at, first, last)) * level
    return np.asarray(total.reshape(x.shape[:-1]))


def by_cost(cost: ArrayLike, quality: ArrayLike) -> tuple[Floats, Floats]:
    """Points from the cheapest to the dearest.

    >>> by_cost([2, 1], [0.5, 0.4])
    (array([1., 2.]), array([0.4, 0.5]))
    """
    x, y = np.asarray(cost, np.float64), np.asarray(quality, np.float64)
    order = np.argsort(x, axis=-1, kind="stable")
    return _at(x, order), _at(y, order)


def front(cost: ArrayLike, quality: ArrayLike) -> NDArray[np.bool_]:
    """Which points are on the Pareto front: no other is as cheap and as good, and better in one.

    Args:
        cost: (n_points,).
        quality: (n_points,).

    >>> front([1, 2, 3, 3], [0.2, 0.1, 0.5, 0.4]).tolist()
    [True, False, True, False]
    """
    x, y = np.asarray(cost, np.float64), np.asarray(quality, np.float64)
    order = np.lexsort((-y, x))
    best = np.concatenate([[-np.inf], np.maximum.accumulate(y[order])[:-1]])
    first = np.concatenate([[True], (np.diff(x[order]) > 0) | (np.diff(y[order]) != 0)])
    kept = np.empty(len(x), np.bool_)
    # an exact copy of a point on the front is on it too
    kept[order] = (y[order] > best)[np.maximum.accumulate(np.where(first, np.arange(len(x)), 0))]
    return kept


def hypervolume(cost: ArrayLike, quality: ArrayLike, limit: ArrayLike) -> Floats:
    """The area that points dominate, up to a cost and from quality 0, without mixing them.

    Args:
        cost: (..., n_points).
        quality: (..., n_points), not negative.
        limit: (...,) the cost beyond which nothing counts.

    >>> hypervolume([1.0, 2.0], [0.5, 0.75], 4.0)
    array(2.)
    """
    return staircase(*by_cost(cost, quality), limit)


def staircase(x: ArrayLike, y: ArrayLike, limit: ArrayLike) -> Floats:
    """`hypervolume` of points that are in the order of their cost."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    end = np.asarray(limit, np.float64)[..., None]
    steps = np.diff(np.minimum(x, end), append=np.broadcast_to(end, (*x.shape[:-1], 1)))
    return np.asarray((steps * np.maximum.accumulate(y, axis=-1)).sum(axis=-1))


def _at(values: Floats, places: NDArray[np.intp]) -> Floats:
    return np.take_along_axis(values, places, axis=-1)
