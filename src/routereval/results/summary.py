"""Means of results over groups, seeds and benchmarks, with intervals from the same resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from routereval.grouped import grouped
from routereval.results.cell_means import cell_means
from routereval.results.results import Cell, Results
from routereval.scoring import metric
from routereval.scoring.curve import USD
from routereval.scoring.estimates import Ends, combined, within

MEAN = "mean"
TRADE_OFF = ("aiq", "over_zero", "qnc", "cost_save", "peak")
"""What a table tells of a cost–quality curve."""
SHOWN = ("mu", "v_r", "v_b", "e_p", "p_star", "hallucination_rate", "cost", *TRADE_OFF)


class Estimate(NamedTuple):
    """A number with its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


class Line(NamedTuple):
    """A row of a table: one router at one pool size, on one benchmark or on their mean.

    Attributes:
        size: number of models in the pools.
        router: its spec.
        control: True for a yardstick that has learned nothing.
        benchmark: the benchmark; ``mean`` for the macro mean over all of them.
        n_cells: how many cells it is the mean of.
        metrics: estimates by name.
        protocol: the rule of its split.
        unit: of its cost.
        doubtful: the metrics whose interval cannot be relied on, in one of its cells at least.
    """

    size: int
    router: str
    control: bool
    benchmark: str
    n_cells: int
    metrics: Mapping[str, Estimate]
    protocol: str = "clean"
    unit: str = USD
    doubtful: frozenset[str] = frozenset()


def summarise(results: Results, metrics: Sequence[str] = SHOWN) -> list[Line]:
    """Means over groups and seeds, a line per benchmark, and the macro mean over benchmarks.

    The interval of a single cell is the cell's own. Cells on the same prompts share their
    resamples, so the interval of their mean comes from the mean of their replicates; those of
    different prompts are put together by `combined`. Within a benchmark, a cell in
    which a metric is not defined does not count for it; the mean over benchmarks is defined only
    where every one of them defines the metric, so all columns of a table speak of the same ones;
    but a metric of one kind of benchmark, such as the hallucination rate, is averaged over those.

    Args:
        results: the cells of a run.
        metrics: names of metrics.

    Returns:
        Lines by protocol, size, router (in the order of the run) and benchmark, the mean last.
    """
    lines = []
    for rule, size in dict.fromkeys((cell.protocol, cell.size) for cell in results.cells):
        for router in results.routers:
            cells = [c for c in results.of(router) if (c.protocol, c.size) == (rule, size)]
            if cells:
                lines += _router_lines(results, cells, metrics)
    return lines


def mean_over(
    results: Results, cells: Sequence[Cell], metrics: Sequence[str]
) -> dict[str, tuple[Estimate, bool]]:
    """The macro mean of cells over benchmarks, each counting alike.

    Args:
        results: that hold the cells.
        cells: of one router.
        metrics: names of metrics.

    Returns:
        By metric, its estimate, and whether the interval cannot be relied on.
    """
    held = [
        cell_means(results, own, metrics)
        for own in grouped(cells, lambda cell: cell.benchmark).values()
    ]
    found = {}
    for m in metrics:
        ends = _over_benchmarks(m, [one[m].ends for one in held])
        found[m] = estimate(m, ends), not ends.holds or any(one[m].doubtful for one in held)
    return found


def _router_lines(results: Results, cells: Sequence[Cell], metrics: Sequence[str]) -> list[Line]:
    first = cells[0]
    unit = results.outcomes[first.key].evidence.unit
    benchmarks = grouped(cells, lambda cell: cell.benchmark)
    held = {name: cell_means(results, own, metrics) for name, own in benchmarks.items()}
    ends = {name: {m: one.ends for m, one in found.items()} for name, found in held.items()}
    counts = {name: len(own) for name, own in benchmarks.items()}
    unsure = {
        name: frozenset(m for m, one in found.items() if one.doubtful)
        for name, found in held.items()
    }
    every = {m: _over_benchmarks(m, [one[m] for one in ends.values()]) for m in metrics}
    ends[MEAN], counts[MEAN] = every, len(cells)
    unsure[MEAN] = frozenset().union(*unsure.values())
    return [
        Line(
            first.size,
            first.router,
            first.control,
            name,
            counts[name],
            {m: estimate(m, one) for m, one in own.items()},
            first.protocol,
            unit,
            unsure[name] | {m for m, one in own.items() if not one.holds},
        )
        for name, own in ends.items()
    ]


def _over_benchmarks(name: str, ends: Sequence[Ends]) -> Ends:
    if metric(name).partial:
        ends = [one for one in ends if not np.isnan(one.point)] or ends[:1]
    return combined(ends)


def estimate(name: str, ends: Ends) -> Estimate:
    """The number with its interval, cut where the range of the metric ends."""
    return Estimate(ends.point, *within(ends, name))
