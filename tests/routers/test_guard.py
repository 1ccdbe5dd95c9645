from __future__ import annotations

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.routers.guard import Guard
from routereval.routers.shrinkage import (
    OutOfFold,
    Slope,
    centred,
    gain_of,
    levels_of,
    shrinkage_of,
    slope_of,
)
from tests.routers.test_auto import world

NAMES = ("ann", "bob", "cat", "dan")


def test_a_guarded_router_keeps_what_it_gains() -> None:
    (prompts, scores), (new, truth) = world(240), world(300, seed=1)
    router = Guard(router="knn(k=20)").fit(prompts.features, scores)
    choice = router.predict_scores(new.features).argmax(axis=1)
    assert router.gain_.mean > 0.1
    assert truth[np.arange(300), choice].mean() > truth.mean(axis=0).max() + 0.1


def test_a_guarded_router_is_a_constant_where_nothing_can_be_learned() -> None:
    """By chance one draw in twenty is taken for learnable; so many prompts may move, no more."""
    moved = []
    for seed in range(2000, 2020):
        prompts, scores = world(120, learnable=False, seed=seed)
        router = Guard(router="knn(k=5)").fit(prompts.features, scores)
        new = world(100, seed=seed + 100)[0].features
        moved.append((router.predict_scores(new).argmax(axis=1) != router.fallback_).mean())
    assert np.mean(moved) <= 0.05


def test_a_named_fallback_is_left_only_for_what_is_surely_better() -> None:
    prompts, scores = world(200, learnable=False, seed=8)
    router = Guard(router="linear", fallback="cat").fit(prompts.features, scores, models=NAMES)
    assert set(router.predict_scores(prompts.features).argmax(axis=1)) == {2}
    scores[:, 0] = 1.0
    router = Guard(router="linear", fallback="cat").fit(prompts.features, scores, models=NAMES)
    assert set(router.predict_scores(prompts.features).argmax(axis=1)) == {0}
    with pytest.raises(DataError, match="guard: no model 'eve' to fall back on; models: ann, bob"):
        Guard(fallback="eve").fit(prompts.features, scores, models=NAMES)


def test_an_unfamiliar_prompt_goes_to_the_fallback() -> None:
    prompts, scores = world(240)
    router = Guard(router="linear").fit(prompts.features, scores)
    assert router.predict_scores(np.full((1, 8), -40.0)).argmax() == router.fallback_


def test_too_few_prompts_to_judge_by_leave_a_constant() -> None:
    prompts, scores = world(19)
    router = Guard().fit(prompts.features, scores)
    assert np.ptp(router.predict_scores(prompts.features), axis=0).max() == 0


def test_centring_with_gaps_recovers_an_additive_table() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(30, 1)) + rng.normal(size=4)
    table[rng.random(table.shape) < 0.3] = np.nan
    assert np.abs(centred(table).values).max() < 1e-3


def test_a_slope_is_that_of_least_squares_and_copies_do_not_make_it_surer() -> None:
    rng = np.random.default_rng(1)
    P = rng.normal(size=(80, 3))
    truth = centred(0.5 * P + rng.normal(size=P.shape))
    one = slope_of(P, truth, np.arange(80))
    assert abs(one.slope - 0.5) < 3 * one.error
    twice = centred(np.repeat(truth.values, 2, axis=0))
    copies = slope_of(np.repeat(P, 2, axis=0), twice, np.repeat(np.arange(80), 2))
    assert np.isclose(copies.error, one.error)


def test_what_is_kept_of_a_slope() -> None:
    assert Slope(0.9, 0.1).kept(2.0) == pytest.approx(0.7)
    assert Slope(0.1, 0.1).kept(2.0) == 0
    assert Slope(9.0, 0.1).kept(2.0) == 1.2
    assert Slope(0.0, np.inf).kept(np.inf) == 0


def test_a_gain_counts_where_both_models_were_observed() -> None:
    scores = np.array([[1.0, 0.0], [np.nan, 1.0], [0.0, 1.0]])
    gain = gain_of(np.ones(3, int), np.zeros(3, int), scores, np.arange(3))
    assert (gain.mean, gain.n, gain.moved) == (0.0, 2, 3)


def test_levels_beside_a_named_fallback_count_what_is_sure() -> None:
    scores = np.column_stack([np.full(50, 0.5), np.full(50, 0.9), np.arange(50) % 2])
    levels, column = levels_of(scores, 0)
    assert column == 0
    assert levels[1] == pytest.approx(0.9)
    assert levels[2] < levels[0]


def test_half_a_prompt_is_taken_off_before_a_gain_is_believed() -> None:
    rng = np.random.default_rng(1)
    second = rng.random(60) < 0.5
    scores = np.where(second[:, None], [0.0, 1.0], [1.0, 0.0])
    scores[rng.random(60) < 0.8] = 1.0
    predicted = np.where(second[:, None], [-0.5, 0.5], [0.5, -0.5])
    held_out = OutOfFold(predicted, scores, np.arange(60) % 5, np.arange(60))
    gain = shrinkage_of(held_out, 0.0).gain
    bound = (gain.mean - 0.5 / 60) / gain.error
    assert shrinkage_of(held_out, 0.0, gate=bound - 0.01).moves
    assert not shrinkage_of(held_out, 0.0, gate=bound + 0.01).moves
