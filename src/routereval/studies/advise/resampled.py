"""Means of numbers per prompt with their intervals, where prompts may count unequally."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from routereval.results.summary import Estimate
from routereval.scoring import interval, mean_interval, resamples
from routereval.scoring.estimates import unseen_difference
from routereval.scoring.headroom import prompts_needed
from routereval.studies.advise.score_table import Floats, Index

NAN = float("nan")
UNDEFINED = Estimate(NAN, NAN, NAN)


class Resampled:
    """Some prompts, their weights, and the resamples of the bootstrap over them.

    Args:
        subsets: (n_prompts,) code of each prompt's subset.
        groups: (n_prompts,) code of each prompt's group of equal ones.
        weights: (n_prompts,) how much each counts, from 0 on; all alike if None.
        n_boot: resamples.
        seed: of them.
    """

    def __init__(
        self, subsets: Index, groups: Index, weights: Floats | None, n_boot: int, seed: int
    ) -> None:
        n = len(subsets)
        self.groups = groups
        self.weights = np.ones(n) if weights is None else weights * (n / weights.sum())
        self.W = resamples(subsets, n_boot, seed, groups)

    @cached_property
    def most(self) -> float:
        """The largest weight, relative to the mean."""
        return float(self.weights.max())

    def value(self, column: Floats) -> float:
        """The weighted mean."""
        return float((column * self.weights).mean())

    def mean(self, column: Floats, low: float = 0.0) -> Estimate:
        """The weighted mean of numbers from `low` to 1, by `mean_interval`; NaN if one is."""
        if np.isnan(column).any():
            return UNDEFINED
        weighed = column * self.weights
        low, high = low * self.most, self.most
        ends = mean_interval(weighed, self.W, groups=self.groups, low=low, high=high)
        return Estimate(float(weighed.mean()), *ends)

    def difference(self, column: Floats) -> Estimate:
        """The weighted mean of differences of scores."""
        return self.mean(column, -1.0)

    def free(self, column: Floats) -> Estimate:
        """The weighted mean of numbers without bounds, such as costs: by percentiles."""
        if np.isnan(column).any():
            return UNDEFINED
        weighed = column * self.weights
        point = float(weighed.mean())
        return Estimate(point, *interval(point, self.W @ weighed))

    def saving(self, usd: Floats, instead_of: Floats) -> Estimate:
        """By what share one cost is below another; NaN where that is unknown, or nothing."""
        if np.isnan(usd).any() or np.isnan(instead_of).any() or self.value(instead_of) <= 0:
            return UNDEFINED
        point = 1 - self.value(usd) / self.value(instead_of)
        drawn = self.W @ (np.column_stack([usd, instead_of]) * self.weights[:, None])
        return Estimate(point, *interval(point, 1 - drawn[:, 0] / drawn[:, 1]))

    def needed(self, gain: Floats, margin: float) -> float:
        """Prompts that show a mean gain above the margin with 80 % power; infinite for none."""
        lead = gain * self.weights - margin
        return prompts_needed(lead) if lead.mean() > 0 else float("inf")

    def to_rule_out(self, gain: Floats, margin: float) -> float:
        """Prompts that show, likewise, a mean gain below the margin; infinite for none.

        At least so many that what no prompt has shown so far (`unseen_difference`) is below it.
        """
        needed, enough = self.needed(-gain, -margin), 1
        if margin <= 0 or needed == float("inf"):
            return needed
        while unseen_difference(enough).high * self.most > margin:
            enough = enough + 1 + enough // 20
        return max(needed, enough)
