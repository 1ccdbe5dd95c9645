"""What the routers of each pool do at some prices of cost: score, cost, and the models' shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.grouped import grouped
from routereval.results.results import Cell, Results
from routereval.scoring import Curve, Evidence, resamples
from routereval.scoring.estimates import mean_interval

Floats = NDArray[np.float64]


class Operating(NamedTuple):
    """One router on one pool: its undominated operating points, from the cheapest to the dearest.

    Attributes:
        router: its spec.
        lam: (n_points,) price of cost in units of score.
        score: (n_points,) mean score.
        low: (n_points,) lower end of its 95 % interval.
        high: (n_points,) upper end.
        cost: (n_points,) mean cost of a call.
        sent: (n_points, n_models) share of the prompts that goes to each model; None if unknown.
        spent: (n_points, n_models) what each model adds to the mean cost; None if unknown.
    """

    router: str
    lam: Floats
    score: Floats
    low: Floats
    high: Floats
    cost: Floats
    sent: Floats | None
    spent: Floats | None


class PoolPoints(NamedTuple):
    """One pool of one benchmark, at the first seed that it was run with.

    Attributes:
        protocol: the rule of its split.
        benchmark: the benchmark.
        size: number of models.
        group: of the pool.
        n_test: test prompts.
        models: names of the models.
        score: (n_models,) mean score of each.
        low: (n_models,) lower end of its interval.
        high: (n_models,) upper end.
        cost: (n_models,) mean cost of a call.
        best_single: column of the model that was best on the training prompts.
        unit: of cost.
        routers: the best learned routers, the best first.
        oracle: mean score of the oracle.
    """

    protocol: str
    benchmark: str
    size: int
    group: str
    n_test: int
    models: tuple[str, ...]
    score: Floats
    low: Floats
    high: Floats
    cost: Floats
    best_single: int
    unit: str
    routers: Sequence[Operating]
    oracle: float


def operating_points(
    results: Results, routers: Sequence[str], most_points: int = 24
) -> list[PoolPoints]:
    """The operating points of some routers on every pool whose costs are known.

    Args:
        results: of a run.
        routers: which, in the order wanted.
        most_points: per router and pool; more are thinned evenly, the ends kept.
    """
    curved = [c for c in results.cells if results.outcomes[c.key].evidence.curve is not None]
    places = grouped(curved, lambda cell: (cell.protocol, cell.benchmark, cell.size, cell.group))
    return [_pool(results, cells, routers, most_points) for cells in places.values()]


def _pool(results: Results, cells: Sequence[Cell], routers: Sequence[str], most: int) -> PoolPoints:
    own = {cell.router: cell for cell in cells if cell.seed == cells[0].seed}
    first = results.outcomes[cells[0].key].evidence
    curve = first.curve
    assert curve is not None  # noqa: S101 - the cells were chosen by it
    score, low, high = _with_ends(curve.model_quality, first, cells[0].n_boot)
    found = []
    for name in routers:
        evidence = results.outcomes[own[name].key].evidence if name in own else None
        if evidence is not None and evidence.curve is not None:
            found.append(_operating(name, evidence, evidence.curve, cells[0].n_boot, most))
    cell = cells[0]
    return PoolPoints(
        *(cell.protocol, cell.benchmark, cell.size, cell.group, cell.n_test, cell.pool),
        *(score, low, high, curve.model_cost.mean(axis=0, dtype=np.float64)),
        *(curve.best_single, curve.unit, found, float(first.oracle.mean())),
    )


def _operating(name: str, evidence: Evidence, curve: Curve, n_boot: int, most: int) -> Operating:
    cost, score = curve.points
    kept = np.flatnonzero(curve.front)
    kept = kept[np.lexsort((score[kept], cost[kept]))]
    _, first = np.unique(np.stack([cost[kept], score[kept]]), axis=1, return_index=True)
    kept = kept[np.sort(first)]
    if len(kept) > most:
        kept = kept[np.unique(np.linspace(0, len(kept) - 1, most).astype(np.int64))]
    mean, low, high = _with_ends(curve.quality[:, kept], evidence, n_boot)
    return Operating(
        *(name, curve.lam[kept], mean, low, high, cost[kept]),
        None if curve.sent is None else curve.sent[kept].astype(np.float64),
        None if curve.spent is None else curve.spent[kept].astype(np.float64),
    )


def _with_ends(
    values: NDArray[np.float32], evidence: Evidence, n_boot: int
) -> tuple[Floats, Floats, Floats]:
    """Means of columns with their 95 % intervals, from the resamples that all metrics share."""
    W = resamples(evidence.subsets, n_boot, groups=evidence.groups)
    columns = values.astype(np.float64).T
    ends = np.array([mean_interval(column, W, groups=evidence.groups) for column in columns])
    return columns.mean(axis=1), ends[:, 0], ends[:, 1]
