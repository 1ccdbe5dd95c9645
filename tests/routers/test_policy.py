from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from routereval.errors import SpecError
from routereval.routers.policy import choose, one_hot, weights

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=6)
SCORES = SHAPES.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1, width=16)))


def test_the_first_of_equals_without_costs() -> None:
    assert choose(np.array([[0.5, 0.5], [0.1, 0.2]])).tolist() == [0, 1]


def test_the_cheaper_of_equals_then_the_first() -> None:
    scores = np.array([[0.5, 0.5, 0.5, 0.9]])
    assert choose(scores[:, :3], np.array([3.0, 1.0, 1.0])).tolist() == [1]
    assert choose(scores, np.array([3.0, 1.0, 1.0, 9.0])).tolist() == [3]


def test_costs_of_each_prompt() -> None:
    scores = np.array([[0.9, 0.8], [0.9, 0.8]])
    costs = np.array([[0.3, 0.1], [0.1, 0.1]])
    assert choose(scores, costs, lam=0.4).tolist() == [0, 0]
    assert choose(scores, costs, lam=0.6).tolist() == [1, 0]


def test_an_unknown_cost_loses_ties_and_counts_as_the_dearest() -> None:
    scores = np.array([[0.5, 0.5, 0.4]])
    costs = np.array([np.nan, 2.0, 1.0])
    assert choose(scores, costs).tolist() == [1]
    assert choose(scores, costs, lam=0.01).tolist() == [1]
    assert choose(scores, costs, lam=1.0).tolist() == [2]
    assert choose(scores, np.full(3, np.nan), lam=5.0).tolist() == [0]
    assert choose(np.array([[0.1, 0.5, 0.5]]), np.full(3, np.nan)).tolist() == [1]


def test_a_missing_score_is_not_chosen() -> None:
    scores = np.array([[np.nan, 0.0], [np.nan, np.nan], [-np.inf, 0.1]])
    assert choose(scores).tolist() == [1, 0, 1]
    assert choose(scores, np.array([0.0, 1.0]), lam=3.0).tolist() == [1, 0, 1]


@pytest.mark.parametrize("lam", [-1.0, np.nan, -np.inf])
def test_lam_out_of_range(lam: float) -> None:
    with pytest.raises(SpecError, match="lam must be"):
        choose(np.ones((1, 2)), np.ones(2), lam)


@given(SCORES)
def test_without_a_trade_off_the_choice_has_the_top_score(scores: np.ndarray) -> None:
    costs = np.arange(float(scores.shape[1]), 0.0, -1.0)
    for choice in (choose(scores), choose(scores, costs)):
        assert np.array_equal(
            np.take_along_axis(scores, choice[:, None], axis=1)[:, 0], scores.max(axis=1)
        )
    assert np.array_equal(choose(scores), scores.argmax(axis=1))


@given(SCORES, st.integers(0, 99))
def test_a_large_trade_off_takes_the_cheapest(scores: np.ndarray, seed: int) -> None:
    places = np.random.default_rng(seed).permutation(scores.shape[1])
    costs = 1.0 + places.astype(np.float64)
    assert (choose(scores, costs, lam=1e6) == costs.argmin()).all()


@given(SCORES, st.integers(0, 99), st.floats(0, 3))
def test_permuting_models_permutes_choices(scores: np.ndarray, seed: int, lam: float) -> None:
    rng = np.random.default_rng(seed)
    scores = scores + rng.random(scores.shape)
    costs = rng.random((1, scores.shape[1]))[0]
    order = rng.permutation(scores.shape[1])
    permuted = choose(scores[:, order], costs[order], lam)
    assert np.array_equal(order[permuted], choose(scores, costs, lam))


def test_weights() -> None:
    scores = np.array([[0.25, 0.75], [0.5, 0.5]])
    assert weights(scores, "argmax").tolist() == [[0, 1], [1, 0]]
    assert weights(scores, "argmax", np.array([2.0, 1.0])).tolist() == [[0, 1], [0, 1]]
    assert np.array_equal(weights(scores, "proportional", np.ones(2), 3.0), scores)
    with pytest.raises(SpecError, match="did you mean 'argmax'"):
        weights(scores, "argmaks")


def test_one_hot_of_nothing() -> None:
    assert one_hot(np.array([], dtype=np.int64), 3).shape == (0, 3)


@given(SCORES, st.integers(0, 99), st.floats(0, 1e3))
def test_prompts_together_are_chosen_as_one_by_one(
    scores: np.ndarray, seed: int, lam: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(scores, 1)  # so that there are ties
    scores[rng.random(scores.shape) < 0.1] = np.nan
    costs = np.round(rng.random(scores.shape), 1)
    costs[rng.random(scores.shape) < 0.2] = np.nan
    twice = np.vstack([scores, scores])
    together = choose(twice, np.vstack([costs, costs]), lam)[: len(scores)]
    alone = [choose(scores[row : row + 1], costs[row], lam)[0] for row in range(len(scores))]
    assert together.tolist() == alone
