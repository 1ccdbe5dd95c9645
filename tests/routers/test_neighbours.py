from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics.pairwise import cosine_distances
from sklearn.neighbors import NearestNeighbors

from routereval.errors import DataError, SpecError
from routereval.routers import make_router, neighbours
from routereval.routers.neighbours import Knn, search, unit_rows

Matrix = NDArray[np.float64]

NAN = np.nan


def test_by_hand() -> None:
    X = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    scores = np.array([[1.0, 0.0], [0.5, NAN], [0.0, 1.0], [0.25, 0.5]])
    router = Knn(k=2).fit(X, scores)
    assert np.allclose(router.predict_scores([[9.0, 0.2]]), [[0.75, 0.0]])
    assert np.allclose(router.predict_scores([[0.2, 9.0]]), [[0.125, 0.75]])


def test_a_model_not_observed_nearby_is_predicted_its_mean() -> None:
    X = np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    router = Knn(k=1).fit(X, np.array([[1.0, NAN], [0.0, 1.0], [0.0, 0.5]]))
    assert np.allclose(router.predict_scores([[1.0, 0.0]]), [[1.0, 0.75]])


@pytest.mark.parametrize("k", [1, 5, 17])
def test_the_same_as_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(k)
    X, queries = (rng.normal(size=(n, 24)).astype(np.float32) for n in (300, 80))
    scores = rng.random((300, 6))
    nearest = NearestNeighbors(n_neighbors=k, metric="cosine").fit(X)
    expected = scores[nearest.kneighbors(queries, return_distance=False)].mean(axis=1)
    got = Knn(k=k).fit(X, scores).predict_scores(queries)
    assert np.abs(got - expected).max() < 1e-9


def narrow_cone(n: int, seed: int) -> NDArray[np.float32]:
    """Embeddings as a language model's often are: 768 numbers, with a mean cosine of .999."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=768)
    apart = rng.normal(size=(n, 16)) @ rng.normal(size=(16, 768)) / 4
    vectors = 12 * (axis / np.linalg.norm(axis) + apart * np.sqrt(1e-3 / 768))
    return np.asarray(vectors, dtype=np.float32)


def repeated(n: int, seed: int) -> NDArray[np.float32]:
    """Every embedding about three times, in any order."""
    rng = np.random.default_rng(seed)
    different = rng.normal(size=(n // 3, 24)).astype(np.float32)
    return np.asarray(different[rng.integers(0, n // 3, n)])


def routerevals_knn(
    X: NDArray[np.float32], scores: Matrix, queries: NDArray[np.float32]
) -> tuple[Matrix, Matrix]:
    """Its votes; and the same with equal distances in the order of training."""
    nearest = NearestNeighbors(n_neighbors=5, metric="cosine").fit(X)
    there = nearest.kneighbors(queries, return_distance=False)
    distances = cosine_distances(queries, X)
    assert distances.dtype == np.float32
    here = np.argsort(distances, axis=1, kind="stable")[:, :5]
    return scores[there].mean(axis=1), scores[here].mean(axis=1)


@pytest.mark.parametrize("vectors", [narrow_cone, repeated])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_faithful_one_ranks_as_the_reference_does(
    vectors: Callable[[int, int], NDArray[np.float32]], seed: int
) -> None:
    X, scores = vectors(1500, seed), np.random.default_rng(seed).random((1200, 7))
    train, queries = X[:1200], X[1200:]
    there, here = routerevals_knn(train, scores, queries)
    numpys = make_router("knn", protocol="faithful(ties=numpy)").fit(train, scores)
    assert np.abs(numpys.predict_scores(queries) - there).max() < 1e-12
    ours = make_router("knn", protocol="faithful").fit(train, scores)
    assert np.abs(ours.predict_scores(queries) - here).max() < 1e-12
    # Equal distances alone tell them apart: many prompts where embeddings repeat, else hardly one.
    other = (np.abs(here - there) > 1e-9).any(axis=1).mean()
    assert other > 0.1 if vectors is repeated else other < 0.02


def test_the_faithful_one_weighs_and_tunes_as_the_other() -> None:
    rng = np.random.default_rng(3)
    X, scores = rng.normal(size=(200, 8)).astype(np.float32), rng.random((200, 3))
    for kind in ({"weights": "similarity", "k": 7}, {"k": "tuned"}, {"k": 500}):
        one, other = (Knn(ties=ties, **kind).fit(X, scores) for ties in ("exact", "float32"))
        assert np.allclose(one.predict_scores(X[:50]), other.predict_scores(X[:50]), atol=1e-6)
        assert other.predict_scores(X[:0]).shape == (0, 3)


def test_ties_that_mean_nothing_are_told() -> None:
    with pytest.raises(SpecError, match=r"ties of knn 'float23'; did you mean 'float32'\?"):
        Knn(ties="float23").fit(np.eye(2), np.eye(2))


def test_ties_go_to_the_earlier_prompt() -> None:
    train = unit_rows(np.array([[0.0, 1.0], [3.0, 0.0], [1.0, 0.0], [7.0, 0.0]]))
    assert search(train, unit_rows(np.array([[2.0, 0.0]])), 3).tolist() == [[1, 2, 3]]


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 30))
def test_the_search_is_exact_on_ties_too(seed: int, depth: int, n_train: int) -> None:
    rng = np.random.default_rng(seed)
    train = rng.integers(-1, 2, size=(n_train, 3)).astype(float)
    queries = rng.integers(-1, 2, size=(5, 3)).astype(float)
    found = search(unit_rows(train), unit_rows(queries), depth)
    similarity = np.round(unit_rows(queries) @ unit_rows(train).T, 9)
    expected = np.argsort(-similarity, axis=1, kind="stable")[:, :depth]
    assert np.array_equal(found, expected)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    train, queries = (unit_rows(rng.normal(size=(n, 5))) for n in (60, 23))
    whole = search(train, queries, 7)
    monkeypatch.setattr(neighbours, "CHUNK", 4)
    assert np.array_equal(search(train, queries, 7), whole)


def test_no_more_neighbours_than_prompts() -> None:
    router = Knn(k=50).fit(np.eye(3), np.eye(3))
    assert router.k_ == 3
    assert np.allclose(router.predict_scores(np.eye(3)), 1 / 3)


def test_rows_of_zeros() -> None:
    router = Knn(k=2).fit(np.zeros((3, 2)), np.array([[1.0], [0.0], [0.0]]))
    assert router.predict_scores(np.zeros((1, 2))).tolist() == [[0.5]]


def test_k_is_tuned_on_the_validation_prompts() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    skill = np.where(X[:, :1] > 0, [0.7, 0.3], [0.3, 0.7])
    scores = (rng.random((200, 2)) < skill).astype(np.float64)
    truth = np.where(X[:, :1] > 0, [1.0, 0.0], [0.0, 1.0])
    tuned = Knn(ks=(1, 40)).fit(X, scores, validation=(X, truth))
    assert tuned.k_ == 40
    assert np.array_equal(tuned.predict_scores(X), Knn(k=40).fit(X, scores).predict_scores(X))
    memorised = Knn(ks=(40, 1)).fit(X, scores, validation=(X, scores))
    assert memorised.k_ == 1


def test_the_largest_of_equal_k() -> None:
    X = np.eye(4)
    assert Knn(ks=(3, 1, 2)).fit(X, np.ones((4, 2)), validation=(X, np.ones((4, 2)))).k_ == 3


def test_without_validation_a_tenth_is_held_out() -> None:
    rng = np.random.default_rng(0)
    X, scores = rng.normal(size=(50, 3)), rng.random((50, 2))
    assert len(Knn().fit(X, scores).X_train_) == 45
    assert len(Knn(k=5).fit(X, scores).X_train_) == 50


@pytest.mark.parametrize("k", [0, -3, 2.5, "many", True])
def test_k_out_of_range(k: int) -> None:
    with pytest.raises(SpecError, match="k must be a positive whole number or 'tuned'"):
        Knn(k=k).fit(np.eye(3), np.eye(3))


def test_no_ks() -> None:
    with pytest.raises(SpecError, match="ks must be a list, not empty"):
        Knn(ks=()).fit(np.eye(3), np.eye(3))


@pytest.mark.parametrize(
    ("X", "complaint"),
    [
        (["a", "b", "c"], "embed the texts first"),
        (np.ones(3), "not of shape"),
        (np.full((3, 3), NAN), "not finite"),
        (np.ones((2, 3)), "2 rows but scores has 3"),
    ],
)
def test_no_matrix_of_features(X: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        Knn().fit(X, np.eye(3))


def test_features_of_another_width() -> None:
    with pytest.raises(DataError, match="X has 2 features but the router was fitted on 3"):
        Knn(k=1).fit(np.eye(3), np.eye(3)).predict_scores(np.ones((1, 2)))


def test_validation_of_another_pool() -> None:
    with pytest.raises(DataError, match="3 validation prompts and 3 models"):
        Knn().fit(np.eye(3), np.eye(3), validation=(np.eye(3), np.ones((3, 2))))


def test_one_search_serves_all_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    depths = []
    nearest = neighbours._nearest

    def counted(train: Matrix, queries: Matrix, depth: int) -> NDArray[np.int64]:
        depths.append(depth)
        return nearest(train, queries, depth)

    monkeypatch.setattr(neighbours, "_nearest", counted)
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(30, 4)), rng.normal(size=(9, 4))
    X.setflags(write=False)
    queries.setflags(write=False)
    for k in (1, 5):
        for n_models in (2, 3):
            Knn(k=k).fit(X, rng.random((30, n_models))).predict_scores(queries)
    assert depths == [30]


def test_neighbours_may_count_by_their_similarity() -> None:
    X = np.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.1]])
    scores = np.array([[1.0, np.nan], [0.0, 0.5], [0.0, 1.0]])
    router = Knn(k=3, weights="similarity").fit(X, scores)
    # cosines 1, 0.6 and one below 0, which counts for nothing
    assert np.allclose(router.predict_scores([[2.0, 0.0]]), [[1 / 1.6, 0.5]])
    # none points its way: what is left are the means
    assert np.allclose(router.predict_scores([[0.0, -1.0]]), [[1 / 3, 0.75]])


def test_unknown_weights() -> None:
    with pytest.raises(SpecError, match="unknown weights of knn 'distance'; known: similarity"):
        Knn(weights="distance").fit(np.eye(2), np.eye(2))
