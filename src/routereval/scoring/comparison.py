"""Whether one router beats another: paired tests, and correction for many of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError
from routereval.number_of import number_of
from routereval.scoring.estimates import unseen_difference
from routereval.scoring.paired import Flips, Units, units

_TIE = 1e-12
_Z_TWO_SIDED_5 = 1.96
_Z_POWER_80 = 0.84


@dataclass(frozen=True)
class Comparison:
    """Two routers on the same prompts.

    Attributes:
        difference: mean of a - b, weighted if weights were given.
        low: lower end of its interval: the differences that the same test does not reject. Where
            all scores are equal, no test says anything, and it is `unseen_difference`.
        high: upper end. The interval excludes 0 if and only if p_value < 1 - level.
        p_value: two-sided, of the hypothesis that the two do not differ on average.
        n_prompts: prompts compared.
        wins: prompts on which a scored higher.
        ties: prompts on which both scored the same.
        losses: prompts on which b scored higher.
        detectable: the difference that this many prompts would show with 80% power at the 5% level;
            NaN for a single prompt, and where no prompt differs from another.
        deviation: standard error of the difference, within subsets and over groups; NaN for a
            single prompt.
        n_units: prompts, or groups of prompts that are not independent, that carry weight.
        step: how far one of them can move the difference: 1 / n_units where all weigh alike.
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
    deviation: float = float("nan")
    n_units: int = 0
    step: float = float("nan")
    level: float = 0.95
    p_adjusted: float | None = None

    @property
    def p(self) -> float:
        """The p-value to judge by: the adjusted one where there is one."""
        return self.p_value if self.p_adjusted is None else self.p_adjusted

    @property
    def significant(self) -> bool:
        """Whether the difference is significant at the level of the interval."""
        return self.p < 1 - self.level

    @property
    def all_tied(self) -> bool:
        """Whether both scored the same on every prompt."""
        return self.ties == self.n_prompts

    def sentence(self, name_a: str, name_b: str, do_the_same: str = "score the same") -> str:
        """Say in plain English what was found.

        Args:
            name_a: the router of the first array.
            name_b: the router of the second.
            do_the_same: what both do where they score the same on every prompt, if more is known.

        Returns:
            One sentence with the difference, its interval, the number of prompts and the p-value.

        >>> a = np.array([1.0] * 80 + [0.0] * 20)
        >>> paired_test(a, a).sentence("linear", "knn").partition(", so")[0]
        'linear and knn score the same on each of 100 prompts'
        """
        if self.all_tied:
            return (
                f"{name_a} and {name_b} {do_the_same} on each of {self._prompts}, so that nothing "
                f"can be told: on others they may differ by anything in {self._interval}."
            )
        return self._found(name_a, name_b) if self.significant else self._open(name_a, name_b)

    def _found(self, name_a: str, name_b: str) -> str:
        if self.difference < 0:
            return self._swapped()._found(name_b, name_a)
        return (
            f"{name_a} beats {name_b} by {self.difference:.3f} {self._interval} "
            f"on {self._prompts} ({self._p_text()}; "
            f"better on {self.wins:,}, worse on {self.losses:,}{self._could()})."
        )

    def _open(self, name_a: str, name_b: str) -> str:
        return (
            f"{name_a} and {name_b} cannot be told apart on {self._prompts}: difference "
            f"{round(self.difference, 3) + 0.0:+.3f} {self._interval} ({self._p_text()})"
            f"{self._could()}."
        )

    def _could(self) -> str:
        """The smallest difference that these data could have shown."""
        if not (isfinite(self.detectable) and self.detectable > _TIE):
            return ""
        return f"; smallest difference that these prompts can tell: {self.detectable:.3f}"

    @property
    def _interval(self) -> str:
        low, high = (round(end, 3) + 0.0 for end in (self.low, self.high))  # never -0.000
        return f"[{low:.3f}, {high:.3f}]"

    @property
    def _prompts(self) -> str:
        return number_of(self.n_prompts, "prompt")

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
    subsets: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n_permutations: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Compare two routers on the same prompts.

    The p-value is that of a sign-flip test: the differences, less the mean of their subset and plus
    that of all, are as likely to have the opposite sign if the two do not differ. A statistic that
    corrects for skewness is compared with that of random flips (`routereval.scoring.paired.Flips`);
    prompts of a group flip together. The interval holds the differences that the same flips do not
    reject, so that test and interval always agree.

    It is a statement on these scores: where they come from routers fitted once, the variance of
    training is not in it (`routereval.scoring.over_fits.over_fits`).

    Args:
        a: (n_prompts,) scores of the one router, `Evidence.quality`.
        b: (n_prompts,) scores of the other, on the same prompts in the same order.
        subsets: (n_prompts,) integer code of each prompt's subset, or None for a single one.
        weights: (n_prompts,) how much each prompt counts; all alike if None.
        groups: (n_prompts,) integer code of the group of prompts that are not independent of each
            other (equal texts, one conversation, one passage); None if all are independent.
        n_permutations: number of random sign flips.
        seed: decides them.
        level: confidence, between 0 and 1.

    Returns:
        The comparison.

    Raises:
        DataError: if the arrays are not of one length, are empty, or hold NaN.
        SpecError: if the number of flips is less than 1 or the level is not between 0 and 1.

    >>> paired_test([1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]).sentence("linear", "knn")
    'linear beats knn by 1.000 [1.000, 1.000] on 8 prompts (p = 0.004; better on 8, worse on 0).'
    """
    _check_numbers(n_permutations, level)
    gain = _differences(a, b)
    n_prompts = gain.size
    held = _units(gain, subsets, weights, groups)
    flips = Flips(held, n_permutations, seed)
    if gain.any():
        low, high = flips.interval(level, max(1.0, float(np.abs(gain).max())))
    else:
        low, high = unseen_difference(1 / float((held.share**2).sum()), level)
    wins, losses = int((gain > 0).sum()), int((gain < 0).sum())
    return Comparison(
        difference=held.mean,
        low=low,
        high=high,
        p_value=flips.p(),
        n_prompts=n_prompts,
        wins=wins,
        ties=n_prompts - wins - losses,
        losses=losses,
        detectable=_detectable(held.deviation),
        deviation=held.deviation,
        n_units=len(held.share),
        step=held.step,
        level=level,
    )


def paired_p_value(
    a: ArrayLike,
    b: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> float:
    """The p-value of `paired_test` alone, without the interval, which takes far longer.

    >>> paired_p_value([1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]) < 0.01
    True
    """
    return Flips(_units(_differences(a, b), None, None, groups), n_permutations, seed).p()


def _units(
    gain: NDArray[np.float64],
    subsets: ArrayLike | None,
    weights: ArrayLike | None,
    groups: ArrayLike | None,
) -> Units:
    """The differences cut into units, once what was given of the prompts fits them."""
    code = None if groups is None else _codes("groups", groups, gain.size)
    subset = _codes("subsets", subsets, gain.size)
    return units(gain, _relative(weights, gain.size), subset, code)


def _detectable(deviation: float) -> float:
    return (_Z_TWO_SIDED_5 + _Z_POWER_80) * deviation if deviation > _TIE else float("nan")


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


def _check_numbers(n_permutations: int, level: float) -> None:
    if n_permutations < 1:
        raise SpecError(f"n_permutations must be at least 1, not {n_permutations}")
    if not 0 < level < 1:
        raise SpecError(f"the level of an interval must lie between 0 and 1, as 0.95, not {level}")


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


def _codes(name: str, given: ArrayLike | None, n_prompts: int) -> NDArray[np.int64]:
    codes = np.zeros(n_prompts, np.int64) if given is None else np.asarray(given, np.int64)
    if codes.shape != (n_prompts,):
        raise DataError(f"{name} has shape {codes.shape} for {n_prompts} prompts")
    return codes


def _relative(weights: ArrayLike | None, n_prompts: int) -> NDArray[np.float64]:
    """The weights with sum 1."""
    given = np.ones(n_prompts) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (n_prompts,):
        raise DataError(f"weights has shape {given.shape} for {n_prompts} prompts")
    if not (given >= 0).all() or not 0 < given.sum() < np.inf:
        raise DataError("weights of prompts must be finite numbers from 0 on, not all of them 0")
    return np.asarray(given / given.sum())
