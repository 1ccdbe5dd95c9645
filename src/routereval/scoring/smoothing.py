"""Pseudo-prompts: what keeps bootstrap intervals from vanishing where nearly all answers are right.

Resampling 20 right answers of 20 gives 20 right ones each time, and an interval of no width. So
every resample also holds a little of four prompts that were not there: one that all models get
right, one that none does, one that only the chosen model gets right, and one that only it gets
wrong. Each has a weight drawn from the gamma distribution of shape 1/2, against 1 for a prompt (or
for what counts as one in groups that are not independent). With the weights of the Bayesian
bootstrap, the mean of a column of right and wrong answers then has Bayes' interval from a flat
prior; for the difference of two, 1/2 is added to each cell of the table of two paired answers, as
by Agresti and Min (2005). With many prompts, four change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

MASS = 0.5
"""The mean weight of each pseudo-prompt, against 1 for a prompt."""

KINDS = 4


class Smoothing(NamedTuple):
    """The pseudo-prompts of some prompts, resampled or as they are.

    Attributes:
        kept: (...,) the weight that the prompts keep.
        added: (..., 4) the weight of each pseudo-prompt; with `kept` it sums to 1.
        spread: from 0 to 1, the standard deviation of the scores relative to that of right and
            wrong answers of the same mean: pseudo-prompts of scores that hardly vary hardly differ
            from their mean.
    """

    kept: Floats
    added: Floats
    spread: float = 1.0

    @classmethod
    def of(cls, n_boot: int | None, units: float, spread: float = 1.0, kinds: int = KINDS) -> Self:
        """The pseudo-prompts of so many resamples; those of the prompts as they are if None.

        Args:
            n_boot: number of resamples.
            units: number of prompts, or of what groups of them are worth: `effective_units`.
            spread: see the class.
            kinds: 4, or 2 where no model was chosen without knowing the answers.
        """
        weights = np.full(KINDS, MASS) if n_boot is None else _drawn(n_boot)
        weights = np.where(np.arange(KINDS) < kinds, weights, 0.0)
        total = units + weights.sum(axis=-1)
        return cls(units / total, weights / total[..., None], spread)

    def mixed(self, means: Floats, own: Floats | float, values: ArrayLike) -> Floats:
        """Means over the prompts and the pseudo-prompts.

        Args:
            means: (...,) means over the prompts, or (..., k) of several columns.
            own: the mean, or (k,) means, over the prompts as they are.
            values: the value on each pseudo-prompt, or (4, k) of several columns.

        >>> plain = Smoothing.of(None, units=18)
        >>> round(float(plain.mixed(np.asarray(1.0), 1.0, [1, 0, 1, 0])), 6)
        0.95
        """
        kept, pseudo = self.kept, self.added @ np.asarray(values, np.float64)
        rest = self.added.sum(axis=-1)
        if np.ndim(means) > np.ndim(kept):
            kept, rest = kept[..., None], rest[..., None]
            pseudo = pseudo if np.ndim(pseudo) == np.ndim(means) else pseudo[..., None]
        added = self.spread * pseudo + (1 - self.spread) * rest * own
        return np.asarray(kept * means + added)


def spread_of(scores: Floats, low: float = 0.0, high: float = 1.0) -> float:
    """Standard deviation relative to the greatest that scores of that mean may have.

    1 for scores that all lie at one end, of which nothing is known.

    >>> spread_of(np.array([1.0, 0.0, 1.0])), spread_of(np.array([0.5, 0.5]))
    (1.0, 0.0)
    """
    mean = float(scores.mean())
    most = (mean - low) * (high - mean)
    if most <= 1e-12:
        return 1.0
    return float(round(min(1.0, np.sqrt(scores.var() / most)), 12))


def effective_units(columns: Sequence[Floats], groups: NDArray[np.integer] | None) -> float:
    """How many independent prompts tell as much: their number over the design effect (Kish 1965).

    From the number of groups, if the prompts of one all score alike, or nothing varies, to that of
    prompts, if they are independent; the mean over the columns.

    Args:
        columns: (n_prompts,) scores, of one router or of several models.
        groups: (n_prompts,) code of the group of each prompt; None if each stands for itself.

    >>> effective_units([np.array([1.0, 1.0, 0.0, 0.0])], np.array([0, 0, 1, 1]))
    2.0
    """
    n_prompts = len(columns[0])
    if groups is None:
        return float(n_prompts)
    _, code, size = np.unique(groups, return_inverse=True, return_counts=True)
    if len(size) == n_prompts:
        return float(n_prompts)
    found = [_effective(column - column.mean(), code, len(size)) for column in columns]
    return float(round(np.mean(found), 9))


def _effective(deviation: Floats, code: NDArray[np.integer], n_groups: int) -> float:
    n, alone = len(deviation), float((deviation**2).sum())
    together = float((np.bincount(code, deviation) ** 2).sum()) * n_groups / max(n_groups - 1, 1)
    if alone <= 1e-12 * n or together <= 0:
        return float(n_groups)
    return float(np.clip(n * alone / together, n_groups, n))


@lru_cache(maxsize=8)
def _drawn(n_boot: int) -> Floats:
    """(n_boot, 4) weights, whose mean over the resamples is `MASS`; the same for all prompts."""
    drawn = np.random.default_rng(4).gamma(MASS, size=(n_boot, KINDS))
    drawn *= MASS / drawn.mean(axis=0)
    drawn.flags.writeable = False
    return drawn
