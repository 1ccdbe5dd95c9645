"""RouterDC: prompts and models as directions, learned by two contrastive losses."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import COUNT, NOT_NEGATIVE, POSITIVE, SEED
from routereval.routers.base import Router, Scores, Training
from routereval.routers.clusters import partition
from routereval.routers.inputs import Features, even_scale, rounded
from routereval.routers.torch_training import (
    Best,
    Descent,
    Weights,
    batches,
    drawn,
    import_torch,
    relu,
    seeded,
    unit,
)
from routereval.routers.validation import Fold, quality

BATCH = 64
PATIENCE = 10
FAR = -1e4


class RouterDc(Router):
    """A prompt goes to the model whose embedding points its way.

    Two losses shape the directions. Sample–model: a prompt is drawn to each of the models that did
    best on it, away from those that did worst. Sample–sample: a prompt is drawn to another of its
    own k-means group, away from the rest. Source: RouterDC, Chen et al. 2024, arXiv 2409.19886.
    Different here: a head on given features is trained, not a language model; a model counts as
    good or bad only above or below the mean on that prompt, so that prompts on which all are alike
    teach nothing; groups are found in the features and not in a t-SNE of them; all prompts of the
    batch outside the group repel, not three; the epoch that chooses best on validation is kept.

    A score is (1 + cosine) / 2: it ranks models, and is no chance of a right answer.

    Args:
        dims: of the common space; the hidden layer has twice as many.
        positives: at most how many models attract a prompt.
        negatives: at most how many repel it.
        groups: of prompts.
        weight: of the sample–sample loss.
        temperature: that cosines are divided by.
        lr: learning rate of AdamW at the start.
        epochs: passes over the training prompts, at most.
        random_state: seed of the initial weights, the groups and the order of the prompts.

    Attributes:
        weights_: of the head, and the models' embeddings.
        scale_: the features' means, and one deviation for all.
        seen_: (n_models,) whether the model was observed at all; else its score is 0.
    """

    allowed = {
        **dict.fromkeys(("dims", "positives", "negatives", "groups", "epochs"), COUNT),
        **dict.fromkeys(("temperature", "lr"), POSITIVE),
        "weight": NOT_NEGATIVE,
        "random_state": SEED,
    }
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    extra: ClassVar[str] = "torch"

    def __init__(
        self,
        *,
        dims: int = 64,
        positives: int = 3,
        negatives: int = 3,
        groups: int = 5,
        weight: float = 1.0,
        temperature: float = 0.2,
        lr: float = 1e-3,
        epochs: int = 30,
        random_state: int = 0,
    ) -> None:
        self.dims = dims
        self.positives = positives
        self.negatives = negatives
        self.groups = groups
        self.weight = weight
        self.temperature = temperature
        self.lr = lr
        self.epochs = epochs
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        learn, check = data.folds(self.random_state)
        self.scale_ = even_scale(learn.X)
        self.seen_ = ~np.isnan(learn.scores).all(axis=0)
        self.weights_ = self._trained(self._examples(learn), check)

    def _predict(self, X: Features) -> Scores:
        return self._scores(X, self.weights_)

    def _distribution(self, X: Features, scores: Scores) -> Scores:
        """The softmax of the cosines over the temperature, as in training."""
        return super()._distribution(X, (2 * scores - 1) / self.temperature)

    def _examples(self, learn: Fold) -> Examples:
        X = self.scale_(learn.X)
        labels = partition(X, int(self.groups), int(self.random_state)).labels
        good, bad = pairs(learn.scores, int(self.positives), int(self.negatives))
        return Examples(X, good, bad, labels)

    def _trained(self, examples: Examples, check: Fold) -> Weights:
        rng = np.random.default_rng(self.random_state)
        n_features, n_models = examples.X.shape[1], examples.good.shape[1]
        shapes = {
            "w1": (n_features, 2 * self.dims),
            "b1": (2 * self.dims,),
            "w2": (2 * self.dims, self.dims),
            "b2": (self.dims,),
            "models": (n_models, self.dims),
        }
        best = Best(lambda w: quality(self._scores(check.X, w), check.scores), PATIENCE)
        with seeded(int(self.random_state)) as device:
            steps = self.epochs * -(-len(examples.X) // BATCH)
            descent = Descent(drawn(rng, shapes), device, self.lr, steps)
            for _ in range(self.epochs):
                for rows in batches(rng, len(examples.X), BATCH):
                    some = examples.of(rows)
                    descent.step(self._loss(descent, some, partners(rng, some.groups)))
                if not best.take(descent.arrays()):
                    break
        return best.weights

    def _loss(self, descent: Descent, some: Examples, partner: NDArray[np.int64]) -> Any:  # noqa: ANN401
        """Both losses of a batch, each a mean over the pairs that attract."""
        X, good, bad, groups = (descent.tensor(part) for part in some)
        z = _directions(X, descent.weights)
        to_models = z @ unit(descent.weights["models"]).T / self.temperature
        loss = contrast(to_models, good, bad)
        rows = np.arange(len(partner))[partner >= 0]
        if not len(rows):
            return loss
        near = np.zeros((len(partner),) * 2, dtype=bool)
        near[rows, partner[rows]] = True
        to_prompts = z @ z.T / self.temperature
        other = groups[:, None] != groups[None, :]
        return loss + self.weight * contrast(to_prompts, descent.tensor(near), other)

    def _scores(self, X: Features, weights: Weights) -> Scores:
        """(1 + cosine) / 2, rounded so that models with the same embedding tie exactly."""
        z = _directions(self.scale_(X), weights)
        scores = rounded((1 + z @ unit(weights["models"]).T) / 2)
        return np.where(self.seen_, scores, 0.0)


class Examples(NamedTuple):
    """Prompts to learn from: features, which models attract and repel each, and its group."""

    X: NDArray[np.float64]
    good: NDArray[np.bool_]
    bad: NDArray[np.bool_]
    groups: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> Examples:
        """Some of them."""
        return Examples(self.X[rows], self.good[rows], self.bad[rows], self.groups[rows])


def pairs(
    scores: Scores, positives: int, negatives: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which models did best, and which worst, on each prompt; never one that was not observed.

    >>> good, bad = pairs(np.array([[1.0, 0.5, 0.0, 1.0], [1.0, 1.0, np.nan, 1.0]]), 1, 3)
    >>> good.tolist(), bad.tolist()  # doctest: +NORMALIZE_WHITESPACE
    ([[True, False, False, False], [False, False, False, False]],
     [[False, True, True, False], [False, False, False, False]])
    """
    seen = ~np.isnan(scores)
    filled = np.where(seen, scores, 0.0)
    mean = filled.sum(axis=1, keepdims=True) / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    above, below = seen & (filled > mean + 1e-9), seen & (filled < mean - 1e-9)
    return _first(above, -filled, positives), _first(below, filled, negatives)


def _first(mask: NDArray[np.bool_], values: Scores, most: int) -> NDArray[np.bool_]:
    """At most so many of each row's masked places, those of the lowest values."""
    order = np.argsort(np.where(mask, values, np.inf), axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    return mask & (ranks < most)


def partners(rng: np.random.Generator, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Another prompt of the same group for each, drawn; -1 where there is none.

    >>> partners(np.random.default_rng(0), np.array([3, 5, 3])).tolist()
    [2, -1, 0]
    """
    same = groups[:, None] == groups[None, :]
    np.fill_diagonal(same, False)
    chance = rng.random(same.shape) * same
    return np.where(same.any(axis=1), chance.argmax(axis=1), -1)


def contrast(similarity: Any, attract: Any, repel: Any) -> Any:  # noqa: ANN401 - tensors
    """Mean over the attracting pairs of -log(e^s / (e^s + sum of e^t over those that repel))."""
    torch = import_torch()
    against = torch.logsumexp(similarity.masked_fill(~repel, FAR), dim=1, keepdim=True)
    losses = torch.nn.functional.softplus(against - similarity) * attract
    return losses.sum() / attract.sum().clamp(min=1)


def _directions(X: Any, weights: Any) -> Any:  # noqa: ANN401 - arrays or tensors
    return unit(relu(X @ weights["w1"] + weights["b1"]) @ weights["w2"] + weights["b2"])
