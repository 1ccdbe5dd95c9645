"""Bandits: routers that learn from the scores of the models that they chose, and of no others.

`fit` replays the training prompts as a stream, in an order that is drawn. At each prompt the bandit
chooses a model, sees that model's score, and learns. What it gave up on the way is kept.

Each model has a ridge regression of its own on the leading principal components of the features and
an intercept, so that what is uncertain of a prompt x is the width ‖x‖ in the metric of the inverse
of A = Σ x xᵀ + ridge, over the prompts that went to that model. Before its first prompt a model is
expected to score ½, so that even a small width has it tried. After the stream a model that was
never chosen is predicted 0, as other routers do of one that was never observed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import COUNT, NOT_NEGATIVE, POSITIVE, SEED, SHARE
from routereval.routers.base import Router, Scores, Training
from routereval.routers.inputs import Features, scale_of
from routereval.routers.linear import spectrum_of

PRIOR = 0.5
Floats = NDArray[np.float64]


class Bandit(Router):
    """What all bandits share; a subclass says by what index the next model is chosen.

    The means, deviations and principal components of the features are taken of all prompts
    beforehand, as an embedder is; scores are seen one by one.

    Attributes of all bandits once fitted:
        order_: (n_stream,) the training prompts in the order in which they came; those without any
            observed score are left out.
        choices_: (n_stream,) the column of the model that was chosen.
        rewards_: (n_stream,) its score.
        regret_: (n_stream,) how much less than the best model of each prompt was earned up to then,
            summed.
        coef_, intercept_: (n_features, n_models) and (n_models,) what was learned, on the features
            as they are given.
        scale_: the features' means and deviations and the reach of the training prompts.
    """

    allowed = {"components": COUNT, "ridge": POSITIVE, "random_state": SEED}

    def __init__(self, *, components: int = 8, ridge: float = 4.0, random_state: int = 0) -> None:
        self.components = components
        self.ridge = ridge
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        axes, mean = components_of(data.X, int(self.components))
        self.scale_ = scale_of(data.X)
        inputs = np.column_stack([np.ones(len(data.X)), (data.X - mean) @ axes])
        theta = self._replay(inputs, data.scores)
        self.coef_ = axes @ theta[:, 1:].T
        self.intercept_ = theta[:, 0] - mean @ self.coef_

    def _predict(self, X: Features) -> Scores:
        """What was learned of each model's score, without any exploration."""
        return np.asarray(self.scale_.within(X) @ self.coef_ + self.intercept_)

    def _index(self, mean: Floats, width: Floats, rng: np.random.Generator) -> Floats:
        """By what the next model is chosen: of (n_models,) expected scores and their widths."""
        raise NotImplementedError

    def _replay(self, inputs: Floats, scores: Scores) -> Floats:
        """The (n_models, n_inputs) weights of all models after the stream."""
        rng = np.random.default_rng(self.random_state)
        order = rng.permutation(len(scores))
        order = order[~np.isnan(scores[order]).all(axis=1)]
        n_models, n_inputs = scores.shape[1], inputs.shape[1]
        inverse = np.tile(np.eye(n_inputs) / self.ridge, (n_models, 1, 1))
        theta = np.zeros((n_models, n_inputs))
        theta[:, 0] = PRIOR
        choices = np.empty(len(order), dtype=np.int64)
        for step, row in enumerate(order):
            x = inputs[row]
            along = inverse @ x
            mean, spread = theta @ x, along @ x
            index = self._index(mean, np.sqrt(np.maximum(spread, 0.0)), rng)
            chosen = int(np.where(np.isnan(scores[row]), -np.inf, index).argmax())
            # the inverse of A + x xᵀ, by Sherman and Morrison
            gain = along[chosen] / (1 + spread[chosen])
            theta[chosen] += gain * (scores[row, chosen] - mean[chosen])
            inverse[chosen] -= gain[:, None] * along[chosen]
            choices[step] = chosen
        self._keep(order, choices, scores)
        theta[np.bincount(choices, minlength=n_models) == 0] = 0.0
        return theta

    def _keep(self, order: NDArray[np.int64], choices: NDArray[np.int64], scores: Scores) -> None:
        self.order_, self.choices_ = order, choices
        self.rewards_ = scores[order, choices]
        best = np.nanmax(scores[order], axis=1) if len(order) else np.zeros(0)
        self.regret_ = np.cumsum(best - self.rewards_)


class LinUcb(Bandit):
    """Chooses the model of the highest plausible score: expected score + alpha · width.

    Source: LinUCB with disjoint linear models, Li et al. 2010, arXiv 1003.0146. It differs in that
    it reads principal components of the features: its regret grows with their number.

    Args:
        alpha: how many widths above what is expected is still plausible. Scores from 0 to 1 have a
            standard deviation of at most ½, so ½ stands for one standard error.
        components: principal components of the features that are read, at most.
        ridge: the penalty of the regressions: how many prompts weigh as much as what is expected
            beforehand. Features are scaled to a mean squared length of 1.
        random_state: seed of the order of the prompts.

    >>> X = np.array([[-1.0], [1.0]] * 40)
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 40)
    >>> router = LinUcb().fit(X, scores)
    >>> router.predict_scores(X[:2]).argmax(axis=1), bool(router.regret_[-1] < 15)
    (array([0, 1]), True)
    """

    allowed = {**Bandit.allowed, "alpha": NOT_NEGATIVE}

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        components: int = 8,
        ridge: float = 4.0,
        random_state: int = 0,
    ) -> None:
        super().__init__(components=components, ridge=ridge, random_state=random_state)
        self.alpha = alpha

    def _index(self, mean: Floats, width: Floats, rng: np.random.Generator) -> Floats:
        return mean + self.alpha * width


class Thompson(Bandit):
    """Chooses the model of the highest score drawn at random from what is believed of each.

    What is believed is normal, around the expected score, with a standard deviation of
    scale · width. Source: Thompson 1933; with linear models Agrawal and Goyal 2013, arXiv
    1209.3352. It differs in that each model has weights of its own, and reads principal components.

    Args:
        scale: the standard deviation of a score about what is expected; at most ½ for scores from
            0 to 1.
        components: principal components of the features that are read, at most.
        ridge: the penalty of the regressions: how many prompts weigh as much as what is expected
            beforehand. Features are scaled to a mean squared length of 1.
        random_state: seed of the order of the prompts and of the draws.

    >>> X = np.array([[-1.0], [1.0]] * 40)
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 40)
    >>> Thompson().fit(X, scores).predict_scores(X[:2]).argmax(axis=1)
    array([0, 1])
    """

    allowed = {**Bandit.allowed, "scale": NOT_NEGATIVE}

    def __init__(
        self,
        *,
        scale: float = 0.5,
        components: int = 8,
        ridge: float = 4.0,
        random_state: int = 0,
    ) -> None:
        super().__init__(components=components, ridge=ridge, random_state=random_state)
        self.scale = scale

    def _index(self, mean: Floats, width: Floats, rng: np.random.Generator) -> Floats:
        return mean + self.scale * width * rng.standard_normal(len(mean))


class EpsilonGreedy(Bandit):
    """Chooses the model of the highest expected score, and now and then any model.

    As the share of prompts on which it explores does not fall, its regret never flattens out
    wholly: it is a yardstick for the others.

    Args:
        epsilon: the share of prompts that go to any model.
        components: principal components of the features that are read, at most.
        ridge: the penalty of the regressions: how many prompts weigh as much as what is expected
            beforehand. Features are scaled to a mean squared length of 1.
        random_state: seed of the order of the prompts and of the draws.

    >>> X = np.array([[-1.0], [1.0]] * 40)
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 40)
    >>> EpsilonGreedy(epsilon=0.2).fit(X, scores).predict_scores(X[:2]).argmax(axis=1)
    array([0, 1])
    """

    label = "epsilon_greedy"
    allowed = {**Bandit.allowed, "epsilon": SHARE}

    def __init__(
        self,
        *,
        epsilon: float = 0.1,
        components: int = 8,
        ridge: float = 4.0,
        random_state: int = 0,
    ) -> None:
        super().__init__(components=components, ridge=ridge, random_state=random_state)
        self.epsilon = epsilon

    def _index(self, mean: Floats, width: Floats, rng: np.random.Generator) -> Floats:
        return rng.random(len(mean)) if rng.random() < self.epsilon else mean


def components_of(X: Features, limit: int) -> tuple[Floats, Floats]:
    """Axes that take centred features to their leading principal components, and their means.

    Features are standardised; components are scaled to a mean squared length of 1 over all prompts.

    >>> axes, mean = components_of(np.array([[0.0, 5.0], [2.0, 5.0]]), 8)
    >>> ((np.array([[0.0, 5.0], [2.0, 5.0]]) - mean) @ axes).round(6) ** 2
    array([[1.],
           [1.]])
    """
    scale, values, vectors = spectrum_of(X)
    lengths = np.where(np.isfinite(values), values, 0.0)
    leading = np.argsort(-lengths, kind="stable")[:limit]
    leading = leading[lengths[leading] > 0]
    size = np.sqrt(lengths[leading].sum() / len(X))
    axes = vectors[:, leading] / scale.deviation[:, None] / (size or 1.0)
    return np.asarray(axes), scale.mean
