"""Pseudo-prompts: what keeps bootstrap intervals from vanishing where nearly all answers are right.

Resampling 20 right answers of 20 gives 20 right ones each time, and an interval of no width. So
every resample also holds a little of four prompts that were not there: one that all models get
right, one that none does, one that only the chosen model gets right, and one that only it gets
wrong. Each has a weight drawn from the gamma distribution of shape 1/2, against 1 for a prompt (or
a mean group of prompts). The mean of one column of right and wrong answers then has nearly the
Agresti–Coull interval; the difference of two columns that of Agresti and Min (2005), who add 1/2 to
each cell of the table of two paired answers. With many prompts, four change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

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
    def of(cls, n_boot: int | None, units: int, spread: float = 1.0, kinds: int = KINDS) -> Self:
        """The pseudo-prompts of so many resamples; those of the prompts as they are if None.

        Args:
            n_boot: number of resamples.
            units: number of prompts, or of groups of prompts that are drawn together.
            spread: see the class.
            kinds: 4, or 2 where no model was chosen without knowing the answers.
        """
        weights = np.full(KINDS, MASS) if n_boot is None else _drawn(n_boot)
        weights = np.where(np.arange(KINDS) < kinds, weights, 0.0)
        total = units + weights.sum(axis=-1)
        return cls(units / total, weights / total[..., None], spread)

    def mixed(self, means: Floats, own: Floats | float, values: Sequence[float]) -> Floats:
        """Means over the prompts and the pseudo-prompts.

        Args:
            means: (...,) means over the prompts, or (..., k) of several columns.
            own: the mean, or (k,) means, over the prompts as they are.
            values: the value on each pseudo-prompt.

        >>> plain = Smoothing.of(None, units=18)
        >>> round(float(plain.mixed(np.asarray(1.0), 1.0, [1, 0, 1, 0])), 6)
        0.95
        """
        kept, pseudo = self.kept, self.added @ np.asarray(values, np.float64)
        rest = self.added.sum(axis=-1)
        if np.ndim(means) > np.ndim(kept):
            kept, pseudo, rest = kept[..., None], pseudo[..., None], rest[..., None]
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


@lru_cache(maxsize=8)
def _drawn(n_boot: int) -> Floats:
    """(n_boot, 4) weights, whose mean over the resamples is `MASS`; the same for all prompts."""
    drawn = np.random.default_rng(4).gamma(MASS, size=(n_boot, KINDS))
    drawn *= MASS / drawn.mean(axis=0)
    drawn.flags.writeable = False
    return drawn
