"""Clusters: a prompt goes to the model that was best on the training prompts around it."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from routereval.errors import DataError
from routereval.parameters import COUNT, SEED, Choice
from routereval.routers.array_cache import remembered
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.inputs import Features, scale_of
from routereval.routers.policy import one_hot


class Cluster(Router):
    """Predicts each model's mean score on the training prompts of the prompt's cluster.

    A model that was not observed in a cluster is predicted its mean over all training prompts.
    Source of the baseline: RouterEval (C-RoBERTa, K = 3), Huang et al. 2025, arXiv 2503.10657. Its
    repository has two scripts, one with k-means and one with a Gaussian mixture.

    Args:
        k: number of clusters; no more than there are different training prompts.
        by: ``kmeans``: a prompt is of the nearest centre; or ``mixture``: of the likeliest
            component of a Gaussian mixture with full covariances, on the features as they are.
        random_state: seed of k-means.

    Attributes:
        centres_: (k, n_features) the clusters' centres.
        mixture_: the fitted mixture; None by k-means.
        scores_: (k, n_models) each model's mean score in each cluster.

    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> scores = np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0], [0.5, 1.0]])
    >>> Cluster(k=2).fit(X, scores).predict_scores([[1.0], [8.0]])
    array([[1.  , 0.25],
           [0.25, 1.  ]])
    """

    allowed = {"k": COUNT, "by": Choice("kmeans", "mixture"), "random_state": SEED}
    casts: ClassVar[bool] = False
    supports_unseen: ClassVar[bool] = True
    entropy_floor: ClassVar[float] = 1e-4
    """RouterEval's entropy of this router's distribution drops terms below this probability."""

    def __init__(self, *, k: int = 3, by: str = "kmeans", random_state: int = 0) -> None:
        self.k = k
        self.by = by
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        self.mixture_ = None
        if self.by == "mixture":
            self.mixture_, labels = full_mixture(data.X, int(self.k), self.random_state)
            self.centres_ = self.mixture_.means_
        else:
            self.centres_, labels = partition(data.X, int(self.k), self.random_state)
        self.scores_ = cluster_means(data.scores, labels, len(self.centres_))

    def _extend(self, data: Training) -> None:
        """Note each new model's mean score in the clusters that the probe prompts fall into."""
        new = cluster_means(data.scores, self._labels(data.X), len(self.centres_))
        self.scores_ = np.hstack([self.scores_, new])

    def _predict(self, X: Features) -> Scores:
        return np.asarray(self.scores_[self._labels(X)])

    def _distribution(self, X: Features, scores: Scores) -> Scores:
        """Each cluster gives its weight to the model that it picks."""
        return np.asarray(self._weights(X) @ one_hot(self.scores_.argmax(axis=1), self.n_models_))

    def _labels(self, X: Features) -> NDArray[np.int64]:
        """(n_prompts,) the cluster of each prompt; the first of those equally near."""
        if self.mixture_ is not None:
            return np.asarray(self.mixture_.predict(X))
        return np.asarray(self._distances(X).argmin(axis=1))

    def _weights(self, X: Features) -> NDArray[np.float64]:
        """(n_prompts, k) a component's probability, or a centre's inverse distance; sums to 1."""
        if self.mixture_ is not None:
            return np.asarray(self.mixture_.predict_proba(X), np.float64)
        closeness = 1 / (self._distances(X) + 1e-10)
        return np.asarray(closeness / closeness.sum(axis=1, keepdims=True))

    def _distances(self, X: Features) -> NDArray[np.float64]:
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(X, self.centres_))


class Gmm(Router):
    """Predicts each model's mean score on the training prompts of a Gaussian mixture's components.

    scikit-learn's GaussianMixture with diagonal covariances, on standardised features; a prompt
    belongs to every component with its probability, in training and at prediction. One prompt of
    each model's overall mean is added to each component, so that a small one says little.

    Args:
        k: number of components; no more than there are different training prompts.
        random_state: seed of the k-means that the mixture starts from.

    Attributes:
        mixture_: the fitted mixture.
        scores_: (k, n_models) each model's mean score in each component.

    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> scores = np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0], [0.5, 1.0]])
    >>> Gmm(k=2).fit(X, scores).predict_scores([[1.0], [8.0]]).round(2)
    array([[0.88, 0.38],
           [0.38, 0.88]])
    """

    allowed = {"k": COUNT, "random_state": SEED}
    supports_unseen: ClassVar[bool] = True

    def __init__(self, *, k: int = 8, random_state: int = 0) -> None:
        self.k = k
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        self.scale_ = scale_of(data.X)
        self.mixture_, member = mixture(data.X, int(self.k), self.random_state)
        self.scores_ = shrunk_means(data.scores, member)

    def _extend(self, data: Training) -> None:
        """Note each new model's mean score in the components of the probe prompts."""
        new = shrunk_means(data.scores, self._member(data.X))
        self.scores_ = np.hstack([self.scores_, new])

    def _predict(self, X: Features) -> Scores:
        return np.asarray(self._member(X) @ self.scores_)

    def _member(self, X: Features) -> NDArray[np.float64]:
        return np.asarray(self.mixture_.predict_proba(self.scale_(X)))


class Partition(NamedTuple):
    """The centres of some clusters, and the cluster of each training prompt."""

    centres: NDArray[np.float64]
    labels: NDArray[np.int64]


def partition(X: Features, k: int, seed: int) -> Partition:
    """Cluster prompts by k-means, on the features as they are given.

    >>> partition(np.array([[0.0], [0.0]]), 3, 0).labels
    array([0, 0])
    """
    return partitions(X, (k,), seed)[0]


@remembered
def partitions(X: Features, ks: tuple[int, ...], seed: int) -> tuple[Partition, ...]:
    """Cluster prompts as `partition` does, for several numbers of clusters at once."""
    from sklearn.cluster import KMeans

    with threadpool_limits(1):  # threads would cost more than they gain, and show in the last bits
        found = [KMeans(n_clusters=_distinct(X, k), random_state=seed).fit(X) for k in ks]
    return tuple(
        Partition(one.cluster_centers_.astype(np.float64), one.labels_.astype(np.int64))
        for one in found
    )


@remembered
def mixture(X: Features, k: int, seed: int) -> tuple[Any, NDArray[np.float64]]:
    """A Gaussian mixture of standardised prompts, and how far each belongs to each component."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    Z = scale_of(X)(X)
    k = _distinct(X, k)
    found = GaussianMixture(k, covariance_type="diag", reg_covar=1e-3, random_state=seed)
    if len(X) == 1:  # scikit-learn wants two
        Z = np.repeat(Z, 2, axis=0)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # a rough mixture serves as well
        found.fit(Z)
        return found, np.asarray(found.predict_proba(Z))[: len(X)]


@remembered
def full_mixture(X: Features, k: int, seed: int) -> tuple[Any, NDArray[np.int64]]:
    """A Gaussian mixture with full covariances on the features as they are, and who is of which.

    Raises:
        DataError: if a component has too few different prompts for a covariance.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    found = GaussianMixture(_distinct(X, k), random_state=seed)
    given = np.repeat(X, 2, axis=0) if len(X) == 1 else X  # scikit-learn wants two
    try:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)  # as the reference goes on too
            labels = found.fit_predict(given)
    except ValueError as error:
        raise DataError(
            f"cluster: no mixture of {k} components with full covariances can be fitted to these "
            f"features ({error}); take a smaller k, or by=kmeans"
        ) from None
    return found, np.asarray(labels, np.int64)[: len(X)]


def shrunk_means(scores: Scores, member: NDArray[np.float64]) -> Scores:
    """(k, n_models) mean observed scores, a prompt counting where it belongs, and one of the mean.

    Args:
        scores: (n_prompts, n_models), NaN where not observed.
        member: (n_prompts, k) how far each prompt belongs to each cluster; rows sum to 1.

    >>> shrunk_means(np.array([[1.0], [0.0]]), np.eye(2))
    array([[0.75],
           [0.25]])
    """
    seen = ~np.isnan(scores)
    total = member.T @ np.where(seen, scores, 0.0) + mean_scores(scores)
    return np.asarray(total / (member.T @ seen + 1.0))


def _distinct(X: Features, limit: int) -> int:
    """How many different rows there are; counts no further than the limit."""
    for count in range(limit):
        if len(X) == 0:
            return count
        X = X[(X[0] != X).any(axis=1)]
    return limit


def cluster_means(scores: Scores, labels: NDArray[np.int64], k: int) -> Scores:
    """(k, n_models) mean observed scores, or that over all prompts where a cluster has none.

    >>> cluster_means(np.array([[1.0], [0.5]]), np.array([0, 0]), 2).tolist()
    [[0.75], [0.75]]
    """
    overall = mean_scores(scores)
    means = np.stack([mean_scores(scores[labels == cluster]) for cluster in range(k)])
    seen = np.stack([(~np.isnan(scores[labels == cluster])).any(axis=0) for cluster in range(k)])
    return np.where(seen, means, overall)
