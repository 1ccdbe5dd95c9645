"""The views of `auto`: predictors of differences between models, with out-of-fold predictions."""

from __future__ import annotations

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
TRAIT_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class View(Protocol):
    """Predicts centred scores."""

    def __call__(self, seen: Seen) -> Floats:
        """Predict: (n_prompts, n_models) centred scores."""


class Learned(NamedTuple):
    """A view, and what it predicted of the training prompts when they were held out."""

    view: View
    out_of_fold: Floats


class Forest(NamedTuple):
    """The mean of trees with random splits that serve all models.

    Attributes:
        trees: of all folds.
    """

    trees: Trees

    def __call__(self, seen: Seen) -> Floats:
        """Predict: (n_prompts, n_models) centred scores."""
        return answered(self.trees, seen.wide)


class Linear(NamedTuple):
    """A ridge on the leading components, the clusters, the traits or the categories.

    Attributes:
        block: which block of `Seen`.
        weights: (d, n_models).
    """

    block: str
    weights: Floats

    def __call__(self, seen: Seen) -> Floats:
        """Predict: (n_prompts, n_models) centred scores."""
        return np.asarray(getattr(seen, self.block) @ self.weights)


def forest_view(seen: Seen, Y: Floats, folds: Folds, seed: int) -> Learned:
    """Grow a forest for each fold, of the prompts of the others; together they are the view.

    scikit-learn's extremely randomised trees (Geurts et al. 2006), all models at once: 50 trees a
    fold, a leaf of a fiftieth of the prompts within 5 and 30, splits among three tenths of the
    inputs.

    Args:
        seen: the training prompts.
        Y: (n_prompts, n_models) centred scores.
        folds: (n_prompts,) their folds.
        seed: of the splits.
    """
    grown, out = [], np.zeros(Y.shape)
    for fold in np.unique(folds).tolist():
        held = folds == fold
        first = seed + TREES * fold
        leaf = int(np.clip((~held).sum() // 50, 5, 30))
        seeds = range(first, first + TREES)
        trees = random_trees(seen.wide[~held], Y[~held], seeds, leaf, 0.3)
        out[held] = answered(trees, seen.wide[held])
        grown.append(trees)
    return Learned(Forest(Trees.of(grown)), out)


def linear_view(
    seen: Seen, block: str, penalties: tuple[float, ...], Y: Floats, folds: Folds
) -> Learned:
    """Fit a ridge whose penalty has the least out-of-fold error at its best slope.

    Args:
        seen: the training prompts.
        block: which block of it is read.
        penalties: to choose from.
        Y: (n_prompts, n_models) centred scores.
        folds: (n_prompts,) their folds.
    """
    weights, out = tuned_ridge(getattr(seen, block), penalties, Y, folds)
    return Learned(Linear(block, weights), out)


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


def stacked(views: list[Learned], Y: Floats) -> Floats:
    """The weight of each view, none negative: least squares with a small ridge.

    Args:
        views: with their out-of-fold predictions.
        Y: (n_prompts, n_models) centred scores.

    Returns:
        (n_views,)
    """
    from scipy.optimize import nnls

    A = np.stack([view.out_of_fold.ravel() for view in views], axis=1)
    gram, target = A.T @ A, A.T @ Y.ravel()
    gram[np.diag_indices(len(views))] += 1e-3 * gram.trace() / len(views) + 1e-12
    root = np.linalg.cholesky(gram)
    weights, _ = nnls(root.T, np.linalg.solve(root, target))
    return np.asarray(weights)


def cross_fitted(views: list[Learned], Y: Floats, folds: Folds) -> Floats:
    """(n_prompts, n_models) what views predict together, weighed in each fold as in the others."""
    out = np.zeros(Y.shape)
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        others = [view._replace(out_of_fold=view.out_of_fold[rest]) for view in views]
        for weight, view in zip(stacked(others, Y[rest]), views, strict=True):
            out[held] += weight * view.out_of_fold[held]
    return out


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


def explained(P: Floats, Y: Floats) -> float:
    """By how much predictions at their best slope, if positive, reduce the sum of squares."""
    size = float((P * P).sum())
    along = max(float((P * Y).sum()), 0.0)
    return round(along * along / size, 9) if size > 1e-12 else 0.0
