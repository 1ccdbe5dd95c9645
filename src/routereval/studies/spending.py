"""What routing within a pool costs, and how good it can be for a given sum.

A prompt goes to the member of the highest predicted score − price · expected cost. The price is
never set on the prompts it is judged on: that of a fold is the best one on all other folds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from routereval.errors import DataError
from routereval.studies.bench import Floats, Index
from routereval.studies.ceiling import HeldOut

_PRICES = np.concatenate([[0.0], np.logspace(-3, 1, 49)])


Pick = Callable[[Floats, Floats, float], int]


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
        held: predictions from LLMs outside the pool, near-duplicates left out.
        fold: (n_prompts,) the fold of each prompt.

    Raises:
        DataError: if costs are not known.
    """

    def __init__(self, held: HeldOut, fold: Index) -> None:
        if held.prices is None or held.costs is None:
            raise DataError("no cost of these LLMs is known")
        self.fold = fold
        dearest = max(float(held.prices.max()), np.finfo(np.float64).tiny)
        rows = np.arange(len(fold))
        points = []
        for price in _PRICES / dearest:
            choice = (held.apart - price * held.prices).argmax(axis=1)
            points.append((held.scores[rows, choice], held.costs[rows, choice]))
        self.quality = np.stack([point[0] for point in points])
        self.usd = np.stack([point[1] for point in points])

    def as_good_as(self, target: Floats) -> Spent:
        """The cheapest routing whose mean score, on the other folds, is at least the target's.

        Where none is, the price is 0.

        Args:
            target: (n_prompts,) scores to hold, such as the best single model's.
        """

        def pick(quality: Floats, usd: Floats, aim: float) -> int:
            fine = quality >= aim
            return int(np.where(fine, usd, np.inf).argmin()) if fine.any() else 0

        return self._by_fold(pick, target)

    def within(self, budget: float) -> Spent:
        """The best routing whose mean cost, on the other folds, is at most the budget.

        Where none is, the cheapest: look at what was spent.

        Args:
            budget: USD a prompt.
        """

        def pick(quality: Floats, usd: Floats, _: float) -> int:
            fine = usd <= budget
            return (
                int(np.where(fine, quality, -np.inf).argmax()) if fine.any() else int(usd.argmin())
            )

        return self._by_fold(pick, np.zeros(len(self.fold)))

    def _by_fold(self, pick: Pick, target: Floats) -> Spent:
        chosen = Spent(np.empty(len(self.fold)), np.empty(len(self.fold)))
        for part in range(int(self.fold.max()) + 1):
            test = self.fold == part
            quality = self.quality[:, ~test].mean(axis=1)
            usd = self.usd[:, ~test].mean(axis=1)
            point = pick(quality, usd, float(target[~test].mean()))
            chosen.quality[test] = self.quality[point, test]
            chosen.usd[test] = self.usd[point, test]
        return chosen
