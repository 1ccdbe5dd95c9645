"""Clusters: a prompt goes to the model that was best on the training prompts around it."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.routers.base import Router, Scores, mean_scores
from routereval.routers.inputs import Features, feature_matrix
from routereval.routers.memo import remembered
from routereval.routers.policy import one_hot


class Cluster(Router):
    """Predicts each model's mean score on the training prompts of the nearest k-means cluster.

    A model that was not observed in a cluster is predicted its mean over all training prompts.
    Source of the baseline: RouterEval (C-RoBERTa, K = 3), Huang et al. 2025, arXiv 2503.10657.

    Args:
        k: number of clusters; no more than there are different training prompts.
        random_state: seed of k-means.

    Attributes:
        centres_: (k, n_features) the clusters' centres.
        scores_: (k, n_models) each model's mean score in each cluster.

    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> scores = np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0], [0.5, 1.0]])
    >>> Cluster(k=2).fit(X, scores).predict_scores([[1.0], [8.0]])
    array([[1.  , 0.25],
           [0.25, 1.  ]])
    """

    supports_unseen: ClassVar[bool] = True
    entropy_floor: ClassVar[float] = 1e-4
    """RouterEval's entropy of this router's distribution drops terms below this probability."""

    def __init__(self, *, k: int = 3, random_state: int = 0) -> None:
        self.k = k
        self.random_state = random_state

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Find the clusters and each model's mean score in them.

        Raises:
            DataError: if the shapes do not agree.
            SpecError: if `k` is no positive whole number.
        """
        if not isinstance(self.k, (int, np.integer)) or isinstance(self.k, bool) or self.k < 1:
            raise SpecError(f"cluster: k must be a positive whole number, not {self.k!r}")
        scores, X = self._check_fit(X, scores), feature_matrix(X)
        self.centres_, labels = partition(X, int(self.k), self.random_state)
        self.scores_ = _means(scores, labels, len(self.centres_))
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Note each new model's mean score in the clusters that the probe prompts fall into."""
        self._check_fitted()
        labels = self._distances(X).argmin(axis=1)
        new = _means(self._check_extend(X, scores), labels, len(self.centres_))
        self.scores_ = np.hstack([self.scores_, new])
        return self

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401, D102
        nearest = self._distances(X).argmin(axis=1)
        return np.asarray(self.scores_[nearest])

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """Each cluster weighs its inverse distance, and gives that to the model that it picks."""
        closeness = 1 / (self._distances(X) + 1e-10)
        share = closeness / closeness.sum(axis=1, keepdims=True)
        return np.asarray(share @ one_hot(self.scores_.argmax(axis=1), self.n_models_))

    def _distances(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401
        from scipy.spatial.distance import cdist

        self._check_fitted()
        return np.asarray(cdist(feature_matrix(X, self.centres_.shape[1]), self.centres_))


class Partition(NamedTuple):
    """The centres of some clusters, and the cluster of each training prompt."""

    centres: NDArray[np.float64]
    labels: NDArray[np.int64]


@remembered
def partition(X: Features, k: int, seed: int) -> Partition:
    """Cluster prompts by k-means, on the features as they are given.

    >>> partition(np.array([[0.0], [0.0]]), 3, 0).labels
    array([0, 0])
    """
    from sklearn.cluster import KMeans

    means = KMeans(n_clusters=_distinct(X, k), random_state=seed).fit(X)
    return Partition(means.cluster_centers_.astype(np.float64), means.labels_.astype(np.int64))


def _distinct(X: Features, limit: int) -> int:
    """How many different rows there are; counts no further than the limit."""
    for count in range(limit):
        if len(X) == 0:
            return count
        X = X[(X[0] != X).any(axis=1)]
    return limit


def _means(scores: Scores, labels: NDArray[np.int64], k: int) -> Scores:
    """Mean observed score of each model in each cluster, or over all prompts without any."""
    overall = mean_scores(scores)
    means = np.stack([mean_scores(scores[labels == cluster]) for cluster in range(k)])
    seen = np.stack([(~np.isnan(scores[labels == cluster])).any(axis=0) for cluster in range(k)])
    return np.where(seen, means, overall)
