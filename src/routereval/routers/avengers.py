"""Avengers: many clusters of prompts, and the model that did best in each; Pro: at what cost."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.routers.base import Scores
from routereval.routers.clusters import Cluster, _means, positive


class Avengers(Cluster):
    """Predicts each model's mean score in the nearest of 64 clusters of training prompts.

    Source: Zhang et al. 2025, arXiv 2505.19797, of which this is the routing: embed, cluster,
    score. Its last step, a vote over several answers of the chosen model, would take answers that
    records do not hold.

    Args:
        k: number of clusters; no more than there are different training prompts.
        nearest: over how many of the nearest clusters the mean is taken.
        random_state: seed of k-means.

    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> scores = np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0], [0.5, 1.0]])
    >>> Avengers(k=4).fit(X, scores).predict_scores([[0.1], [9.0]])
    array([[1. , 0.5],
           [0. , 1. ]])
    """

    def __init__(self, *, k: int = 64, nearest: int = 1, random_state: int = 0) -> None:
        self.k = k
        self.nearest = nearest
        self.random_state = random_state

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Find the clusters and each model's mean score in them.

        Raises:
            DataError: if the shapes do not agree.
            SpecError: if a parameter is no positive whole number.
        """
        positive(self, "nearest")
        super().fit(X, scores, costs)
        return self

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401, D102
        far = self._distances(X)
        near = np.argsort(far, axis=1, kind="stable")[:, : int(self.nearest)]
        return np.asarray(self._values()[near].mean(axis=1))

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """The softmax of the scores."""
        return super(Cluster, self).distribution(X, scores)

    def _values(self) -> Scores:
        """(k, n_models) what a cluster says of each model."""
        return self.scores_


class AvengersPro(Avengers):
    """Trades score against cost in each of 60 clusters: α p̃ + (1 − α)(1 − q̃).

    p̃ is a model's mean score in the cluster and q̃ its mean cost, both on a line from 0 to 1 between
    the lowest and the highest of the pool. Source: Zhang et al. 2025, arXiv 2508.12631 (k = 60);
    the defaults of α and `nearest` are ours. Where no cost is known at all, score alone decides; a
    model whose own cost is not known counts as the dearest. As the cost is in what it predicts,
    leave the policy's trade-off at 0 and vary α.

    Args:
        alpha: α in [0, 1]: 1 asks for score alone, 0 for the cheapest.
        k: number of clusters; no more than there are different training prompts.
        nearest: over how many of the nearest clusters the mean is taken.
        random_state: seed of k-means.

    Attributes:
        costs_: (k, n_models) each model's mean cost in each cluster, or None.

    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> scores = np.array([[0.5, 0.4], [0.5, 0.4], [0.0, 1.0], [0.0, 1.0]])
    >>> costs = np.broadcast_to([0.02, 0.01], (4, 2))
    >>> AvengersPro(alpha=0.4, k=2, nearest=1).fit(X, scores, costs).predict_scores([[0.0], [9.0]])
    array([[0.4, 0.6],
           [0. , 1. ]])
    """

    def __init__(
        self, *, alpha: float = 0.8, k: int = 60, nearest: int = 4, random_state: int = 0
    ) -> None:
        super().__init__(k=k, nearest=nearest, random_state=random_state)
        self.alpha = alpha

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Find the clusters, and each model's mean score and cost in them.

        Raises:
            DataError: if the shapes do not agree.
            SpecError: if a parameter is out of its range.
        """
        if not (isinstance(self.alpha, (int, float)) and 0 <= self.alpha <= 1):
            raise SpecError(f"avengers_pro: alpha must be a number from 0 to 1, not {self.alpha!r}")
        super().fit(X, scores, costs)
        self.costs_ = self._spent(X, costs)
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Note each new model's mean score and cost in the clusters of the probe prompts."""
        known = self.n_models_ if hasattr(self, "n_models_") else 0
        super().extend(X, scores, costs)
        new = self._spent(X, costs)
        if self.costs_ is not None or new is not None:
            k = len(self.centres_)
            old = np.full((k, known), np.nan) if self.costs_ is None else self.costs_
            self.costs_ = np.hstack(
                [old, np.full((k, self.n_models_ - known), np.nan) if new is None else new]
            )
        return self

    def _spent(self, X: Any, costs: Scores | None) -> Scores | None:  # noqa: ANN401
        if costs is None or np.isnan(costs).all():
            return None
        costs = np.asarray(costs, dtype=np.float64)
        if len(costs) != len(X):
            raise DataError(f"X has {len(X)} rows but costs has {len(costs)}")
        means = _means(costs, self._distances(X).argmin(axis=1), len(self.centres_))
        return np.where(np.isnan(costs).all(axis=0), np.nan, means)

    def _values(self) -> Scores:
        if self.costs_ is None:
            return _between(self.scores_)
        dear = np.nan_to_num(_between(self.costs_), nan=1.0)
        return np.asarray(self.alpha * _between(self.scores_) + (1 - self.alpha) * (1 - dear))


def _between(values: Scores) -> NDArray[np.float64]:
    """Each row on a line from its lowest (0) to its highest (1); 0 where all are alike."""
    low = np.nanmin(values, axis=1, keepdims=True)
    span = np.nanmax(values, axis=1, keepdims=True) - low
    return np.asarray((values - low) / np.where(span > 0, span, 1.0))
