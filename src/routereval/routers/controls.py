"""The yardsticks: routers that learn nothing about prompts, and oracles that know the truth."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError, unknown
from routereval.routers.base import Reads, Router, Scores, mean_costs, mean_scores
from routereval.routers.policy import one_hot

_ORIGINS = ("benchmark", "subset")


class Random(Router):
    """Draws each model with the same probability; metrics take the expectation.

    >>> Random().fit(["a"], np.array([[1.0, 0.0]])).predict_scores(["b"])
    array([[0.5, 0.5]])
    """

    policy: ClassVar[Literal["argmax", "proportional"]] = "proportional"
    control: ClassVar[bool] = True
    supports_unseen: ClassVar[bool] = True

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401, D102
        self._check_fit(X, scores)
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401, D102
        self._check_extend(X, scores)
        return self

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401, D102
        self._check_fitted()
        return np.full((len(X), self.n_models_), 1 / self.n_models_)

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """The same probability for each model."""
        return scores


class _Fixed(Router):
    """Answers the same scores, learned in ``scores_``, to every prompt."""

    control: ClassVar[bool] = True
    supports_unseen: ClassVar[bool] = True

    scores_: NDArray[np.float64]

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401
        self._check_fitted()
        return np.tile(self.scores_, (len(X), 1))

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """All probability on the one model that is chosen."""
        return one_hot(scores.argmax(axis=1), self.n_models_)


class BestSingle(_Fixed):
    """Sends every prompt to the model of the highest mean score on the training prompts.

    >>> router = BestSingle().fit(["a", "b"], np.array([[1.0, 0.0], [0.5, 1.0]]))
    >>> router.predict_scores(["c"])
    array([[0.75, 0.5 ]])
    """

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401, D102
        self.scores_ = mean_scores(self._check_fit(X, scores))
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Note each new model's mean on the probe prompts."""
        self.scores_ = np.append(self.scores_, mean_scores(self._check_extend(X, scores)))
        return self


class DatasetBest(Router):
    """Sends every prompt to the model that was best on its benchmark's training prompts.

    It is told where a prompt is from, which live traffic does not say: a router that does not beat
    it has learned no more than to tell benchmarks apart. A prompt from elsewhere goes to the best
    single model.

    Args:
        by: ``benchmark``, of a mixed stream, or ``subset``.

    >>> origins = np.array([[0, 0], [0, 1], [1, 2]])
    >>> router = DatasetBest().fit(origins, np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0]]))
    >>> router.predict_scores(origins[[0, 2]])
    array([[1.  , 0.25],
           [0.  , 1.  ]])
    """

    reads: ClassVar[Reads] = "origins"
    control: ClassVar[bool] = True
    supports_unseen: ClassVar[bool] = True

    def __init__(self, *, by: str = "benchmark") -> None:
        self.by = by

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Note each model's mean on each benchmark or subset.

        Raises:
            SpecError: if `by` is something else.
        """
        if self.by not in _ORIGINS:
            raise unknown("origin", str(self.by), _ORIGINS)
        scores = self._check_fit(X, scores)
        self.codes_ = np.unique(self._codes(X))
        self.means_ = self._means(X, scores)
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Note each new model's mean on the probe prompts of each."""
        scores = self._check_extend(X, scores)
        self.means_ = np.hstack([self.means_, self._means(X, scores)])
        return self

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401, D102
        self._check_fitted()
        codes = self._codes(X)
        place = np.searchsorted(self.codes_, codes)
        found = self.codes_[np.minimum(place, len(self.codes_) - 1)] == codes
        return np.asarray(self.means_[np.where(found, place, len(self.codes_))])

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """All probability on the one model that is chosen."""
        return one_hot(scores.argmax(axis=1), self.n_models_)

    def _codes(self, X: Any) -> NDArray[np.int64]:  # noqa: ANN401
        return np.asarray(X, dtype=np.int64)[:, _ORIGINS.index(self.by)]

    def _means(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """A row for each code that is known, and a last one over all; that one fills gaps."""
        codes, overall = self._codes(X), mean_scores(scores)
        parts = [scores[codes == code] for code in self.codes_]
        own = [np.where(np.isnan(p).all(axis=0), overall, mean_scores(p)) for p in parts]
        return np.stack([*own, overall])


class Constant(_Fixed):
    """Sends every prompt to one model, named by its place in the pool.

    Args:
        index: the column of that model, from 0.

    >>> Constant(index=1).fit(["a"], np.array([[1.0, 0.0]])).predict_scores(["b"])
    array([[0., 1.]])
    """

    def __init__(self, *, index: int = 0) -> None:
        self.index = index

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Note the size of the pool.

        Raises:
            SpecError: if `index` names no model of the pool.
        """
        n_models = self._check_fit(X, scores).shape[1]
        if self.index not in range(n_models):
            raise SpecError(
                f"constant: index {self.index!r} names no model of a pool of {n_models}; "
                f"give a whole number from 0 to {n_models - 1}"
            )
        self.scores_ = one_hot(np.array([self.index]), n_models)[0]
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Stay with the model that was named."""
        self.scores_ = np.append(self.scores_, np.zeros(self._check_extend(X, scores).shape[1]))
        return self


class Cheapest(_Fixed):
    """Sends every prompt to the model of the lowest mean cost on the training prompts.

    The cheapest model scores 1, the dearest 0, those between on a line. A model whose cost was
    never seen scores 0.

    >>> costs = np.array([[0.03, 0.01, 0.02]])
    >>> router = Cheapest().fit(["a"], np.ones((1, 3)), costs)
    >>> router.predict_scores(["b"])
    array([[0. , 1. , 0.5]])
    """

    needs_costs: ClassVar[bool] = True

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Learn each model's mean cost.

        Raises:
            DataError: if no cost is known, or the shape of the costs is not that of the scores.
        """
        self.costs_ = _known_costs(self._check_fit(X, scores), costs)
        self.scores_ = _cheapness(self.costs_)
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Learn each new model's mean cost on the probe prompts.

        Raises:
            DataError: as `fit`.
        """
        new = _known_costs(self._check_extend(X, scores), costs)
        self.costs_ = np.append(self.costs_, new)
        self.scores_ = _cheapness(self.costs_)
        return self


class Oracle(Router):
    """Knows the true score of each model on each prompt: no router can do better.

    A model whose score was not observed on a prompt (NaN) is never chosen for it: its
    score is -inf.

    >>> Oracle().fit(np.eye(2), np.eye(2)).predict_scores(np.array([[0.25, np.nan]]))
    array([[0.25, -inf]])
    """

    reads: ClassVar[Reads] = "truth"
    control: ClassVar[bool] = True
    supports_unseen: ClassVar[bool] = True

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401, D102
        self._check_fit(X, scores)
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401, D102
        self._check_extend(X, scores)
        return self

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401
        """Answer the truth that it was given.

        Args:
            X: (n_prompts, n_models) the true scores of the prompts to be routed.

        Returns:
            The same, with -inf where not observed.

        Raises:
            DataError: if `X` has another number of models than the pool.
        """
        truth = self._truth(X)
        return np.where(np.isnan(truth), -np.inf, truth)

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """Each true score over the sum of the prompt's; uniform where no model is right."""
        return _shares(self._truth(X))

    def _truth(self, X: Any) -> Scores:  # noqa: ANN401
        self._check_fitted()
        truth = np.asarray(X, dtype=np.float64)
        if truth.ndim != 2 or truth.shape[1] != self.n_models_:
            raise DataError(
                f"an oracle of {self.n_models_} models reads their true scores, one column a "
                f"model; it was given shape {truth.shape}"
            )
        return truth


class DatasetOracle(Oracle):
    """Knows each model's mean score on the subset that a prompt belongs to, and nothing else."""

    reads: ClassVar[Reads] = "subset_means"


class NoisyOracle(Oracle):
    """RouterEval's r_o(p): the oracle with probability p, else a model drawn uniformly.

    Its scores are the probabilities of that draw, so its expected quality needs no simulation. Of
    several best models the oracle takes the first. The uniform part spreads over the models that
    were observed on the prompt. Source: Huang et al. 2025, arXiv 2503.10657.

    Args:
        p: probability of the oracle, in [0, 1].

    >>> router = NoisyOracle(p=0.5).fit(np.eye(2), np.eye(2))
    >>> router.predict_scores(np.array([[0.0, 1.0]]))
    array([[0.25, 0.75]])
    """

    policy: ClassVar[Literal["argmax", "proportional"]] = "proportional"

    def __init__(self, *, p: float = 0.5) -> None:
        self.p = p

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Note the size of the pool.

        Raises:
            SpecError: if `p` is not a probability.
        """
        if not (isinstance(self.p, (int, float)) and 0 <= self.p <= 1):
            raise SpecError(f"noisy_oracle: p must be a number from 0 to 1, not {self.p!r}")
        return super().fit(X, scores, costs)

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401
        """Mix the oracle's choice with a uniform draw.

        Args:
            X: (n_prompts, n_models) the true scores of the prompts to be routed.

        Returns:
            (n_prompts, n_models), rows sum to 1.
        """
        truth = super().predict_scores(X)
        best = one_hot(truth.argmax(axis=1), self.n_models_)
        return self.p * best + (1 - self.p) * _shares(np.isfinite(truth).astype(np.float64))

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """Mix shares: p · scores / Σ scores (uniform where no model is right) + (1 - p) / m."""
        return self.p * super().distribution(X, scores) + (1 - self.p) / self.n_models_


def _shares(scores: Scores) -> Scores:
    """Rows over their sums; uniform where the sum is 0; 0 where not observed."""
    scores = np.nan_to_num(scores)
    total = scores.sum(axis=1, keepdims=True)
    shares = np.full(scores.shape, 1 / scores.shape[1])
    np.divide(scores, total, out=shares, where=total > 0)
    return shares


def _known_costs(scores: Scores, costs: Scores | None) -> NDArray[np.float64]:
    """Each model's mean cost, NaN where never seen."""
    means = mean_costs(costs, scores)
    if np.isnan(means).all():
        raise DataError(
            "cheapest needs costs; import the records with costs or prices, or leave it out"
        )
    return means


def _cheapness(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean costs on the line from the cheapest (1) to the dearest (0); 0 where never seen."""
    low, high = np.nanmin(costs), np.nanmax(costs)
    span = high - low if high > low else 1.0
    return np.where(np.isnan(costs), 0.0, 1 - (costs - low) / span)
