"""The yardsticks: routers that learn nothing about prompts, and oracles that know the truth."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.parameters import SEED, SHARE, Choice
from routereval.routers.base import Reads, Router, Scores, Training, mean_costs, mean_scores
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

    def _fit(self, data: Training) -> None:
        """Nothing is learned."""

    def _extend(self, data: Training) -> None:
        """There is nothing to learn of new models."""

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        return np.full((len(X), self.n_models_), 1 / self.n_models_)

    def _distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        return scores


class _Fixed(Router):
    """Answers the same scores, learned in ``scores_``, to every prompt."""

    control: ClassVar[bool] = True
    supports_unseen: ClassVar[bool] = True

    scores_: NDArray[np.float64]

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        return np.tile(self.scores_, (len(X), 1))

    def _distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        return one_hot(scores.argmax(axis=1), self.n_models_)


class BestSingle(_Fixed):
    """Sends every prompt to the model of the highest mean score on the training prompts.

    >>> router = BestSingle().fit(["a", "b"], np.array([[1.0, 0.0], [0.5, 1.0]]))
    >>> router.predict_scores(["c"])
    array([[0.75, 0.5 ]])
    """

    def _fit(self, data: Training) -> None:
        self.scores_ = mean_scores(data.scores)

    def _extend(self, data: Training) -> None:
        self.scores_ = np.append(self.scores_, mean_scores(data.scores))


class DatasetBest(Router):
    """Sends every prompt to the model that was best on its benchmark's training prompts.

    It knows where a prompt is from, which live traffic does not say: a router that does not beat
    it has learned no more than to distinguish benchmarks. A prompt from elsewhere goes to the best
    single model.

    Args:
        by: ``benchmark``, of a mixed stream, or ``subset``.

    >>> origins = np.array([[0, 0], [0, 1], [1, 2]])
    >>> router = DatasetBest().fit(origins, np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0]]))
    >>> router.predict_scores(origins[[0, 2]])
    array([[1.  , 0.25],
           [0.  , 1.  ]])
    """

    label = "dataset_best"
    allowed = {"by": Choice(*_ORIGINS)}
    reads: ClassVar[Reads] = "origins"
    control: ClassVar[bool] = True
    supports_unseen: ClassVar[bool] = True

    def __init__(self, *, by: str = "benchmark") -> None:
        self.by = by

    def _fit(self, data: Training) -> None:
        self.codes_ = np.unique(self._codes(data.X))
        self.means_ = self._means(data)

    def _extend(self, data: Training) -> None:
        self.means_ = np.hstack([self.means_, self._means(data)])

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        codes = self._codes(X)
        place = np.searchsorted(self.codes_, codes)
        found = self.codes_[np.minimum(place, len(self.codes_) - 1)] == codes
        return np.asarray(self.means_[np.where(found, place, len(self.codes_))])

    def _distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        return one_hot(scores.argmax(axis=1), self.n_models_)

    def _codes(self, X: NDArray[np.int64]) -> NDArray[np.int64]:
        return X[:, _ORIGINS.index(self.by)]

    def _means(self, data: Training) -> Scores:
        """A row for each code that is known, and a last one over all; that one fills gaps."""
        codes, overall = self._codes(data.X), mean_scores(data.scores)
        parts = [data.scores[codes == code] for code in self.codes_]
        own = [np.where(np.isnan(p).all(axis=0), overall, mean_scores(p)) for p in parts]
        return np.stack([*own, overall])


class Constant(_Fixed):
    """Sends every prompt to one model, named by its place in the pool.

    Args:
        index: the column of that model, from 0.

    >>> Constant(index=1).fit(["a"], np.array([[1.0, 0.0]])).predict_scores(["b"])
    array([[0., 1.]])
    """

    allowed = {"index": SEED}

    def __init__(self, *, index: int = 0) -> None:
        self.index = index

    def _fit(self, data: Training) -> None:
        if self.index >= self.n_models_:
            raise SpecError(
                f"constant: index {self.index!r} names no model of a pool of {self.n_models_}; "
                f"give a whole number from 0 to {self.n_models_ - 1}"
            )
        self.scores_ = one_hot(np.array([self.index]), self.n_models_)[0]

    def _extend(self, data: Training) -> None:
        """Stay with the model that was named."""
        self.scores_ = np.append(self.scores_, np.zeros(data.scores.shape[1]))


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

    def _fit(self, data: Training) -> None:
        self.costs_ = mean_costs(data.costs, data.scores)
        self.scores_ = _cheapness(self.costs_)

    def _extend(self, data: Training) -> None:
        self.costs_ = np.append(self.costs_, mean_costs(data.costs, data.scores))
        self.scores_ = _cheapness(self.costs_)


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

    def _fit(self, data: Training) -> None:
        """Nothing is learned."""

    def _extend(self, data: Training) -> None:
        """There is nothing to learn of new models."""

    def _predict(self, X: Scores) -> Scores:
        return np.where(np.isnan(X), -np.inf, X)

    def _distribution(self, X: Scores, scores: Scores) -> Scores:
        """Each true score over the sum of the prompt's; uniform where no model is right."""
        return _shares(X)


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

    label = "noisy_oracle"
    allowed = {"p": SHARE}
    policy: ClassVar[Literal["argmax", "proportional"]] = "proportional"

    def __init__(self, *, p: float = 0.5) -> None:
        self.p = p

    def _predict(self, X: Scores) -> Scores:
        truth = super()._predict(X)
        best = one_hot(truth.argmax(axis=1), self.n_models_)
        return self.p * best + (1 - self.p) * _shares(np.isfinite(truth).astype(np.float64))

    def _distribution(self, X: Scores, scores: Scores) -> Scores:
        """Mix shares: p · scores / Σ scores (uniform where no model is right) + (1 - p) / m."""
        return self.p * super()._distribution(X, scores) + (1 - self.p) / self.n_models_


def _shares(scores: Scores) -> Scores:
    """Rows over their sums; uniform where the sum is 0; 0 where not observed."""
    scores = np.nan_to_num(scores)
    total = scores.sum(axis=1, keepdims=True)
    shares = np.full(scores.shape, 1 / scores.shape[1])
    np.divide(scores, total, out=shares, where=total > 0)
    return shares


def _cheapness(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean costs on the line from the cheapest (1) to the dearest (0); 0 where never seen."""
    low, high = np.nanmin(costs), np.nanmax(costs)
    span = high - low if high > low else 1.0
    return np.where(np.isnan(costs), 0.0, 1 - (costs - low) / span)
