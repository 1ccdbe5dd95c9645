from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from routereval.errors import SpecError
from routereval.routers import CHECKS
from routereval.routers.checks import Check
from routereval.routers.clusters import Cluster

Floats = NDArray[np.float64]
NAN = np.nan
X = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])
SCORES = np.array([[1.0, 0.0, NAN], [0.5, 0.0, NAN], [0.0, 1.0, 0.2], [0.5, NAN, 0.4]])


def test_by_hand() -> None:
    router = Cluster(k=2).fit(X, SCORES)
    left, right = router.predict_scores([[1.0, 1.0], [9.0, 1.0]])
    assert np.allclose(left, [0.75, 0.0, 0.3])
    assert np.allclose(right, [0.25, 1.0, 0.3])


def test_distribution_merges_inverse_distances_by_model() -> None:
    router = Cluster(k=2).fit(X, SCORES)
    query = np.array([[2.0, 1.0]])
    shares = router.distribution(query, router.predict_scores(query))
    assert np.allclose(shares, [[0.8, 0.2, 0.0]])
    same = Cluster(k=2).fit(X, np.tile([0.0, 1.0], (4, 1)))
    assert np.allclose(same.distribution(query, same.predict_scores(query)), [[0, 1]])


def test_the_first_of_equally_good_models_takes_the_cluster() -> None:
    router = Cluster(k=1).fit(X, np.ones((4, 3)))
    assert np.allclose(router.distribution(X, router.predict_scores(X)), [[1, 0, 0]] * 4)


def test_the_clusters_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(90, 4)) + 4 * rng.integers(3, size=(90, 1))).astype(np.float32)
    scores = rng.random((90, 3))
    expected = KMeans(n_clusters=3, random_state=0).fit(points)
    router = Cluster().fit(points, scores)
    assert np.allclose(router.centres_, expected.cluster_centers_)
    means = np.stack([scores[expected.labels_ == c].mean(axis=0) for c in range(3)])
    assert np.allclose(router.predict_scores(points), means[expected.predict(points)])


def test_no_more_clusters_than_different_prompts() -> None:
    assert len(Cluster(k=3).fit(np.ones((5, 2)), np.ones((5, 1))).centres_) == 1
    assert len(Cluster(k=9).fit(X, SCORES).centres_) == 4


def test_the_floor_of_its_entropy() -> None:
    assert Cluster.entropy_floor == 1e-4


@pytest.mark.parametrize("k", [0, 2.0, "three", True])
def test_k_out_of_range(k: int) -> None:
    with pytest.raises(SpecError, match="cluster: k must be a positive whole number"):
        Cluster(k=k).fit(X, SCORES)


def script_mixture(X: Floats, scores: Floats, test: Floats) -> tuple[NDArray[np.int64], float]:
    """What RouterEval's script of the Gaussian mixture computes: choices, and E_p."""
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(n_components=3, random_state=0)
    labels = mixture.fit_predict(X)
    best = [int(scores[labels == component].mean(axis=0).argmax()) for component in range(3)]
    choice = np.array(best)[mixture.predict(test)]
    merged = np.zeros((len(test), scores.shape[1]))
    for component, share in enumerate(mixture.predict_proba(test).T):
        merged[:, best[component]] += share
    kept = merged[merged > 1e-4]
    return choice, float(-(kept * np.log2(kept)).sum() / len(test))


def test_a_mixture_of_three_is_that_of_the_reference() -> None:
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.normal(centre, 1.5, (60, 2)) for centre in (0, 1, 2)])
    scores = (rng.random((180, 5)) < 0.5).astype(float)
    router = Cluster(by="mixture").fit(X[:150], scores[:150])
    choice, entropy = script_mixture(X[:150], scores[:150], X[150:])
    predicted = router.predict_scores(X[150:])
    assert (predicted.argmax(axis=1) == choice).all()
    held = router.distribution(X[150:], predicted)
    kept = held[held > router.entropy_floor]
    assert -(kept * np.log2(kept)).sum() / 30 == pytest.approx(entropy, abs=1e-12)
    assert entropy > 0.05


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_a_mixture_holds_to_the_checks(check: Check) -> None:
    check(Cluster(by="mixture"))
