"""CARROT: estimate what each model would score and what it would cost, then weigh the two."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from routereval.parameters import Choice
from routereval.routers.base import Router, Scores, Training
from routereval.routers.inputs import Features
from routereval.routers.linear import Linear
from routereval.routers.neighbours import Knn


class Carrot(Router):
    """Predicts score and cost of each model on each prompt; the policy's `lam` weighs them.

    Source: Somerstep et al. 2025, arXiv 2502.03261: a plug-in rule with kNN (here also with ridge
    regression instead of its fine-tuned encoder). At ``lam = 0`` it chooses as its base does, so it
    differs in the curves and where costs are asked. The cost is learned from the same features, by
    the base with the parameter that was chosen for the score, and lies between the least and the
    most that the model cost in training. Without costs in the records it has no opinion of them.

    Args:
        base: ``knn`` or ``linear``.

    Attributes:
        scorer_: the fitted router of scores.
        pricer_: the fitted router of costs, as shares of `dearest_`; None without costs.
        range_: (2, n_models) the least and the most that each model cost in training; NaN if never
            known.

    >>> X = np.tile(np.eye(2), (50, 1))
    >>> costs = np.where(X == 1, 0.05, 0.01)
    >>> low, high = Carrot(base="linear").fit(X, X, costs).predict_costs(X[:1]).min(), costs.max()
    >>> bool(0.01 <= low < high)
    True
    """

    allowed = {"base": Choice("knn", "linear")}
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    separable: ClassVar[bool] = True

    def __init__(self, *, base: str = "knn") -> None:
        self.base = base

    def _fit(self, data: Training) -> None:
        self.scorer_: Knn | Linear = Knn() if self.base == "knn" else Linear()
        self.scorer_.fit(data.X, data.scores, validation=data.validation, groups=data.groups)
        self.pricer_: Knn | Linear | None = None
        if data.costs is not None:
            self._learn_costs(data.X, data.costs)

    def _predict(self, X: Features) -> Scores:
        return self.scorer_.predict_scores(X)

    def predict_costs(self, X: Any) -> Scores | None:  # noqa: ANN401
        """USD per call, NaN for a model whose cost was never known; None if no cost was."""
        self._check_fitted()
        if self.pricer_ is None:
            return None
        return np.clip(self.pricer_.predict_scores(X) * self.dearest_, *self.range_)

    def _learn_costs(self, X: Features, costs: Scores) -> None:
        known = ~np.isnan(costs)
        least, most = np.where(known, costs, np.inf), np.where(known, costs, -np.inf)
        ends = np.stack([least.min(axis=0), most.max(axis=0)])
        self.range_ = np.where(known.any(axis=0), ends, np.nan)
        self.dearest_ = float(np.nanmax(costs)) or 1.0  # shares are of the size of scores
        chosen = (
            Knn(k=self.scorer_.k_)
            if isinstance(self.scorer_, Knn)
            else Linear(alpha=self.scorer_.alpha_)
        )
        self.pricer_ = chosen.fit(X, costs / self.dearest_)
