"""How sure a number is: bootstrap intervals.

Prompts are the sampling unit. A resample is a row of weights over the prompts, so the replicates of
every metric come out of one matrix product. Drawing the rows once and using them for every router
of a task makes all comparisons paired.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring.evidence import Evidence, means
from routereval.scoring.metrics import METRICS, Metric, metric

Floats = NDArray[np.float64]

SMALLEST_STRATUM = 5
"""Strata of fewer prompts are pooled, since a stratum of one or two hardly varies."""

_CHUNK = 1 << 17
_TAIL = 0.005


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
    """Bootstrap intervals of the metrics, cut where their range ends; see `interval`.

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
    ends = _ends(np.array([*points.values()]), np.stack([*drawn.values()]), level, unbiased=True)
    return {
        name: Interval(*np.clip(pair, metric(name).low, metric(name).high).tolist())
        for name, pair in zip(points, ends, strict=True)
    }


def interval(
    point: float, replicates: ArrayLike, level: float = 0.95, *, unbiased: bool = False
) -> Interval:
    """The percentile interval of bootstrap replicates, widened if need be to hold the point.

    Replicates in which the metric is undefined are left out.

    Args:
        point: the number itself.
        replicates: (n_boot,) its values on the resamples.
        level: confidence, between 0 and 1.
        unbiased: take out the bias of resampling. Where replicates lie beside the point on average,
            the point itself lies beside the truth as far and to the same side, so the percentiles
            are moved back by twice that. Entropies and areas under hulls need it; means do not,
            and are not moved. Nor is anything where a replicate is undefined or infinite.

    Returns:
        The interval; NaN at both ends if the point, or every replicate, is NaN.

    Raises:
        SpecError: if the level is not between 0 and 1.

    >>> interval(0.5, [0.3, 0.4, 0.6, 0.7], level=0.5)
    Interval(low=0.375, high=0.625)
    >>> moved = interval(0.6, [0.3, 0.4, 0.6, 0.7], level=0.5, unbiased=True)
    >>> [round(end, 3) for end in moved]
    [0.575, 0.825]
    """
    drawn = np.asarray(replicates, np.float64)[None, :]
    found = _ends(np.array([point], np.float64), drawn, level, unbiased)
    return Interval(*found[0].tolist())


def _ends(points: Floats, drawn: Floats, level: float, unbiased: bool) -> Floats:
    """(n, 2) ends of the intervals of (n,) numbers with (n, n_boot) replicates."""
    if not 0 < level < 1:
        raise SpecError(f"the level of an interval must lie between 0 and 1, as 0.95, not {level}")
    ordered = np.sort(drawn, axis=1)  # what is undefined comes last
    counts = np.count_nonzero(~np.isnan(ordered), axis=1)
    low, high = (_quantiles(ordered, counts, q) for q in ((1 - level) / 2, (1 + level) / 2))
    if unbiased:
        bias = _bias(points, ordered)
        low, high = low - 2 * bias, high - 2 * bias
    ends = np.stack([np.fmin(low, points), np.fmax(high, points)], axis=1)
    ends[(counts == 0) | np.isnan(points)] = np.nan
    return ends


def _quantiles(ordered: Floats, counts: NDArray[np.intp], share: float) -> Floats:
    """Of each row, among its first so many; what is infinite is not interpolated."""
    at = share * np.maximum(counts - 1, 0)
    below = np.floor(at).astype(np.intp)
    part = at - below
    rows = np.arange(len(ordered))
    first, second = ordered[rows, below], ordered[rows, np.minimum(below + 1, counts - 1)]
    finite = np.isfinite(first) & np.isfinite(second)
    rise = np.where(finite, second, 0.0) - np.where(finite, first, 0.0)
    return np.where(finite, first + part * rise, np.where(part < 0.5, first, second))


def _bias(points: Floats, ordered: Floats) -> Floats:
    """Mean of the replicates less the point; 0 where one is not a finite number.

    What lies in the outermost half percent counts as lying at its edge, since ratios have heavy
    tails.
    """
    all_of = np.full(len(ordered), ordered.shape[1])
    low, high = (_quantiles(ordered, all_of, q) for q in (_TAIL, 1 - _TAIL))
    with np.errstate(invalid="ignore"):
        bias = np.clip(ordered, low[:, None], high[:, None]).mean(axis=1) - points
    finite = np.isfinite(ordered[:, 0]) & np.isfinite(ordered[:, -1])
    return np.where(finite & np.isfinite(bias), bias, 0.0)


def resamples(strata: ArrayLike, n_boot: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """Weights of a bootstrap over prompts that draws within each stratum and keeps its size.

    Strata of fewer than `SMALLEST_STRATUM` prompts are pooled, and if the pool is still smaller
    than that, it joins the smallest other stratum. Drawing s of the s prompts of a stratum would
    understate the variance of their mean by the factor (s - 1) / s, which over many small strata
    makes intervals too narrow; so s - 1 are drawn, and each weighs s / (s - 1) (Rao and Wu 1988).
    Over all resamples each prompt is drawn equally often (the balanced bootstrap of Davison,
    Hinkley and Schechtman 1986), so that replicates of a mean have the mean itself for theirs.

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
    rng = np.random.default_rng(seed)
    W = np.empty((n_boot, n_prompts))
    for members in np.split(order, np.cumsum(np.bincount(groups))[:-1]):
        W[:, members] = _balanced(len(members), n_boot, rng)
    W /= n_prompts
    return W


def _balanced(size: int, n_boot: int, rng: np.random.Generator) -> Floats:
    """(n_boot, size) weights of one stratum, whose rows sum to its size."""
    draws = max(size - 1, 1)
    # every remainder is met equally often, or once more: chance says which prompts those are
    drawn = rng.permutation(np.arange(n_boot * draws, dtype=np.int32)) % size
    cells = rng.permutation(size)[drawn].reshape(n_boot, draws) + np.arange(n_boot)[:, None] * size
    counts = np.bincount(cells.ravel(), minlength=n_boot * size)
    return np.asarray(counts.reshape(n_boot, size) * (size / draws), np.float64)


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
