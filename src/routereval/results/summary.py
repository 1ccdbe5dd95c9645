"""Means of results over groups, seeds and benchmarks, with intervals from the same resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.results.results import Cell, Results
from routereval.scoring import doubtful, metric
from routereval.scoring.curve import USD
from routereval.scoring.estimates import Draws, Ends, averaged, combined, draws, ends_of, within

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
    held = [_Held(results, own, metrics) for own in _by_benchmark(cells).values()]
    unsure = frozenset().union(*(one.doubtful for one in held))
    ends = {m: _over_benchmarks(m, [one.ends[m] for one in held]) for m in metrics}
    return {m: (estimate(m, one), m in unsure or not one.holds) for m, one in ends.items()}


def _router_lines(results: Results, cells: Sequence[Cell], metrics: Sequence[str]) -> list[Line]:
    first = cells[0]
    unit = results.outcomes[first.key].evidence.unit
    held = {name: _Held(results, own, metrics) for name, own in _by_benchmark(cells).items()}
    ends = {name: one.ends for name, one in held.items()}
    counts = {name: one.n_cells for name, one in held.items()}
    unsure = {name: one.doubtful for name, one in held.items()}
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


def _by_benchmark(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.benchmark, []).append(cell)
    return found


class _Held:
    """The cells of one benchmark: what their means are, and which of them are doubtful."""

    def __init__(self, results: Results, cells: Sequence[Cell], metrics: Sequence[str]) -> None:
        self.n_cells = len(cells)
        drawn: dict[str, list[tuple[bytes, Draws]]] = {m: [] for m in metrics}
        unsure: set[str] = set()
        for cell in cells:
            outcome = results.outcomes[cell.key]
            for m, found in draws(outcome.evidence, metrics, cell.n_boot).items():
                point = cell.metrics.get(m, float("nan"))
                drawn[m].append((outcome.rows.tobytes(), found._replace(point=point)))
            unsure |= doubtful(outcome.evidence, metrics)
        self.doubtful = frozenset(unsure)
        self.ends = {m: over_prompts(held) for m, held in drawn.items()}


def over_prompts(held: Sequence[tuple[bytes, Draws]]) -> Ends:
    """The mean of cells, each counting alike; those that do not define the number do not count.

    Args:
        held: of each cell, the bytes of the rows of its prompts, and what its interval is read off.
    """
    alike: dict[bytes, list[Draws]] = {}
    for rows, found in held:
        if not np.isnan(found.point):
            alike.setdefault(rows, []).append(found)
    if not alike:
        return ends_of(held[0][1])
    counts = np.array([len(own) for own in alike.values()])
    ends = [ends_of(averaged(own)) for own in alike.values()]
    rows_of = [np.frombuffer(rows, np.int64) for rows in alike]
    return combined(ends, counts / counts.sum(), _overlap(rows_of))


def _overlap(rows: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """(n, n) share of prompts that two sets have in common, relative to the mean of their sizes."""
    found = np.eye(len(rows))
    for i, one in enumerate(rows):
        for j in range(i):
            common = len(np.intersect1d(one, rows[j], assume_unique=True))
            found[i, j] = found[j, i] = common / np.sqrt(len(one) * len(rows[j]))
    return found


def _over_benchmarks(name: str, ends: Sequence[Ends]) -> Ends:
    if metric(name).partial:
        ends = [one for one in ends if not np.isnan(one.point)] or ends[:1]
    return combined(ends)


def estimate(name: str, ends: Ends) -> Estimate:
    """The number with its interval, cut where the range of the metric ends."""
    return Estimate(ends.point, *within(ends, name))
