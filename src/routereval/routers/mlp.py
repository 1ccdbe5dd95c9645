"""A small neural network: each model's score is the output of a multilayer perceptron."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import expit, softmax

from routereval.routers.adam import Data, Recipe, logits, train
from routereval.routers.base import Groups, Router, Scores
from routereval.routers.inputs import Features, Scale, feature_matrix, scale_of
from routereval.routers.validation import Fold, folds

DIGITS = 12


class Mlp(Router):
    """Predicts each model's score by a network with ReLU layers, trained on the cross-entropy.

    By default the features are standardised and training stops when the loss on the validation
    prompts has not fallen for some epochs; the best epoch is kept. RouterEval's baseline does
    neither, and steps after every prompt (Huang et al. 2025, arXiv 2503.10657).

    Args:
        hidden: widths of the hidden layers.
        lr: learning rate of Adam at the start; it falls to 0 along half a cosine.
        epochs: passes over the training prompts, at most.
        batch: prompts a step.
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

    def fit(
        self,
        X: Any,  # noqa: ANN401
        scores: Scores,
        costs: Scores | None = None,
        validation: tuple[Any, Scores] | None = None,
        groups: Groups | None = None,
    ) -> Self:
        """Train the network.

        Args:
            X: (n_prompts, n_features) the prompts' features.
            scores: (n_prompts, n_models), in [0, 1], NaN where not observed.
            costs: not used.
            validation: features and scores to stop on; without, a tenth of the prompts.
            groups: codes of equal prompts, which are held out together.

        Returns:
            The router itself.

        Raises:
            DataError: if the shapes do not agree.
            SpecError: if a parameter is out of its range.
        """
        recipe = Recipe(self.hidden, self.lr, self.epochs, self.batch, self.random_state)
        recipe.checked("mlp")
        scores, X = self._check_fit(X, scores), feature_matrix(X)
        learn, stop = Fold(X, scores), None
        if self.early_stopping:
            learn, stop = folds(X, scores, validation, groups=groups, seed=self.random_state)
        self.n_features_in_ = X.shape[1]
        self.scale_ = scale_of(learn.X).saved if self.standardize else None
        self.layers_ = train(self._data(learn), recipe, stop and self._data(stop))
        return self

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401, D102
        return np.asarray(expit(self._output(X)))

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """The softmax of the scores' log-odds, as RouterEval has it."""
        return np.asarray(softmax(self._output(X), axis=1))

    def _output(self, X: Any) -> Scores:  # noqa: ANN401
        """The log-odds, rounded so that models with the same weights tie exactly."""
        self._check_fitted()
        scaled = self._scaled(feature_matrix(X, self.n_features_in_))
        return np.round(logits(scaled.astype(np.float64), self.layers_), DIGITS)

    def _data(self, fold: Fold) -> Data:
        return Data.of(self._scaled(fold.X), fold.scores)

    def _scaled(self, X: Features) -> Features:
        return X if self.scale_ is None else Scale(*self.scale_)(X)
