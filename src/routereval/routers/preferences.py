"""Preferences: every two models that were asked the same prompt were compared on it.

The result of a comparison is (1 + y − y')/2 for scores y and y': 1 for a win, ½ for a tie, 0 for a
loss. Bradley and Terry (1952) give each model a strength z, and expect the result σ(z − z').

Where every model was asked every prompt, the best strengths make a model's expected results sum to
those that it had. So its mean expected result follows from the models' mean scores alone, without
any strength; a rating then ranks as the mean scores do. It says more where models were asked
different prompts: who was asked hard ones is not taken for weak.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import ListOf, Number, Tuned
from routereval.routers.base import Router, Scores, Training
from routereval.routers.inputs import Features, chunks, rounded
from routereval.routers.neighbours import unit_rows
from routereval.routers.validation import Fold

CHUNK = 128
BASE = Number(1, above=True)
NEWTON_STEPS = 30
LONGEST_STEP = 2.0
CONVERGED = 1e-13
ELO = 400 / np.log(10)
"""Points of an Elo rating in a unit of strength: 400 for odds of 10 to 1."""


class BradleyTerry(Router):
    """Predicts each model's mean chance of beating another, from strengths that fit all records.

    It learns no routing: all prompts get the same scores. On records without gaps it chooses as
    ``best_single`` does, else see above. One more tie between every two models than there were
    keeps a model that always won from an infinite rating. A model alone, or never compared, has ½.

    Source: Bradley and Terry 1952; as a leaderboard of models Chiang et al. 2024, arXiv 2403.04132.

    Attributes:
        ratings_: (n_models,) strengths on Elo's scale, of mean 1000.
        rates_: (n_models,) what is predicted.

    >>> scores = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    >>> BradleyTerry().fit(np.zeros((3, 1)), scores).predict_scores([[0.0]]).round(3)
    array([[0.688, 0.5  , 0.312]])
    """

    def _fit(self, data: Training) -> None:
        seen = (~np.isnan(data.scores)).astype(np.float64)
        common = seen.T @ seen
        lead = np.where(seen > 0, data.scores, 0.0).T @ seen
        strengths = fit_strengths((common + 1)[None], (lead - lead.T)[None])
        self.ratings_ = 1000 + ELO * strengths[0]
        self.rates_ = rounded(win_rates(strengths)[0])

    def _predict(self, X: Features) -> Scores:
        return np.tile(self.rates_, (len(X), 1))


class SimilarityWeighted(Router):
    """Fits Bradley–Terry strengths anew for each prompt, similar training prompts weighing more.

    A training prompt weighs base^(s / max s), where s is its cosine with the prompt and max s the
    largest one; where none is positive, all weigh the same. The score is a model's mean chance of
    beating another under those strengths, as in ``bradley_terry``, with the ties of one prompt of
    average weight added. On records without gaps no strength needs to be fitted, and 10,000 prompts
    cost a few matrix products; with gaps the work grows with the square of the number of models.

    Source: RouteLLM's similarity-weighted ranking, Ong et al. 2024, arXiv 2406.18665, where the
    base is 10: its weights are 10^(1 + s / max s). That is a ratio of 10 between the most similar
    prompt and one at a right angle, so a few thousand prompts at a distance outvote the near ones;
    ``similarity_weighted(base=10)`` is that router. It differs from the published one in that
    models are not merged into tiers, as a pool is small.

    Args:
        base: greater than 1, or ``tuned``: the one of `bases` that foresees the results on the
            validation prompts best, by squared error (the smallest of equals).
        bases: what to choose from.

    Attributes:
        base_: the base that is used.
        X_train_: (n_train, n_features) the training prompts, scaled to length 1.
        scores_train_: (n_train, n_models) their scores, 0 where not observed.
        seen_train_: (n_train, n_models) 1 where observed, else 0.

    >>> X = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> scores = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> SimilarityWeighted(base=1e9).fit(X, scores).predict_scores(X).argmax(axis=1)
    array([0, 0, 1])
    """

    label = "similarity_weighted"
    allowed = {"base": Tuned(BASE), "bases": ListOf(BASE, least=1)}
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True

    def __init__(
        self,
        *,
        base: float | str = "tuned",
        bases: tuple[float, ...] = (10.0, 1e2, 1e4, 1e6, 1e8, 1e12, 1e16),
    ) -> None:
        self.base = base
        self.bases = bases

    def _fit(self, data: Training) -> None:
        if not isinstance(self.base, str):
            self._keep(data.fold, float(self.base))
            return
        learn, check = data.folds()
        results, bases = mean_results(check.scores), sorted(map(float, self.bases))
        errors = []
        for base in bases:
            self._keep(learn, base)
            found = rounded(self._predict(check.X))
            errors.append(float(np.nansum((found - results) ** 2)))
        self.base_ = bases[int(np.argmin(errors))]

    def _predict(self, X: Features) -> Scores:
        units = unit_rows(X)
        return np.concatenate([self._rates(self._weights(chunk)) for chunk in chunks(units, CHUNK)])

    def _weights(self, units: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_queries, n_train), from 1 / base to base."""
        similarity = units @ self.X_train_.T
        top = similarity.max(axis=1, keepdims=True)
        similarity *= np.log(self.base_) / np.where(top > 0, top, np.inf)
        return np.asarray(np.exp(similarity, out=similarity))

    def _rates(self, weights: NDArray[np.float64]) -> Scores:
        """The mean chances to win, each prompt's comparisons weighing as it does."""
        n_train = weights.shape[1]
        prior = weights.sum(axis=1, keepdims=True) / n_train
        if self.seen_train_.all():
            results = mean_results(weights @ self.scores_train_ / (n_train * prior))
            return np.asarray((n_train * results + 0.5) / (n_train + 1))
        common, lead = self._compared(weights)
        prior = prior[:, :, None]
        return win_rates(fit_strengths(common / prior + 1, lead / prior))

    def _compared(self, weights: NDArray[np.float64]) -> tuple[Scores, Scores]:
        """(n_queries, n_models, n_models) how often two models met, and by how much one led."""
        n_models = self.n_models_
        common = np.zeros((len(weights), n_models, n_models))
        lead = np.zeros_like(common)
        for one in range(n_models - 1):
            rest = slice(one + 1, None)
            both = self.seen_train_[:, rest] * self.seen_train_[:, [one]]
            ahead = (self.scores_train_[:, [one]] - self.scores_train_[:, rest]) * both
            common[:, one, rest] = common[:, rest, one] = weights @ both
            lead[:, one, rest] = weights @ ahead
            lead[:, rest, one] = -lead[:, one, rest]
        return common, lead

    def _keep(self, learn: Fold, base: float) -> None:
        seen = ~np.isnan(learn.scores)
        self.X_train_ = unit_rows(learn.X)
        self.scores_train_ = np.where(seen, learn.scores, 0.0)
        self.seen_train_ = seen.astype(np.float64)
        self.base_ = base


def win_rates(strengths: Scores) -> Scores:
    """Each model's mean probability of beating another, by Bradley and Terry; ½ for one alone.

    Args:
        strengths: (n_prompts, n_models) on the scale of log-odds.

    >>> win_rates(np.array([[0.0, 0.0, np.log(3)]])).round(3)
    array([[0.375, 0.375, 0.75 ]])
    """
    from scipy.special import expit

    n_models = strengths.shape[1]
    if n_models == 1:
        return np.full_like(strengths, 0.5)
    rates = np.zeros_like(strengths)
    for shift in range(1, n_models):
        rates += expit(strengths - np.roll(strengths, shift, axis=1))
    return np.asarray(rates / (n_models - 1))


def mean_results(scores: Scores) -> Scores:
    """Each model's mean result against the others of its row that were observed; NaN without any.

    >>> mean_results(np.array([[1.0, 0.0, 0.0], [1.0, 0.0, np.nan]]))
    array([[1.  , 0.25, 0.25],
           [1.  , 0.  ,  nan]])
    """
    seen = ~np.isnan(scores)
    others = seen.sum(axis=1, keepdims=True) - 1
    total = np.where(seen, scores, 0.0).sum(axis=1, keepdims=True)
    mean = (total - scores) / np.maximum(others, 1)
    return np.where(others > 0, (1 + scores - mean) / 2, np.where(seen, 0.5, np.nan))


def fit_strengths(common: Scores, lead: Scores) -> Scores:
    """Fit Bradley–Terry strengths of mean 0 by Newton's method, many sets of comparisons at once.

    Args:
        common: (n_sets, n_models, n_models) how often two models were compared, symmetric and
            positive.
        lead: the same shape: the scores of the one less those of the other, summed over those
            comparisons. All must be within the limits that `common` sets, and not at them.

    Returns:
        (n_sets, n_models).

    >>> common, lead = np.full((1, 2, 2), 4.0), np.array([[[0.0, 2.0], [-2.0, 0.0]]])
    >>> np.diff(fit_strengths(common, lead)).round(3)  # 3 of 4 won: odds of 3 to 1
    array([[-1.099]])
    """
    from scipy.special import expit

    n_models = common.shape[1]
    diagonal = np.eye(n_models)
    common = common * (1 - diagonal)
    won = 0.5 * (common + lead * (1 - diagonal)).sum(axis=2)
    strengths = np.zeros(won.shape)
    for _ in range(NEWTON_STEPS):
        chance = expit(strengths[:, :, None] - strengths[:, None, :])
        slope = won - (common * chance).sum(axis=2)
        bend = common * chance * (1 - chance)
        # strengths may all rise together without a change, so hold their mean
        curvature = diagonal * bend.sum(axis=2)[:, :, None] - bend + 1 / n_models
        move = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        longest = np.abs(move).max(axis=1, keepdims=True)
        strengths += move * np.minimum(1, LONGEST_STEP / np.maximum(longest, 1e-300))
        if longest.max() < CONVERGED:
            break
    return np.asarray(strengths - strengths.mean(axis=1, keepdims=True))
