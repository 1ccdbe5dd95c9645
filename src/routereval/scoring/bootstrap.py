"""The bootstrap over prompts: resamples, and the interval that replicates give.

A resample is a row of weights over the prompts, so the replicates of every metric come out of one
matrix product. There is one seeding rule: the weights depend on the subsets and groups of the
prompts, the number of resamples and the seed, which is 0 unless the caller has one of its own; on
nothing else. So whatever is computed of the same prompts, in a cell, a table or a comparison, is
computed on the same resamples, and all comparisons are paired.
"""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import NamedTuple

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import ThreadpoolController

from routereval.errors import DataError, SpecError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

N_BOOT = 1000
"""Resamples of every interval, unless the caller says another number."""

N_BOOT_CURVE = 200
"""Resamples of a scaling curve, which has an interval at every number of models."""

SMALLEST_SUBSET = 5
"""Subsets of fewer prompts, or groups, are pooled: one or two say little of how they vary."""

_CACHE_BYTES = 512 * 2**20  # the weights of a whole benchmark are large
_CHUNK = 1 << 17
_TAIL = 0.005
_FLATTEST = 0.1  # shape of the weights of two or three prompts, which no sample tells much of
_BALANCED_FROM = 50  # of fewer resamples the weights of a prompt are left as they fall
_ROUNDS = 3
_LEVEL = 0.975


class Interval(NamedTuple):
    """A confidence interval; both ends are NaN where the number itself is undefined."""

    low: float
    high: float


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
    found, _ = interval_ends(np.array([point], np.float64), drawn, level, unbiased)
    return Interval(*found[0].tolist())


def interval_ends(
    points: Floats, drawn: Floats, level: float, unbiased: bool
) -> tuple[Floats, Floats]:
    """(n, 2) ends of the intervals of (n,) numbers with (n, n_boot) replicates, and (n,) biases.

    The bias is what resampling shows, and 0 where it is not taken out.
    """
    if not 0 < level < 1:
        raise SpecError(f"the level of an interval must lie between 0 and 1, as 0.95, not {level}")
    ordered = np.sort(drawn, axis=1)  # what is undefined comes last
    counts = np.count_nonzero(~np.isnan(ordered), axis=1)
    low, high = _quantiles(ordered, counts, (1 - level) / 2, (1 + level) / 2)
    bias = _resampling_bias(points, ordered) if unbiased else np.zeros(len(points))
    if unbiased:
        low, high = low - 2 * bias, high - 2 * bias
    ends = np.stack([np.fmin(low, points), np.fmax(high, points)], axis=1)
    ends[(counts == 0) | np.isnan(points)] = np.nan
    return ends, bias


def _quantiles(ordered: Floats, counts: NDArray[np.intp], *shares: float) -> Floats:
    """(n_shares, n) of each row, among its first so many; what is infinite is not interpolated."""
    at = np.multiply.outer(shares, np.maximum(counts - 1, 0))
    below = np.floor(at).astype(np.intp)
    part = at - below
    rows = np.arange(len(ordered))
    first, second = ordered[rows, below], ordered[rows, np.minimum(below + 1, counts - 1)]
    finite = np.isfinite(first) & np.isfinite(second)
    rise = np.where(finite, second, 0.0) - np.where(finite, first, 0.0)
    return np.where(finite, first + part * rise, np.where(part < 0.5, first, second))


def _resampling_bias(points: Floats, ordered: Floats) -> Floats:
    """(n,) mean of (n, n_boot) ordered replicates less the point; 0 where one is not finite.

    What lies in the outermost half percent counts as lying at its edge, since ratios have heavy
    tails.
    """
    all_of = np.full(len(ordered), ordered.shape[1])
    low, high = _quantiles(ordered, all_of, _TAIL, 1 - _TAIL)
    with np.errstate(invalid="ignore"):
        bias = np.clip(ordered, low[:, None], high[:, None]).mean(axis=1) - points
    finite = np.isfinite(ordered[:, 0]) & np.isfinite(ordered[:, -1])
    return np.where(finite & np.isfinite(bias), bias, 0.0)


def row_blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Cut rows into blocks that stay in the cache."""
    step = max(1, _CHUNK // max(n_columns, 1))
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def resamples(
    subsets: ArrayLike,
    n_boot: int = N_BOOT,
    seed: int = 0,
    groups: ArrayLike | None = None,
) -> Floats:
    """Weights of a bootstrap over prompts, or groups of them, that draws within each subset.

    Prompts that belong together (equal texts, a conversation, a passage) are drawn together: pass
    their groups. A group lies in the subset that holds most of its prompts, the one of the lowest
    code where several do. Subsets of fewer than `SMALLEST_SUBSET` groups are pooled, and if the
    pool is still smaller than that, it joins the smallest other subset.

    The weights of the s groups of a subset are those of the Bayesian bootstrap (Rubin 1981): gamma
    variates relative to their sum. Of right and wrong answers they make the posterior of their
    share, which is skew as the interval of a share near 0 or 1 has to be; drawing with replacement
    makes it half as skew. Their shape is a little less than 1, so that the mean of the s varies as
    t says, with the degrees of freedom of all subsets together: ``(s - 1)`` below the line, and
    ``(t / z)²`` above it. Over all resamples each group weighs the same (as in the balanced
    bootstrap of Davison, Hinkley and Schechtman 1986), so that replicates of a mean have the mean
    itself for theirs.

    The weights that were used last are kept and shared, so they must not be changed.

    Args:
        subsets: (n_prompts,) code of each prompt's subset.
        n_boot: number of resamples.
        seed: the same subsets, groups, number and seed give the same weights.
        groups: (n_prompts,) code of the group that each prompt belongs to; None, as codes that all
            differ, if every prompt stands for itself.

    Returns:
        (n_boot, n_prompts) weights, read-only; rows sum to 1, and within a subset to its share of
        prompts.

    Raises:
        DataError: if there are no prompts, or groups are not one code per prompt.
        SpecError: if `n_boot` is less than 1.

    >>> W = resamples([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], n_boot=3)
    >>> W.shape, W[:, :5].sum(axis=1)
    ((3, 10), array([0.5, 0.5, 0.5]))
    >>> W = resamples([0] * 10, n_boot=3, groups=[0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    >>> bool((W[:, ::2] == W[:, 1::2]).all())
    True
    """
    codes = np.asarray(subsets)
    if codes.ndim != 1 or not codes.size:
        raise DataError(f"subsets must hold one code per prompt, not have the shape {codes.shape}")
    if n_boot < 1:
        raise SpecError(f"n_boot must be at least 1, not {n_boot}")
    return _weights(_numbered(codes).tobytes(), _grouped(groups, codes.size), n_boot, seed)


def product(weights: NDArray[np.floating], values: ArrayLike) -> Floats:
    """Weights times values, on one thread of BLAS.

    Threads cost far more than they gain on products so small, and their number, that of the cores,
    would show in the last bits.
    """
    with _blas().limit(limits=1, user_api="blas"):
        return np.asarray(weights @ np.asarray(values))


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def n_units(groups: ArrayLike | None, n_prompts: int) -> int:
    """How many groups of prompts there are, each of which is drawn as one.

    >>> n_units([4, 4, 7], 3), n_units(None, 3)
    (2, 3)
    """
    return n_prompts if groups is None else len(np.unique(np.asarray(groups)))


def _grouped(groups: ArrayLike | None, n_prompts: int) -> bytes | None:
    """The groups, numbered; None if every prompt stands for itself."""
    if groups is None:
        return None
    codes = np.asarray(groups)
    if codes.shape != (n_prompts,):
        raise DataError(f"groups has shape {codes.shape} for {n_prompts} prompts")
    numbered = _numbered(codes)
    return None if numbered.max() + 1 == n_prompts else numbered.tobytes()


def _numbered(codes: NDArray[np.generic]) -> Codes:
    """The same codes, numbered from 0 in their order."""
    numbered: Codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    return numbered


_cache: LRUCache[tuple[object, ...], Floats] = LRUCache(_CACHE_BYTES, getsizeof=lambda W: W.nbytes)


@cached(_cache, lock=Lock())
def _weights(subsets: bytes, groups: bytes | None, n_boot: int, seed: int) -> Floats:
    codes = np.frombuffer(subsets, np.int64)
    group = None if groups is None else np.frombuffer(groups, np.int64)
    subset = _pooled(codes if group is None else _subset_of_group(codes, group))
    order = np.argsort(subset, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(subset))[:-1])
    size = np.ones(len(subset)) if group is None else np.bincount(group).astype(np.float64)
    rng, narrow = np.random.default_rng(seed), _narrower(len(subset) - len(parts))
    W = np.empty((n_boot, len(subset)))
    for members in parts:
        W[:, members] = _subset_weights(size[members], n_boot, narrow, rng)
    W /= len(codes)
    if group is not None:
        W = W[:, group]
    W.flags.writeable = False
    return W


def _subset_of_group(codes: Codes, group: Codes) -> Codes:
    """(n_groups,) the subset with most of the group's prompts, the lowest on ties."""
    n_groups, n_subsets = int(group.max()) + 1, int(codes.max()) + 1
    pairs, counts = np.unique(group * n_subsets + codes, return_counts=True)
    most = np.lexsort((-pairs, counts))  # the last of a group is its most frequent, lowest one
    found = np.empty(n_groups, np.int64)
    found[pairs[most] // n_subsets] = pairs[most] % n_subsets
    return found


def _narrower(df: int) -> float:
    """The variance of a normal relative to a t variate of so many degrees of freedom."""
    from scipy.special import ndtri, stdtrit

    return float((ndtri(_LEVEL) / stdtrit(max(df, 1), _LEVEL)) ** 2)


def _subset_weights(size: Floats, n_boot: int, narrow: float, rng: np.random.Generator) -> Floats:
    """(n_boot, n_groups) weights of the prompts of one subset; rows sum to its prompts.

    Shares that follow a Dirichlet distribution of shape a have the variance s² / (a n + 1).
    """
    n, total = len(size), size.sum()
    shape = max(((n - 1) * narrow - 1) / n, _FLATTEST)
    W = rng.standard_gamma(shape, (n_boot, n))
    W += np.finfo(float).tiny  # a gamma variate of small shape may be 0
    for _ in range(_ROUNDS):
        if n_boot >= _BALANCED_FROM:
            W /= W.mean(axis=0)
        W *= (total / (W @ size))[:, None]
    return np.asarray(W)


def _pooled(codes: NDArray[np.generic]) -> NDArray[np.intp]:
    """Subsets as 0, 1, …, those that are too small to be resampled alone made one."""
    _, groups, counts = np.unique(codes, return_inverse=True, return_counts=True)
    small = counts < SMALLEST_SUBSET
    if small.any() and counts[small].sum() < SMALLEST_SUBSET and not small.all():
        small[np.where(small, codes.size, counts).argmin()] = True
    labels = np.where(small, 0, np.cumsum(~small))
    return np.unique(labels[groups], return_inverse=True)[1]
