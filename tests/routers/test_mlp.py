from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit, softmax

from routereval.errors import SpecError
from routereval.routers.mlp import Mlp
from routereval.routers.policy import choose


def crossed(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Model 0 is right where the first two features have the same sign, model 1 elsewhere."""
    X = np.random.default_rng(seed).normal(size=(n, 3)) * [1, 100, 1] + [0, 0, 1000]
    same = (X[:, 0] > 0) == (X[:, 1] > 0)
    return X, np.column_stack([same, ~same]).astype(float)


def test_learns_what_no_line_separates() -> None:
    X, scores = crossed(600, seed=0)
    router = Mlp(lr=0.02).fit(X, scores, validation=crossed(100, seed=1))
    X_test, truth = crossed(200, seed=2)
    assert truth[np.arange(200), choose(router.predict_scores(X_test))].mean() > 0.9


def test_spreads_by_log_odds() -> None:
    X, scores = crossed(40, seed=0)
    router = Mlp(hidden=(8,), epochs=3).fit(X, scores)
    predicted = router.predict_scores(X)
    assert ((predicted > 0) & (predicted < 1)).all()
    assert np.allclose(router.distribution(X, predicted), softmax(logit(predicted), axis=1))


def test_without_standardising_the_features_are_taken_as_they_are() -> None:
    X, scores = crossed(40, seed=0)
    router = Mlp(hidden=(4,), epochs=1, standardize=False).fit(X, scores)
    assert router.scale_ is None
    assert np.isfinite(router.predict_scores(X)).all()


def test_the_seed_decides() -> None:
    X, scores = crossed(40, seed=0)
    first, second = (
        Mlp(hidden=(4,), epochs=1, random_state=seed).fit(X, scores).predict_scores(X)
        for seed in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_the_published_baseline() -> None:
    faithful = Mlp(**{**Mlp.faithful, "epochs": 1})
    assert [weight.shape for weight, _ in faithful.fit(*crossed(20, seed=0)).layers_] == [
        (3, 256),
        (256, 256),
        (256, 2),
    ]


@pytest.mark.parametrize("hidden", [64, (0,), ("a",)])
def test_hidden_out_of_range(hidden: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match="mlp: hidden must be a list, each a positive whole number"):
        Mlp(hidden=hidden).fit(np.eye(3), np.eye(3))
