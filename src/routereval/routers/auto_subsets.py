"""A view of `auto`: which subset a prompt is probably of, and how models differ there.

Training prompts have subsets; new ones need not. That a text is about law is predicted far more
surely than which model is better at it: the first is learned of clean labels, the second of luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto_inputs import Categories, Seen
from routereval.routers.auto_views import (
    CATEGORY_PENALTIES,
    Floats,
    Folds,
    Learned,
    explained,
    ridges,
)
from routereval.routers.lbfgs import minimise

SUBSET = "subset"
MOST = 100
PENALTY = 100.0
DIGITS, WEIGHT_DIGITS = 4, 6
"""To how many digits probabilities and weights are rounded: the last ones differ by processor."""


class SubsetEffects(NamedTuple):
    """What models differ by in each subset, weighed by how probable the subset is.

    Attributes:
        weights: (d, n_subsets) of the log-odds.
        intercept: (n_subsets,)
        effects: (n_subsets, n_models) centred scores.
    """

    weights: Floats
    intercept: Floats
    effects: Floats

    def __call__(self, seen: Seen) -> Floats:
        """Predict: (n_prompts, n_models) centred scores."""
        return np.asarray(probable(seen.wide, self.weights, self.intercept) @ self.effects)


def labels_of(prompts: Prompts) -> Floats:
    """(n_prompts, n_subsets) 1 where a prompt is of the subset.

    No column where there is one subset, or more than 100; none for a subset of fewer than 10
    prompts, whose rows are 0 throughout.

    Args:
        prompts: of training.
    """
    labels = Categories.of(prompts, (SUBSET,))(prompts)
    return labels if 2 <= labels.shape[1] <= MOST else labels[:, :0]


def subset_view(seen: Seen, labels: Floats, Y: Floats, folds: Folds) -> Learned:
    """Fit how probable subsets are, and what models differ by in each.

    The effects are a ridge on the true subsets; their penalty has the least out-of-fold error where
    the subsets are predicted.

    Args:
        seen: the training prompts.
        labels: (n_prompts, n_subsets) their subsets.
        Y: (n_prompts, n_models) centred scores.
        folds: (n_prompts,) their folds.
    """
    out = {penalty: np.zeros(Y.shape) for penalty in CATEGORY_PENALTIES}
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        guessed = probable(seen.wide[held], *classifier(seen.wide[rest], labels[rest]))
        for penalty, effects in ridges(labels[rest], Y[rest], CATEGORY_PENALTIES).items():
            out[penalty][held] = guessed @ effects
    best = max(CATEGORY_PENALTIES, key=lambda penalty: (explained(out[penalty], Y), penalty))
    effects = ridges(labels, Y, (best,))[best]
    return Learned(SubsetEffects(*classifier(seen.wide, labels), effects), out[best])


def classifier(X: NDArray[np.floating], labels: Floats) -> tuple[Floats, Floats]:
    """Multinomial logistic regression, half of 100 times the squared weights as a penalty.

    Args:
        X: (n_prompts, d).
        labels: (n_prompts, n_subsets) 0 or 1; a row of zeros is left out.

    Returns:
        Weights (d, n_subsets) and intercepts (n_subsets,).

    >>> X = np.array([[-1.0], [1.0]]).repeat(500, axis=0)
    >>> probable(X[[0, -1]], *classifier(X, np.eye(2).repeat(500, axis=0))).round(1)
    array([[0.9, 0.1],
           [0.1, 0.9]])
    """
    known = labels.any(axis=1)
    X, labels = X[known].astype(np.float64), labels[known]
    n, d = X.shape

    def loss(arrays: Sequence[Floats]) -> tuple[float, list[Floats]]:
        weights, intercept = arrays
        shares, logs = _shares(X @ weights + intercept)
        value = -float((labels * logs).sum()) + PENALTY / 2 * float((weights * weights).sum())
        slope = shares - labels
        return value / n, [(X.T @ slope + PENALTY * weights) / n, slope.sum(axis=0) / n]

    k = labels.shape[1]
    weights, intercept = minimise(loss, [np.zeros((d, k)), np.zeros(k)])
    return np.round(weights, WEIGHT_DIGITS), np.round(intercept, WEIGHT_DIGITS)


def probable(X: NDArray[np.floating], weights: Floats, intercept: Floats) -> Floats:
    """(n_prompts, n_subsets) how probable each subset is; rows sum to 1."""
    return np.round(_shares(X @ weights + intercept)[0], DIGITS)


def _shares(z: Floats) -> tuple[Floats, Floats]:
    """The softmax of each row, and its logarithm."""
    z = z - z.max(axis=1, keepdims=True)
    shares = np.exp(z)
    total = shares.sum(axis=1, keepdims=True)
    return shares / total, z - np.log(total)
