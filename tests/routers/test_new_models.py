from __future__ import annotations

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.routers import Router, extend, make_router
from routereval.routers.clusters import Cluster
from routereval.routers.new_models import Extended
from routereval.routers.persistence import dump, restore

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
SCORES = (RNG.random((60, 3)) < 0.5).astype(float)
PROBES = slice(0, 20)


def extended(spec: str) -> Router:
    return extend(make_router(spec).fit(X, SCORES[:, :2]), X[PROBES], SCORES[PROBES, 2:])


@pytest.mark.parametrize("spec", ["knn(k=3)", "linear(alpha=1)", "mlp"])
def test_a_separable_router_learns_new_models_from_their_probes_alone(spec: str) -> None:
    known = make_router(spec).fit(X, SCORES[:, :2])
    alone = make_router(spec).fit(X[PROBES], SCORES[PROBES, 2:])
    both = extended(spec).predict_scores(X)
    assert np.array_equal(both, np.hstack([known.predict_scores(X), alone.predict_scores(X)]))


def test_models_can_be_added_again_and_again() -> None:
    once = extended("knn(k=1)")
    twice = extend(once, X[PROBES], SCORES[PROBES, :2])
    assert isinstance(twice, Extended)
    assert twice.n_models_ == 5
    assert np.array_equal(twice.predict_scores(X[PROBES])[:, 3:], SCORES[PROBES, :2])


def test_best_single_compares_probe_means_with_training_means() -> None:
    router = extended("best_single")
    means = [*SCORES[:, :2].mean(axis=0), SCORES[PROBES, 2].mean()]
    assert np.allclose(router.predict_scores(X[:1])[0], means)


def test_clusters_stay_where_they_were() -> None:
    router = Cluster(k=2).fit(X, SCORES[:, :2])
    centres = router.centres_.copy()
    grown = extend(router, X[PROBES], SCORES[PROBES, 2:])
    assert grown is router
    assert np.array_equal(router.centres_, centres)
    nearest = ((X[PROBES, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    expected = [SCORES[PROBES, 2][nearest == cluster].mean() for cluster in range(2)]
    assert np.allclose(router.scores_[:, 2], expected)


def test_the_cheapest_may_be_a_new_one() -> None:
    costs = np.tile([0.02, 0.03, 0.01], (60, 1))
    router = make_router("cheapest").fit(X, SCORES[:, :2], costs[:, :2])
    grown = extend(router, X[PROBES], SCORES[PROBES, 2:], costs[PROBES, 2:])
    assert np.allclose(grown.predict_scores(X[:1]), [[0.5, 0.0, 1.0]])


class Stubborn(Router):
    """Knows its models from the start."""


def test_a_router_that_cannot_says_so() -> None:
    router = Stubborn()
    router.n_models_ = 2
    with pytest.raises(DataError, match="this router cannot take models that were not there"):
        extend(router, X, SCORES)


def test_an_extended_router_can_be_kept() -> None:
    router = extended("knn(k=3)")
    again = restore(dump(router))
    assert np.array_equal(router.predict_scores(X), again.predict_scores(X))
