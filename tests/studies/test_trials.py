"""Repeated runs: what a rerun strays, and which part of the oracle's lead is luck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.scoring.repeats import (
    complete,
    luck_share,
    observed_deviation,
    pass_at_k,
    pass_hat_k,
    rerun_deviation,
    run_variance,
    split_trial_oracle,
    spread,
)
from routereval.studies.trials import trials

SHARED = Path(__file__).parents[3] / "shared" / "data" / "terminal_bench_core_trials"
Floats = NDArray[np.float64]


def made(truth: Floats, n_trials: int, seed: int = 0) -> Floats:
    """Runs that are right as often as the truth says."""
    drawn = np.random.default_rng(seed).random((n_trials, *truth.shape))
    return (drawn < truth).astype(float)


def held(runs: Floats) -> Records:
    names = [f"m{n}" for n in range(runs.shape[2])]
    return Records.from_arrays("made", np.nanmean(runs, axis=0), names, trials=runs)


def test_pass_at_k_is_the_share_of_draws_with_a_right_one() -> None:
    assert pass_at_k([1], [5], 2) == pytest.approx(0.4)
    assert pass_hat_k([4], [5], 2) == pytest.approx(0.6)
    assert np.isnan(pass_at_k([1], [1], 2)).all()
    with pytest.raises(SpecError, match="at least 1, not 0"):
        pass_at_k([1], [1], 0)


def test_pass_at_k_is_unbiased() -> None:
    runs = made(np.full((20_000, 1), 0.3), 3)
    right = runs.sum(axis=0).astype(int)
    assert pass_at_k(right, np.full_like(right, 3), 2).mean() == pytest.approx(0.51, abs=0.01)
    assert pass_hat_k(right, np.full_like(right, 3), 2).mean() == pytest.approx(0.09, abs=0.01)


def test_the_deviation_of_a_rerun_is_that_of_many_reruns() -> None:
    truth = np.random.default_rng(1).random((60, 2))
    predicted = np.mean([rerun_deviation(made(truth, 3, seed)) for seed in range(60)], axis=0)
    really = made(truth, 2000, 99).mean(axis=1).std(axis=0)
    assert predicted == pytest.approx(really, rel=0.05)


def test_prompts_that_always_go_alike_have_no_rerun_noise() -> None:
    runs = made(np.array([[1.0, 0.0]] * 10), 3)
    assert rerun_deviation(runs).tolist() == observed_deviation(runs).tolist() == [0.0, 0.0]
    found = trials(held(runs), runs=(3, 4), n_boot=50).benchmarks[0]
    assert found.asked is not None
    assert found.asked.p == 0.0


def test_missing_runs_are_not_counted() -> None:
    runs = np.array([[[1.0], [1.0]], [[0.0], [np.nan]]])
    assert run_variance(runs)[0, 0] == 0.5
    assert np.isnan(run_variance(runs)[1, 0])
    assert complete(runs).shape == (2, 1, 1)
    with pytest.raises(DataError, match="a run is missing"):
        split_trial_oracle(runs, 1)


def test_an_oracle_of_equal_models_has_only_luck() -> None:
    runs = made(np.full((4000, 4), 0.5), 4)
    single, split = runs.max(axis=2).mean(), split_trial_oracle(runs, 2).mean()
    assert single > 0.9
    assert split == pytest.approx(0.5, abs=0.02)
    assert luck_share(single, split, 0.5) > 0.95


def test_an_oracle_of_sure_models_has_no_luck() -> None:
    truth = np.eye(3)[np.arange(90) % 3]
    found = trials(held(made(truth, 3)), n_boot=50).benchmarks[0]
    assert [one.score for one in found.oracles] == [1.0, 1.0, 1.0]
    assert [one.luck for one in found.oracles] == [0.0, 0.0, 0.0]


def test_the_two_sources_of_spread_are_taken_apart() -> None:
    rng = np.random.default_rng(2)
    truth = np.where(rng.random((3000, 2)) < 0.5, 0.2, 0.8)
    runs = made(truth, 3)
    found = spread(runs[:, :, 0], runs[:, :, 1])
    assert found.prompts == pytest.approx((truth[:, 0] - truth[:, 1]).var(), abs=0.02)
    assert found.runs == pytest.approx(2 * 0.16, abs=0.02)


def test_more_runs_need_fewer_prompts_but_never_fewer_than_their_spread_asks() -> None:
    truth = np.random.default_rng(3).random((200, 3))
    found = trials(held(made(truth, 3)), n_boot=50).benchmarks[0]
    needed = [one.n_prompts for one in found.needed if one.difference == 0.05]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] >= found.spread.needed(0.05, 10**9)


def test_the_numbers_say_whether_the_bound_of_reruns_is_passed() -> None:
    records = held(made(np.full((80, 3), 0.5), 5))
    near = trials(records, runs=(42, 44), n_boot=50)
    far = trials(records, runs=(20, 60), n_boot=50)
    assert "42 against 44 of 80 says nothing" in str(near)
    assert "is more than reruns differ by" in str(far)
    with pytest.raises(SpecError, match="there are 80"):
        trials(records, runs=(42, 90), n_boot=50)


def test_records_of_single_runs_are_refused() -> None:
    once = Records.from_arrays("once", np.eye(3), ["a", "b", "c"])
    with pytest.raises(DataError, match="once: no cell was run twice"):
        trials(once)


def test_real_valued_runs_have_no_pass_at_k() -> None:
    runs = np.random.default_rng(4).random((2, 30, 2))
    found = trials(held(runs), n_boot=50)
    assert found.benchmarks[0].models[0].pass_at == {}
    assert "pass@" not in found.render("csv")


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared records")
def test_terminal_bench_by_its_repeats() -> None:
    found = trials(SHARED, runs=(42, 44), n_boot=100).benchmarks[0]
    tasks = found.rerun * found.n_prompts
    assert tasks == pytest.approx(2.2, rel=0.15)
    split = {one.chosen_by: one.score for one in found.oracles}
    assert (split[1], split[4]) == pytest.approx((0.655, 0.693), abs=0.003)
    assert found.asked is not None
    assert found.asked.p > 0.5


def test_the_best_model_of_the_sentence_is_scored_where_the_oracle_is() -> None:
    runs = made(np.tile([0.5, 0.4], (60, 1)), 3, seed=4)
    runs[:, :20, 0] = 1.0  # easy prompts of which the other model lacks its runs
    runs[1:, :20, 1] = np.nan
    found = trials(held(runs), n_boot=20)
    one = found.benchmarks[0]
    assert one.best_score == pytest.approx(runs[:, 20:, 0].mean())
    assert one.best_score < one.models[0].score
    assert f"m0, has {one.best_score:.3f};" in found.render("table", 2000)
