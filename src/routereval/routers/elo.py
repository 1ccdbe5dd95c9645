"""Elo ratings, of all training prompts and of those near a prompt."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import COUNT, POSITIVE, SEED, SHARE, Tuned
from routereval.routers.base import Router, Scores, Training
from routereval.routers.inputs import Features, rounded
from routereval.routers.neighbours import search, unit_rows
from routereval.routers.preferences import ELO, mean_results, win_rates
from routereval.routers.validation import Fold

FIRST_RATING = 1000.0
MOST_RIVALS = 32


class Elo(Router):
    """Predicts each model's mean chance of beating another, from its Elo rating.

    Prompt by prompt, in an order that is drawn, every two models that were asked it play a game,
    whose result is (1 + y − y')/2 for scores y and y'. A rating moves by k times the mean of what
    the games brought above what was expected of them, so a prompt counts as one game whatever the
    size of the pool. The rating is the mean over the second half of the prompts: the last value
    alone would be that of the last few dozen. No routing is learned: all prompts score alike.

    Source: Elo 1978. In pools of more than 33 models each plays 32 others.

    Args:
        k: the most points that one prompt can bring.
        random_state: seed of the order of the prompts.

    Attributes:
        ratings_: (n_models,) ratings; all start at 1000.

    >>> scores = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    >>> Elo().fit(np.zeros((4, 1)), scores).predict_scores([[0.0]]).argmax(axis=1)
    array([0])
    """

    allowed = {"k": POSITIVE, "random_state": SEED}

    def __init__(self, *, k: float = 32.0, random_state: int = 0) -> None:
        self.k = k
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        self.ratings_ = played(data.scores, float(self.k), self.random_state)

    def _predict(self, X: Features) -> Scores:
        return np.tile(win_rates(self.ratings_[None] / ELO), (len(X), 1))


class Eagle(Router):
    """Elo ratings that play on over the training prompts near the prompt, mixed with those of all.

    The score is a model's mean chance of beating another by the rating share · global +
    (1 − share) · local. The local rating starts from the global one and plays the games of the most
    similar training prompts (cosine), the most similar last, as the last ones tell most.

    Source: Eagle, Zhao, Jin and Mao 2024, arXiv 2409.15518, whose values are share = 0.5,
    neighbours = 20 and k = 32. It differs in how a prompt's games count: see ``elo``, which makes
    the global ratings.

    Args:
        neighbours: how many training prompts the local ratings play on, or ``tuned``: the one of 5,
            10, 20, 40, 80 that foresees the results on the validation prompts best, by squared
            error (the largest of equals).
        share: the weight of the global rating, from 0 to 1.
        k: the most points that one prompt can bring.
        random_state: seed of the order of the prompts for the global ratings.

    Attributes:
        ratings_: (n_models,) the global ratings.
        neighbours_: how many training prompts are used.
        X_train_: (n_train, n_features) the training prompts, scaled to length 1.
        scores_train_: (n_train, n_models) their scores.

    >>> X = np.array([[1.0, 0.0]] * 20 + [[0.0, 1.0]] * 20)
    >>> scores = np.array([[1.0, 0.0]] * 20 + [[0.0, 1.0]] * 20)
    >>> Eagle().fit(X, scores).predict_scores([[2.0, 0.1], [0.1, 2.0]]).argmax(axis=1)
    array([0, 1])
    """

    allowed = {**Elo.allowed, "neighbours": Tuned(COUNT), "share": SHARE}
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    tried: ClassVar[tuple[int, ...]] = (5, 10, 20, 40, 80)

    def __init__(
        self,
        *,
        neighbours: int | str = "tuned",
        share: float = 0.5,
        k: float = 32.0,
        random_state: int = 0,
    ) -> None:
        self.neighbours = neighbours
        self.share = share
        self.k = k
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        if not isinstance(self.neighbours, str):
            self._keep(data.fold)
            self.neighbours_ = int(self.neighbours)
            return
        learn, check = data.folds(self.random_state)
        self._keep(learn)
        results, units = mean_results(check.scores), unit_rows(check.X)
        errors = [
            float(np.nansum((self._rates(units, count) - results) ** 2)) for count in self.tried
        ]
        self.neighbours_ = self.tried[len(errors) - 1 - int(np.argmin(errors[::-1]))]

    def _predict(self, X: Features) -> Scores:
        return self._rates(unit_rows(X), self.neighbours_)

    def _keep(self, learn: Fold) -> None:
        self.ratings_ = played(learn.scores, float(self.k), self.random_state)
        self.X_train_ = unit_rows(learn.X)
        self.scores_train_ = learn.scores

    def _rates(self, units: NDArray[np.float64], count: int) -> Scores:
        nearest = search(self.X_train_, units, max(self.tried) if count in self.tried else count)
        local = np.tile(self.ratings_, (len(units), 1))
        rivals = _rivals(self.n_models_)
        for place in range(min(count, nearest.shape[1]) - 1, -1, -1):
            local += self.k * _surprise(local, self.scores_train_[nearest[:, place]], rivals)
        mixed = self.share * self.ratings_ + (1 - self.share) * local
        return rounded(win_rates(mixed / ELO))


def played(scores: Scores, k: float, seed: int) -> NDArray[np.float64]:
    """Ratings after all prompts, in an order drawn by the seed; means over the second half.

    >>> played(np.array([[1.0, 0.0]]), 32.0, 0)
    array([1016.,  984.])
    """
    rivals = _rivals(scores.shape[1])
    ratings = np.full((1, scores.shape[1]), FIRST_RATING)
    order = np.random.default_rng(seed).permutation(len(scores))
    total = np.zeros_like(ratings)
    first = len(order) // 2
    for step, row in enumerate(order):
        ratings = ratings + k * _surprise(ratings, scores[[row]], rivals)
        if step >= first:
            total += ratings
    return np.asarray(total[0] / (len(order) - first))


def _surprise(ratings: Scores, scores: Scores, rivals: NDArray[np.int64]) -> Scores:
    """Mean result of each model's games less what was expected; 0 without a game."""
    if rivals.size == 0:
        return np.zeros_like(ratings)
    lead = (ratings[:, :, None] - ratings[:, rivals]) / (2 * ELO)
    expected = 0.5 * (1 + np.tanh(lead))
    surprise = 0.5 * (1 + scores[:, :, None] - scores[:, rivals]) - expected
    games = ~np.isnan(surprise)
    total = np.where(games, surprise, 0.0).sum(axis=2)
    return np.asarray(total / np.maximum(games.sum(axis=2), 1))


def _rivals(n_models: int) -> NDArray[np.int64]:
    """(n_models, n_rivals) whom each model plays: all others, or some spread evenly."""
    step = max(1, -(-(n_models - 1) // MOST_RIVALS))
    shifts = np.arange(1, n_models, step)
    return (np.arange(n_models)[:, None] + shifts) % n_models
