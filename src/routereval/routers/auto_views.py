"""The views of `auto`: predictors of differences between models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from routereval.routers.auto_inputs import Seen
from routereval.routers.trees import Trees, random_trees

Floats = NDArray[np.float64]
Folds = NDArray[np.int64]

TREES = 50
CHUNK = 256
LEADING_PENALTIES = (30.0, 100.0, 300.0, 1000.0, 3000.0)
CLUSTER_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
CATEGORY_PENALTIES = (3.0, 10.0, 30.0, 100.0)
SUBSET_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class View(Protocol):
    """Predicts centred scores."""

    def __call__(self, seen: Seen) -> Floats:
        """Predict: (n_prompts, n_models) centred scores."""


class Forest(NamedTuple):
    """The mean of trees with random splits that serve all models.

    Attributes:
        trees: 50 of them.
    """

    trees: Trees

    def __call__(self, seen: Seen) -> Floats:
        """Predict: (n_prompts, n_models) centred scores."""
        return answered(self.trees, seen.wide)


class Linear(NamedTuple):
    """A ridge on the leading components, the clusters, the subsets or the categories.

    Attributes:
        block: which block of `Seen`.
        weights: (d, n_models).
    """

    block: str
    weights: Floats

    def __call__(self, seen: Seen) -> Floats:
        """Predict: (n_prompts, n_models) centred scores."""
        return np.asarray(getattr(seen, self.block) @ self.weights)


def forest_view(seen: Seen, Y: Floats, seed: int) -> Forest:
    """Grow a forest.

    scikit-learn's extremely randomised trees (Geurts et al. 2006), all models at once: 50 trees, a
    leaf of a fiftieth of the prompts within 5 and 30, splits among three tenths of the inputs.

    Args:
        seen: the training prompts.
        Y: (n_prompts, n_models) centred scores.
        seed: of the first tree.
    """
    leaf = int(np.clip(len(Y) // 50, 5, 30))
    return Forest(random_trees(seen.wide, Y, range(seed, seed + TREES), leaf, 0.3))


def linear_view(
    seen: Seen, block: str, penalties: tuple[float, ...], Y: Floats, folds: Folds
) -> Linear:
    """Fit a ridge whose penalty has the least out-of-fold error at its best slope, and take that.

    The slope brings ridges of other prompts, whose penalty may be another one, to one scale.

    Args:
        seen: the training prompts.
        block: which block of it is read.
        penalties: to choose from.
        Y: (n_prompts, n_models) centred scores.
        folds: (n_prompts,) their folds.
    """
    weights, out = tuned_ridge(getattr(seen, block), penalties, Y, folds)
    return Linear(block, weights * best_slope(out, Y))


def tuned_ridge(
    Z: Floats, penalties: tuple[float, ...], Y: Floats, folds: Folds
) -> tuple[Floats, Floats]:
    """Ridge regression by the penalty that has the least out-of-fold error at its best slope.

    Args:
        Z: (n_prompts, d).
        penalties: to choose from.
        Y: (n_prompts, n_outputs) of mean 0.
        folds: (n_prompts,) their folds.

    Returns:
        The weights (d, n_outputs), and (n_prompts, n_outputs) what was predicted out of fold.
    """
    out = {penalty: np.zeros(Y.shape) for penalty in penalties}
    for fold in np.unique(folds):
        held = folds == fold
        for penalty, weights in ridges(Z[~held], Y[~held], penalties).items():
            out[penalty][held] = Z[held] @ weights
    best = max(penalties, key=lambda penalty: (explained(out[penalty], Y), penalty))
    return ridges(Z, Y, (best,))[best], out[best]


def stacked(out_of_fold: Sequence[Floats], Y: Floats) -> Floats:
    """The weight of each view, none negative: least squares with a small ridge.

    Args:
        out_of_fold: (n_prompts, n_models) what each view predicted of prompts held out.
        Y: (n_prompts, n_models) centred scores.

    Returns:
        (n_views,)
    """
    from scipy.optimize import nnls

    A = np.stack([out.ravel() for out in out_of_fold], axis=1)
    gram, target = A.T @ A, A.T @ Y.ravel()
    gram[np.diag_indices(len(gram))] += 1e-3 * gram.trace() / len(gram) + 1e-12
    root = np.linalg.cholesky(gram)
    weights, _ = nnls(root.T, np.linalg.solve(root, target))
    return np.asarray(weights)


def cross_fitted(out_of_fold: Sequence[Floats], Y: Floats, folds: Folds) -> Floats:
    """(n_prompts, n_models) what views predict together, weighed in each fold as in the others."""
    together = np.zeros(Y.shape)
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        weights = stacked([out[rest] for out in out_of_fold], Y[rest])
        for weight, out in zip(weights, out_of_fold, strict=True):
            together[held] += weight * out[held]
    return together


def answered(trees: Trees, X: NDArray[np.float32]) -> Floats:
    """(n_prompts, n_outputs) the mean of what the trees answer, some hundred prompts at a time."""
    chunks = [X[at : at + CHUNK] for at in range(0, len(X), CHUNK)]
    parts = [trees.value[trees.leaves(chunk)].mean(axis=1) for chunk in chunks]
    return np.concatenate([np.zeros((0, trees.value.shape[1])), *parts])


def ridges(Z: Floats, Y: Floats, penalties: tuple[float, ...]) -> dict[float, Floats]:
    """The weights (d, n_models) at each penalty, by one decomposition."""
    sizes, vectors = np.linalg.eigh(Z.T @ Z)
    along = vectors.T @ (Z.T @ Y)
    return {
        penalty: vectors @ (along / (np.maximum(sizes, 0.0) + penalty)[:, None])
        for penalty in penalties
    }


def best_slope(P: Floats, Y: Floats) -> float:
    """What predictions are multiplied by to be nearest to the truth; 0 if that is negative.

    >>> best_slope(np.array([[1.0], [3.0]]), np.array([[2.0], [6.0]]))
    2.0
    """
    size = float((P * P).sum())
    return round(max(float((P * Y).sum()), 0.0) / size, 9) if size > 1e-12 else 0.0


def explained(P: Floats, Y: Floats) -> float:
    """By how much predictions at their best slope, if positive, reduce the sum of squares."""
    size = float((P * P).sum())
    return round(best_slope(P, Y) ** 2 * size, 9)
