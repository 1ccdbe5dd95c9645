"""UniRoute: a model is how it does in each cluster of prompts, so new ones need no training."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import COUNT, SEED, Choice, ListOf, Tuned
from routereval.routers.array_cache import remembered
from routereval.routers.base import Router, Scores, Training
from routereval.routers.clusters import Partition, partitions, shrunk_means
from routereval.routers.inputs import Features
from routereval.routers.validation import Fold, last_best, quality

FLOOR = 1e-3

Floats = NDArray[np.float64]


class UniRoute(Router):
    """Predicts Φ(prompt) · Ψ(model): in which clusters a prompt lies, and how models do in them.

    Ψ of a model that was not there in training takes nothing but its scores on some probe prompts:
    `extend`. Φ is the nearest cluster of k-means, or a learned map: softmax of a weighted sum of
    the features, which starts from the clusters and minimises the cross-entropy of the training
    scores while Ψ stays. Source: Jitkrittum et al. 2025, arXiv 2502.08773. What differs: Ψ of the
    models of the training pool is taken from the training prompts, and in each cluster one prompt
    of a model's overall mean is added, since a few probes in a cluster say little.

    Args:
        k: number of clusters, or ``tuned``: the one of `ks` of the highest quality on the
            validation prompts (the smallest of equals).
        ks: the numbers to choose from.
        mapping: ``kmeans`` or ``learned``.
        random_state: seed of k-means.

    Attributes:
        k_: the number of clusters that is used.
        centres_: (k, n_features) the clusters' centres.
        scores_: (k, n_models) Ψ, as mean scores.
        theta_: (n_features + 1, k) the learned map, or None.

    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> router = UniRoute(k=2).fit(X, np.array([[1.0], [1.0], [0.0], [0.0]]))
    >>> router = router.extend(X[::2], np.array([[0.0], [1.0]]))  # one probe a cluster
    >>> router.predict_scores([[1.0], [8.0]]).round(2)
    array([[0.83, 0.25],
           [0.17, 0.75]])
    """

    allowed = {
        "k": Tuned(COUNT),
        "ks": ListOf(COUNT, least=1),
        "mapping": Choice("kmeans", "learned"),
        "random_state": SEED,
    }
    casts: ClassVar[bool] = False
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    supports_unseen: ClassVar[bool] = True

    centres_: Floats
    scores_: Scores

    def __init__(
        self,
        *,
        k: int | str = "tuned",
        ks: tuple[int, ...] = (2, 4, 8, 16, 32, 64),
        mapping: str = "kmeans",
        random_state: int = 0,
    ) -> None:
        self.k = k
        self.ks = ks
        self.mapping = mapping
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        learn = check = data.fold
        ks = (self.k,) if not isinstance(self.k, str) else tuple(sorted(self.ks, reverse=True))
        if len(ks) > 1:
            learn, check = data.folds()
        found = partitions(learn.X, tuple(map(int, ks)), self.random_state)
        tried = []
        for clusters in found:
            self._keep(clusters, learn.scores)
            tried.append(quality(self._nearest(check.X) @ self.scores_, check.scores))
        self._keep(found[last_best(tried)], learn.scores)
        self.theta_ = self._mapped(learn) if self.mapping == "learned" else None

    def _extend(self, data: Training) -> None:
        """Take new models by their scores on probe prompts; nothing else changes."""
        new = shrunk_means(data.scores, self._nearest(data.X))
        self.scores_ = np.hstack([self.scores_, new])

    def _predict(self, X: Features) -> Scores:
        from scipy.special import softmax

        member = self._nearest(X) if self.theta_ is None else softmax(_padded(X) @ self.theta_, 1)
        return np.asarray(member @ self.scores_)

    def _keep(self, clusters: Partition, scores: Scores) -> None:
        self.centres_, labels = clusters
        self.k_ = len(self.centres_)
        self.scores_ = shrunk_means(scores, np.eye(self.k_)[labels])

    def _nearest(self, X: Features) -> Floats:
        """(n_prompts, k) 1 for the nearest cluster of each prompt."""
        return np.asarray(np.eye(self.k_)[nearest(X, self.centres_)])

    def _mapped(self, learn: Fold) -> Floats:
        """Minimise the cross-entropy over the map, kept near the clusters that it starts from."""
        from scipy.optimize import minimize
        from scipy.special import softmax

        X, seen = _padded(learn.X), ~np.isnan(learn.scores)
        truth = np.where(seen, learn.scores, 0.0)
        start = self._soft(learn.X)
        psi = self.scores_

        def loss(flat: Floats) -> tuple[float, Floats]:
            theta = flat.reshape(start.shape)
            member = softmax(X @ theta, axis=1)
            p = np.clip(member @ psi, FLOOR, 1 - FLOOR)
            entropy = -np.where(seen, truth * np.log(p) + (1 - truth) * np.log(1 - p), 0.0)
            slope = np.where(seen, (p - truth) / (p * (1 - p)), 0.0) @ psi.T
            slope = member * (slope - (member * slope).sum(axis=1, keepdims=True))
            away = theta - start
            value = entropy.sum() / seen.sum() + (away**2).sum() / len(X)
            return float(value), ((X.T @ slope) / seen.sum() + 2 * away / len(X)).ravel()

        found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 30})
        return np.asarray(found.x).reshape(start.shape)

    def _soft(self, X: Features) -> Floats:
        """The map of which the clusters are the sharp limit: a Gaussian round each centre."""
        own = self.centres_[nearest(X, self.centres_)]
        spread = float(np.mean(((X - own) ** 2).sum(axis=1)))
        sharp = 1 / spread if spread > 0 else 1.0
        return np.vstack([2 * sharp * self.centres_.T, -sharp * (self.centres_**2).sum(axis=1)])


@remembered
def nearest(X: Features, centres: Floats) -> NDArray[np.int64]:
    """The nearest centre of each prompt.

    >>> nearest(np.array([[0.0], [2.0]]), np.array([[0.5], [3.0]]))
    array([0, 1])
    """
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(X, centres).argmin(axis=1), dtype=np.int64)


def _padded(X: Features) -> Floats:
    """The features in double precision, and a 1 for the intercept."""
    return np.hstack([X.astype(np.float64), np.ones((len(X), 1))])
