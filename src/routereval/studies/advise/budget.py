"""What routing within a pool costs, and how good it can be for a given sum.

A prompt goes to the member of the highest predicted score − price · expected cost. The price is
never set by scores that it is scored on: to be as good as another model it is set on all other
folds, to stay within a budget by what is expected to be spent, which takes no score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.studies.advise.ceiling import HeldOut
from routereval.studies.advise.score_table import Floats, Index

_PRICES = np.concatenate([[0.0], np.logspace(-3, 1, 49)])


class Spent(NamedTuple):
    """A policy on every prompt.

    Attributes:
        quality: (n_prompts,) score of the chosen member.
        usd: (n_prompts,) what its call cost.
    """

    quality: Floats
    usd: Floats


class Sweep:
    """A pool's routing at many prices of cost.

    Args:
        held: predictions from models outside the pool, near-duplicates left out.
        fold: (n_prompts,) the fold of each prompt.

    Raises:
        DataError: if costs are not known.
    """

    def __init__(self, held: HeldOut, fold: Index) -> None:
        if held.prices is None or held.costs is None:
            raise DataError("no cost of these models is known")
        self.fold = fold
        dearest = max(float(held.prices.max()), np.finfo(np.float64).tiny)
        rows = np.arange(len(fold))
        choices = [(held.apart - price * held.prices).argmax(axis=1) for price in _PRICES / dearest]
        self.quality = np.stack([held.scores[rows, choice] for choice in choices])
        self.usd = np.stack([held.costs[rows, choice] for choice in choices])
        self.expected = np.stack([held.prices[rows, choice] for choice in choices])

    def as_good_as(self, target: Floats) -> Spent:
        """The cheapest routing whose mean score, on the other folds, is at least the target's.

        Where none is, the price is 0.

        Args:
            target: (n_prompts,) scores to hold, such as the best single model's.
        """

        def price(test: NDArray[np.bool_]) -> int:
            fine = self.quality[:, ~test].mean(axis=1) >= target[~test].mean()
            usd = self.usd[:, ~test].mean(axis=1)
            return int(np.where(fine, usd, np.inf).argmin()) if fine.any() else 0

        return self._by_fold(price)

    def within(self, budget: float) -> Spent:
        """The routing of the lowest price of which no more than the budget is to be expected.

        Where there is none, the cheapest: look at what was spent.

        Args:
            budget: USD per prompt.
        """

        def price(test: NDArray[np.bool_]) -> int:
            fine = self.expected[:, test].mean(axis=1) <= budget
            return int(fine.argmax()) if fine.any() else len(fine) - 1

        return self._by_fold(price)

    def _by_fold(self, price: Callable[[NDArray[np.bool_]], int]) -> Spent:
        chosen = Spent(np.empty(len(self.fold)), np.empty(len(self.fold)))
        for part in range(int(self.fold.max()) + 1):
            test = self.fold == part
            point = price(test)
            chosen.quality[test] = self.quality[point, test]
            chosen.usd[test] = self.usd[point, test]
        return chosen
