"""Evidence that may be looked at whenever one likes: e-processes and confidence sequences by bets.

Somebody bets on each next number before it is known. If the mean is not above 0, no way of betting
is expected to gain, so by Ville's inequality the wealth that began as 1 ever reaches 1 / alpha with
a probability of at most alpha, however long one goes on and whenever one looks. Wealth that did is
proof. Here the stakes are spread over a grid and left where they are, so that the wealth is a mean
of products, which adapts to a variance and a mean that nobody knows beforehand. All means that are
not yet disproved by such bets are a confidence sequence. No approximation is in it: numbers need
bounds, and no distribution.

Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, Journal of
the Royal Statistical Society B 86 (2024); Ville 1939.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring.bootstrap import Interval

Floats = NDArray[np.float64]

_N_STAKES = 16
_SMALLEST = 1e-3  # of the largest stake
_LARGEST = 0.95  # of what can be lost at once
_HALVINGS = 22
_STAKES = _LARGEST * np.geomspace(_SMALLEST, 1.0, _N_STAKES)


def wealth(values: ArrayLike, bounds: ArrayLike) -> Floats:
    """Evidence that the mean of a sequence is above 0, after each of its numbers.

    Args:
        values: (n,) numbers in their order. Under the hypothesis none has an expectation above 0,
            given those before it.
        bounds: (n,) or one: how far below 0 a number could have been, known before it was.

    Returns:
        (n,) wealth. Under the hypothesis, the probability that it ever reaches 1 / alpha is at most
        alpha.

    Raises:
        DataError: if a number lies below its bound, or a bound is not positive.

    >>> wealth([1.0, 1.0, 1.0], 1.0).round(2).tolist()
    [1.16, 1.42, 1.84]
    >>> float(wealth([-1.0] * 9, 1.0)[-1]) < 1
    True
    """
    numbers, most = _checked(values, bounds)
    if not len(numbers):
        return np.empty(0)
    logs = np.log1p(_STAKES[:, None] * (numbers / most)[None, :]).cumsum(axis=1)
    return np.asarray(np.exp(_log_mean(logs)))


def least_mean(values: ArrayLike, bounds: ArrayLike, alpha: float, span: float = 1.0) -> float:
    """The lower end of a confidence sequence for the mean, at its last number.

    Args:
        values: (n,) numbers; the mean is the same for all, given those before.
        bounds: as `wealth` takes them.
        alpha: the probability with which it is ever above the mean, at most.
        span: the mean lies in [-span, span].

    >>> least_mean([0.5, 0.7] * 50, 1.0, 0.05) > 0.4, least_mean([], 1.0, 0.05)
    (True, -1.0)
    """
    if not 0 < alpha < 1:
        raise SpecError(f"alpha is a probability between 0 and 1, not {alpha:g}")
    numbers, most = _checked(values, bounds)
    low, high = -span, span

    def disproved(mean: float) -> bool:
        shares = (numbers - mean) / (most + span)
        logs = np.log1p(_STAKES[:, None] * shares[None, :]).sum(axis=1)
        return bool(_log_mean(logs) >= math.log(1 / alpha))

    if not disproved(low):
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if disproved(middle) else (low, middle)
    return low


def mean_interval_at_any_time(
    below: ArrayLike, above: ArrayLike, bounds: tuple[ArrayLike, ArrayLike], alpha: float = 0.05
) -> Interval:
    """A confidence sequence for a mean in [-1, 1], at its last number.

    Args:
        below: (n,) numbers whose mean is at most the one that is looked for.
        above: (n,) numbers whose mean is at least that; the same where all is known.
        bounds: how far below 0 each of `below` could be, and how far above 0 each of `above`.
        alpha: the probability with which it ever misses the mean, at most.
    """
    least = least_mean(below, bounds[0], alpha / 2)
    most = -least_mean(-np.asarray(above, np.float64), bounds[1], alpha / 2)
    return Interval(least, most)


def _log_mean(logs: Floats) -> Floats:
    """The logarithm of the mean over stakes, as far as a float goes."""
    return np.asarray(np.minimum(np.logaddexp.reduce(logs, axis=0) - math.log(_N_STAKES), 700.0))


def _checked(values: ArrayLike, bounds: ArrayLike) -> tuple[Floats, Floats]:
    numbers = np.asarray(values, np.float64)
    most = np.broadcast_to(np.asarray(bounds, np.float64), numbers.shape)
    if not (most > 0).all() or not np.isfinite(most).all():
        raise DataError("a bound is how far below 0 a number may be: above 0, and finite")
    if (numbers < -most * (1 + 1e-9)).any() or np.isnan(numbers).any():
        worst = int(np.argmax(-numbers - most))
        raise DataError(f"{numbers[worst]:g} lies below its bound {-most[worst]:g}")
    return np.maximum(numbers, -most), most


def first_reached(grown: Floats, alpha: float) -> int | None:
    """The place of the first number at which wealth is proof at a level; None for none.

    >>> first_reached(np.array([1.0, 21.0, 3.0]), 0.05)
    1
    """
    reached = np.flatnonzero(grown >= 1 / alpha)
    return int(reached[0]) if len(reached) else None


def units_needed(difference: float, variance: float, alpha: float = 0.05) -> int:
    """About how many numbers it takes until a mean is proved, in the middle of many trials.

    The wealth of the best stake grows by difference² / (2 variance) a number, and the grid costs
    about the logarithm of half its size.

    >>> units_needed(0.05, 0.84)
    3877
    """
    goal = math.log(2 / alpha) + math.log(_N_STAKES / 2)
    return math.ceil(goal * 2 * variance / difference**2)
