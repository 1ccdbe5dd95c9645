"""k nearest neighbours: a prompt is like the training prompts whose embeddings point its way."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import COUNT, Choice, ListOf, Tuned
from routereval.routers.array_cache import remembered
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.inputs import Features, chunks
from routereval.routers.validation import Fold, last_best, quality

CHUNK = 256
FINEST = 40
FEW_CELLS = 2**16


class Knn(Router):
    """Predicts the mean score of each model on the k most similar training prompts (cosine).

    A model that was not observed on any of them is predicted its mean over all training prompts.
    Equally similar prompts count in the order of training. Source of the baseline: RouterEval
    (k = 5), Huang et al. 2025, arXiv 2503.10657; RouterBench has k = 40 (Hu et al. 2024, arXiv
    2403.12031), EmbedLLM k = 131 (Zhuang et al. 2024, arXiv 2410.02223).

    Args:
        k: number of neighbours, or ``tuned``: the one of `ks` of the highest quality on the
            validation prompts (the largest of equals, as it varies least). More neighbours than
            training prompts are all of them.
        ks: the numbers to choose from.
        weights: ``uniform``, or ``similarity``: a neighbour counts by its cosine (not at all where
            that is negative), so that the nearer ones have more to say.
        ties: ``exact`` compares cosines in double precision; ``float32`` in single precision, as
            scikit-learn's NearestNeighbors does with embeddings of that kind, and so RouterEval;
            equal ones count in the order of training. ``numpy`` is NearestNeighbors itself, which
            takes of equal ones those that numpy's argpartition leaves in front on this machine.

    Attributes:
        k_: the number of neighbours that is used.
        X_train_: (n_train, n_features) the training prompts, scaled to length 1 if ``exact``.
        scores_train_: (n_train, n_models) their scores, 0 where not observed.
        seen_train_: (n_train, n_models) 1 where observed, else 0; None if all were.
        means_: (n_models,) each model's mean training score.

    >>> X = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> scores = np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0]])
    >>> Knn(k=2).fit(X, scores).predict_scores([[2.0, 0.1]])
    array([[1.  , 0.25]])
    """

    allowed = {
        "k": Tuned(COUNT),
        "ks": ListOf(COUNT, least=1),
        "weights": Choice("uniform", "similarity"),
        "ties": Choice("exact", "float32", "numpy"),
    }
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    faithful: ClassVar[dict[str, Any]] = {"k": 5, "ties": "float32"}

    def __init__(
        self,
        *,
        k: int | str = "tuned",
        ks: tuple[int, ...] = (1, 3, 5, 10, 20, 40, 80, 160),
        weights: str = "uniform",
        ties: str = "exact",
    ) -> None:
        self.k = k
        self.ks = ks
        self.weights = weights
        self.ties = ties

    def _fit(self, data: Training) -> None:
        if self.k != "tuned":
            self._keep(data.fold, int(self.k))
            return
        learn, check = data.folds()
        self._keep(learn, 1)
        near = self._near(check.X)
        ks = sorted(self.ks)
        tried = [quality(self._votes(near, k), check.scores) for k in ks]
        self.k_ = min(ks[last_best(tried)], len(self.X_train_))

    def _predict(self, X: Features) -> Scores:
        return self._votes(self._near(X), self.k_)

    def _near(self, X: Features) -> Near:
        """As many neighbours for every k, so that one search serves all.

        But numpy's own order of equal distances depends on how many are asked for.
        """
        given = [] if isinstance(self.k, str) else [self.k]
        depth = max(given if given and self.ties == "numpy" else [*self.ks, *given])
        if self.ties == "exact":
            rows = search(self.X_train_, unit_rows(X), depth)
        else:
            rows = single_search(self.X_train_, single(X), depth, self.ties == "numpy")
        if self.weights == "uniform":
            return Near(rows, None)
        return Near(rows, closeness(unit_rows(self.X_train_), unit_rows(X), rows))

    def _keep(self, learn: Fold, k: int) -> None:
        seen = ~np.isnan(learn.scores)
        self.X_train_: NDArray[Any] = (unit_rows if self.ties == "exact" else single)(learn.X)
        self.scores_train_ = np.where(seen, learn.scores, 0.0)
        self.seen_train_ = None if seen.all() else seen.astype(np.float64)
        self.means_ = mean_scores(learn.scores)
        self.k_ = min(k, len(learn.X))

    def _votes(self, near: Near, k: int) -> Scores:
        """Mean score of each model over the first k neighbours on which it was observed."""
        near = near.first(k)
        total = _summed(near, self.scores_train_)
        if self.seen_train_ is None and near.weights is None:
            return np.asarray(total / near.rows.shape[1])
        seen = np.ones_like(self.scores_train_) if self.seen_train_ is None else self.seen_train_
        count = _summed(near, seen)
        means = np.tile(self.means_, (len(total), 1))
        np.divide(total, count, out=means, where=count > 0)
        return means


class Near(NamedTuple):
    """The neighbours of some prompts, the most similar first, and what each of them weighs."""

    rows: NDArray[np.int64]
    weights: NDArray[np.float64] | None

    def first(self, k: int) -> Near:
        """The first k neighbours of each prompt."""
        return Near(self.rows[:, :k], None if self.weights is None else self.weights[:, :k])


@remembered
def unit_rows(X: Features) -> NDArray[np.float64]:
    """Rows scaled to length 1, in double precision; a row of zeros stays one.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    rows = np.asarray(X, dtype=np.float64)
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.where(length == 0, 1.0, length)[:, None])


@remembered
def search(
    train: NDArray[np.float64], queries: NDArray[np.float64], depth: int
) -> NDArray[np.int64]:
    """Find the most similar training prompts of each query, exactly.

    Similarities that agree to about 1e-12 are ties, which go to the earlier training prompt; so the
    answer for a query does not depend on which others are asked with it.

    Args:
        train: (n_train, n_features) rows of length 1.
        queries: (n_queries, n_features) rows of length 1.
        depth: how many to find.

    Returns:
        (n_queries, min(depth, n_train)) rows of `train`, the most similar first.

    >>> search(np.eye(2), np.array([[0.6, 0.8]]), 5)
    array([[1, 0]])
    """
    depth = min(depth, len(train))
    return np.concatenate([_nearest(train, chunk, depth) for chunk in chunks(queries, CHUNK)])


def _nearest(
    train: NDArray[np.float64], queries: NDArray[np.float64], depth: int
) -> NDArray[np.int64]:
    """Partition whole numbers that hold the similarity above and the row, from the end, below.

    All of them differ, so the order is complete, and partitioning integers without an index is
    faster than argpartition and a sort of ties.
    """
    bits = max(1, (len(train) - 1).bit_length())
    similarity = queries @ train.T
    similarity *= 2.0 ** min(FINEST, 61 - bits)
    keys = np.rint(similarity, out=similarity).astype(np.int64)
    keys <<= bits
    keys |= np.arange(len(train))[::-1]
    first = len(train) - depth
    top = np.partition(keys, first, axis=1)[:, first:]  # ties: no key stands twice in a row
    top.sort(axis=1)
    return len(train) - 1 - (top[:, ::-1] & ((1 << bits) - 1))


@remembered
def single(X: Features) -> NDArray[np.float32]:
    """The features in single precision, in which RouterEval's embeddings come."""
    return np.asarray(X, dtype=np.float32)


@remembered
def single_search(
    train: NDArray[np.float32], queries: NDArray[np.float32], depth: int, by_numpy: bool
) -> NDArray[np.int64]:
    """Find the most similar training prompts as scikit-learn's NearestNeighbors does.

    The distances are its own: cosines in single precision, whose last bit is BLAS's. Equal
    distances go to the earlier training prompt.

    Args:
        train: (n_train, n_features) rows of any length.
        queries: (n_queries, n_features) rows of any length.
        depth: how many to find.
        by_numpy: take of equal distances those that NearestNeighbors does, which depends on the
            processor.

    Returns:
        (n_queries, min(depth, n_train)) rows of `train`, the most similar first.

    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]], dtype=np.float32)
    >>> single_search(X, np.array([[1.0, 0.1]], dtype=np.float32), 1, False)
    array([[1]])
    """
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    depth = min(depth, len(train))
    if not len(queries):
        return np.zeros((0, depth), dtype=np.int64)
    if by_numpy:
        found = NearestNeighbors(n_neighbors=depth, metric="cosine", algorithm="brute").fit(train)
        return np.asarray(found.kneighbors(queries, return_distance=False), dtype=np.int64)

    def first(distances: NDArray[np.float32], start: int) -> NDArray[np.int64]:
        """The bits of numbers that are not negative rise with them: above these, below the row."""
        keys = (distances + np.float32(0)).view(np.int32).astype(np.int64) << 32
        keys |= np.arange(len(train))
        top = np.partition(keys, depth - 1, axis=1)[:, :depth]  # ties: no key stands twice
        top.sort(axis=1)
        return np.asarray(top & (2**32 - 1))

    chunks = pairwise_distances_chunked(queries, train, metric="cosine", reduce_func=first)
    return np.concatenate(list(chunks))


@remembered
def closeness(
    train: NDArray[np.float64], queries: NDArray[np.float64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Cosines of queries and their neighbours, 0 where negative.

    >>> closeness(np.eye(2), np.array([[0.6, 0.8]]), np.array([[1, 0]]))
    array([[0.8, 0.6]])
    """
    cosines = [
        np.einsum("qd,qkd->qk", queries[start : start + 64], train[rows[start : start + 64]])
        for start in range(0, len(queries), 64)
    ]
    return np.asarray(np.maximum(np.concatenate([np.zeros((0, rows.shape[1])), *cosines]), 0.0))


def _summed(near: Near, values: Scores) -> Scores:
    """Sum the named rows of the values, for each list of rows; of many, as a sparse product."""
    n, k = near.rows.shape
    if n * k * values.shape[1] <= FEW_CELLS:  # the same sums, without the import that a first costs
        named = values[near.rows]
        weighed = named if near.weights is None else named * near.weights[:, :, None]
        return np.asarray(weighed.sum(axis=1))
    from scipy.sparse import csr_array

    weights = np.ones(n * k) if near.weights is None else near.weights.ravel()
    product = (weights, near.rows.ravel(), np.arange(0, n * k + 1, k))
    return np.asarray(csr_array(product, shape=(n, len(values))) @ values)
