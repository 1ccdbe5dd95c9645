"""Linear routers: each model's score is a weighted sum of the prompt's features."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.numerics import NULL, significant
from routereval.parameters import COUNT, NOT_NEGATIVE, POSITIVE, SEED, Choice, Tuned
from routereval.routers.adam import Data, Recipe, train
from routereval.routers.array_cache import remembered
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.inputs import Features, Scale, alike, rounded, scale_of
from routereval.routers.validation import Fold, contrast, last_best

ALPHAS = tuple(10.0**power for power in range(-1, 8))


class Linear(Router):
    """Predicts each model's score from the features linearly.

    ``ridge`` minimises squared error plus alpha times the squared weights, on standardised
    features, in closed form; each model is fitted on the prompts where it was observed. ``adam`` is
    RouterEval's baseline: logistic regression on the features as they are, by stochastic gradients
    of the cross-entropy (Huang et al. 2025, arXiv 2503.10657).

    Args:
        method: ``ridge`` or ``adam``.
        alpha: for ridge, the penalty, or ``tuned``: the power of ten from 0.1 to 1e7 that foresees
            best how models differ on the validation prompts (the largest of equals).
        lr: for adam, the learning rate at the start; it falls to 0 along half a cosine.
        epochs: for adam, passes over the training prompts.
        batch: for adam, prompts per step.
        random_state: for adam, seed of the initial weights and the order of the prompts.

    Attributes:
        alpha_: the penalty that is used (ridge).
        coef_: (n_features, n_models) weights, of the features as they are given.
        intercept_: (n_models,).
        scale_: the features' means and deviations and the reach of the training prompts (ridge).

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> scores = np.array([[0.0, 0.5], [0.25, 0.5], [0.5, 0.5], [0.75, 0.5]])
    >>> router = Linear(alpha=0).fit(X, scores)
    >>> router.predict_scores([[2.4]]).round(6)
    array([[0.6, 0.5]])
    """

    allowed = {
        "method": Choice("ridge", "adam"),
        "alpha": Tuned(NOT_NEGATIVE),
        "lr": POSITIVE,
        "epochs": COUNT,
        "batch": COUNT,
        "random_state": SEED,
    }
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    faithful: ClassVar[dict[str, Any]] = {"method": "adam"}

    scale_: Scale | None

    def __init__(
        self,
        *,
        method: str = "ridge",
        alpha: float | str = "tuned",
        lr: float = 0.01,
        epochs: int = 10,
        batch: int = 1,
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.alpha = alpha
        self.lr = lr
        self.epochs = epochs
        self.batch = batch
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        if self.method == "adam":
            self.scale_ = None
            recipe = Recipe((), self.lr, self.epochs, self.batch, self.random_state)
            [(self.coef_, self.intercept_)] = train(Data.of(data.X, data.scores), recipe)
        elif isinstance(self.alpha, str):
            self._tune(*data.folds())
        else:
            self._keep(_Ridge.of(data.X, data.scores), float(self.alpha))

    def _predict(self, X: Features) -> Scores:
        z = self._output(X)
        if self.method == "ridge":
            return z
        from scipy.special import expit

        return np.asarray(expit(z))

    def _distribution(self, X: Features, scores: Scores) -> Scores:
        """The softmax of the scores (ridge) or of their log-odds (adam, as RouterEval has it)."""
        return super()._distribution(X, scores if self.method == "ridge" else self._output(X))

    def _output(self, X: Features) -> Scores:
        """The weighted sums, rounded so that models with the same weights tie exactly."""
        X = X if self.scale_ is None else self.scale_.within(X)
        return rounded(X @ self.coef_ + self.intercept_)

    def _tune(self, learn: Fold, check: Fold) -> None:
        ridge = _Ridge.of(learn.X, learn.scores)
        tried = []
        for alpha in ALPHAS:
            self._keep(ridge, alpha)
            tried.append(contrast(self._output(check.X), check.scores))
        self._keep(ridge, ALPHAS[last_best(tried)])

    def _keep(self, ridge: _Ridge, alpha: float) -> None:
        self.alpha_ = alpha
        self.scale_ = ridge.scale
        self.coef_, self.intercept_ = ridge.weights(alpha)


class Spectrum(NamedTuple):
    """Standardised features as far as ridge regression needs them, whatever the scores."""

    scale: Scale
    values: NDArray[np.float64]
    vectors: NDArray[np.float64]


@remembered
def spectrum_of(X: Features) -> Spectrum:
    """Eigenvalues and eigenvectors of the Gram matrix of the standardised features."""
    scale = scale_of(X)
    Z = scale(X)
    values, vectors = np.linalg.eigh(Z.T @ Z)
    # what should be 0 comes out as a rounding error, which alpha = 0 must not divide by
    return Spectrum(scale, np.where(significant(values, NULL**2), values, np.inf), vectors)


class _Part(NamedTuple):
    """The models that were observed on the same prompts, ready for any alpha."""

    models: NDArray[np.int64]
    spectrum: Spectrum
    projected: NDArray[np.float64]


class _Ridge(NamedTuple):
    """Ridge regressions of all models, of which only the penalty is left open."""

    parts: list[_Part]
    means: NDArray[np.float64]
    scale: Scale

    @classmethod
    def of(cls, X: Features, scores: Scores) -> _Ridge:
        """Project the scores on the spectrum, once for each set of observed prompts."""
        means, seen = mean_scores(scores), ~np.isnan(scores)
        parts = []
        for models in alike(seen):
            rows = seen[:, models[0]]
            if rows.any():
                there = X if rows.all() else X[rows]
                parts.append(_part(models, there, scores[:, models][rows] - means[models]))
        return cls(parts, means, scale_of(X))

    def weights(self, alpha: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients and intercepts on the features as they were given."""
        coef = np.zeros((len(self.scale.mean), len(self.means)))
        intercept = self.means.copy()
        for models, (scale, values, vectors), projected in self.parts:
            shrunk = vectors @ (projected / (values + alpha)[:, None])
            coef[:, models] = shrunk / scale.deviation[:, None]
            intercept[models] -= scale.mean @ coef[:, models]
        return coef, intercept


def _part(models: NDArray[np.int64], X: Features, centred: Scores) -> _Part:
    """As the scores are centred, the features need not be: their means drop out of the product."""
    spectrum = spectrum_of(X)
    product = (X.T @ centred) / spectrum.scale.deviation[:, None]
    return _Part(models, spectrum, spectrum.vectors.T @ product)
