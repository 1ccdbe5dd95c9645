from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from routereval.errors import SpecError
from routereval.routers.uniroute import UniRoute
from routereval.sources import open_source
from routereval.tasks import PreparedBenchmark
from tests.made import made_scores

SCORES, X = made_scores(600, 8, seed=5)
HELD = (X[500:], SCORES[500:])
REAL = Path(__file__).parents[3] / "shared" / "data" / "mmlu_pro"


def test_k_is_the_one_that_routes_best_on_validation() -> None:
    router = UniRoute(ks=(2, 5, 9)).fit(X[:500], SCORES[:500], validation=HELD)

    def mu(k: int) -> float:
        predicted = UniRoute(k=k).fit(X[:500], SCORES[:500]).predict_scores(X[500:])
        return float(SCORES[500:][np.arange(100), predicted.argmax(axis=1)].mean())

    tried = {k: mu(k) for k in (2, 5, 9)}
    assert router.k_ == min(k for k in tried if tried[k] == max(tried.values()))


def test_new_models_cost_nothing_but_their_probes() -> None:
    whole = UniRoute(k=6).fit(X, SCORES)
    grown = UniRoute(k=6).fit(X, SCORES[:, :3]).extend(X, SCORES[:, 3:])
    assert np.allclose(whole.predict_scores(X), grown.predict_scores(X))
    assert grown.n_models_ == 8


@pytest.mark.parametrize("mapping", ["kmeans", "learned"])
def test_models_never_seen_are_routed_to_better_than_at_random(mapping: str) -> None:
    probes = np.arange(0, 500, 5)
    router = UniRoute(k=4, mapping=mapping).fit(X[:500], SCORES[:500, :4])
    router.extend(X[probes], SCORES[probes, 4:])
    choice = router.predict_scores(X[500:])[:, 4:].argmax(axis=1)
    unseen = SCORES[500:, 4:]
    assert unseen[np.arange(100), choice].mean() > unseen.mean() + 0.03


def test_a_learned_map_comes_nearer_to_the_scores_than_the_clusters() -> None:
    def loss(router: UniRoute) -> float:
        p = router.predict_scores(X)
        return float(-np.mean(SCORES * np.log(p) + (1 - SCORES) * np.log(1 - p)))

    clusters = UniRoute(k=8).fit(X, SCORES)
    learned = UniRoute(k=8, mapping="learned").fit(X, SCORES)
    assert np.array_equal(clusters.scores_, learned.scores_)
    assert loss(learned) < loss(clusters)


@pytest.mark.parametrize(
    ("router", "complaint"),
    [
        (UniRoute(k=0), "uniroute: k must be a positive whole number or 'tuned', not 0"),
        (UniRoute(ks=()), "ks must be a list, not empty, each a positive whole number"),
        (UniRoute(mapping="soft"), "unknown mapping of uniroute 'soft'; known: kmeans, learned"),
    ],
)
def test_parameters_out_of_range(router: UniRoute, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        router.fit(X, SCORES)


@pytest.mark.skipif(not REAL.exists(), reason="the real records are not here")
@pytest.mark.slow
def test_models_never_seen_are_routed_to_better_than_at_random_on_mmlu_pro() -> None:
    (records,) = open_source(REAL)
    prepared = PreparedBenchmark(records)
    scores, rows = records.dense(), prepared.rows
    order = np.argsort(np.nanmean(scores[rows.train], axis=0))
    known, unseen = order[::2], order[1::2]
    router = UniRoute().fit(prepared.X.train, scores[rows.train][:, known])
    router.extend(prepared.X.val, scores[rows.val][:, unseen])
    test = scores[rows.test][:, unseen]
    complete = ~np.isnan(test).any(axis=1)
    choice = router.predict_scores(prepared.X.test[complete])[:, len(known) :].argmax(axis=1)
    gained = test[complete][np.arange(complete.sum()), choice].mean() - test[complete].mean()
    assert gained > 0.1
