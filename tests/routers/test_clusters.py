from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from routereval.errors import SpecError
from routereval.routers.clusters import Cluster

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
