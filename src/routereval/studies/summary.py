"""Means of results over groups, seeds and benchmarks, with intervals from the same resamples."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.scoring import interval, metric, replicates, resamples
from routereval.scoring.curve import USD
from routereval.studies.results import Cell, Results

N_BOOT = 1000
MEAN = "mean"
TRADE_OFF = ("aiq", "over_zero", "qnc", "cost_save", "peak")
"""What a table tells of a cost–quality curve."""
SHOWN = ("mu", "v_r", "v_b", "e_p", "p_star", "hallucination_rate", "cost", *TRADE_OFF)

_MOST_BYTES = 512 * 2**20  # of resamples: those of whole benchmarks are large
_kept: OrderedDict[tuple[bytes, int, int], NDArray[np.float64]] = OrderedDict()


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
    """

    size: int
    router: str
    control: bool
    benchmark: str
    n_cells: int
    metrics: Mapping[str, Estimate]
    protocol: str = "clean"
    unit: str = USD


def summarise(results: Results, metrics: Sequence[str] = SHOWN) -> list[Line]:
    """Means over groups and seeds, a line a benchmark, and the macro mean over benchmarks.

    A mean's interval comes from averaging the bootstrap replicates of its cells: cells on the same
    prompts share their resamples, benchmarks are resampled apart. Within a benchmark, a cell in
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


def _router_lines(results: Results, cells: Sequence[Cell], metrics: Sequence[str]) -> list[Line]:
    first = cells[0]
    by_benchmark: dict[str, list[Cell]] = {}
    for cell in cells:
        by_benchmark.setdefault(cell.benchmark, []).append(cell)
    drawn = {name: _draws(results, held, metrics) for name, held in by_benchmark.items()}
    lines = [
        Line(
            first.size,
            first.router,
            first.control,
            name,
            len(held),
            {m: estimated(drawn[name][m], m) for m in metrics},
            first.protocol,
        )
        for name, held in by_benchmark.items()
    ]
    macro = {m: estimated(_over_benchmarks(m, [d[m] for d in drawn.values()]), m) for m in metrics}
    where = (first.size, first.router, first.control, MEAN, len(cells))
    unit = results.outcomes[first.key].evidence.unit
    return [line._replace(unit=unit) for line in (*lines, Line(*where, macro, first.protocol))]


def _over_benchmarks(name: str, draws: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    if metric(name).partial:
        return _mean(draws)
    return np.asarray(np.mean(draws, axis=0))


def _draws(
    results: Results, cells: Sequence[Cell], metrics: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """(1 + n_boot,) the mean of each metric over the cells: the point, then its replicates."""
    found: dict[str, list[NDArray[np.float64]]] = {m: [] for m in metrics}
    for cell in cells:
        evidence = results.outcomes[cell.key].evidence
        seed = zlib.crc32(f"{cell.benchmark} {cell.seed}".encode())
        drawn = replicates(evidence, shared_resamples(evidence.strata.tobytes(), seed), metrics)
        for m in metrics:
            point = cell.metrics.get(m, float("nan"))
            # A replicate without a gap says nothing of the metric: the point stands in for it.
            safe = np.where(np.isnan(drawn[m]), point, drawn[m])
            found[m].append(np.concatenate([[point], safe]))
    return {m: _mean(values) for m, values in found.items()}


def _mean(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    defined = [value for value in values if not np.isnan(value[0])]
    return np.mean(defined, axis=0) if defined else np.full(1 + N_BOOT, np.nan)


def estimated(draws: NDArray[np.float64], name: str) -> Estimate:
    """The number in front, with the interval of the replicates behind it, in the metric's range."""
    ends = interval(float(draws[0]), draws[1:], unbiased=True)
    low, high = np.clip(ends, metric(name).low, metric(name).high).tolist()
    return Estimate(float(draws[0]), low, high)


def shared_resamples(strata: bytes, seed: int) -> NDArray[np.float64]:
    """The same resamples for all cells on the same prompts; those used last are kept.

    Args:
        strata: the bytes of (n_prompts,) codes of subsets.
        seed: of the draw.

    Returns:
        (n_boot, n_prompts) weights.
    """
    key = (strata, seed, N_BOOT)
    W = _kept.pop(key, None)
    if W is None:
        W = resamples(np.frombuffer(strata, dtype=np.int64), N_BOOT, seed)
    _kept[key] = W
    while len(_kept) > 1 and sum(weights.nbytes for weights in _kept.values()) > _MOST_BYTES:
        _kept.popitem(last=False)
    return W
