from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from routereval.errors import SpecError
from routereval.routers import classifiers
from routereval.routers.classifiers import CS, Logistic, Svm, logistic
from tests.made import made_scores

SCORES, X = made_scores(400, 3, seed=3)
HELD = (X[300:], SCORES[300:])


def test_logistic_is_scikit_learns() -> None:
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    theirs = LogisticRegression(C=0.5, tol=1e-8).fit(Z, SCORES[:, 1])
    ours = Logistic(C=0.5).fit(X, SCORES).predict_scores(X)[:, 1]
    assert np.allclose(ours, theirs.predict_proba(Z)[:, 1], atol=1e-3)


def test_a_score_of_a_half_is_half_right_and_half_wrong() -> None:
    Z = np.array([[-1.0], [0.0], [1.0]])
    soft = logistic(Z, np.array([0.0, 0.5, 1.0]), 1.0)
    assert expit(soft.intercept) == pytest.approx(0.5, abs=1e-4)
    twice = logistic(np.repeat(Z, 2, axis=0), np.array([0.0, 0, 0, 1, 1, 1]), 0.5)
    assert soft.coef == pytest.approx(twice.coef, rel=1e-3)


@pytest.mark.parametrize("router", [Logistic(), Svm()], ids=repr)
def test_c_is_the_one_that_routes_best_on_validation(
    router: Logistic, monkeypatch: pytest.MonkeyPatch
) -> None:
    router.fit(X[:300], SCORES[:300], validation=HELD)

    def mu(scores: np.ndarray) -> float:
        return float(SCORES[300:][np.arange(100), scores.argmax(axis=1)].mean())

    tried = {}
    for C in CS:  # calibrated on the validation prompts, as the tuned one is
        monkeypatch.setattr(classifiers, "CS", (C,))
        one = type(router)().fit(X[:300], SCORES[:300], validation=HELD)
        tried[C] = mu(one.predict_scores(X[300:]))
    assert mu(router.predict_scores(X[300:])) == max(tried.values())
    assert min(C for C in tried if tried[C] == max(tried.values())) == router.C_


def test_distances_of_machines_become_chances() -> None:
    router = Svm(C=0.1).fit(X, SCORES)
    chance = router.predict_scores(X)
    assert ((chance > 0) & (chance < 1)).all()
    assert np.allclose(chance.mean(axis=0), SCORES.mean(axis=0), atol=0.02)
    sharp = Svm(C=0.1).fit(X, SCORES, validation=HELD)
    assert np.array_equal(sharp.predict_scores(X), chance)  # C is given: nothing is held out


def test_what_no_line_can_be_drawn_for_is_a_constant() -> None:
    scores = np.hstack([SCORES[:, :1], np.ones((400, 1)), np.full((400, 2), np.nan)])
    scores[:, 3] = 0.5
    for router in (Logistic(C=0.01), Svm(C=0.01)):
        found = router.fit(X, scores).predict_scores(X)
        assert found[:, 1] == pytest.approx(401 / 402)
        assert found[:, 2] == pytest.approx(0.5)
        assert found[:, 3] == pytest.approx(0.5)


@pytest.mark.parametrize("C", [0, -1.0, "best", float("inf")])
def test_c_out_of_range(C: float) -> None:
    with pytest.raises(SpecError, match="svm: C must be a positive number or 'tuned'"):
        Svm(C=C).fit(X, SCORES)
