from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.routers.bandits import Bandit, EpsilonGreedy, LinUcb, Thompson, components_of

Floats = NDArray[np.float64]
KINDS: list[type[Bandit]] = [LinUcb, Thompson, EpsilonGreedy]


def made(n: int = 3000) -> tuple[Floats, Floats]:
    """Three models, each good at one side of the first feature, or half as good everywhere."""
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 6)) * [3, 1, 1, 0.5, 0.5, 0.1]
    left = X[:, :1] < 0
    chance = np.where(left, [0.9, 0.2, 0.5], [0.2, 0.9, 0.5])
    return X, (rng.random((n, 3)) < chance).astype(float)


@pytest.mark.parametrize("kind", KINDS)
def test_the_curve_flattens_towards_the_best_linear_policy(kind: type[Bandit]) -> None:
    X, scores = made()
    router = kind().fit(X, scores)
    policy = np.where(X[:, 0] < 0, scores[:, 0], scores[:, 1])[router.order_]
    lost = policy - router.rewards_
    assert lost[:750].mean() > 0.02
    assert lost[-750:].mean() < lost[:750].mean() - 0.02
    chosen = router.predict_scores(X).argmax(axis=1)
    assert (chosen == (X[:, 0] >= 0)).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_of_the_stream(kind: type[Bandit]) -> None:
    X, scores = made(300)
    router = kind(random_state=3).fit(X, scores)
    assert sorted(router.order_) == list(range(300))
    assert np.array_equal(router.order_, np.random.default_rng(3).permutation(300))
    assert np.array_equal(router.rewards_, scores[router.order_, router.choices_])
    missed = scores[router.order_].max(axis=1) - router.rewards_
    assert np.allclose(router.regret_, missed.cumsum())


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_models_that_were_not_chosen_are_never_seen(kind: type[Bandit]) -> None:
    X, scores = made(200)
    router = kind().fit(X, scores)
    hidden = 1 - scores
    hidden[router.order_, router.choices_] = router.rewards_
    other = kind().fit(X, hidden)
    assert np.array_equal(router.choices_, other.choices_)
    assert np.array_equal(router.predict_scores(X), other.predict_scores(X))


@pytest.mark.parametrize("kind", KINDS)
def test_only_observed_models_are_chosen(kind: type[Bandit]) -> None:
    X, scores = made(300)
    scores[np.random.default_rng(0).random(scores.shape) < 0.5] = np.nan
    router = kind().fit(X, scores)
    assert len(router.order_) == (~np.isnan(scores)).any(axis=1).sum()
    assert not np.isnan(router.rewards_).any()


def test_the_estimate_is_the_ridge_regression_of_what_was_seen() -> None:
    X, scores = made(200)
    router = LinUcb(ridge=2.0).fit(X, scores)
    axes, mean = components_of(X, 8)
    inputs = np.column_stack([np.ones(200), (X - mean) @ axes])[router.order_]
    for model in range(3):
        rows = router.choices_ == model
        gram = inputs[rows].T @ inputs[rows] + 2.0 * np.eye(inputs.shape[1])
        prior = np.zeros(inputs.shape[1])
        prior[0] = 0.5
        weights = prior + np.linalg.solve(
            gram, inputs[rows].T @ (router.rewards_[rows] - inputs[rows] @ prior)
        )
        expected = np.column_stack([np.ones(200), (X - mean) @ axes]) @ weights
        assert np.allclose(router.predict_scores(X)[:, model], expected, atol=1e-8)


def test_a_model_that_was_never_chosen_is_predicted_zero() -> None:
    X, scores = made(100)
    scores[:, 1] = np.nan
    assert not LinUcb().fit(X, scores).predict_scores(X)[:, 1].any()


def test_epsilon_of_one_is_random() -> None:
    X, scores = made()
    share = np.bincount(EpsilonGreedy(epsilon=1).fit(X, scores).choices_) / len(X)
    assert np.allclose(share, 1 / 3, atol=0.04)


def test_components_are_uncorrelated_and_of_unit_length() -> None:
    X = made()[0] @ np.random.default_rng(0).normal(size=(6, 6)) + 7
    axes, mean = components_of(X, 4)
    inside = (X - mean) @ axes
    gram = inside.T @ inside / len(X)
    assert np.allclose(gram, np.diag(np.diag(gram)))
    assert np.trace(gram) == pytest.approx(1)
    assert (np.diff(np.diag(gram)) < 0).all()
    assert components_of(np.ones((3, 2)), 4)[0].shape == (2, 0)


@pytest.mark.parametrize(
    ("kind", "parameters", "complaint"),
    [
        (LinUcb, {"alpha": -1}, "linucb: alpha must be a number that is not negative, not -1"),
        (Thompson, {"scale": np.inf}, "thompson: scale must be a number"),
        (EpsilonGreedy, {"epsilon": 1.5}, "epsilon_greedy: epsilon must be a number from 0 to 1"),
        (LinUcb, {"components": 0}, "components must be a positive whole number"),
        (LinUcb, {"ridge": 0.0}, "ridge must be a positive number"),
        (LinUcb, {"ridge": "much"}, "ridge must be a positive number, not 'much'"),
    ],
)
def test_parameters_out_of_range(
    kind: type[Bandit], parameters: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SpecError, match=complaint):
        kind(**parameters).fit(np.eye(3), np.eye(3))
