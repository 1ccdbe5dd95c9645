"""What `auto` predicts of a prompt before it compares models: how probable each subset is.

The subset of a training prompt is a clean label, so that it is predicted far more surely than which
model is better, which is mostly luck. Training prompts have subsets; new ones need not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto_inputs import Categories, Seen
from routereval.routers.auto_views import Floats, Folds
from routereval.routers.lbfgs import minimise

SUBSET = "subset"
MOST = 100
PENALTY = 100.0
DIGITS, WEIGHT_DIGITS = 4, 6
"""To how many digits probabilities and weights are rounded: the last ones differ by processor."""


class Subsets(NamedTuple):
    """Predicts how probable it is that a prompt is of each subset, from its `wide` inputs.

    Attributes:
        weights: (d, n_subsets) of the log-odds of each subset.
        intercept: (n_subsets,)
        center: (n_subsets,) what is taken off: the mean over the training prompts.
    """

    weights: Floats
    intercept: Floats
    center: Floats

    def __call__(self, wide: NDArray[np.floating]) -> Floats:
        """Predict: (n_prompts, n_subsets), each column about 0."""
        return np.asarray(
            np.round(probable(wide, self.weights, self.intercept) - self.center, DIGITS)
        )


def labels_of(prompts: Prompts) -> Floats:
    """(n_prompts, n_subsets) 1 where a prompt is of the subset.

    No column where there is one subset, or more than 100; none for a subset of fewer than 10
    prompts, whose rows are 0 throughout.

    Args:
        prompts: of training.
    """
    labels = Categories.of(prompts, (SUBSET,))(prompts)
    return labels if 2 <= labels.shape[1] <= MOST else labels[:, :0]


def subsets_of(seen: Seen, labels: Floats, folds: Folds) -> tuple[Subsets, Floats]:
    """Learn to predict subsets.

    Args:
        seen: the training prompts.
        labels: (n_prompts, n_subsets) their subsets.
        folds: (n_prompts,) their folds.

    Returns:
        What predicts subsets, and (n_prompts, n_subsets) what was predicted of the training prompts
        when they were held out.
    """
    wide = seen.wide.astype(np.float64)
    shares = np.zeros(labels.shape)
    for fold in np.unique(folds) if labels.shape[1] else ():
        held, rest = folds == fold, folds != fold
        shares[held] = probable(wide[held], *classifier(wide[rest], labels[rest]))
    center = shares.mean(axis=0).round(WEIGHT_DIGITS)
    return Subsets(*classifier(wide, labels), center), np.asarray(np.round(shares - center, DIGITS))


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
    if not labels.shape[1]:
        return np.zeros((X.shape[1], 0)), np.zeros(0)
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
    if not len(intercept):
        return np.zeros((len(X), 0))
    return np.round(_shares(X @ weights + intercept)[0], DIGITS)


def _shares(z: Floats) -> tuple[Floats, Floats]:
    """The softmax of each row, and its logarithm."""
    z = z - z.max(axis=1, keepdims=True)
    shares = np.exp(z)
    total = shares.sum(axis=1, keepdims=True)
    return shares / total, z - np.log(total)
