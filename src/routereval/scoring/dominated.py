"""Models that another one dominates: it costs no more, and is sure to score no less."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

LEVEL = 0.05
FEWEST = 30
"""Prompts of a subset on which a model must not be better."""


class Dominated(NamedTuple):
    """A model that another one dominates.

    Attributes:
        model: its column.
        by: the column of the other.
        difference: its mean score less that of the other, on prompts where both were observed.
        high: the upper end of that difference, one-sided, at 95 % over all pairs (Bonferroni).
    """

    model: int
    by: int
    difference: float
    high: float


def dominated(
    scores: Floats,
    costs: Floats,
    groups: Codes | None = None,
    subsets: Codes | None = None,
) -> list[Dominated]:
    """Which models can be dropped, since another one costs no more and scores more.

    It must be sure to score more: the one-sided bound of the paired difference is below 0 at 95 %
    over all pairs of models. And on no subset of 30 prompts or more may the dominated one be better
    by its mean: there a router could still use it.

    Args:
        scores: (n_prompts, n_models), NaN where not observed.
        costs: (n_models,) expected USD per call; a model of unknown cost is never named.
        groups: (n_prompts,) codes of equal prompts, which count once.
        subsets: (n_prompts,) codes.

    Returns:
        The dominated models, in their order, each by the model of which it is most sure.

    >>> good, bad = np.repeat([1.0, 0.0], [80, 20]), np.repeat([1.0, 0.0], [40, 60])
    >>> dominated(np.stack([good, bad], axis=1), np.array([0.1, 0.2]))
    [Dominated(model=1, by=0, difference=-0.4, high=-0.303...)]
    >>> dominated(np.stack([good, bad], axis=1), np.array([0.2, 0.1]))
    []
    """
    from scipy.special import ndtri

    n, m = scores.shape
    codes = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    parts = np.zeros(n, dtype=np.int64) if subsets is None else subsets
    z = -float(ndtri(LEVEL / max(m * (m - 1), 1)))
    found = []
    for model in range(m):
        rivals = [by for by in range(m) if by != model and costs[by] <= costs[model]]
        sure = [_compared(scores, model, by, codes, parts, z) for by in rivals]
        worst = min((one for one in sure if one), key=lambda one: (one.high, one.by), default=None)
        if worst is not None:
            found.append(worst)
    return found


def _compared(
    scores: Floats, model: int, by: int, codes: Codes, parts: Codes, z: float
) -> Dominated | None:
    """The pair where the first is dominated by the second; else None."""
    difference = scores[:, model] - scores[:, by]
    known = ~np.isnan(difference)
    d = difference[known]
    if len(d) < 2:
        return None
    summed = np.bincount(codes[known], d - d.mean())
    mean, error = float(d.mean()), float(np.sqrt((summed**2).sum())) / len(d)
    high = mean + z * error
    # Where all differences are one value, chance is still that of one more.
    if max(high, mean + z / len(d)) >= 0:
        return None
    sizes = np.bincount(parts[known])
    sums = np.bincount(parts[known], d)
    return None if ((sizes >= FEWEST) & (sums > 0)).any() else Dominated(model, by, mean, high)
