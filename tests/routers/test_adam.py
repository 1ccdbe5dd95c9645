from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from routereval.routers.adam import (
    Data,
    Recipe,
    _Adam,
    _initial,
    _loss,
    _size,
    _views,
    gradient,
    logits,
    train,
)


def double(X: np.ndarray, scores: np.ndarray) -> Data:
    """Data in double precision, in which finite differences are exact enough."""
    seen = ~np.isnan(scores)
    parts = (X, np.where(seen, scores, 0.0), seen.astype(float))
    return Data(*parts)


@pytest.mark.parametrize("hidden", [(), (4,), (5, 3)])
def test_the_gradient_is_that_of_the_loss(hidden: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(hidden))
    scores = rng.random((7, 2))
    scores[rng.random((7, 2)) < 0.3] = np.nan
    data = double(rng.normal(size=(7, 3)), scores)
    widths = (3, *hidden, 2)
    flat = rng.normal(size=_size(widths))
    slope = np.zeros_like(flat)
    gradient(_views(flat, widths), _views(slope, widths), data)

    def loss_at(step: np.ndarray) -> float:
        return _loss(logits(data.X, _views(flat + step, widths)), data)

    for place, move in enumerate(1e-6 * np.eye(len(flat))):
        expected = (loss_at(move) - loss_at(-move)) / 2e-6
        assert slope[place] == pytest.approx(expected, abs=1e-7)


def test_the_loss_by_hand() -> None:
    data = Data.of(np.zeros((2, 1)), np.array([[1.0, np.nan], [0.25, np.nan]]))
    expected = (math.log(2) + math.log(1 + math.e) - 0.25) / 2
    assert _loss(np.array([[0.0, 9.0], [1.0, 9.0]]), data) == pytest.approx(expected)


def test_adam_starts_with_steps_of_the_learning_rate() -> None:
    flat = np.array([1.0, -2.0])
    adam = _Adam(flat)
    adam.step(np.array([0.3, -5.0]), lr=0.1)
    assert np.allclose(flat, [0.9, -1.9])
    mean = (0.9 * 0.03 + 0.1 * 0.6) / (1 - 0.9**2)
    square = (0.999 * 0.001 * 0.09 + 0.001 * 0.36) / (1 - 0.999**2)
    adam.step(np.array([0.6, 0.0]), lr=0.1)
    assert flat[0] == pytest.approx(0.9 - 0.1 * mean / (math.sqrt(square) + 1e-8))


def test_weights_start_within_the_bound_of_their_layer() -> None:
    widths = (100, 25, 2)
    flat = _initial(widths, np.random.default_rng(0))
    for (weight, intercept), bound in zip(_views(flat, widths), (0.1, 0.2), strict=True):
        assert 0.9 * bound < np.abs(weight).max() <= bound
        assert np.abs(intercept).max() <= bound


@pytest.mark.parametrize("hidden", [(), (16,)])
def test_fits_what_can_be_separated(hidden: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    scores = np.column_stack([X[:, 0] > 0, X[:, 0] <= 0]).astype(float)
    recipe = Recipe(hidden, lr=0.05, epochs=40, batch=20, seed=0)
    right = (logits(X, train(Data.of(X, scores), recipe)) > 0) == (scores == 1)
    assert right.mean() > 0.97


def test_hidden_layers_fit_what_a_line_cannot() -> None:
    X = np.tile([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], (10, 1))
    scores = (X.sum(axis=1, keepdims=True) == 1).astype(float)
    recipe = Recipe((16,), lr=0.05, epochs=100, batch=8, seed=0)
    assert ((logits(X, train(Data.of(X, scores), recipe)) > 0) == (scores == 1)).all()


def test_fractions_are_matched() -> None:
    data = Data.of(np.ones((50, 1)), np.tile([[0.2, 0.7]], (50, 1)))
    layers = train(data, Recipe((), lr=0.1, epochs=50, batch=10, seed=0))
    assert np.allclose(expit(logits(np.ones((1, 1)), layers)), [[0.2, 0.7]], atol=0.01)


def test_a_cell_that_was_not_observed_has_no_part() -> None:
    rng = np.random.default_rng(0)
    X, scores = rng.normal(size=(30, 2)), rng.random((30, 2))
    scores[:, 1] = np.nan
    recipe = Recipe((), lr=0.1, epochs=5, batch=10, seed=0)
    [(weight, _)] = train(Data.of(X, scores), recipe)
    start = _views(_initial((2, 2), np.random.default_rng(0)), (2, 2))[0][0]
    assert np.array_equal(weight[:, 1], start[:, 1])
    assert not np.array_equal(weight[:, 0], start[:, 0])


def test_the_same_seed_the_same_bytes() -> None:
    rng = np.random.default_rng(0)
    data = Data.of(rng.normal(size=(30, 2)), rng.random((30, 2)))
    recipe = Recipe((4,), lr=0.1, epochs=3, batch=7, seed=5)
    first, second = train(data, recipe), train(data, recipe)
    for one, other in zip(first, second, strict=True):
        assert one[0].tobytes() == other[0].tobytes()


def test_stops_and_keeps_the_best_epoch() -> None:
    rng = np.random.default_rng(0)
    data = Data.of(rng.normal(size=(40, 20)), (rng.random((40, 1)) < 0.5).astype(float))
    other = Data.of(rng.normal(size=(40, 20)), (rng.random((40, 1)) < 0.5).astype(float))
    recipe = Recipe((32,), lr=0.02, epochs=60, batch=10, seed=0)
    stopped, run_out = train(data, recipe, other), train(data, recipe)
    assert _loss(logits(other.X, stopped), other) < _loss(logits(other.X, run_out), other)
