"""How far routers are from the Pareto front of all of them: LLMRouterBench's ParetoDist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.grouped import grouped
from routereval.results.results import Cell, Results
from routereval.results.summary import Estimate
from routereval.scoring import resamples
from routereval.scoring.curve import Curve
from routereval.scoring.pareto import front

Floats = NDArray[np.float64]

MOST_POINTS = 24
"""Operating points of a router that count; more are thinned evenly, the ends kept."""

_RESAMPLES = 200


class ParetoDistance(NamedTuple):
    """One router at one pool size.

    Attributes:
        protocol: the rule of its split.
        size: number of models in the pools.
        router: what tables call it.
        distance: the mean distance of its operating points to the front, 0 at best, at most √2.
        on_front: the share of its operating points that nothing dominates.
        n_pools: how many pools, of all benchmarks, groups and seeds, it is the mean of.
    """

    protocol: str
    size: int
    router: str
    distance: Estimate
    on_front: float
    n_pools: int


def pareto_distances(results: Results) -> list[ParetoDistance]:
    """ParetoDist of each learned router of a run, the nearest first within a pool size.

    In the plane of cost and score of a pool stand the operating points of all learned routers, as
    the price of cost grows, and the single models. The front are those of which none other is both
    cheaper and better. Cost and score are each scaled to [0, 1] over all points of the pool; the
    distance of a router is the mean, over its operating points, of the Euclidean distance to the
    nearest point of the front; then the mean over pools.

    The 95 % interval is of 200 resamples of the test prompts, each with its own front, about the
    number as it is. A router is far or near *among these*: another router moves the front.

    Source: LLMRouterBench (Li et al. 2026, arXiv 2601.07206), "average distance to Pareto
    frontier"; its repository has no code for it, so the scaling is ours.

    Args:
        results: of a run.

    Returns:
        One per protocol, pool size and router; none where no cost is known.
    """
    curved = [c for c in results.cells if results.outcomes[c.key].evidence.curve is not None]
    learned = [cell for cell in curved if not cell.control]
    places = grouped(learned, lambda cell: cell.place[:-1])
    held: dict[tuple[str, int, str], list[tuple[Floats, float]]] = {}
    for cells in places.values():
        for cell, found in zip(cells, _of_pool(results, cells), strict=True):
            held.setdefault((cell.protocol, cell.size, cell.router), []).append(found)
    rows = [
        ParetoDistance(*place, *_mean([drawn for drawn, _ in found], [share for _, share in found]))
        for place, found in held.items()
    ]
    return sorted(rows, key=lambda row: (row.protocol, row.size, row.distance.value))


def _mean(drawn: Sequence[Floats], shares: Sequence[float]) -> tuple[Estimate, float, int]:
    """The mean over pools; its interval is that of the resamples, about the number as it is."""
    mean = np.mean(drawn, axis=0)
    value, rest = float(mean[0]), mean[1:]
    low, high = np.quantile(rest, [0.025, 0.975]) - rest.mean() + value
    return Estimate(value, max(0.0, float(low)), float(high)), float(np.mean(shares)), len(drawn)


def _of_pool(results: Results, cells: Sequence[Cell]) -> list[tuple[Floats, float]]:
    """Of each cell: its distance, first on the prompts as they are, and its share on the front."""
    first = results.outcomes[cells[0].key].evidence
    W = resamples(first.subsets, min(_RESAMPLES, cells[0].n_boot), groups=first.groups)
    n = len(first.subsets)
    W = np.vstack([np.full((1, n), 1 / n), W])
    curves = [results.outcomes[cell.key].evidence.curve for cell in cells]
    points = [_points(curve, W) for curve in curves if curve is not None]
    costs = np.concatenate([cost for cost, _ in points], axis=1)
    scores = np.concatenate([score for _, score in points], axis=1)
    models = next(curve for curve in curves if curve is not None).means(W)
    costs = np.concatenate([costs, models.model_cost], axis=1)
    scores = np.concatenate([scores, models.model_quality], axis=1)
    distance, on = _distances(_scaled(costs), _scaled(scores))
    found, start = [], 0
    for cost, _ in points:
        own = slice(start, start + cost.shape[1])
        found.append((distance[:, own].mean(axis=1), float(on[0, own].mean())))
        start += cost.shape[1]
    return found


def _points(curve: Curve, W: Floats) -> tuple[Floats, Floats]:
    """(n_resamples, n_points) cost and score of distinct operating points of a router."""
    _, kept = np.unique(np.stack(curve.points), axis=1, return_index=True)
    kept = np.sort(kept)
    if len(kept) > MOST_POINTS:
        kept = kept[np.unique(np.linspace(0, len(kept) - 1, MOST_POINTS).astype(np.int64))]
    plane = curve.means(W)
    return plane.cost[:, kept], plane.quality[:, kept]


def _scaled(values: Floats) -> Floats:
    """To [0, 1] over the prompts as they are; 0 where all are alike."""
    low, high = values[0].min(), values[0].max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _distances(costs: Floats, scores: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(n_resamples, n_points) distance of each point to the front, and which are on it."""
    on = np.array([front(x, y) for x, y in zip(costs, scores, strict=True)])
    found = np.empty_like(costs)
    for row in range(len(costs)):  # all at once would take resamples × points² numbers
        x, y, kept = costs[row], scores[row], on[row]
        gap = np.hypot(x[:, None] - x[None, kept], y[:, None] - y[None, kept])
        found[row] = gap.min(axis=1)
    return found, on
