"""Claims of sameness: as good as another within a margin, and how probable a difference is.

That no difference was found does not show that there is none. Here the burden lies on sameness.
"""

from __future__ import annotations

from math import exp, hypot, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring.paired import units

_LEVEL = 0.05


class Estimate(NamedTuple):
    """A difference of which the error follows a t distribution.

    Attributes:
        difference: a less b.
        error: its standard error.
        df: degrees of freedom.
    """

    difference: float
    error: float
    df: float


class Sameness(NamedTuple):
    """Whether a is as good as b within a margin.

    Attributes:
        margin: the difference that does not matter.
        low: lower end of the 90 % interval of the difference, whose ends make both tests.
        high: upper end.
        p_non_inferior: one-sided, of the hypothesis that a is worse than b by the margin or more.
        p_equivalent: of the hypothesis that they differ by the margin or more (two one-sided tests,
            Schuirmann 1987).
    """

    margin: float
    low: float
    high: float
    p_non_inferior: float
    p_equivalent: float

    @property
    def non_inferior(self) -> bool:
        """Whether a is shown to be as good as b, or better."""
        return self.p_non_inferior < _LEVEL

    @property
    def equivalent(self) -> bool:
        """Whether the two are shown to be equally good."""
        return self.p_equivalent < _LEVEL


class Probabilities(NamedTuple):
    """How probable it is that a is better, worse, or the same for practical purposes.

    Attributes:
        rope: half the width of the region of practical equivalence.
        better: that a is better than b by more than `rope`.
        same: that they differ by no more.
        worse: that a is worse by more.
    """

    rope: float
    better: float
    same: float
    worse: float


class Saving(NamedTuple):
    """By what share a costs less than b; negative if it costs more.

    Attributes:
        share: 1 - mean cost of a / mean cost of b.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    share: float
    low: float
    high: float


def estimate(difference: float, deviation: float, step: float, df: float) -> Estimate:
    """A difference with the error that a claim of sameness has to reckon with.

    Routers that scored alike on every prompt may still differ on the next. So one more win and one
    more loss, each of half a unit's weight, are added to the variance (as Agresti and Min 2005).

    Args:
        difference: a less b.
        deviation: its standard error; NaN if unknown.
        step: how far one prompt (or group) can move it, as `Comparison.step`.
        df: degrees of freedom of the standard error.
    """
    known = isfinite(deviation) and df > 0
    return Estimate(difference, hypot(deviation, step) if known else float("inf"), max(df, 1.0))


def sameness(found: Estimate, margin: float) -> Sameness:
    """Test whether a is as good as b within a margin, and whether both are.

    Args:
        found: from `estimate`.
        margin: the difference that does not matter, above 0 and below 1.

    Raises:
        SpecError: if the margin is not between 0 and 1.

    >>> sameness(Estimate(0.0, 0.004, 1e6), 0.01).equivalent
    True
    """
    from scipy.special import stdtr, stdtrit

    if not 0 < margin < 1:
        raise SpecError(f"a margin must lie between 0 and 1, as 0.01, not {margin}")
    d, error, df = found
    worse, better = (float(stdtr(df, -(margin + side) / error)) for side in (d, -d))
    reach = float(stdtrit(df, 1 - _LEVEL)) * error
    return Sameness(margin, max(d - reach, -1.0), min(d + reach, 1.0), worse, max(worse, better))


def probabilities(found: Estimate, rope: float) -> Probabilities:
    """How probable each case is, given the data and a flat prior.

    The posterior is Student's t around the difference with its standard error for scale, as in the
    Bayesian correlated t test (Benavoli, Corani, Demšar and Zaffalon 2017).

    Args:
        found: from `estimate`.
        rope: half the width of the region of practical equivalence, from 0 to below 1.

    Raises:
        SpecError: if `rope` is not at least 0 and below 1.

    >>> [round(float(p), 3) for p in probabilities(Estimate(0.02, 0.01, 1e6), 0.01)[1:]]
    [0.841, 0.157, 0.001]
    """
    from scipy.special import stdtr

    if not 0 <= rope < 1:
        raise SpecError(f"a region of practical equivalence must be from 0 to below 1, not {rope}")
    d, error, df = found
    better, worse = float(stdtr(df, (d - rope) / error)), float(stdtr(df, (-rope - d) / error))
    return Probabilities(rope, better, 1 - better - worse, worse)


def saving(
    a: ArrayLike,
    b: ArrayLike,
    *,
    subsets: NDArray[np.int64],
    weights: NDArray[np.float64],
    groups: NDArray[np.int64] | None = None,
) -> Saving | None:
    """By what share a costs less than b, paired; the interval is normal on the log of the ratio.

    Args:
        a: (n_prompts,) cost of the one router on each prompt.
        b: (n_prompts,) cost of the other.
        subsets: (n_prompts,) code of each prompt's subset.
        weights: (n_prompts,) how much each prompt counts; they sum to 1.
        groups: (n_prompts,) code of the group of each prompt, or None.

    Returns:
        The saving; None where a cost is unknown, or either costs nothing.

    Raises:
        DataError: if the arrays are not of one length.

    >>> saving([1.0, 1.0], [2.0, 2.0], subsets=np.array([0, 0]), weights=np.array([0.5, 0.5]))
    Saving(share=0.5, low=0.5, high=0.5)
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.shape != weights.shape:
        raise DataError(f"costs have the shapes {first.shape} and {second.shape}")
    mean_a, mean_b = float(weights @ first), float(weights @ second)
    if not (isfinite(mean_a) and isfinite(mean_b) and mean_a > 0 and mean_b > 0):
        return None
    log_error = units(first / mean_a - second / mean_b, weights, subsets, groups).deviation
    reach = exp(1.96 * log_error) if isfinite(log_error) else float("inf")
    ratio = mean_a / mean_b
    return Saving(1 - ratio, 1 - ratio * reach, 1 - ratio / reach)
