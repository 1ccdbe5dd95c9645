"""What `auto` predicts of a prompt before it compares models: how easy it is, and of which subset.

Both are predicted far more surely than which model is better: how easy a prompt is shows in all
models' scores at once, and its subset is a clean label, while a difference between two models is
mostly luck. Training prompts have subsets; new ones need not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto_inputs import Categories, Seen
from routereval.routers.auto_views import Floats, Folds, explained, tuned_ridge
from routereval.routers.base import mean_scores
from routereval.routers.inputs import Scores
from routereval.routers.lbfgs import minimise

SUBSET = "subset"
MOST = 100
PENALTY = 100.0
EASINESS_PENALTIES = (30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
DIGITS, WEIGHT_DIGITS = 4, 6
"""To how many digits traits and weights are rounded: the last ones differ by processor."""


class Traits(NamedTuple):
    """Predicts how easy a prompt is, and how probable each subset, from its `wide` inputs.

    Attributes:
        easiness: (d,) weights; what they predict of training prompts has deviation 1.
        bounds: the least and the greatest easiness foreseen of a training prompt. New prompts stay
            within: features learned of few texts fit these far better than new ones, by which a
            ridge can be far out.
        weights: (d, n_subsets) of the log-odds of each subset.
        intercept: (n_subsets,)
        center: (1 + n_subsets,) what is taken off: the mean over the training prompts.
    """

    easiness: Floats
    bounds: tuple[float, float]
    weights: Floats
    intercept: Floats
    center: Floats

    def __call__(self, wide: NDArray[np.floating]) -> Floats:
        """Predict: (n_prompts, 1 + n_subsets), each column about 0."""
        shares = probable(wide, self.weights, self.intercept)
        easy = np.clip(wide @ self.easiness, *self.bounds)
        found = np.hstack([easy[:, None], shares])
        return np.asarray(np.round(found - self.center, DIGITS))


def labels_of(prompts: Prompts) -> Floats:
    """(n_prompts, n_subsets) 1 where a prompt is of the subset.

    No column where there is one subset, or more than 100; none for a subset of fewer than 10
    prompts, whose rows are 0 throughout.

    Args:
        prompts: of training.
    """
    labels = Categories.of(prompts, (SUBSET,))(prompts)
    return labels if 2 <= labels.shape[1] <= MOST else labels[:, :0]


def traits_of(seen: Seen, scores: Scores, labels: Floats, folds: Folds) -> tuple[Traits, Floats]:
    """Learn to predict traits.

    Easiness is what a prompt's scores are on average above those of the models that it was put to;
    a ridge predicts it, whose penalty has the least out-of-fold error.

    Args:
        seen: the training prompts, without traits.
        scores: (n_prompts, n_models), NaN where not observed.
        labels: (n_prompts, n_subsets) their subsets.
        folds: (n_prompts,) their folds.

    Returns:
        What predicts traits, and (n_prompts, 1 + n_subsets) what was predicted of the training
        prompts when they were held out.
    """
    wide = seen.wide.astype(np.float64)
    easiness, foreseen = _easiness(wide, scores, folds)
    shares = np.zeros(labels.shape)
    for fold in np.unique(folds) if labels.shape[1] else ():
        held, rest = folds == fold, folds != fold
        shares[held] = probable(wide[held], *classifier(wide[rest], labels[rest]))
    found = np.hstack([foreseen[:, None], shares])
    center = found.mean(axis=0).round(WEIGHT_DIGITS)
    bounds = (float(foreseen.min().round(DIGITS)), float(foreseen.max().round(DIGITS)))
    traits = Traits(easiness, bounds, *classifier(wide, labels), center)
    return traits, np.asarray(np.round(found - center, DIGITS))


def _easiness(wide: Floats, scores: Scores, folds: Folds) -> tuple[Floats, Floats]:
    """Weights of a ridge on the inputs, and (n_prompts,) what it predicted out of fold."""
    above = scores - mean_scores(scores)
    seen = ~np.isnan(above)
    easy = np.where(seen, above, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    weights, out = tuned_ridge(wide - wide.mean(axis=0), EASINESS_PENALTIES, easy[:, None], folds)
    if not explained(out, easy[:, None]):
        return np.zeros(wide.shape[1]), np.zeros(len(wide))
    deviation = float(out.std())
    scaled = weights[:, 0] / deviation
    return np.round(scaled, WEIGHT_DIGITS), out[:, 0] / deviation + wide.mean(axis=0) @ scaled


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
