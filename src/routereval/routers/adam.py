"""A small trainer of fully connected networks for scores, in numpy.

scikit-learn's networks will not do: their classifier wants whole labels where scores are
fractions, their regressor squares errors, neither leaves out the cells that were not observed, and
neither anneals the learning rate as RouterEval's baselines do. Each output is the logit of one
model's score; the loss is the binary cross-entropy, averaged over the observed cells of a batch,

    mean over (j, i) of  log(1 + exp(z[j, i])) - Y[j, i] z[j, i].

All parameters lie in one vector, so that a step of Adam is a few passes over it, in place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.routers.inputs import Features, Scores

Vector = NDArray[np.floating]
Layer = tuple[Vector, Vector]
"""The weights (n_in, n_out) and the intercepts (n_out,)."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        hidden: widths of the hidden layers; none is logistic regression.
        lr: learning rate of Adam at the start; it falls to 0 along half a cosine.
        epochs: passes over the prompts.
        batch: prompts per step.
        seed: of the initial weights and of the order of the prompts.
        patience: epochs without a lower loss on the validation prompts before training stops.
    """

    hidden: tuple[int, ...]
    lr: float
    epochs: int
    batch: int
    seed: int
    patience: int = 5


class Data(NamedTuple):
    """Prompts to train or to stop on, in single precision."""

    X: NDArray[np.float32]
    targets: NDArray[np.float32]
    seen: NDArray[np.float32]

    @classmethod
    def of(cls, X: Features, scores: Scores) -> Data:
        """Take features and scores; cells that were not observed have no part in the loss."""
        seen = ~np.isnan(scores)
        targets = np.where(seen, scores, 0.0)
        return cls(X.astype(np.float32), targets.astype(np.float32), seen.astype(np.float32))


def train(data: Data, recipe: Recipe, validation: Data | None = None) -> list[Layer]:
    """Train a network; with validation prompts, keep the epoch of their lowest loss.

    Args:
        data: the training prompts.
        recipe: how.
        validation: prompts to stop on, or None to run all epochs and keep the last.

    Returns:
        The layers, in double precision, so that predictions do not depend on the batch.

    >>> X = np.array([[-1.0], [1.0]])
    >>> data = Data.of(X, np.array([[0.0], [1.0]]))
    >>> from scipy.special import expit
    >>> layers = train(data, Recipe(hidden=(), lr=0.1, epochs=100, batch=2, seed=0))
    >>> (expit(logits(X, layers)) > 0.5).ravel().tolist()
    [False, True]
    """
    rng = np.random.default_rng(recipe.seed)
    widths = (data.X.shape[1], *recipe.hidden, data.targets.shape[1])
    flat = _initial(widths, rng)
    best, lowest, waited = flat, math.inf, 0
    for _ in _epochs(flat, widths, data, recipe, rng):
        if validation is None:
            continue
        loss = _loss(logits(validation.X, _views(flat, widths)), validation)
        waited = 0 if loss < lowest else waited + 1
        if waited == 0:
            best, lowest = flat.copy(), loss
        if waited == recipe.patience:
            break
    return [(w.astype(np.float64), b.astype(np.float64)) for w, b in _views(best, widths)]


def logits(X: Features, layers: Sequence[Layer]) -> Vector:
    """The network's outputs: (n_prompts, n_models) log-odds of the scores."""
    *hidden, last = layers
    for weight, intercept in hidden:
        X = np.maximum(X @ weight + intercept, 0)
    return np.asarray(X @ last[0] + last[1])


def gradient(layers: Sequence[Layer], into: Sequence[Layer], data: Data) -> None:
    """Write the gradient of the loss on some prompts into the layers of another vector."""
    from scipy.special import expit

    inputs = [data.X]
    for weight, intercept in layers[:-1]:
        inputs.append(np.maximum(inputs[-1] @ weight + intercept, 0))
    error = expit(inputs[-1] @ layers[-1][0] + layers[-1][1])
    error -= data.targets
    error *= data.seen
    error /= max(float(data.seen.sum()), 1.0)
    for depth in range(len(layers) - 1, -1, -1):
        np.matmul(inputs[depth].T, error, out=into[depth][0])
        error.sum(axis=0, out=into[depth][1])
        if depth:
            error = error @ layers[depth][0].T
            error *= inputs[depth] > 0


def _epochs(
    flat: Vector, widths: Sequence[int], data: Data, recipe: Recipe, rng: np.random.Generator
) -> Iterator[None]:
    """Train in place, pausing after each epoch."""
    slope = np.zeros_like(flat)
    layers, into = _views(flat, widths), _views(slope, widths)
    adam = _Adam(flat)
    starts = range(0, len(data.X), recipe.batch)
    steps = recipe.epochs * len(starts)
    for _ in range(recipe.epochs):
        order = rng.permutation(len(data.X))
        for start in starts:
            rows = order[start : start + recipe.batch]
            gradient(layers, into, Data(data.X[rows], data.targets[rows], data.seen[rows]))
            adam.step(slope, recipe.lr * 0.5 * (1 + math.cos(math.pi * adam.steps / steps)))
        yield


class _Adam:
    """Adam with the usual constants (Kingma and Ba 2015), in place."""

    def __init__(self, flat: Vector) -> None:
        self.flat = flat
        self.mean, self.square, self.move = (np.zeros_like(flat) for _ in range(3))
        self.steps = 0

    def step(self, slope: Vector, lr: float) -> None:
        """Move against the slope, which is overwritten."""
        self.steps += 1
        unbias = math.sqrt(1 - 0.999**self.steps)
        self.mean *= 0.9
        np.multiply(slope, 0.1, out=self.move)
        self.mean += self.move
        self.square *= 0.999
        slope *= slope
        slope *= 0.001
        self.square += slope
        np.sqrt(self.square, out=self.move)
        self.move += 1e-8 * unbias
        np.divide(self.mean, self.move, out=self.move)
        self.move *= lr * unbias / (1 - 0.9**self.steps)
        self.flat -= self.move


def _initial(widths: Sequence[int], rng: np.random.Generator) -> Vector:
    """Weights and intercepts uniform within ±1/sqrt(n_in), as PyTorch's linear layers start."""
    flat = np.empty(_size(widths), dtype=np.float32)
    for layer in _views(flat, widths):
        bound = 1 / math.sqrt(len(layer[0]))
        for part in layer:
            part[...] = rng.uniform(-bound, bound, size=part.shape)
    return flat


def _size(widths: Sequence[int]) -> int:
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(widths))


def _views(flat: Vector, widths: Sequence[int]) -> list[Layer]:
    """The layers inside the vector of all parameters."""
    layers, start = [], 0
    for n_in, n_out in pairwise(widths):
        middle, stop = start + n_in * n_out, start + (n_in + 1) * n_out
        layers.append((flat[start:middle].reshape(n_in, n_out), flat[middle:stop]))
        start = stop
    return layers


def _loss(z: Vector, data: Data) -> float:
    cells = (np.logaddexp(0, z) - data.targets * z) * data.seen
    return float(cells.sum() / max(float(data.seen.sum()), 1.0))
