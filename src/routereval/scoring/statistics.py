"""How sure a number is: bootstrap intervals, paired tests, correction for many tests.

Prompts are the sampling unit. A resample is a row of weights over the prompts, so the replicates of
every metric come out of one matrix product. Drawing the rows once and using them for every router
of a task makes all comparisons paired.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite, sqrt
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring.evidence import Evidence, means
from routereval.scoring.metrics import METRICS, Metric, metric

SMALLEST_STRATUM = 5
"""Strata of fewer prompts are pooled, since a stratum of one or two hardly varies."""

_CHUNK = 1 << 17
_TIE = 1e-12
_Z_TWO_SIDED_5 = 1.96
_Z_POWER_80 = 0.84


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
    than that, it joins the smallest other stratum. Resampling s prompts understates the variance
    of their mean by the factor (s - 1) / s: intervals over many small strata are a little narrow.

    Args:
        strata: (n_prompts,) integer code of each prompt's subset.
        n_boot: number of resamples.
        seed: the same strata, number and seed give the same weights.

    Returns:
        (n_boot, n_prompts) weights, multiples of 1 / n_prompts; rows sum to 1.

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
    sizes = np.repeat(counts, counts).astype(np.float64)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    rng = np.random.default_rng(seed)
    W = np.empty((n_boot, n_prompts))
    for rows in _chunks(n_boot, n_prompts):
        block = W[rows]
        # the draw is of a place in its own stratum; u < 1 keeps u * size below size
        drawn = starts + (rng.random(block.shape) * sizes).astype(np.int64)
        cells = order[drawn] + np.arange(len(block))[:, None] * n_prompts
        block[:] = np.bincount(cells.ravel(), minlength=block.size).reshape(block.shape)
    W /= n_prompts
    return W


@dataclass(frozen=True)
class Comparison:
    """Two routers on the same prompts.

    Attributes:
        difference: mean of a - b.
        low: lower end of its bootstrap interval.
        high: upper end.
        p_value: two-sided, of the hypothesis that swapping a and b on any prompt changes nothing.
        n_prompts: prompts compared.
        wins: prompts on which a scored higher.
        ties: prompts on which both scored the same.
        losses: prompts on which b scored higher.
        detectable: the difference that this many prompts would show with 80% power at the 5% level;
            NaN for a single prompt.
        level: confidence of the interval; 1 - level is the level of the test.
        p_adjusted: the p-value after `holm`, where several comparisons were made; else None.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_prompts: int
    wins: int
    ties: int
    losses: int
    detectable: float
    level: float = 0.95
    p_adjusted: float | None = None

    @property
    def p(self) -> float:
        """The p-value to judge by: the adjusted one where there is one."""
        return self.p_value if self.p_adjusted is None else self.p_adjusted

    @property
    def significant(self) -> bool:
        """Whether the two can be told apart."""
        return self.p < 1 - self.level

    def sentence(self, name_a: str, name_b: str) -> str:
        """Say in plain English what was found.

        Args:
            name_a: the router of the first array.
            name_b: the router of the second.

        Returns:
            One sentence with the difference, its interval, the number of prompts and the p-value.

        >>> a = np.array([1.0] * 8 + [0.0] * 2)
        >>> paired_test(a, a).sentence("linear", "knn")
        'linear and knn score the same on each of 10 prompts.'
        """
        if self.ties == self.n_prompts:
            return f"{name_a} and {name_b} score the same on each of {self._prompts}."
        return self._found(name_a, name_b) if self.significant else self._open(name_a, name_b)

    def _found(self, name_a: str, name_b: str) -> str:
        if self.difference < 0:
            return self._swapped()._found(name_b, name_a)
        return (
            f"{name_a} beats {name_b} by {self.difference:.3f} [{self.low:.3f}, {self.high:.3f}] "
            f"on {self._prompts} ({self._p_text()}; "
            f"better on {self.wins:,}, worse on {self.losses:,})."
        )

    def _open(self, name_a: str, name_b: str) -> str:
        hint = (
            f"; this many prompts could have shown a difference of {self.detectable:.3f}"
            if isfinite(self.detectable)
            else ""
        )
        return (
            f"{name_a} and {name_b} cannot be told apart on {self._prompts}: difference "
            f"{self.difference:+.3f} [{self.low:.3f}, {self.high:.3f}] ({self._p_text()}){hint}."
        )

    @property
    def _prompts(self) -> str:
        return f"{self.n_prompts:,} prompt{'' if self.n_prompts == 1 else 's'}"

    def _p_text(self) -> str:
        corrected = "" if self.p_adjusted is None else " after correction"
        return ("p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}") + corrected

    def _swapped(self) -> Comparison:
        return replace(
            self,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            wins=self.losses,
            losses=self.wins,
        )


def paired_test(
    a: ArrayLike,
    b: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    n_permutations: int = 10_000,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Compare two routers on the same prompts.

    The p-value is that of the sign-flip permutation test on the per-prompt differences, two-sided,
    (1 + hits) / (1 + n_permutations); the interval is the paired percentile bootstrap, stratified.

    Args:
        a: (n_prompts,) scores of the one router, `Evidence.quality`.
        b: (n_prompts,) scores of the other, on the same prompts in the same order.
        strata: (n_prompts,) integer code of each prompt's subset, or None for a single stratum.
        n_permutations: number of random sign flips.
        n_boot: number of bootstrap resamples.
        seed: decides both.
        level: confidence, between 0 and 1.

    Returns:
        The comparison.

    Raises:
        DataError: if the arrays are not of one length, are empty, or hold NaN.
        SpecError: if a number of draws is less than 1 or the level is not between 0 and 1.

    >>> paired_test([1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]).sentence("linear", "knn")
    'linear beats knn by 1.000 [1.000, 1.000] on 8 prompts (p = 0.007; better on 8, worse on 0).'
    """
    if n_permutations < 1:
        raise SpecError(f"n_permutations must be at least 1, not {n_permutations}")
    gain = _differences(a, b)
    n_prompts = gain.size
    codes = np.zeros(n_prompts, np.int64) if strata is None else np.asarray(strata)
    if codes.shape != gain.shape:
        raise DataError(f"strata has shape {codes.shape} for {n_prompts} prompts")
    mean = float(gain.mean())
    low, high = interval(mean, resamples(codes, n_boot, seed) @ gain, level)
    wins, losses = int((gain > 0).sum()), int((gain < 0).sum())
    return Comparison(
        difference=mean,
        low=low,
        high=high,
        p_value=_sign_flip_p(gain[gain != 0], n_permutations, seed),
        n_prompts=n_prompts,
        wins=wins,
        ties=n_prompts - wins - losses,
        losses=losses,
        detectable=_detectable(gain),
        level=level,
    )


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjustment of p-values for several tests.

    Args:
        p_values: p-values in any order; NaN means that no test was made.

    Returns:
        The adjusted p-values in the same order, at most 1; NaN stays NaN and is not counted.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    tests = order[: np.count_nonzero(~np.isnan(p))]
    stepped = np.maximum.accumulate(p[tests] * np.arange(len(tests), 0, -1))
    adjusted = np.full(p.shape, np.nan)
    adjusted[tests] = np.minimum(stepped, 1.0)
    return adjusted


def _chosen(metrics: Iterable[str | Metric] | None) -> list[Metric]:
    return [metric(one) for one in (METRICS.values() if metrics is None else metrics)]


def _chunks(n_rows: int, n_columns: int) -> list[slice]:
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


def _differences(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise DataError(
            f"a paired test needs two scores for each prompt, not shapes {first.shape} and "
            f"{second.shape}; compare routers on the same prompts"
        )
    gain = first - second
    if np.isnan(gain).any():
        raise DataError("a paired test needs every score, but some are NaN")
    gain[np.abs(gain) < _TIE] = 0.0
    return gain


def _sign_flip_p(gain: NDArray[np.float64], n_permutations: int, seed: int) -> float:
    """The two-sided p-value of the mean of differences whose signs are random.

    Ties add nothing whatever their sign, so the caller leaves them out.
    """
    # of its own, so that it shares no draw with the bootstrap
    rng = np.random.default_rng((seed, 1))
    total = gain.sum()
    # a flip that gives back the observed sum must count, whatever the order of summation
    least = abs(total) - 1e-9 * np.abs(gain).sum()
    hits = 0
    for rows in _chunks(n_permutations, gain.size):
        heads = _coins(rng, rows.stop - rows.start, gain.size) @ gain
        hits += int((np.abs(2 * heads - total) >= least).sum())
    return (1 + hits) / (1 + n_permutations)


def _coins(rng: np.random.Generator, n_rows: int, n_columns: int) -> NDArray[np.float64]:
    packed = rng.integers(0, 256, size=(n_rows, -(-n_columns // 8)), dtype=np.uint8)
    return np.unpackbits(packed, axis=1, count=n_columns).astype(np.float64)


def _detectable(gain: NDArray[np.float64]) -> float:
    if gain.size < 2:
        return float("nan")
    return (_Z_TWO_SIDED_5 + _Z_POWER_80) * float(gain.std(ddof=1)) / sqrt(gain.size)
