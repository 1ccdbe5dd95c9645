"""Reduced-rank ridge regression: the scores of all models follow a few directions."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import NOT_NEGATIVE, Number, Tuned
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.inputs import Features, rounded
from routereval.routers.linear import ALPHAS, Spectrum, spectrum_of
from routereval.routers.validation import Fold, contrast, last_best

SWEEPS = 10


class LowRank(Router):
    """Ridge regression of the scores of all models at once, of bounded rank.

    The models of a pool fail on much the same prompts, so their regressions share directions. The
    fit is the best of its rank (Mukherjee and Zhu 2011): that of ridge regression, projected on the
    leading directions of what it predicts. Rank 0 predicts each model's mean; the full rank is the
    router ``linear``. A router sees only its pool, so the directions are learned of the pool's
    models alone, not of all that the records hold. Scores that were not observed are filled in by
    what the fit says of them, and the fit repeated.

    Args:
        rank: the most directions, or ``tuned``: of 0, 1, 2, 4, … and the number of models the one
            that, with its alpha, predicts the differences between the models of a validation prompt
            best, by squared error (the lowest rank, then the largest alpha of equals).
        alpha: the penalty on standardised features, or ``tuned``: a power of ten from 0.1 to 1e7.

    Attributes:
        rank_: the rank that is used.
        alpha_: the penalty that is used.
        directions_: (n_models, rank_) orthonormal directions in the space of the models.
        coef_: (n_features, n_models) weights, of the features as they are given.
        intercept_: (n_models,).
        scale_: the features' means and deviations and the reach of the training prompts.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> scores = np.array([[0.0, 0.8], [0.2, 0.6], [0.4, 0.4], [0.6, 0.2]])
    >>> LowRank(rank=1, alpha=0).fit(X, scores).predict_scores([[2.5]]).round(6)
    array([[0.5, 0.3]])
    """

    label = "low_rank"
    allowed = {"rank": Tuned(Number(0, whole=True)), "alpha": Tuned(NOT_NEGATIVE)}
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    separable: ClassVar[bool] = True

    def __init__(self, *, rank: int | str = "tuned", alpha: float | str = "tuned") -> None:
        self.rank = rank
        self.alpha = alpha

    def _fit(self, data: Training) -> None:
        ranks, alphas = self._ranks(), self._alphas()
        learn, rank, alpha = data.fold, ranks[0], alphas[0]
        if len(ranks) * len(alphas) > 1:
            learn, check = data.folds()
            rank, alpha = self._tuned(_Reduced.of(*learn), check, ranks, alphas)
        self._keep(_settled(learn, rank, alpha), rank, alpha)

    def _predict(self, X: Features) -> Scores:
        """Rounded, so that models with the same weights tie exactly."""
        return rounded(self.scale_.within(X) @ self.coef_ + self.intercept_)

    def _tuned(
        self, reduced: _Reduced, check: Fold, ranks: list[int], alphas: list[float]
    ) -> tuple[int, float]:
        pairs = [(rank, alpha) for rank in reversed(ranks) for alpha in alphas]
        tried = []
        for rank, alpha in pairs:
            self._keep(reduced, rank, alpha)
            tried.append(contrast(self._predict(check.X), check.scores))
        return pairs[last_best(tried)]

    def _keep(self, reduced: _Reduced, rank: int, alpha: float) -> None:
        self.rank_, self.alpha_ = rank, alpha
        self.scale_ = reduced.spectrum.scale
        self.directions_ = reduced.directions(alpha)[:, :rank]
        self.coef_ = reduced.weights(alpha) @ self.directions_ @ self.directions_.T
        self.intercept_ = reduced.means - reduced.spectrum.scale.mean @ self.coef_

    def _ranks(self) -> list[int]:
        """The ranks to try, from the lowest."""
        if not isinstance(self.rank, str):
            return [int(self.rank)]
        n_models = self.n_models_
        powers = [2**power for power in range(n_models.bit_length()) if 2**power < n_models]
        return [0, *powers, n_models]

    def _alphas(self) -> list[float]:
        return list(ALPHAS) if isinstance(self.alpha, str) else [float(self.alpha)]


class _Reduced(NamedTuple):
    """Ridge regressions of all models on the same prompts; alpha and rank are left open."""

    spectrum: Spectrum
    projected: NDArray[np.float64]
    means: NDArray[np.float64]

    @classmethod
    def of(cls, X: Features, scores: Scores) -> _Reduced:
        """Project the scores on the spectrum; a cell without a score has its model's mean."""
        spectrum, means = spectrum_of(X), mean_scores(scores)
        centred = np.where(np.isnan(scores), 0.0, scores - means)
        product = (X.T @ centred) / spectrum.scale.deviation[:, None]
        # as filled-in scores need not have the mean of those observed, centre the features too
        product -= np.outer(spectrum.scale.mean / spectrum.scale.deviation, centred.sum(axis=0))
        return cls(spectrum, spectrum.vectors.T @ product, means)

    def weights(self, alpha: float) -> NDArray[np.float64]:
        """Coefficients of full rank, on the features as they were given."""
        scale, values, vectors = self.spectrum
        shrunk = vectors @ (self.projected / (values + alpha)[:, None])
        return np.asarray(shrunk / scale.deviation[:, None])

    def directions(self, alpha: float) -> NDArray[np.float64]:
        """(n_models, n_models) the directions of what is predicted, the strongest first."""
        weighted = self.projected / (self.spectrum.values + alpha)[:, None]
        return np.asarray(np.linalg.eigh(self.projected.T @ weighted)[1][:, ::-1])


def _settled(learn: Fold, rank: int, alpha: float) -> _Reduced:
    """Fit, fill in what was not observed, and fit again, a few times."""
    seen = ~np.isnan(learn.scores)
    reduced = _Reduced.of(learn.X, learn.scores)
    known = seen.any(axis=0)
    for _ in range(0 if seen[:, known].all() else SWEEPS):
        directions = reduced.directions(alpha)[:, :rank]
        coef = reduced.weights(alpha) @ directions @ directions.T
        guess = reduced.means + (learn.X - reduced.spectrum.scale.mean) @ coef
        filled = np.where(seen, learn.scores, np.where(known, guess, np.nan))
        reduced = _Reduced.of(learn.X, filled)
    return reduced
