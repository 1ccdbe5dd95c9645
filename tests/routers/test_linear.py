from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from routereval.errors import SpecError
from routereval.routers.inputs import alike
from routereval.routers.linear import ALPHAS, Linear
from routereval.routers.validation import contrast

NAN = np.nan


def made(n: int = 120, d: int = 6, m: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, d)) * rng.uniform(0.1, 10, size=d) + 5
    return X, rng.random((n, m))


@pytest.mark.parametrize("alpha", [0.1, 30.0])
def test_the_same_as_scikit_learn(alpha: float) -> None:
    X, scores = made()
    scaler = StandardScaler().fit(X)
    expected = Ridge(alpha=alpha).fit(scaler.transform(X), scores).predict(scaler.transform(X))
    got = Linear(alpha=alpha).fit(X, scores).predict_scores(X)
    assert np.abs(got - expected).max() < 1e-9


def test_a_model_is_fitted_on_the_prompts_where_it_was_observed() -> None:
    X, scores = made()
    gaps = scores.copy()
    gaps[::3, 1] = NAN
    gaps[1::3, 2] = NAN
    got = Linear(alpha=2.0).fit(X, gaps).predict_scores(X)
    for model in range(3):
        rows = ~np.isnan(gaps[:, model])
        alone = Linear(alpha=2.0).fit(X[rows], gaps[rows, model : model + 1])
        expected = alone.predict_scores(X[rows])[:, 0]  # others may be out of its reach
        assert np.allclose(got[rows, model], expected, atol=1e-9)


def test_models_observed_alike_share_the_work() -> None:
    seen = np.array([[True, True, False], [False, False, True], [True, True, True]])
    assert [group.tolist() for group in alike(seen)] == [[0, 1], [2]]


def test_a_model_never_observed_is_predicted_zero() -> None:
    X, scores = made()
    scores[:, 0] = NAN
    assert not Linear(alpha=1.0).fit(X, scores).predict_scores(X)[:, 0].any()
    assert not Linear(alpha=1.0).fit(X, np.full_like(scores, NAN)).predict_scores(X).any()


def test_constant_and_repeated_features() -> None:
    X, scores = made()
    wide = np.column_stack([X, X[:, 0], np.full(len(X), 0.1)])
    got = Linear(alpha=0).fit(wide, scores).predict_scores(wide)
    assert np.allclose(got, Linear(alpha=0).fit(X, scores).predict_scores(X))


def test_a_large_alpha_predicts_the_mean() -> None:
    X, scores = made()
    got = Linear(alpha=1e15).fit(X, scores).predict_scores(X)
    assert np.allclose(got, scores.mean(axis=0), atol=1e-6)


def test_alpha_is_the_one_that_foresees_best_how_models_differ() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 40))
    scores = np.eye(2)[(X[:, 0] + rng.normal(size=120) > 0).astype(int)]
    learn, check = slice(None, 60), slice(60, None)
    router = Linear().fit(X[learn], scores[learn], validation=(X[check], scores[check]))
    tried = [
        contrast(
            Linear(alpha=a).fit(X[learn], scores[learn]).predict_scores(X[check]), scores[check]
        )
        for a in ALPHAS
    ]
    assert router.alpha_ == ALPHAS[int(np.argmax(tried))]
    assert router.alpha_ not in (ALPHAS[0], ALPHAS[-1])


def test_alpha_is_the_largest_of_equals() -> None:
    X, _ = made()
    same = np.full((120, 2), 0.5)
    assert Linear().fit(X, same, validation=(X, same)).alpha_ == ALPHAS[-1]


def test_ridge_distribution_is_the_softmax_of_the_scores() -> None:
    X, scores = made()
    router = Linear(alpha=1.0).fit(X, scores)
    predicted = router.predict_scores(X)
    assert np.allclose(router.distribution(X, predicted), softmax(predicted, axis=1))


def test_adam_predicts_probabilities_and_spreads_by_log_odds() -> None:
    X, scores = made(40)
    router = Linear(method="adam", epochs=2, batch=8).fit(X, scores)
    predicted = router.predict_scores(X)
    z = X @ router.coef_ + router.intercept_
    assert np.allclose(predicted, expit(z))
    assert np.allclose(router.distribution(X, predicted), softmax(z, axis=1))


def test_adam_finds_the_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = (rng.random(400) < expit(X @ [1.5, -1.0] + 0.5)).astype(float)
    ours = Linear(method="adam", lr=0.05, epochs=60, batch=40).fit(X, y[:, None])
    theirs = LogisticRegression(C=1e9).fit(X, y)
    assert np.allclose(ours.predict_scores(X)[:, 0], theirs.predict_proba(X)[:, 1], atol=0.01)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"method": "lasso"}, "unknown method of linear 'lasso'"),
        ({"alpha": -1.0}, "alpha must be a number"),
        ({"alpha": "auto"}, "alpha must be a number"),
        ({"lr": 0.0}, "lr must be a positive number"),
        ({"epochs": 0}, "epochs must be a positive whole number"),
        ({"batch": 1.5}, "batch must be a positive whole number"),
        ({"random_state": -1}, "random_state must be a whole number"),
    ],
)
def test_parameters_out_of_range(parameters: dict[str, object], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        Linear(**parameters).fit(np.eye(3), np.eye(3))  # type: ignore[arg-type]
