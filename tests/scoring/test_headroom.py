"""Corrections of the oracle: against hand-computed cases, simulation, and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring import resamples
from routereval.scoring.headroom import (
    guess_corrected_floor,
    guess_corrected_oracle,
    knowing_rate,
    noise_corrected_oracle,
    prompts_needed,
    split_half_oracle,
)

Floats = NDArray[np.float64]


def guessers(n: int, m: int, options: int, seed: int = 0) -> Floats:
    return (np.random.default_rng(seed).random((n, m)) < 1 / options).astype(float)


def knowers(known: NDArray[np.bool_], chance: float, seed: int = 0) -> Floats:
    """Right where known, else right by chance."""
    lucky = np.random.default_rng(seed).random(known.shape) < chance
    return (known | lucky).astype(float)


def test_knowing_rate_is_the_classical_correction() -> None:
    scores = np.array([[1.0, 1], [1, 0], [1, 0], [0, 0]])
    assert knowing_rate(scores, 0.25).tolist() == pytest.approx([2 / 3, 0.0])
    per_prompt = np.array([0.5, 0.25, 0.2, 0.1])
    by_hand = np.mean([(1 - 0.5) / 0.5, 1, 1, (0 - 0.1) / 0.9])
    assert knowing_rate(scores, per_prompt)[0] == pytest.approx(by_hand)


@pytest.mark.parametrize("options", [2, 4, 10])
@pytest.mark.parametrize("m", [1, 3, 5, 10])
def test_guessers_have_a_raw_oracle_but_no_corrected_one(options: int, m: int) -> None:
    raw, corrected, floor = [], [], []
    for seed in range(30):
        scores = guessers(2000, m, options, seed)
        raw.append(scores.max(axis=1).mean())
        corrected.append(guess_corrected_oracle(scores, 1 / options).mean())
        floor.append(float(guess_corrected_floor(scores, 1 / options)))
    error = 4 * np.std(raw) / math.sqrt(30)
    assert np.mean(raw) == pytest.approx(1 - (1 - 1 / options) ** m, abs=error + 1e-9)
    assert np.mean(corrected) == pytest.approx(0.0, abs=4 * np.std(corrected) / math.sqrt(30))
    assert 0 <= np.mean(floor) < 0.06


def test_known_is_found_where_each_model_knows_by_itself() -> None:
    rng = np.random.default_rng(1)
    known = rng.random((20_000, 4)) < [0.2, 0.3, 0.4, 0.5]
    scores = knowers(known, 0.25)
    truth = known.any(axis=1).mean()
    assert guess_corrected_oracle(scores, 0.25).mean() == pytest.approx(truth, abs=0.01)
    assert float(guess_corrected_floor(scores, 0.25)) == pytest.approx(truth, abs=0.02)
    assert scores.max(axis=1).mean() > truth + 0.05


def test_known_is_found_where_all_know_the_same_prompts() -> None:
    rng = np.random.default_rng(2)
    difficulty = rng.random((20_000, 1))
    known = difficulty < np.array([0.2, 0.3, 0.4, 0.5])
    scores = knowers(known, 0.25)
    assert float(guess_corrected_floor(scores, 0.25)) == pytest.approx(0.5, abs=0.03)
    assert guess_corrected_oracle(scores, 0.25).mean() > 0.6


@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([0.0, 0.1, 0.25, 0.5]))
@settings(max_examples=30)
def test_one_model_is_its_knowing_rate_and_no_pool_is_less(
    seed: int, m: int, chance: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = knowers(rng.random((60, m)) < rng.random(m) + 0.1, chance, seed)
    rates = knowing_rate(scores, chance)
    alone = guess_corrected_oracle(scores[:, :1], chance).mean()
    error = math.sqrt(chance / (1 - chance) / 60)
    if rates[0] > -3 * error:
        assert alone == pytest.approx(rates[0], abs=1e-9)
    assert float(guess_corrected_floor(scores, chance)) >= rates.max() - 1e-9
    assert float(guess_corrected_floor(scores, chance)) <= 1
    wrong = scores.max(axis=1) == 0
    assert (guess_corrected_oracle(scores, chance)[wrong] == 0).all()


def test_free_answers_are_never_guessed() -> None:
    scores = guessers(200, 3, 3)
    raw = scores.max(axis=1)
    np.testing.assert_allclose(guess_corrected_oracle(scores, 0.0), raw)
    assert float(guess_corrected_floor(scores, 0.0)) == pytest.approx(raw.mean(), abs=1e-6)


def test_resamples_of_the_floor() -> None:
    known = np.random.default_rng(3).random((500, 3)) < 0.4
    scores = knowers(known, 0.5)
    W = resamples(np.zeros(500, dtype=np.int64), 40)
    drawn = guess_corrected_floor(scores, 0.5, W)
    one = np.full((1, 500), 1 / 500)
    point = guess_corrected_floor(scores, 0.5)
    assert drawn.shape == (40,)
    assert guess_corrected_floor(scores, 0.5, one)[0] == pytest.approx(float(point), abs=1e-6)
    assert drawn.min() < float(point) < drawn.max()


def test_real_values_and_unknown_chance_are_not_corrected() -> None:
    real = np.array([[0.5, 1.0], [0.2, 0.0]])
    assert np.isnan(guess_corrected_oracle(real, 0.25)).all()
    assert np.isnan(knowing_rate(real, 0.25)).all()
    assert np.isnan(guess_corrected_floor(np.eye(2), np.array([0.25, np.nan])))


def test_impossible_chance_is_refused() -> None:
    with pytest.raises(DataError, match="one over the number of options"):
        guess_corrected_oracle(np.eye(2), 1.0)
    with pytest.raises(DataError, match="shape"):
        knowing_rate(np.eye(2), np.zeros(3))


def test_split_halves_by_hand() -> None:
    first = np.array([[1.0, 0.0], [0.5, 0.5]])
    second = np.array([[0.2, 0.4], [0.0, 1.0]])
    # the first half's winner scores 0.2 in the second, whose winner scores 0 in the first; of the
    # second prompt the first half says nothing, but the first model is better on both
    assert split_half_oracle(first, second).tolist() == pytest.approx([0.1, 0.25])


@pytest.mark.parametrize("repeats", [4, 7, 10])
def test_noise_inflates_the_raw_oracle_and_not_the_corrected_one(repeats: int) -> None:
    rng = np.random.default_rng(repeats)
    same = rng.binomial(repeats, 0.5, (4000, 5)) / repeats
    assert same.max(axis=1).mean() > 0.65
    assert noise_corrected_oracle(same, repeats).mean() == pytest.approx(0.5, abs=0.01)
    skill = rng.random((4000, 5))
    seen = rng.binomial(repeats, skill) / repeats
    truth = skill.max(axis=1).mean()
    assert noise_corrected_oracle(seen, repeats).mean() < truth < seen.max(axis=1).mean()


def test_a_single_sample_cannot_be_corrected() -> None:
    assert np.isnan(noise_corrected_oracle(np.eye(3), 1)).all()


def test_models_that_tie_in_few_runs_do_not_hide_the_better_one() -> None:
    rng = np.random.default_rng(0)
    seen = rng.binomial(3, [0.9, 0.5, 0.5, 0.5, 0.5], (2000, 5)) / 3
    found = noise_corrected_oracle(seen, 3).mean()
    assert 0.84 < found <= 0.9  # 0.67 where ties share the score


def test_noise_correction_is_the_same_for_the_same_seed() -> None:
    seen = np.random.default_rng(0).binomial(10, 0.5, (50, 3)) / 10
    once = noise_corrected_oracle(seen, 10, seed=3)
    np.testing.assert_array_equal(once, noise_corrected_oracle(seen, 10, seed=3))
    assert (once != noise_corrected_oracle(seen, 10, seed=4)).any()


def test_wrong_repeats_are_refused() -> None:
    with pytest.raises(DataError, match="1/10"):
        noise_corrected_oracle([[0.25, 0.5]], 10)
    with pytest.raises(DataError, match="1/10"):
        noise_corrected_oracle([[np.nan, 0.5]], 10)
    with pytest.raises(SpecError, match="at least 1"):
        noise_corrected_oracle([[0.5]], 0)


def test_prompts_needed_have_the_power() -> None:
    rng = np.random.default_rng(5)
    gain, n_sample = 0.05, 20_000
    pilot = rng.choice([-1.0, 0, 1], n_sample, p=[0.1, 0.75, 0.15])
    needed = int(prompts_needed(pilot))
    draws = rng.choice([-1.0, 0, 1], (2000, needed), p=[0.1, 0.75, 0.15])
    z = draws.mean(axis=1) / (draws.std(axis=1, ddof=1) / math.sqrt(needed))
    assert (np.abs(z) > 1.96).mean() == pytest.approx(0.8, abs=0.07)
    assert pilot.mean() == pytest.approx(gain, abs=0.02)


def test_prompts_needed_for_nothing() -> None:
    assert prompts_needed([0.0, 0.0, 0.0]) == math.inf
    assert prompts_needed([-1.0, 0.0]) == math.inf
    assert math.isnan(prompts_needed([1.0]))
    assert prompts_needed([1.0, 1.0, 1.0]) == 2


def test_the_lower_end_is_never_above_the_upper_one() -> None:
    """Independent knowers, for whom both ends estimate the same: six of these twelve crossed."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        scores = knowers(rng.random((400, 6)) < np.linspace(0.2, 0.7, 6), 0.25, seed)
        upper = guess_corrected_oracle(scores, 0.25)
        W = rng.multinomial(400, np.full(400, 1 / 400), size=20) / 400
        assert float(guess_corrected_floor(scores, 0.25)) <= upper.mean() + 1e-12
        assert (guess_corrected_floor(scores, 0.25, W) <= W @ upper + 1e-12).all()
