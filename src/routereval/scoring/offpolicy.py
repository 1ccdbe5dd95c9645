"""What another router would have done on the traffic that one router served.

The log holds for each request the reward of the one model that was asked, and the probability with
which it was asked. Weighted by how much more often another router would have asked it, those
rewards tell about that router: inverse propensity scoring (IPS; Horvitz and Thompson 1952), its
self-normalised form (SNIPS; Swaminathan and Joachims 2015), and the doubly robust form (DR; Dudík,
Langford and Li 2011), which corrects a model of the rewards and is right where either that model or
the propensities are. All assume that what the router chose had a chance to be asked, that
propensities are right, and that requests are independent of each other.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError

Floats = NDArray[np.float64]


LEAST_SIZE = 10
"""With an effective size below this an estimate by weights gets no interval: a normal one of a
handful of requests covers too seldom."""


class Estimate(NamedTuple):
    """A mean reward and its interval; NaN where there is nothing to tell it from."""

    value: float
    low: float
    high: float


def importance(target: ArrayLike, propensity: ArrayLike) -> Floats:
    """How much more often the other router would have made each logged choice.

    Args:
        target: (n,) probability with which it would have; 0 or 1 for one that does not draw.
        propensity: (n,) probability with which the logged choice was made.

    Returns:
        (n,) weights.

    Raises:
        DataError: if a propensity is not in (0, 1], a probability not in [0, 1], or shapes differ.

    >>> importance([1, 0, 1], [0.5, 0.5, 0.1])
    array([ 2.,  0., 10.])
    """
    wanted, given = np.asarray(target, np.float64), np.asarray(propensity, np.float64)
    if wanted.shape != given.shape or wanted.ndim != 1:
        raise DataError(
            f"one probability and one propensity a request, not {wanted.shape} and {given.shape}"
        )
    if not ((given > 0) & (given <= 1)).all():
        raise DataError("a propensity is not in (0, 1]: what was chosen had a chance")
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise DataError("the probability of a choice lies in [0, 1]")
    return np.asarray(wanted / given)


def effective_size(weights: ArrayLike) -> float:
    """How many requests of equal weight would tell as much: (Σw)² / Σw² (Kish 1965).

    >>> effective_size([1, 1, 1, 0]), effective_size([9, 1])
    (3.0, 1.219...)
    """
    w = np.asarray(weights, np.float64)
    return float(w.sum() ** 2 / (w**2).sum()) if w.any() else 0.0


def direct(rewards: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of what happened, for the router that served.

    Args:
        rewards: (n,).
        level: confidence of the interval.

    Raises:
        SpecError: if the level is not between 0 and 1.
    """
    return _mean(np.asarray(rewards, np.float64), level)


def ips(rewards: ArrayLike, weights: ArrayLike, level: float = 0.95) -> Estimate:
    """Inverse propensity scoring: the mean of weighted rewards, unbiased and noisy.

    Args:
        rewards: (n,).
        weights: (n,) from `importance`.
        level: confidence of the interval, which is normal; there is none below `LEAST_SIZE`.

    Raises:
        SpecError: if the level is not between 0 and 1.

    >>> ips([1, 0, 1, 1], [2, 2, 0, 0]).value
    0.5
    """
    w = np.asarray(weights, np.float64)
    return _weighed(_mean(w * np.asarray(rewards, np.float64), level), w)


def snips(rewards: ArrayLike, weights: ArrayLike, level: float = 0.95) -> Estimate:
    """Self-normalised IPS: the weighted mean, a little biased in small logs, much less noisy.

    Args:
        rewards: (n,).
        weights: (n,) from `importance`.
        level: confidence of the interval, by the delta method; none below `LEAST_SIZE`.

    Raises:
        SpecError: if the level is not between 0 and 1.

    >>> snips([1, 0, 1, 1], [2, 2, 0, 0]).value
    0.5
    """
    r, w = np.asarray(rewards, np.float64), np.asarray(weights, np.float64)
    if not w.any():
        return _mean(np.empty(0), level)
    value = float((w * r).sum() / w.sum())
    return _weighed(_mean(value + w * (r - value) / w.mean(), level), w)


def doubly_robust(
    rewards: ArrayLike,
    weights: ArrayLike,
    expected_logged: ArrayLike,
    expected_target: ArrayLike,
    level: float = 0.95,
) -> Estimate:
    """A model's expectations, corrected by the weighted errors that it made on the log.

    Args:
        rewards: (n,).
        weights: (n,) from `importance`.
        expected_logged: (n,) what the model expects of the logged choice; it must not have learned
            from the same request's reward, see `cross_fitted`.
        expected_target: (n,) what it expects of the other router's choice.
        level: confidence of the interval, which is normal; there is none below `LEAST_SIZE`.

    Raises:
        SpecError: if the level is not between 0 and 1.

    >>> doubly_robust([1, 0], [2, 0], expected_logged=[0.5, 0.5], expected_target=[0.5, 0.7]).value
    1.1
    """
    r, w = np.asarray(rewards, np.float64), np.asarray(weights, np.float64)
    error = w * (r - np.asarray(expected_logged, np.float64))
    return _weighed(_mean(np.asarray(expected_target, np.float64) + error, level), w)


def cross_fitted(
    rewards: ArrayLike, logged: ArrayLike, target: ArrayLike, n_folds: int = 5
) -> tuple[Floats, Floats]:
    """Rewards expected from predicted scores, by a straight line learned on the other folds.

    Predicted scores rank well and are often off by a scale. A line puts them right, and as it is
    learned without the fold that it is used on, `doubly_robust` stays unbiased.

    Args:
        rewards: (n,) of the logged choices.
        logged: (n,) predicted scores of the logged choices; NaN where there are none.
        target: (n,) predicted scores of the other router's choices.
        n_folds: request i belongs to fold ``i % n_folds``.

    Returns:
        What is expected of the logged and of the other choices, (n,) each; without a predicted
        score, the mean reward of the other folds.
    """
    r, x, y = (np.asarray(a, np.float64) for a in (rewards, logged, target))
    fold = np.arange(len(r)) % n_folds
    expected = np.empty((2, len(r)))
    for k in range(n_folds):
        out, known = fold == k, (fold != k) & ~np.isnan(x)
        slope, base = _line(x[known], r[known])
        rest = r[fold != k]
        mean = float(rest.mean()) if rest.size else 0.0
        for row, given in zip(expected, (x[out], y[out]), strict=True):
            row[out] = np.where(np.isnan(given), mean, base + slope * given)
    return expected[0], expected[1]


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and base of the line of least squares; flat where x does not vary."""
    if not x.size:
        return 0.0, 0.0
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 1e-12 else 0.0
    return slope, float(y.mean() - slope * x.mean())


def _weighed(found: Estimate, weights: Floats) -> Estimate:
    """The estimate, without an interval where few requests carry it."""
    if effective_size(weights) >= LEAST_SIZE:
        return found
    return Estimate(found.value, np.nan, np.nan)


def _mean(terms: Floats, level: float) -> Estimate:
    if not 0 < level < 1:
        raise SpecError(f"the level of an interval must lie between 0 and 1, as 0.95, not {level}")
    if not terms.size:
        return Estimate(np.nan, np.nan, np.nan)
    mean = float(terms.mean())
    if terms.size == 1:
        return Estimate(mean, np.nan, np.nan)
    half = NormalDist().inv_cdf((1 + level) / 2) * float(terms.std(ddof=1)) / terms.size**0.5
    return Estimate(mean, mean - half, mean + half)
