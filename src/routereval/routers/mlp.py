"""A small neural network: each model's score is the output of a multilayer perceptron."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from routereval.parameters import COUNT, POSITIVE, SEED, Flag, ListOf
from routereval.routers.adam import Data, Recipe, logits, train
from routereval.routers.base import Router, Scores, Training
from routereval.routers.inputs import Features, rounded, scale_of
from routereval.routers.validation import Fold


class Mlp(Router):
    """Predicts each model's score by a network with ReLU layers, trained on the cross-entropy.

    By default the features are standardised and training stops when the loss on the validation
    prompts has not fallen for some epochs; the best epoch is kept. RouterEval's baseline does
    neither, and steps after every prompt (Huang et al. 2025, arXiv 2503.10657).

    Args:
        hidden: widths of the hidden layers.
        lr: learning rate of Adam at the start; it falls to 0 along half a cosine.
        epochs: passes over the training prompts, at most.
        batch: prompts per step.
        early_stopping: whether to stop on the validation prompts.
        standardize: whether to standardise the features.
        random_state: seed of the initial weights and the order of the prompts.

    Attributes:
        layers_: (weights, intercepts) of each layer.
        scale_: the features' means and deviations, or None.

    >>> X = np.array([[-1.0], [1.0]] * 20)
    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 20)
    >>> router = Mlp(hidden=(8,), lr=0.05, epochs=50).fit(X, scores)
    >>> router.predict_scores(X[:2]).argmax(axis=1)
    array([0, 1])
    """

    allowed = {
        "hidden": ListOf(COUNT),
        "lr": POSITIVE,
        "epochs": COUNT,
        "batch": COUNT,
        "early_stopping": Flag(),
        "standardize": Flag(),
        "random_state": SEED,
    }
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    separable: ClassVar[bool] = True
    faithful: ClassVar[dict[str, Any]] = {
        "hidden": (256, 256),
        "lr": 1e-4,
        "epochs": 100,
        "batch": 1,
        "early_stopping": False,
        "standardize": False,
    }

    def __init__(
        self,
        *,
        hidden: tuple[int, ...] = (64,),
        lr: float = 1e-3,
        epochs: int = 50,
        batch: int = 64,
        early_stopping: bool = True,
        standardize: bool = True,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.lr = lr
        self.epochs = epochs
        self.batch = batch
        self.early_stopping = early_stopping
        self.standardize = standardize
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        hidden = tuple(self.hidden)
        recipe = Recipe(hidden, self.lr, self.epochs, self.batch, self.random_state)
        learn, stop = data.fold, None
        if self.early_stopping:
            learn, stop = data.folds(self.random_state)
        self.scale_ = scale_of(learn.X) if self.standardize else None
        self.layers_ = train(self._data(learn), recipe, stop and self._data(stop))

    def _predict(self, X: Features) -> Scores:
        from scipy.special import expit

        return np.asarray(expit(self._output(X)))

    def _distribution(self, X: Features, scores: Scores) -> Scores:
        """The softmax of the scores' log-odds, as RouterEval has it."""
        return super()._distribution(X, self._output(X))

    def _output(self, X: Features) -> Scores:
        """The log-odds, rounded so that models with the same weights tie exactly."""
        return rounded(logits(self._scaled(X), self.layers_))

    def _data(self, fold: Fold) -> Data:
        return Data.of(self._scaled(fold.X), fold.scores)

    def _scaled(self, X: Features) -> Features:
        return X if self.scale_ is None else self.scale_(X)
