"""How sure a number is: bootstrap intervals.

Prompts are the sampling unit. A resample is a row of weights over the prompts, so the replicates of
every metric come out of one matrix product. Drawing the rows once and using them for every router
of a task makes all comparisons paired.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring.evidence import Evidence, means
from routereval.scoring.metrics import METRICS, Metric, metric

SMALLEST_STRATUM = 5
"""Strata of fewer prompts are pooled, since a stratum of one or two hardly varies."""

_CHUNK = 1 << 17


class Interval(NamedTuple):
    """A confidence interval; both ends are NaN where the number itself is undefined."""

    low: float
    high: float


def compute(evidence: Evidence, metrics: Iterable[str | Metric] | None = None) -> dict[str, float]:
    """The metrics of one router on the prompts as they are.

    Args:
        evidence: what the router did.
        metrics: names or metrics; all of `METRICS` if None.

    Returns:
        The value of each metric by name, NaN where it is undefined.

    Raises:
        SpecError: if a name is unknown.
    """
    of = means(evidence)
    return {one.name: float(one.formula(of)) for one in _chosen(metrics)}


def replicates(
    evidence: Evidence,
    W: NDArray[np.floating],
    metrics: Iterable[str | Metric] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """The metrics of one router on every resample.

    Args:
        evidence: what the router did.
        W: (n_boot, n_prompts) weights from `resamples`.
        metrics: names or metrics; all of `METRICS` if None.

    Returns:
        (n_boot,) values of each metric by name; the same row of `W` gave the same place of each, so
        replicates of several tasks may be averaged place by place.

    Raises:
        SpecError: if a name is unknown.
        DataError: if `W` is for another number of prompts.
    """
    of = means(evidence, W)
    return {one.name: np.broadcast_to(one.formula(of), len(W)).copy() for one in _chosen(metrics)}


def intervals(
    evidence: Evidence,
    W: NDArray[np.floating],
    metrics: Iterable[str | Metric] | None = None,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Bootstrap intervals of the metrics; see `interval`.

    Args:
        evidence: what the router did.
        W: (n_boot, n_prompts) weights from `resamples`.
        metrics: names or metrics; all of `METRICS` if None.
        level: confidence, between 0 and 1.

    Returns:
        The interval of each metric by name.

    Raises:
        SpecError: if a name is unknown or the level is not between 0 and 1.
        DataError: if `W` is for another number of prompts.
    """
    chosen = _chosen(metrics)
    points = compute(evidence, chosen)
    drawn = replicates(evidence, W, chosen)
    return {name: interval(points[name], drawn[name], level) for name in points}


def interval(point: float, replicates: ArrayLike, level: float = 0.95) -> Interval:
    """The percentile interval of bootstrap replicates, widened if need be to hold the point.

    Widening matters for statistics that resampling biases, such as the entropy of the choices.
    Replicates in which the metric is undefined are left out.

    Args:
        point: the number itself.
        replicates: (n_boot,) its values on the resamples.
        level: confidence, between 0 and 1.

    Returns:
        The interval; NaN at both ends if the point, or every replicate, is NaN.

    Raises:
        SpecError: if the level is not between 0 and 1.

    >>> interval(0.5, [0.3, 0.4, 0.6, 0.7], level=0.5)
    Interval(low=0.375, high=0.625)
    >>> interval(0.8, [0.3, 0.4, 0.6, 0.7], level=0.5)
    Interval(low=0.375, high=0.8)
    """
    if not 0 < level < 1:
        raise SpecError(f"the level of an interval must lie between 0 and 1, as 0.95, not {level}")
    drawn = np.asarray(replicates, np.float64)
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(point) or not drawn.size:
        return Interval(float("nan"), float("nan"))
    # what is infinite cannot be interpolated
    method: Literal["linear", "nearest"] = "linear" if np.isfinite(drawn).all() else "nearest"
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method=method)
    return Interval(float(min(low, point)), float(max(high, point)))


def resamples(strata: ArrayLike, n_boot: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """Weights of a bootstrap over prompts that draws within each stratum and keeps its size.

    Strata of fewer than `SMALLEST_STRATUM` prompts are pooled, and if the pool is still smaller
    than that, it joins the smallest other stratum. Drawing s of the s prompts of a stratum would
    understate the variance of their mean by the factor (s - 1) / s, which over many small strata
    makes intervals too narrow; so s - 1 are drawn, and each weighs s / (s - 1) (Rao and Wu 1988).

    Args:
        strata: (n_prompts,) integer code of each prompt's subset.
        n_boot: number of resamples.
        seed: the same strata, number and seed give the same weights.

    Returns:
        (n_boot, n_prompts) weights; rows sum to 1, and within a stratum to its share of prompts.

    Raises:
        DataError: if there are no prompts.
        SpecError: if `n_boot` is less than 1.

    >>> W = resamples([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], n_boot=3)
    >>> W.shape, W[:, :5].sum(axis=1)
    ((3, 10), array([0.5, 0.5, 0.5]))
    """
    codes = np.asarray(strata)
    n_prompts = codes.size
    if codes.ndim != 1 or not n_prompts:
        raise DataError(f"strata must hold one code a prompt, not have the shape {codes.shape}")
    if n_boot < 1:
        raise SpecError(f"n_boot must be at least 1, not {n_boot}")
    groups = _pooled(codes)
    order = np.argsort(groups, kind="stable")
    counts = np.bincount(groups)
    draws = np.maximum(counts - 1, 1)
    sizes = np.repeat(counts, draws).astype(np.float64)
    starts = np.repeat(np.cumsum(counts) - counts, draws)
    rng = np.random.default_rng(seed)
    W = np.empty((n_boot, n_prompts))
    for rows in row_blocks(n_boot, n_prompts):
        block = W[rows]
        # the draw is of a place in its own stratum; u < 1 keeps u * size below size
        drawn = starts + (rng.random((len(block), len(starts))) * sizes).astype(np.int64)
        cells = order[drawn] + np.arange(len(block))[:, None] * n_prompts
        block[:] = np.bincount(cells.ravel(), minlength=block.size).reshape(block.shape)
    W *= (counts / draws)[groups]
    W /= n_prompts
    return W


def _chosen(metrics: Iterable[str | Metric] | None) -> list[Metric]:
    return [metric(one) for one in (METRICS.values() if metrics is None else metrics)]


def row_blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Cut rows into blocks that stay in the cache."""
    step = max(1, _CHUNK // max(n_columns, 1))
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def _pooled(codes: NDArray[np.generic]) -> NDArray[np.intp]:
    """Strata as 0, 1, …, those that are too small to be resampled alone made one."""
    _, groups, counts = np.unique(codes, return_inverse=True, return_counts=True)
    small = counts < SMALLEST_STRATUM
    if small.any() and counts[small].sum() < SMALLEST_STRATUM and not small.all():
        small[np.where(small, codes.size, counts).argmin()] = True
    labels = np.where(small, 0, np.cumsum(~small))
    return np.unique(labels[groups], return_inverse=True)[1]
