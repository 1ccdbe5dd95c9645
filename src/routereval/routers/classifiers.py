"""Linear classifiers: will this model's answer be right? one weighted sum of the features each."""

from __future__ import annotations

import warnings
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import POSITIVE, Tuned
from routereval.routers.array_cache import remembered
from routereval.routers.base import Router, Scores, Training
from routereval.routers.inputs import Features, Scale, rounded, scale_of
from routereval.routers.validation import Fold, last_best, quality

CS: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)

Floats = NDArray[np.float64]


class Logistic(Router):
    """Predicts each model's chance of a right answer by logistic regression.

    scikit-learn's, L2-penalised, on standardised features; each model is fitted on the prompts
    where it was observed. A score between 0 and 1 counts as a right answer of that weight and a
    wrong one of the rest.

    Args:
        C: inverse of the penalty, or ``tuned``: the power of ten from 1e-5 to 0.1 of the highest
            quality on the validation prompts (the smallest of equals).

    Attributes:
        C_: the value that is used.
        coef_: (n_features, n_models) weights, of the features as they are given.
        intercept_: (n_models,).
        scale_: the features' means and deviations and the reach of the training prompts.

    >>> X = np.array([[-1.0], [1.0]] * 20)
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 20)
    >>> Logistic(C=1.0).fit(X, scores).predict_scores([[1.0]]).round(1)
    array([[0.1, 0.9]])
    """

    allowed = {"C": Tuned(POSITIVE)}
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    separable: ClassVar[bool] = True

    C_: float
    coef_: Floats
    intercept_: Floats
    scale_: Scale

    def __init__(self, *, C: float | str = "tuned") -> None:
        self.C = C

    def _fit(self, data: Training) -> None:
        learn = check = data.fold
        tried = CS
        if isinstance(self.C, str):
            learn, check = data.folds()
        else:
            tried = (float(self.C),)
        found = []
        for C in tried:
            self.C_ = C
            self._learn(learn, check)
            found.append((C, self.coef_, self.intercept_))
        best = last_best([self._quality(check, *each[1:]) for each in found])
        self.C_, self.coef_, self.intercept_ = found[best]

    def _predict(self, X: Features) -> Scores:
        return self._chance(X, self.coef_, self.intercept_)

    def _learn(self, learn: Fold, check: Fold) -> None:
        """Set the weights for this C; the second fold is for those who calibrate."""
        self.scale_ = scale_of(learn.X)
        weighed = [self._line(learn.X, column) for column in learn.scores.T]
        self.coef_ = np.stack([line.coef for line in weighed], axis=1)
        self.intercept_ = np.array([line.intercept for line in weighed])

    def _line(self, X: Features, scores: Floats) -> Line:
        """The weights of one model, on the features as they are given."""
        seen = ~np.isnan(scores)
        if not seen.any():
            return Line(np.zeros(X.shape[1]), 0.0)
        scale = scale_of(X)
        line = self._boundary(
            standardised(X)[seen] if not seen.all() else standardised(X), scores[seen]
        )
        coef = line.coef / scale.deviation
        return Line(coef, line.intercept - float(scale.mean @ coef))

    def _boundary(self, Z: Floats, scores: Floats) -> Line:
        return logistic(Z, scores, self.C_)

    def _quality(self, check: Fold, coef: Floats, intercept: Floats) -> float:
        return quality(self._chance(check.X, coef, intercept), check.scores)

    def _chance(self, X: Features, coef: Floats, intercept: Floats) -> Scores:
        """Rounded log-odds, so that models with the same weights tie exactly, as chances."""
        from scipy.special import expit

        return np.asarray(expit(rounded(self.scale_.within(X) @ coef + intercept)))


class Svm(Logistic):
    """Predicts each model's chance of a right answer by a linear support vector machine.

    scikit-learn's LinearSVC (squared hinge, L2) on standardised features. A score counts as right
    from 0.5 on, and weighs more the further it is from there. What the machines answer are
    distances, which say nothing of each other; so those of each model are turned into chances by a
    logistic curve (Platt 1999) fitted on the validation prompts.

    Args:
        C: inverse of the penalty, or ``tuned``: the power of ten from 1e-5 to 0.1 of the highest
            quality on the validation prompts (the smallest of equals).

    >>> X = np.array([[-1.0], [1.0]] * 20)
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 20)
    >>> Svm(C=1.0).fit(X, scores).predict_scores([[1.0]]).round(1)
    array([[0.1, 0.9]])
    """

    def _boundary(self, Z: Floats, scores: Floats) -> Line:
        from sklearn.svm import LinearSVC

        right, weight = scores >= 0.5, np.abs(2 * scores - 1)
        if len(np.unique(right[weight > 0])) < 2:
            return Line(np.zeros(Z.shape[1]), 0.0)
        machine = LinearSVC(C=self.C_, dual=False)
        machine.fit(Z, right, weight)
        return Line(machine.coef_[0], float(machine.intercept_[0]))

    def _learn(self, learn: Fold, check: Fold) -> None:
        super()._learn(learn, check)
        distance = rounded(self.scale_.within(check.X) @ self.coef_ + self.intercept_)
        for model, scores in enumerate(check.scores.T):
            seen = ~np.isnan(scores)
            scores = scores if seen.any() else learn.scores[:, model]  # noqa: PLW2901
            curve = Line(np.zeros(1), 0.0)
            if seen.any():
                curve = logistic(distance[seen, model, None], scores[seen], 1.0)
            steep = max(float(curve.coef[0]), 0.0)  # further on the right side is never worse
            self.coef_[:, model] *= steep
            self.intercept_[model] = self.intercept_[model] * steep + curve.intercept


class Line(NamedTuple):
    """A weighted sum of features: its weights and what is added."""

    coef: Floats
    intercept: float


@remembered
def standardised(X: Features) -> Floats:
    """The features with mean 0 and deviation 1."""
    return scale_of(X)(X)


def logistic(Z: Floats, scores: Floats, C: float) -> Line:
    """Logistic regression on scores in [0, 1]; a constant where all are right, or all wrong.

    That constant is the mean with one right and one wrong answer added.

    >>> from scipy.special import expit
    >>> line = logistic(np.array([[0.0], [1.0]]), np.array([1.0, 1.0]), 1.0)
    >>> line.coef, float(expit(line.intercept))
    (array([0.]), 0.75)
    """
    from scipy.special import logit
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    right, wrong = scores > 0, scores < 1
    if not (right.any() and wrong.any()):
        chance = (scores.sum() + 1) / (len(scores) + 2)
        return Line(np.zeros(Z.shape[1]), float(logit(chance)))
    rows = np.concatenate([Z[right], Z[wrong]])
    labels = np.repeat([1, 0], [right.sum(), wrong.sum()])
    weight = np.concatenate([scores[right], 1 - scores[wrong]])
    regression = LogisticRegression(C=C)
    with warnings.catch_warnings():
        # 100 steps are enough to choose by, whatever the tolerance says
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(rows, labels, weight)
    return Line(regression.coef_[0], float(regression.intercept_[0]))
