"""Avengers: many clusters of prompts, and the model that did best in each; Pro: at what cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import COUNT, SEED, SHARE
from routereval.routers.base import Router, Scores, Training
from routereval.routers.clusters import Cluster, cluster_means
from routereval.routers.inputs import Features


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

    allowed = {"k": COUNT, "nearest": COUNT, "random_state": SEED}
    by = "kmeans"  # the only clusters that have a distance

    def __init__(self, *, k: int = 64, nearest: int = 1, random_state: int = 0) -> None:
        self.k = k
        self.nearest = nearest
        self.random_state = random_state

    def _predict(self, X: Features) -> Scores:
        near = np.argsort(self._distances(X), axis=1, kind="stable")[:, : int(self.nearest)]
        return np.asarray(self._values()[near].mean(axis=1))

    def _distribution(self, X: Features, scores: Scores) -> Scores:
        """The softmax of the scores."""
        return Router._distribution(self, X, scores)

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

    label = "avengers_pro"
    allowed = {**Avengers.allowed, "alpha": SHARE}

    def __init__(
        self, *, alpha: float = 0.8, k: int = 60, nearest: int = 4, random_state: int = 0
    ) -> None:
        super().__init__(k=k, nearest=nearest, random_state=random_state)
        self.alpha = alpha

    def _fit(self, data: Training) -> None:
        super()._fit(data)
        self.costs_ = self._spent(data)

    def _extend(self, data: Training) -> None:
        """Note each new model's mean score and cost in the clusters of the probe prompts."""
        super()._extend(data)
        both = self.costs_, self._spent(data)
        if any(costs is not None for costs in both):
            counts, k = (self.n_models_, data.scores.shape[1]), len(self.centres_)
            blocks = [
                np.full((k, count), np.nan) if costs is None else costs
                for costs, count in zip(both, counts, strict=True)
            ]
            self.costs_ = np.hstack(blocks)

    def _spent(self, data: Training) -> Scores | None:
        """(k, n_models) mean costs in the clusters, NaN for a model whose cost is not known."""
        if data.costs is None:
            return None
        labels = self._distances(data.X).argmin(axis=1)
        means = cluster_means(data.costs, labels, len(self.centres_))
        return np.where(np.isnan(data.costs).all(axis=0), np.nan, means)

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
