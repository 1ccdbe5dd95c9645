from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import check_grad
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from routereval.errors import SpecError
from routereval.routers import mean_scores
from routereval.routers.factorisation import (
    EmbedLlm,
    MatrixFactorisation,
    _Factorised,
    _shifts,
)
from routereval.routers.lbfgs import cross_entropy, log_odds, minimise

Floats = NDArray[np.float64]
BOTH = [EmbedLlm, MatrixFactorisation]


def made(n: int = 400, m: int = 3, rank: int = 2) -> tuple[Floats, Floats]:
    """Prompts whose log-odds of a right answer are bilinear."""
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 8))
    W, P = rng.normal(size=(8, rank)), rng.normal(size=(m, rank))
    return X, (rng.random((n, m)) < expit(X @ W @ P.T)).astype(float)


@pytest.mark.parametrize("kind", BOTH)
def test_unseen_prompts_go_to_better_models_than_the_best_single(kind: type[_Factorised]) -> None:
    X, scores = made(1200)
    router = kind().fit(X[:800], scores[:800])
    chosen = router.predict_scores(X[800:]).argmax(axis=1)
    routed = scores[800:][np.arange(400), chosen].mean()
    assert routed > scores[800:].mean(axis=0).max() + 0.1


@pytest.mark.parametrize("kind", BOTH)
def test_the_slope_of_the_loss_is_its_slope(kind: type[_Factorised]) -> None:
    rng = np.random.default_rng(0)
    scores, seen = rng.random((4, 3)), (rng.random((4, 3)) < 0.7).astype(float)
    router = kind()

    def value(z: Floats) -> float:
        return router._loss(z.reshape(4, 3), scores, seen)[0]

    def slope(z: Floats) -> Floats:
        return router._loss(z.reshape(4, 3), scores, seen)[1].ravel()

    assert check_grad(value, slope, rng.normal(size=12)) < 1e-6


def test_without_a_penalty_embedllm_is_a_logistic_regression() -> None:
    X, scores = made()
    ours = EmbedLlm(dims=3, penalty=1e-7).fit(X, scores).predict_scores(X)
    for model in range(3):
        theirs = LogisticRegression(C=1e9).fit(X, scores[:, model]).predict_proba(X)[:, 1]
        assert np.allclose(ours[:, model], theirs, atol=0.02)


def test_with_the_whole_penalty_only_means_are_left() -> None:
    X, scores = made()
    predicted = EmbedLlm(penalty=1).fit(X, scores).predict_scores(X)
    assert np.allclose(predicted, scores.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("kind", BOTH)
def test_just_below_the_whole_penalty_hardly_more(kind: type[_Factorised]) -> None:
    X, scores = made()
    assert np.abs(kind(penalty=0.999).fit(X, scores).coef_).max() < 0.01
    assert np.abs(kind(penalty=0.5).fit(X, scores).coef_).max() > 0.05


@pytest.mark.parametrize("kind", BOTH)
def test_the_penalty_leaves_out_dimensions(kind: type[_Factorised]) -> None:
    X, scores = made(m=6, rank=1)
    coef = kind(dims=6, penalty=0.4).fit(X, scores).coef_
    assert np.linalg.matrix_rank(coef, tol=1e-3 * np.abs(coef).max()) == 1


def test_two_models_are_compared_by_their_lead() -> None:
    X, scores = made(m=2)
    router = MatrixFactorisation(penalty=0.05).fit(X, scores)
    z = X @ router.coef_ + router.intercept_
    expected = expit(z[:, :1] - z[:, 1:])
    predicted = router.predict_scores(X)
    assert np.allclose(predicted, np.hstack([expected, 1 - expected]))


def test_ties_say_nothing_of_strength() -> None:
    X, scores = made(m=2)
    ties = np.repeat(np.random.default_rng(1).integers(2, size=(300, 1)), 2, axis=1)
    both = MatrixFactorisation(penalty=1).fit(
        np.vstack([X, np.zeros((300, 8))]), np.vstack([scores, ties])
    )
    alone = MatrixFactorisation(penalty=1).fit(X, scores)
    assert np.allclose(np.diff(both.intercept_), np.diff(alone.intercept_), atol=1e-3)
    won, lost = ((scores[:, 0] > scores[:, 1]).mean(), (scores[:, 0] < scores[:, 1]).mean())
    assert -np.diff(alone.intercept_) == pytest.approx(np.log(won / lost), abs=1e-3)


def test_many_models_meet_a_few_rivals_each() -> None:
    assert list(_shifts(5)) == [1, 2, 3, 4]
    assert list(_shifts(9)) == list(range(1, 9))
    assert 4 < len(_shifts(1000)) <= 8
    assert list(_shifts(1)) == []


@pytest.mark.parametrize("kind", BOTH)
def test_gaps_at_random_change_little(kind: type[_Factorised]) -> None:
    X, scores = made(2000)
    gaps = scores.copy()
    gaps[np.random.default_rng(0).random(scores.shape) < 0.3] = np.nan
    whole = kind(penalty=0.1).fit(X, scores).predict_scores(X)
    assert np.abs(kind(penalty=0.1).fit(X, gaps).predict_scores(X) - whole).mean() < 0.05


@pytest.mark.parametrize("kind", BOTH)
def test_the_penalty_that_is_chosen_is_the_best_on_the_validation_prompts(
    kind: type[_Factorised],
) -> None:
    X, scores = made(300)
    noise = np.random.default_rng(0).random(scores.shape).round()
    assert kind().fit(X, scores, validation=(X, scores)).penalty_ < 1
    same = np.full_like(noise, 0.5)
    assert kind().fit(X, noise, validation=(X, same)).penalty_ == 1


def test_descent_finds_a_minimum_of_several_arrays() -> None:
    target = np.arange(6.0).reshape(2, 3)

    def loss(arrays: Sequence[Floats]) -> tuple[float, list[Floats]]:
        one, other = arrays
        lead, rest = one - target, other + 1.0
        return float((lead**2).sum() + (rest**4).sum()), [2 * lead, 4 * rest**3]

    one, other = minimise(loss, [np.zeros((2, 3)), np.zeros(2)], steps=200)
    assert np.allclose(one, target, atol=1e-3)
    assert np.allclose(other, -1, atol=0.1)


def test_cross_entropy_is_least_at_the_log_odds() -> None:
    scores = np.array([[0.2, 0.9], [0.4, 0.7]])
    z = np.tile(log_odds(mean_scores(scores)), (2, 1))
    _, slope = cross_entropy(z, scores, np.ones((2, 2)))
    assert np.allclose(slope.sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"dims": 0}, "embedllm: dims must be a positive whole number, not 0"),
        ({"dims": True}, "dims must be a positive whole number"),
        ({"penalty": -1.0}, "penalty must be a number that is not negative or 'tuned'"),
        ({"penalty": "auto"}, "penalty must be a number"),
    ],
)
def test_parameters_out_of_range(parameters: dict[str, object], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        EmbedLlm(**parameters).fit(np.eye(3), np.eye(3))  # type: ignore[arg-type]
