"""From a few fits to the algorithm: what training on other prompts would change.

A test on the prompts of fitted routers says which of these fits is better. That one algorithm is
better takes several fits, and a variance that has both sources: prompts and training.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError

_CAUTION = 0.75  # confidence of the upper limit of what training adds, under which the null is made
_NO_SPREAD = 1e-18  # of fits that differ by the same but for rounding
_POINTS = 200  # quantiles of chi-squared that stand for its distribution

MIN_FITS = 5
"""Fits below which the variance of training is not known well enough; see docs/statistics.md."""


class OverFits(NamedTuple):
    """The difference of two algorithms, trained on other prompts of the kind and tested on others.

    Attributes:
        difference: mean over the fits.
        low: lower end of its interval.
        high: upper end.
        p_value: two-sided, of the hypothesis that the two algorithms are equally good on average.
        n_fits: how many fits of each.
        deviation: standard error, of prompts and training together; by ``components`` it is
            scaled so that the quantile of t at the level is the critical value, see `over_fits`.
        df: degrees of freedom.
        method: ``resampled_t`` or ``components``; see `over_fits`.
        p_adjusted: the p-value after `holm`, where several comparisons were made; else None.
        level: confidence of the interval; 1 - level is the level of the test.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_fits: int
    deviation: float
    df: float
    method: str
    p_adjusted: float | None = None
    level: float = 0.95

    @property
    def p(self) -> float:
        """The p-value to judge by: the adjusted one where there is one."""
        return self.p_value if self.p_adjusted is None else self.p_adjusted

    @property
    def significant(self) -> bool:
        """Whether the difference is significant at the level of the interval."""
        return self.p < 1 - self.level


def over_fits(
    difference: float,
    deviation: float,
    n_units: int,
    by_fit: ArrayLike,
    within: ArrayLike,
    *,
    same_test: float,
    same_train: float,
    level: float = 0.95,
) -> OverFits:
    """Test the difference of two algorithms from several fits of each.

    Fits on random splits of one set of prompts are not independent: two of them share prompts. What
    they share decides how their spread is read.

    - `resampled_t`, where they share more of the training than of the test prompts (80 % and 10 %
      in the usual split): the corrected resampled t test of Nadeau and Bengio (2003), by which the
      variance of the mean of R fits is ``spread (1/R + o / (1 - o))``, with o the share of test
      prompts in common and R - 1 degrees of freedom.
    - `components`, where they do not (few-shot training), for there the former hardly ever finds a
      difference: the variance of the prompts, and that of training beside it.

    Args:
        difference: mean over the fits.
        deviation: its standard error with the fits as they are, as `Comparison.deviation`.
        n_units: independent prompts or groups behind that, at least 2.
        by_fit: (n_fits,) difference of each fit on its own test prompts; at least 2.
        within: (n_fits,) squared standard error of each, with the fit as it is.
        same_test: share of the test prompts that two fits have in common, from 0 to less than 1.
        same_train: share of the training prompts, likewise.
        level: confidence, between 0 and 1.

    Raises:
        DataError: if there are fewer than two fits, or not one variance for each.
        SpecError: if a share is not at least 0 and less than 1, or the level not between 0 and 1.

    >>> found = over_fits(0.02, 0.01, 400, [0.0, 0.01, 0.02, 0.03, 0.04], [4e-4] * 5,
    ...                   same_test=0.1, same_train=0.8)
    >>> round(found.p_value, 3), found.method
    (0.086, 'resampled_t')
    """
    from scipy.special import stdtr, stdtrit

    values, own = _checked(by_fit, within, same_test, same_train, level)
    n, spread, prompts = len(values), float(values.var(ddof=1)), deviation**2
    if same_train > same_test:
        method = "resampled_t"
        variance, df = _resampled(prompts, spread, same_test, n), n - 1.0
    else:
        method, known = "components", float(own.mean()) * (1 - same_test)
        units = max(n_units - 1, 1)
        variance, df = _components(
            prompts, spread, known, same_train, n_fits=n, df_prompts=units, level=level
        )
    error = sqrt(variance)
    reach = float(stdtrit(df, (1 + level) / 2)) * error
    p = 2 * float(stdtr(df, -abs(difference) / error)) if error > 0 else float(difference == 0)
    low, high = max(difference - reach, -1.0), min(difference + reach, 1.0)
    return OverFits(difference, low, high, p, n, error, df, method, None, level)


def _checked(
    by_fit: ArrayLike, within: ArrayLike, same_test: float, same_train: float, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, own = np.asarray(by_fit, np.float64), np.asarray(within, np.float64)
    if values.ndim != 1 or len(values) < 2 or own.shape != values.shape:
        raise DataError(
            f"a test over fits needs two fits or more and a variance for each, not the shapes "
            f"{values.shape} and {own.shape}"
        )
    if not (0 <= same_test < 1 and 0 <= same_train < 1 and 0 < level < 1):
        raise SpecError(
            f"shares in common must be at least 0 and less than 1 and the level between 0 and 1, "
            f"not {same_test}, {same_train} and {level}"
        )
    return values, own


def _resampled(prompts: float, spread: float, same_test: float, n_fits: int) -> float:
    """The squared standard error by Nadeau and Bengio; that of prompts alone without a spread."""
    if spread <= _NO_SPREAD:
        return prompts
    return spread * (1 / n_fits + same_test / (1 - same_test))


def _components(
    prompts: float,
    spread: float,
    known: float,
    same_train: float,
    *,
    n_fits: int,
    df_prompts: int,
    level: float,
) -> tuple[float, float]:
    """The squared standard error by components, and its degrees of freedom.

    It is ``deviation² + v (1/R + s (1 - 1/R))``: that of the prompts, and v, that of training, with
    s the share of training prompts in common. As the spread is ``v (1 - s) + mean(within) (1 - o)``
    in expectation, v follows, or 0 where that is less. That estimate is far from a multiple of
    chi-squared, so t with Satterthwaite's (1946) degrees of freedom, at least R - 1, does not hold
    its level. The critical value is that of a parametric bootstrap: the differences are normal, the
    spread is chi-squared with R - 1 degrees, and v is at its upper limit of 75 % confidence, since
    at its estimate the test would find too much. It is no less than that of the prompts alone.

    Args:
        prompts: squared standard error of the difference, with the fits as they are.
        spread: variance of the difference over the fits.
        known: what of the spread comes from other test prompts.
        same_train: share of the training prompts that two fits have in common.
        n_fits: how many fits.
        df_prompts: degrees of freedom of `prompts`.
        level: confidence.
    """
    from scipy.special import stdtrit

    training = max(0.0, (spread - known) / (1 - same_train))
    passed_on = 1 / n_fits + same_train * (1 - 1 / n_fits)
    variance = prompts + training * passed_on
    # what is uncertain in it: the spread of the fits, and that of the prompts
    doubt = (spread * passed_on / (1 - same_train)) ** 2 / (n_fits - 1) + prompts**2 / df_prompts
    df = max(variance**2 / doubt, n_fits - 1.0) if doubt > 0 else n_fits - 1.0
    tail = (1 + level) / 2
    critical = max(
        _critical(prompts, spread, known, passed_on / (1 - same_train), n_fits, level),
        float(stdtrit(df_prompts, tail)),
    )
    return variance * (critical / float(stdtrit(df, tail))) ** 2, df


def _critical(
    prompts: float, spread: float, known: float, passed_on: float, n_fits: int, level: float
) -> float:
    """What |difference| / error exceeds with the probability 1 - level, if there is none.

    Args:
        prompts: squared standard error of the difference, with the fits as they are.
        spread: variance of the difference over the fits.
        known: what of the spread comes from other test prompts.
        passed_on: how much of the rest stands in the squared error of the mean.
        n_fits: how many fits.
        level: confidence.
    """
    from scipy.optimize import brentq
    from scipy.special import chdtri, ndtr

    df = n_fits - 1
    limit = max(spread * df / float(chdtri(df, _CAUTION)), known)
    true = prompts + (limit - known) * passed_on
    if true <= 0:
        return 0.0
    drawn = limit * chdtri(df, (np.arange(_POINTS) + 0.5) / _POINTS) / df
    estimated = prompts + np.maximum(drawn - known, 0.0) * passed_on
    scale = np.sqrt(estimated / true)

    def excess(at: float) -> float:
        return float(2 * ndtr(-at * scale).mean()) - (1 - level)

    return float(brentq(excess, 0.0, 1e6)) if excess(1e6) < 0 else float("inf")
