"""Factorisation: a prompt and a model meet as vectors of a few dimensions.

Both routers here predict ``z = X W Pᵀ + b``: the prompts' features, projected by W to a few
dimensions; one vector per model in P; one intercept per model in b. They differ in what z is: the
log-odds of a right answer, or the strength with which a model beats the others.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from routereval.parameters import COUNT, NOT_NEGATIVE, SEED, Tuned
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.inputs import Features, rounded, scale_of
from routereval.routers.lbfgs import Array, cross_entropy, log_odds, minimise
from routereval.routers.preferences import win_rates
from routereval.routers.validation import Fold, last_best

SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
START = 0.1
MOST_RIVALS = 8


class _Factorised(Router):
    """Fits W, P and b, with a penalty on the squares of W and P.

    That penalty, on both factors, acts on their product as one on its nuclear norm (Srebro, Rennie
    and Jaakkola 2004): it leaves out whole dimensions. There is a least penalty under which nothing
    but b is left, which predicts each model's mean; penalties are named as a share of that one.
    """

    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    allowed = {"dims": COUNT, "penalty": Tuned(NOT_NEGATIVE), "random_state": SEED}

    def __init__(
        self, *, dims: int = 16, penalty: float | str = "tuned", random_state: int = 0
    ) -> None:
        self.dims = dims
        self.penalty = penalty
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        if isinstance(self.penalty, str):
            self._tune(*data.folds(self.random_state))
        else:
            problem = _Problem(self, data.X, data.scores)
            self._keep(problem, problem.solve(float(self.penalty)), float(self.penalty))

    def _predict(self, X: Features) -> Scores:
        return self._scores(self._output(X))

    def _loss(self, z: Scores, targets: Scores, seen: Scores) -> tuple[float, Scores]:
        raise NotImplementedError

    def _scores(self, z: Scores) -> Scores:
        raise NotImplementedError

    def _output(self, X: Features) -> Scores:
        """Rounded, so that models with the same weights tie exactly."""
        return rounded(self.scale_.within(X) @ self.coef_ + self.intercept_)

    def _tune(self, learn: Fold, check: Fold) -> None:
        """From the least penalty up, each fit goes on from the last, and only shrinks."""
        problem = _Problem(self, learn.X, learn.scores)
        found: list[list[Array]] = []
        tried = []
        for share in SHARES:
            found.append(problem.solve(share, found[-1] if found else None))
            self._keep(problem, found[-1], share)
            tried.append(-self._surprise(check))
        best = last_best(tried)
        self._keep(problem, found[best], SHARES[best])

    def _surprise(self, check: Fold) -> float:
        """The loss on prompts that were not learned from: less noisy than what choices score."""
        seen = (~np.isnan(check.scores)).astype(np.float64)
        return self._loss(self._output(check.X), np.nan_to_num(check.scores), seen)[0]

    def _keep(self, problem: _Problem, factors: list[Array], share: float) -> None:
        projection, models, intercept = factors
        self.penalty_ = share
        self.scale_ = problem.scale
        self.projection_ = projection / problem.scale.deviation[:, None]
        self.models_ = models
        self.coef_ = self.projection_ @ models.T
        self.intercept_ = intercept - problem.scale.mean @ self.coef_


class EmbedLlm(_Factorised):
    """Factorises the log-odds of a right answer: model vector times projected prompt.

    Source: EmbedLLM, Zhuang et al. 2024, arXiv 2410.02223. It differs in three things. The weights
    of their last layer are part of the model vectors, which loses nothing. A penalty, chosen on
    validation, stands for the noise that they add to the prompts' features. The loss is minimised
    by L-BFGS over all prompts, not by Adam. A router sees only its pool, so the vectors are learned
    of a few models, where EmbedLLM learned them of 112; with no more models than dimensions this is
    a logistic regression with another penalty.

    Args:
        dims: dimensions of the vectors.
        penalty: on the squares of both factors, as a share of the least one that leaves only each
            model's mean, or ``tuned``: the one of 1/64, 1/32, … 1 of the lowest loss on the
            validation prompts (the largest of equals).
        random_state: seed of where the fit starts.

    Attributes:
        models_: (n_models, dims) the vectors of the models.
        projection_: (n_features, dims) from the features, as they are given, to such vectors.
        coef_: (n_features, n_models) the product of both.
        intercept_: (n_models,).
        penalty_: the share that is used.

    >>> X = np.array([[-1.0], [1.0]] * 20)
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 20)
    >>> EmbedLlm(dims=2).fit(X, scores).predict_scores(X[:2]).argmax(axis=1)
    array([0, 1])
    """

    separable: ClassVar[bool] = True

    def _loss(self, z: Scores, targets: Scores, seen: Scores) -> tuple[float, Scores]:
        return cross_entropy(z, targets, seen)

    def _scores(self, z: Scores) -> Scores:
        from scipy.special import expit

        return np.asarray(expit(z))


class MatrixFactorisation(_Factorised):
    """Factorises the strength of each model on a prompt, learned from comparisons.

    A model of strength z beats one of strength z' with probability σ(z − z') (Bradley and Terry
    1952). Every training prompt compares every two models of the pool: with the chance y(1 − y')
    one is right where the other is wrong; ties say nothing. The score of a model is its mean
    probability of beating another of the pool, and ½ for a model alone; so it ranks models but is
    no chance of a right answer, and a trade-off with cost is in wins per USD.

    Source: RouteLLM, Ong et al. 2024, arXiv 2406.18665 (``mf``), which learns from votes of people
    on two answers, and routes between two models. It differs beyond that: each model has an
    intercept, its vector is not scaled to length 1, and a penalty, chosen on validation, stands for
    their noise on the features. In pools of more than 9 models each meets 8 others at most.

    Args:
        dims: dimensions of the vectors.
        penalty: on the squares of both factors, as a share of the least one that leaves only one
            strength a model, or ``tuned``: the one of 1/64, 1/32, … 1 of the lowest loss on
            the validation prompts (the largest of equals).
        random_state: seed of where the fit starts.

    Attributes:
        models_: (n_models, dims) the vectors of the models.
        projection_: (n_features, dims) from the features, as they are given, to such vectors.
        coef_: (n_features, n_models) the product of both.
        intercept_: (n_models,).
        penalty_: the share that is used.

    >>> X = np.array([[-1.0], [1.0]] * 20)
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 20)
    >>> MatrixFactorisation(dims=2).fit(X, scores).predict_scores(X[:2]).argmax(axis=1)
    array([0, 1])
    """

    label = "mf"

    def _loss(self, z: Scores, targets: Scores, seen: Scores) -> tuple[float, Scores]:
        from scipy.special import expit

        value, slope = 0.0, np.zeros_like(z)
        shifts = _shifts(z.shape[1])
        for shift in shifts:  # each two models meet twice, once from either side
            rival, theirs = np.roll(z, shift, axis=1), np.roll(targets, shift, axis=1)
            both = seen * np.roll(seen, shift, axis=1) / (2 * len(z))
            wins, losses = targets * (1 - theirs) * both, theirs * (1 - targets) * both
            lead = z - rival
            # the log of σ(-lead) is that of σ(lead) less the lead: one logarithm for both
            value += float(((wins + losses) * np.logaddexp(0, lead) - wins * lead).sum())
            pull = (wins + losses) * expit(lead) - wins
            slope += pull - np.roll(pull, -shift, axis=1)
        return value, slope

    def _scores(self, z: Scores) -> Scores:
        return win_rates(z)


class _Problem:
    """What a fit minimises: a loss on z plus the penalty, on standardised features."""

    def __init__(self, router: _Factorised, X: Features, scores: Scores) -> None:
        self.router = router
        self.scale = scale_of(X)
        self.Z = self.scale(X)
        self.seen = (~np.isnan(scores)).astype(np.float64)
        self.targets = np.where(self.seen > 0, scores, 0.0)
        self.intercept = self._means(scores)
        residual = self._slope(np.tile(self.intercept, (len(X), 1)))
        self.most = float(np.linalg.norm(self.Z.T @ residual, ord=2))

    def _means(self, scores: Scores) -> Array:
        """The intercepts that are best without any features."""
        ones = np.ones((len(scores), 1))

        def loss(arrays: Any) -> tuple[float, list[Array]]:  # noqa: ANN401
            value, slope = self.router._loss(ones * arrays[0], self.targets, self.seen)
            shrink = 1e-6 * arrays[0]  # keeps a model that always wins from running away
            return value + 0.5 * float(arrays[0] @ shrink), [slope.sum(axis=0) + shrink]

        return minimise(loss, [log_odds(mean_scores(scores))])[0]

    def _slope(self, z: Scores) -> Scores:
        return self.router._loss(z, self.targets, self.seen)[1]

    def solve(self, share: float, start: list[Array] | None = None) -> list[Array]:
        """The factors and intercepts at a penalty, from given ones or from small random ones."""
        n_models = len(self.intercept)
        shape = (self.Z.shape[1], n_models)
        if share >= 1 or self.most == 0:
            dims = self.router.dims
            return [np.zeros((shape[0], dims)), np.zeros((n_models, dims)), self.intercept]
        weight = share * self.most

        def loss(arrays: Any) -> tuple[float, list[Array]]:  # noqa: ANN401
            W, P, b = arrays
            inside = self.Z @ W
            value, slope = self.router._loss(inside @ P.T + b, self.targets, self.seen)
            value += 0.5 * weight * float((W**2).sum() + (P**2).sum())
            dW = self.Z.T @ (slope @ P) + weight * W
            dP = slope.T @ inside + weight * P
            return value, [dW, dP, slope.sum(axis=0)]

        return minimise(loss, start or self._random())

    def _random(self) -> list[Array]:
        rng = np.random.default_rng(self.router.random_state)
        dims = self.router.dims
        W = rng.normal(scale=START, size=(self.Z.shape[1], dims))
        P = rng.normal(scale=START, size=(len(self.intercept), dims))
        return [W, P, self.intercept]


def _shifts(n_models: int) -> range:
    """By how far the models are shifted against each other, spread evenly where there are many."""
    step = max(1, math.ceil((n_models - 1) / MOST_RIVALS))
    return range(1, n_models, step)
