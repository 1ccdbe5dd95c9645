from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.routers.linear import Linear
from routereval.routers.low_rank import LowRank

Floats = NDArray[np.float64]


def made(n: int = 200, m: int = 5) -> tuple[Floats, Floats]:
    """Scores that follow one direction of the features, and noise."""
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 6)) * rng.uniform(0.5, 3, size=6) + 2
    signal = np.outer(X @ rng.normal(size=6), rng.normal(size=m)) / 20
    return X, 0.5 + signal + rng.normal(scale=0.05, size=(n, m))


@pytest.mark.parametrize("alpha", [0.1, 50.0])
def test_the_full_rank_is_ridge_regression(alpha: float) -> None:
    X, scores = made()
    ours = LowRank(rank=5, alpha=alpha).fit(X, scores).predict_scores(X)
    assert np.allclose(ours, Linear(alpha=alpha).fit(X, scores).predict_scores(X), atol=1e-9)


def test_rank_zero_is_the_means() -> None:
    X, scores = made()
    predicted = LowRank(rank=0, alpha=1.0).fit(X, scores).predict_scores(X)
    assert np.allclose(predicted, scores.mean(axis=0))


def test_no_other_projection_of_that_rank_fits_better() -> None:
    X, scores = made()
    rng = np.random.default_rng(0)

    def error(directions: Floats) -> float:
        full = LowRank(rank=5, alpha=0).fit(X, scores).predict_scores(X) - scores.mean(axis=0)
        fitted = scores.mean(axis=0) + full @ directions @ directions.T
        return float(((scores - fitted) ** 2).sum())

    router = LowRank(rank=2, alpha=0).fit(X, scores)
    best = error(router.directions_)
    others = [np.linalg.qr(rng.normal(size=(5, 2)))[0] for _ in range(200)]
    assert all(best < error(directions) for directions in others)
    assert np.allclose(router.directions_.T @ router.directions_, np.eye(2))
    assert np.linalg.matrix_rank(router.coef_) == 2


def test_rank_and_alpha_are_tuned() -> None:
    X, scores = made(400)
    assert LowRank().fit(X, scores, validation=(X, scores)).rank_ > 0
    same = np.full_like(scores, 0.5)
    router = LowRank().fit(X, scores, validation=(X, same))
    assert (router.rank_, router.alpha_) == (0, 1e7)


def test_gaps_are_filled_by_what_the_fit_says() -> None:
    X, scores = made(600)
    gaps = scores.copy()
    gaps[np.random.default_rng(0).random(scores.shape) < 0.5] = np.nan
    filled = LowRank(rank=1, alpha=1.0).fit(X, gaps).predict_scores(X)
    whole = LowRank(rank=1, alpha=1.0).fit(X, scores).predict_scores(X)
    spread = np.abs(whole - scores.mean(axis=0)).mean()
    assert np.abs(filled - whole).mean() < 0.1 * spread


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"rank": -1}, "rank must be a whole number that is not negative or 'tuned'"),
        ({"rank": 1.5}, "rank must be a whole number that is not negative or 'tuned', not 1.5"),
        ({"rank": "full"}, "rank must be a whole number"),
        ({"alpha": -1}, "alpha must be a number that is not negative"),
    ],
)
def test_parameters_out_of_range(parameters: dict[str, object], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        LowRank(**parameters).fit(np.eye(3), np.eye(3))  # type: ignore[arg-type]
