from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from routereval.errors import DataError, SpecError
from routereval.routers.controls import (
    BestSingle,
    Cheapest,
    Constant,
    DatasetOracle,
    NoisyOracle,
    Oracle,
    Random,
)
from routereval.routers.policy import choose, weights

NAN = np.nan
X = np.zeros((3, 2))
SCORES = np.array([[1.0, 0.0, NAN], [0.0, 0.5, 1.0], [0.0, 1.0, 1.0]])
TRUTH = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [NAN, 0.25, 0.75], [NAN, NAN, NAN]])


def test_random_is_uniform() -> None:
    router = Random().fit(X, SCORES)
    scores = router.predict_scores(X[:2])
    assert np.allclose(scores, 1 / 3)
    assert scores.shape == (2, 3)
    assert np.allclose(router.distribution(X[:2], scores), 1 / 3)
    assert np.array_equal(weights(scores, router.policy), scores)


def test_best_single_leaves_out_what_was_not_observed() -> None:
    router = BestSingle().fit(X, SCORES)
    scores = router.predict_scores(X[:2])
    assert np.allclose(scores, [[1 / 3, 0.5, 1.0]] * 2)
    assert router.distribution(X[:2], scores).tolist() == [[0, 0, 1]] * 2


def test_constant() -> None:
    router = Constant(index=1).fit(X, SCORES)
    assert choose(router.predict_scores(X)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("index", [3, -1, "first", 0.5])
def test_constant_outside_the_pool(index: int) -> None:
    with pytest.raises(SpecError, match=r"constant: index .*whole number"):
        Constant(index=index).fit(X, SCORES)


def test_cheapest() -> None:
    costs = np.array([[0.3, 0.1, NAN], [0.1, 0.1, NAN], [NAN, 0.1, NAN]])
    router = Cheapest().fit(X, SCORES, costs)
    assert np.allclose(router.predict_scores(X[:1]), [[0, 1, 0]])
    assert choose(router.predict_scores(X)).tolist() == [1, 1, 1]


def test_cheapest_of_equal_costs_beats_an_unknown_one() -> None:
    costs = np.tile([NAN, 0.1, 0.1], (3, 1))
    scores = Cheapest().fit(X, SCORES, costs).predict_scores(X[:1])
    assert scores.tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("costs", [None, np.full((3, 3), NAN)])
def test_cheapest_needs_costs(costs: np.ndarray | None) -> None:
    assert Cheapest.needs_costs
    with pytest.raises(DataError, match="cheapest needs costs"):
        Cheapest().fit(X, SCORES, costs)


def test_cheapest_needs_costs_of_these_models() -> None:
    with pytest.raises(DataError, match="costs has shape"):
        Cheapest().fit(X, SCORES, np.ones((3, 2)))


@pytest.mark.parametrize("oracle", [Oracle(), DatasetOracle()])
def test_oracle_answers_the_truth(oracle: Oracle) -> None:
    oracle.fit(SCORES, SCORES)
    scores = oracle.predict_scores(TRUTH)
    assert np.array_equal(scores[:2], TRUTH[:2])
    assert choose(scores).tolist() == [1, 0, 2, 0]
    shares = oracle.distribution(TRUTH, scores)
    assert np.allclose(shares, [[0, 0.5, 0.5], [1 / 3] * 3, [0, 0.25, 0.75], [1 / 3] * 3])


def test_oracles_read_different_things() -> None:
    assert (Oracle.reads, NoisyOracle.reads) == ("truth", "truth")
    assert DatasetOracle.reads == "subset_means"


def test_oracle_of_another_pool() -> None:
    with pytest.raises(DataError, match="oracle of 3 models"):
        Oracle().fit(SCORES, SCORES).predict_scores(np.ones((2, 5)))


def test_noisy_oracle_expects_a_mixture() -> None:
    router = NoisyOracle(p=0.25).fit(SCORES, SCORES)
    scores = router.predict_scores(TRUTH)
    assert np.allclose(scores[0], [0.25, 0.5, 0.25])
    assert np.allclose(scores[2], [0, 0.375, 0.625])
    assert np.allclose(scores.sum(axis=1), 1)
    quality = (scores[0] * TRUTH[0]).sum()
    assert quality == pytest.approx(0.25 * 1 + 0.75 * 2 / 3)


def test_noisy_oracle_distribution() -> None:
    router = NoisyOracle(p=0.4).fit(SCORES, SCORES)
    shares = router.distribution(TRUTH, router.predict_scores(TRUTH))
    assert np.allclose(shares[0], [0.2, 0.4, 0.4])
    assert np.allclose(shares[1], 1 / 3)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_noisy_oracle_at_its_ends(p: float) -> None:
    scores = NoisyOracle(p=p).fit(SCORES, SCORES).predict_scores(TRUTH[:1])
    assert np.allclose(scores, [[0, 1, 0]] if p else 1 / 3)


@pytest.mark.parametrize("p", [-0.1, 1.1, NAN, "half"])
def test_noisy_oracle_needs_a_probability(p: float) -> None:
    with pytest.raises(SpecError, match="p must be a number from 0 to 1"):
        NoisyOracle(p=p).fit(SCORES, SCORES)


def test_not_fitted() -> None:
    with pytest.raises(NotFittedError):
        Oracle().predict_scores(TRUTH)
