"""The metrics of one router: their values, their replicates, their intervals.

An interval is read off smoothed replicates, see `smoothing`. Its two ends may come from different
formulas, and a mean over several sets of prompts needs the ends of each together with the centre
that each lies around: these are the `Ends` of a metric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.scoring.bootstrap import N_BOOT, Interval, interval_ends, product, resamples
from routereval.scoring.evidence import Evidence
from routereval.scoring.means import Means, Values, means
from routereval.scoring.metrics import Metric, all_metrics, metric
from routereval.scoring.smoothing import Smoothing, effective_units, spread_of

Floats = NDArray[np.float64]

FEW_UNITS = 20
"""Of fewer prompts, or groups of prompts, no interval can be relied on."""

UNSURE = "?: an interval that cannot be relied on to hold the truth; see docs/statistics.md."
"""What a table says of the sign that it sets behind an interval that is `doubtful`."""

_MOST_UNDEFINED = 0.025  # of the replicates, in an interval that can be relied on
_MOST_BIAS = 0.5  # of their standard deviation
_FEW_ANSWERS = 10


class Side(NamedTuple):
    """What one end of an interval is read off.

    Attributes:
        plain: the number on the prompts as they are, without pseudo-prompts.
        anchor: the same with them: what the replicates scatter around.
        drawn: (n_boot,) the smoothed replicates.
    """

    plain: float
    anchor: float
    drawn: Floats


class Draws(NamedTuple):
    """A number, and what the ends of its interval are read off.

    Attributes:
        point: the number itself.
        low: for the lower end.
        high: for the upper end; most often the same.
    """

    point: float
    low: Side
    high: Side


class Ends(NamedTuple):
    """The interval of a number, and the centres that its ends lie around.

    Attributes:
        point: the number itself.
        low: lower end.
        high: upper end.
        low_centre: what the lower end lies below: the number without its bias, if any.
        high_centre: what the upper end lies above.
        holds: False where too many replicates are undefined or infinite to rely on it, or their
            bias is more than half their standard deviation.
    """

    point: float
    low: float
    high: float
    low_centre: float
    high_centre: float
    holds: bool = True


def compute(evidence: Evidence, metrics: Iterable[str | Metric] | None = None) -> dict[str, float]:
    """The metrics of one router on the prompts as they are.

    Args:
        evidence: what the router did.
        metrics: names or metrics; `all_metrics` if None.

    Returns:
        The value of each metric by name, NaN where it is undefined.

    Raises:
        SpecError: if a name is unknown.
    """
    of = means(evidence)
    return {one.name: float(one.values(of)) for one in _chosen(metrics)}


def replicates(
    evidence: Evidence,
    W: NDArray[np.floating],
    metrics: Iterable[str | Metric] | None = None,
) -> dict[str, Floats]:
    """The metrics of one router on every resample, without pseudo-prompts.

    Args:
        evidence: what the router did.
        W: (n_boot, n_prompts) weights from `resamples`.
        metrics: names or metrics; `all_metrics` if None.

    Returns:
        (n_boot,) values of each metric by name; the same row of `W` gave the same place of each, so
        replicates of several tasks may be averaged place by place.

    Raises:
        SpecError: if a name is unknown.
        DataError: if `W` is for another number of prompts.
    """
    of = means(evidence, W)
    return {one.name: _values(one.values(of), len(W)) for one in _chosen(metrics)}


def draws(
    evidence: Evidence,
    metrics: Iterable[str | Metric] | None = None,
    n_boot: int = N_BOOT,
    W: NDArray[np.floating] | None = None,
) -> dict[str, Draws]:
    """What the intervals of the metrics are read off.

    Args:
        evidence: what the router did.
        metrics: names or metrics; `all_metrics` if None.
        n_boot: number of resamples.
        W: (n_boot, n_prompts) weights in place of those that `resamples` gives for the evidence's
            subsets and groups.

    Raises:
        SpecError: if a name is unknown.
        DataError: if `W` is for another number of prompts.
    """
    weights = resamples(evidence.subsets, n_boot, groups=evidence.groups) if W is None else W
    plain, anchor = means(evidence), means(evidence, smoothed=True)
    drawn = means(evidence, weights, smoothed=True)

    def side(formula: Callable[[Means], Values]) -> Side:
        values = _values(formula(drawn), len(weights))
        return Side(float(formula(plain)), float(formula(anchor)), values)

    found = {}
    for one in _chosen(metrics):
        low = side(one.values)
        high = low if one.high_formula is None else side(one.high_values)
        found[one.name] = Draws(low.plain, low, _upper_side(high, low))
    return found


def intervals(
    evidence: Evidence,
    W: NDArray[np.floating],
    metrics: Iterable[str | Metric] | None = None,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Bootstrap intervals of the metrics, cut where their range ends; see `ends_of`.

    Args:
        evidence: what the router did.
        W: (n_boot, n_prompts) weights from `resamples`.
        metrics: names or metrics; `all_metrics` if None.
        level: confidence, between 0 and 1.

    Returns:
        The interval of each metric by name.

    Raises:
        SpecError: if a name is unknown or the level is not between 0 and 1.
        DataError: if `W` is for another number of prompts.
    """
    held = draws(evidence, metrics, W=W)
    return {name: within(ends_of(one, level), name) for name, one in held.items()}


def doubtful(evidence: Evidence, metrics: Iterable[str | Metric] | None = None) -> set[str]:
    """The metrics whose interval cannot be relied on to hold the truth, by what is known of them.

    All of them on fewer than 20 prompts, or groups of prompts; else those that say so: V_B and the
    top-1 share where the best models tie, what compares with the best model of small subsets,
    ratios to hardly anything, and read-outs of curves where the best single model has fewer than
    ten wrong answers, or ten right ones.

    Args:
        evidence: what the router did.
        metrics: names or metrics; `all_metrics` if None.
    """
    few = evidence.n_units < FEW_UNITS
    return {
        one.name
        for one in _chosen(metrics)
        if few
        or (one.doubtful is not None and one.doubtful(evidence))
        or (one.swept and _few_answers(evidence))
    }


def estimates(
    evidence: Evidence,
    metrics: Iterable[str | Metric] | None = None,
    n_boot: int = N_BOOT,
) -> tuple[dict[str, Interval], set[str]]:
    """The intervals of the metrics, and which of them cannot be relied on.

    Args:
        evidence: what the router did.
        metrics: names or metrics; `all_metrics` if None.
        n_boot: number of resamples.
    """
    ends = {name: ends_of(one) for name, one in draws(evidence, metrics, n_boot).items()}
    unsure = doubtful(evidence, ends) | {name for name, one in ends.items() if not one.holds}
    return {name: within(one, name) for name, one in ends.items()}, unsure


def within(ends: Ends, name: str) -> Interval:
    """The interval, cut where the range of the metric ends."""
    low, high = np.clip([ends.low, ends.high], metric(name).low, metric(name).high).tolist()
    return Interval(low, high)


def ends_of(held: Draws, level: float = 0.95) -> Ends:
    """The interval of a number from its replicates, widened if need be to hold the number.

    Ends are percentiles of the smoothed replicates, moved back by twice the bias that resampling
    shows; see `interval`.

    Raises:
        SpecError: if the level is not between 0 and 1.
    """
    if np.isnan(held.point):
        interval_ends(np.zeros(1), np.zeros((1, 1)), level, unbiased=False)  # checks the level
        return Ends(np.nan, np.nan, np.nan, np.nan, np.nan)
    sides = (held.low,) if held.high is held.low else (held.low, held.high)
    anchors = np.array([side.anchor for side in sides])
    drawn = np.stack([side.drawn for side in sides])
    free, bias = interval_ends(anchors, drawn, level, unbiased=True)
    low, high = float(np.fmin(free[0, 0], held.point)), float(np.fmax(free[-1, 1], held.point))
    moved = list(zip(sides, bias.tolist(), strict=True))
    centres = [side.plain - by for side, by in moved]
    lost = 1 - np.isfinite(drawn).mean() if np.isfinite(held.point) else 0.0
    holds = bool(lost <= _MOST_UNDEFINED) and all(_steady(side, by) for side, by in moved)
    return Ends(held.point, low, high, centres[0], centres[-1], holds)


def averaged(held: Sequence[Draws]) -> Draws:
    """The mean of numbers on the same prompts; a replicate undefined in one is left out.

    Numbers that are undefined do not count.
    """
    defined = [one for one in held if not np.isnan(one.point)]
    if not defined:
        return held[0]
    if len(defined) == 1:
        return defined[0]
    low = _mean_side([one.low for one in defined])
    same = all(one.high is one.low for one in defined)
    high = low if same else _mean_side([one.high for one in defined])
    return Draws(float(np.mean([one.point for one in defined])), low, high)


def combined(
    held: Sequence[Ends], weights: ArrayLike | None = None, overlap: ArrayLike | None = None
) -> Ends:
    """The weighted mean of numbers on different sets of prompts, with an interval from theirs.

    Each arm is the root of the summed squares of the weighted arms (MOVER, Zou and Donner 2008),
    so that what is lopsided stays so, and what pseudo-prompts move does not add up. Sets of prompts
    that overlap are correlated as far as they do, which errs on the wide side.

    Args:
        held: the numbers.
        weights: how much each counts; all alike if None.
        overlap: (n, n) share of the prompts that two sets have in common, 1 on the diagonal; the
            sets have none in common if None.

    >>> one = Ends(0.5, 0.4, 0.6, 0.5, 0.5)
    >>> both = combined([one] * 4)
    >>> round(both.low, 3), round(both.high, 3)
    (0.45, 0.55)
    """
    if len(held) == 1:
        return held[0]
    w = np.full(len(held), 1 / len(held)) if weights is None else np.asarray(weights, np.float64)
    R = np.eye(len(held)) if overlap is None else np.asarray(overlap, np.float64)
    point, low, high, low_centre, high_centre = np.array([one[:5] for one in held], np.float64).T
    mean, holds = float(w @ point), all(one.holds for one in held)
    if not np.isfinite([point, low, high, low_centre, high_centre]).all():
        return Ends(mean, float(w @ low), float(w @ high), mean, mean, holds)
    below, above = float(w @ low_centre), float(w @ high_centre)
    down, up = w * np.maximum(low_centre - low, 0), w * np.maximum(high - high_centre, 0)
    ends = below - np.sqrt(down @ R @ down), above + np.sqrt(up @ R @ up)
    return Ends(mean, min(float(ends[0]), mean), max(float(ends[1]), mean), below, above, holds)


def mean_interval(
    values: ArrayLike,
    W: NDArray[np.floating],
    *,
    groups: ArrayLike | None = None,
    low: float = 0.0,
    high: float = 1.0,
    level: float = 0.95,
) -> Interval:
    """The interval of the mean of bounded numbers, that holds near the ends of their range too.

    Args:
        values: (n_prompts,) numbers from `low` to `high`: scores, or differences of scores with
            `low` = -1.
        W: (n_boot, n_prompts) weights from `resamples`.
        groups: (n_prompts,) code of the group of each prompt, which `W` drew whole; None if every
            prompt stands for itself.
        low: the least value there can be.
        high: the greatest value there can be.
        level: confidence, between 0 and 1.

    Raises:
        SpecError: if the level is not between 0 and 1.

    >>> W = resamples([0] * 20)
    >>> [round(end, 2) for end in mean_interval([1] * 20, W)]
    [0.86, 1.0]
    """
    return Interval(*ends_of(mean_draws(values, W, groups=groups, low=low, high=high), level)[1:3])


def unseen_difference(n_prompts: float, level: float = 0.95) -> Interval:
    """What two may differ by that scored the same on every prompt: `mean_interval` of zeros.

    Args:
        n_prompts: how many prompts that do not depend on each other tell as much.
        level: confidence, between 0 and 1.

    Raises:
        SpecError: if the level is not between 0 and 1.

    >>> unseen_difference(400) == mean_interval([0] * 400, resamples([0] * 400), low=-1)
    True
    """
    return Interval(
        *ends_of(_mixed(0.0, np.zeros(N_BOOT), n_prompts, 1.0, (1.0, -1.0, 0.0, 0.0)), level)[1:3]
    )


def mean_draws(
    values: ArrayLike,
    W: NDArray[np.floating],
    *,
    groups: ArrayLike | None = None,
    low: float = 0.0,
    high: float = 1.0,
) -> Draws:
    """What `mean_interval` is read off."""
    column = np.asarray(values, np.float64)
    point = float(column.mean())
    n = effective_units([column], None if groups is None else np.asarray(groups))
    spread = spread_of(column, low, high) if low >= 0 else _size(column)
    pseudo = (high, low, high, low) if low >= 0 else (high, low, 0.0, 0.0)
    return _mixed(point, product(W, column), n, spread, pseudo)


def _mixed(
    point: float, replicates: Floats, n: float, spread: float, pseudo: tuple[float, ...]
) -> Draws:
    """A mean over n prompts and its replicates, with the pseudo-prompts mixed in."""
    whole, drawn = (Smoothing.of(boot, n, spread) for boot in (None, len(replicates)))
    anchor = float(whole.mixed(np.asarray(point), point, pseudo))
    side = Side(point, anchor, drawn.mixed(replicates, point, pseudo))
    return Draws(point, side, side)


def _size(differences: Floats) -> float:
    """Root mean square of those that are not 0; 1, as of right and wrong answers, if all are."""
    there = differences[differences != 0]
    return float(round(np.sqrt((there**2).mean()), 12)) if len(there) else 1.0


def _mean_side(sides: Sequence[Side]) -> Side:
    return Side(
        float(np.mean([side.plain for side in sides])),
        float(np.mean([side.anchor for side in sides])),
        np.mean([side.drawn for side in sides], axis=0),
    )


def _upper_side(high: Side, low: Side) -> Side:
    """The side of the upper end; that of the lower where the evidence lacks a column for it."""
    return low if np.isnan(high.plain) else high


def _steady(side: Side, bias: float) -> bool:
    """Whether the bias that resampling shows is small beside what it leaves open."""
    finite = side.drawn[np.isfinite(side.drawn)]
    return not len(finite) or abs(bias) <= _MOST_BIAS * float(finite.std()) + 1e-9


def _few_answers(evidence: Evidence) -> bool:
    """Whether the best single model has hardly any wrong answers, or hardly any right ones."""
    mean, spread = float(evidence.best_single.mean()), spread_of(evidence.best_single)
    return evidence.n_units * min(mean, 1 - mean) < _FEW_ANSWERS * spread**2


def _values(found: Floats, n_boot: int) -> Floats:
    return np.broadcast_to(found, n_boot).copy()


def _chosen(metrics: Iterable[str | Metric] | None) -> list[Metric]:
    return [metric(one) for one in (all_metrics() if metrics is None else metrics)]
