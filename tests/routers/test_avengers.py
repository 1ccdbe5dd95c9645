from __future__ import annotations

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.routers.avengers import Avengers, AvengersPro
from routereval.routers.clusters import Cluster, Gmm, shrunk_means
from tests.made import made_scores

SCORES, X = made_scores(200, 4, seed=1)
COSTS = (
    np.broadcast_to([0.01, 0.02, 0.03, 0.05], SCORES.shape) * np.linspace(0.5, 1.5, 200)[:, None]
)


def test_avengers_are_many_clusters() -> None:
    ours = Avengers(k=7, random_state=3).fit(X, SCORES)
    assert np.array_equal(
        ours.predict_scores(X), Cluster(k=7, random_state=3).fit(X, SCORES).predict_scores(X)
    )
    far = ours._distances(X[:1])[0]
    two = np.argsort(far)[:2]
    near = Avengers(k=7, nearest=2, random_state=3).fit(X, SCORES)
    assert np.allclose(near.predict_scores(X[:1])[0], ours.scores_[two].mean(axis=0))


def test_pro_weighs_score_against_cost() -> None:
    def chosen(alpha: float) -> np.ndarray:
        router = AvengersPro(alpha=alpha, k=5, nearest=1).fit(X, SCORES, COSTS)
        return np.asarray(router.predict_scores(X).argmax(axis=1))

    assert (chosen(0) == 0).all()  # the cheapest everywhere
    best = Avengers(k=5).fit(X, SCORES).predict_scores(X).argmax(axis=1)
    assert np.array_equal(chosen(1), best)
    spent = [COSTS[np.arange(200), chosen(alpha)].mean() for alpha in (0, 0.3, 0.6, 1)]
    assert spent == sorted(spent)
    assert spent[0] < spent[-1]


def test_pro_without_costs_is_avengers_on_a_line_from_0_to_1() -> None:
    pro = AvengersPro(k=5, nearest=1, alpha=0.3).fit(X, SCORES)
    values = pro.predict_scores(X)
    assert values.min() == 0
    assert values.max() == 1
    ours = Avengers(k=5).fit(X, SCORES).predict_scores(X)
    assert np.array_equal(values.argmax(axis=1), ours.argmax(axis=1))


def test_a_cost_that_is_not_known_counts_as_the_dearest() -> None:
    costs = COSTS.copy()
    costs[:, 0] = np.nan
    router = AvengersPro(alpha=0, k=3).fit(X, SCORES, costs)
    assert np.allclose(router.predict_scores(X)[:, [0, 3]], 0)
    assert (router.predict_scores(X).argmax(axis=1) == 1).all()


@pytest.mark.parametrize("costs", [COSTS, None])
def test_new_models_are_weighed_with_the_known(costs: np.ndarray | None) -> None:
    def part(columns: slice) -> np.ndarray | None:
        return None if costs is None else costs[:, columns]

    first = AvengersPro(k=5).fit(X, SCORES[:, :2], part(slice(2)))
    grown = first.extend(X, SCORES[:, 2:], part(slice(2, 4)))
    whole = AvengersPro(k=5).fit(X, SCORES, costs)
    assert np.allclose(grown.predict_scores(X), whole.predict_scores(X))


def test_new_models_of_unknown_cost() -> None:
    router = AvengersPro(k=5, alpha=0).fit(X, SCORES[:, :2], COSTS[:, :2])
    assert (router.extend(X, SCORES[:, 2:]).predict_scores(X).argmax(axis=1) == 0).all()
    router = AvengersPro(k=5, alpha=0).fit(X, SCORES[:, :2])
    router.extend(X, SCORES[:, 2:], COSTS[:, 2:])
    assert (router.predict_scores(X).argmax(axis=1) == 2).all()


def test_avengers_of_wrong_parameters() -> None:
    with pytest.raises(SpecError, match="avengers: nearest must be a positive whole number, not 0"):
        Avengers(nearest=0).fit(X, SCORES)
    with pytest.raises(SpecError, match="alpha must be a number from 0 to 1, not 2"):
        AvengersPro(alpha=2).fit(X, SCORES)
    with pytest.raises(DataError, match=r"costs has shape \(3, 4\) but scores has \(200, 4\)"):
        AvengersPro().fit(X, SCORES, COSTS[:3])


def test_a_mixture_separates_clouds_and_takes_new_models() -> None:
    cloud = np.repeat([0, 1], 50)
    there = np.random.default_rng(0).normal(size=(100, 3)) + 8 * cloud[:, None]
    scores = np.eye(2)[cloud]
    router = Gmm(k=2).fit(there, scores)
    assert np.allclose(router.predict_scores(there[:1]), [50.5 / 51, 0.5 / 51])
    assert np.array_equal(router.predict_scores(there).argmax(axis=1), cloud)
    router.extend(there[::7], scores[::7, ::-1])
    predicted = router.predict_scores(there)
    assert predicted.shape == (100, 4)
    assert np.array_equal(predicted[:, 2:].argmax(axis=1), 1 - cloud)
    with pytest.raises(SpecError, match=r"gmm: k must be a positive whole number, not 1\.5"):
        Gmm(k=1.5).fit(there, scores)  # type: ignore[arg-type]


def test_means_of_clusters_are_drawn_to_the_overall_mean() -> None:
    scores = np.array([[1.0, np.nan], [0.0, np.nan], [0.5, 0.25]])
    member = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    expected = [[(1 + 0.5) / 2.5, 0.25], [(0.5 + 0.5) / 2.5, (0.25 + 0.25) / 2]]
    assert np.allclose(shrunk_means(scores, member), expected)
