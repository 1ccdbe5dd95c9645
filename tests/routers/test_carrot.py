from __future__ import annotations

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.routers import make_router
from routereval.routers.carrot import Carrot
from routereval.routers.policy import choose
from tests.made import made_scores

SCORES, X = made_scores(300, 3, seed=2)
RNG = np.random.default_rng(0)
COSTS = 0.01 * (1 + (X[:, :1] > 0)) * np.array([1.0, 2.0, 4.0])  # dearer on one side


@pytest.mark.parametrize("base", ["knn", "linear"])
def test_scores_are_those_of_the_base_and_costs_vary_with_the_prompt(base: str) -> None:
    router = Carrot(base=base).fit(X, SCORES, COSTS)
    assert np.array_equal(
        router.predict_scores(X), make_router(base).fit(X, SCORES).predict_scores(X)
    )
    costs = router.predict_costs(X)
    assert costs is not None
    assert np.abs(costs - COSTS).mean() < np.abs(COSTS.mean(axis=0) - COSTS).mean()
    assert (costs >= COSTS.min(axis=0)).all()
    assert (costs <= COSTS.max(axis=0)).all()


def test_the_policy_spends_less_the_dearer_a_dollar() -> None:
    router = Carrot().fit(X, SCORES, COSTS)
    scores, costs = router.predict_scores(X), router.predict_costs(X)
    spent = [
        COSTS[np.arange(300), choose(scores, costs, lam)].mean() for lam in (0.0, 1.0, 10.0, 1e4)
    ]
    assert spent == sorted(spent, reverse=True)
    assert spent[-1] == pytest.approx(COSTS[:, 0].mean())


def test_costs_that_are_not_known() -> None:
    assert Carrot().fit(X, SCORES).predict_costs(X) is None
    assert Carrot().fit(X, SCORES, np.full_like(COSTS, np.nan)).predict_costs(X) is None
    costs = COSTS.copy()
    costs[:, 1] = np.nan
    costs[:9, 2] = np.nan
    found = Carrot().fit(X, SCORES, costs).predict_costs(X)
    assert found is not None
    assert np.isnan(found).tolist() == [[False, True, False]] * 300


def test_free_models() -> None:
    assert (Carrot().fit(X, SCORES, np.zeros_like(COSTS)).predict_costs(X) == 0).all()  # type: ignore[union-attr]


def test_what_does_not_fit() -> None:
    with pytest.raises(SpecError, match="unknown base of carrot 'roberta'; known: knn, linear"):
        Carrot(base="roberta").fit(X, SCORES)
    with pytest.raises(DataError, match=r"costs has shape \(300, 2\) but scores has \(300, 3\)"):
        Carrot().fit(X, SCORES, COSTS[:, :2])
