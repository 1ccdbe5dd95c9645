from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor

from routereval.errors import MissingDependencyError, SpecError
from routereval.routers.trees import Boosted, Forest, Trees, _steps
from tests.made import made_scores

SCORES, X = made_scores(400, 3, kind="real", seed=3)
HELD = (X[300:], SCORES[300:])


def test_boosted_predicts_what_scikit_learn_predicts() -> None:
    theirs = HistGradientBoostingRegressor(
        max_iter=7, max_leaf_nodes=5, max_bins=32, max_features=1 / 3, random_state=4,
        early_stopping=False,
    )  # fmt: skip
    theirs.fit(X[:300], SCORES[:300, 0])
    router = Boosted(trees=7, leaves=5, random_state=4)
    grown = router._by_sklearn(X[:300], SCORES[:300, 0])
    ours = _steps(Trees.of(grown), X).sum(axis=1) + SCORES[:300, 0].mean()
    assert np.allclose(ours, theirs.predict(X))


def test_boosted_predicts_what_lightgbm_predicts() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    y = SCORES[:300, 0] - SCORES[:300, 0].mean()
    options = {
        "learning_rate": 0.1, "num_leaves": 5, "max_bin": 32, "feature_fraction_bynode": 1 / 3,
        "seed": 4, "deterministic": True, "num_threads": 1, "boost_from_average": False,
        "verbose": -1,
    }  # fmt: skip
    theirs = lightgbm.train(options, lightgbm.Dataset(X[:300], y), 7)
    router = Boosted(backend="lightgbm", trees=7, leaves=5, random_state=4)
    ours = _steps(Trees.of(router._by_lightgbm(X[:300], y)), X).sum(axis=1)
    assert np.allclose(ours, theirs.predict(X))


def test_a_forest_predicts_what_scikit_learn_predicts() -> None:
    theirs = ExtraTreesRegressor(
        9, min_samples_leaf=4, max_features="sqrt", random_state=2, n_jobs=1
    ).fit(X[:300], SCORES[:300])
    router = Forest(trees=9, leaf=4, random_state=2).fit(X[:300], SCORES[:300])
    assert np.allclose(router.predict_scores(X), theirs.predict(X))


@pytest.mark.parametrize("backend", ["sklearn", "lightgbm"])
def test_trees_that_do_not_pay_on_validation_are_dropped(backend: str) -> None:
    pytest.importorskip(backend)
    right = (X[:, :1] > 0).astype(float)  # what was learned is wrong on the validation prompts
    router = Boosted(backend=backend).fit(
        X[:300], right[:300], validation=(X[300:], 1 - right[300:])
    )
    assert router.trees_ == [None]
    assert np.allclose(router.predict_scores(X), right[:300].mean())
    learned = Boosted(backend=backend).fit(X[:300], SCORES[:300], validation=HELD)
    assert all(trees is not None for trees in learned.trees_)
    errors = [np.mean((SCORES[300:] - p) ** 2) for p in (learned.predict_scores(X[300:]), 0.5)]
    assert errors[0] < errors[1]


def test_a_forest_learns_models_where_they_were_observed() -> None:
    scores = SCORES.copy()
    scores[::2, 1] = np.nan
    router = Forest(trees=5).fit(X, scores)
    assert [models.tolist() for models, _ in router.parts_] == [[0, 2], [1]]
    alone = Forest(trees=5).fit(X[1::2], scores[1::2, [1]])
    assert np.array_equal(router.predict_scores(X)[:, [1]], alone.predict_scores(X))


@pytest.mark.parametrize(
    ("router", "complaint"),
    [
        (Boosted(backend="xgb"), "unknown backend of boosted 'xgb'; known: lightgbm, sklearn"),
        (Boosted(trees=0), "trees must be a positive whole number, not 0"),
        (Boosted(leaves=1), "leaves must be a whole number of at least 2, not 1"),
        (Boosted(lr=0), "lr must be a number above 0 and up to 1, not 0"),
        (Forest(trees=0), "trees must be a positive whole number, not 0"),
        (Forest(leaf=1.5), "leaf must be a positive whole number, not 1.5"),  # type: ignore[arg-type]
    ],
)
def test_parameters_out_of_range(router: Boosted | Forest, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        router.fit(X, SCORES)


def test_without_lightgbm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'routereval\[gbm\]'"):
        Boosted(backend="lightgbm").fit(X, SCORES)
