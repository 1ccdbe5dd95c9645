from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.errors import DataError, SpecError
from routereval.scoring import (
    METRICS,
    Curve,
    Evidence,
    compute,
    gather,
    interval,
    intervals,
    replicates,
    resamples,
)

NAN = float("nan")


def made(n: int, m: int, seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(m), n)
    return gather(
        rng.integers(0, 2, (n, m)),
        np.eye(m)[p.argmax(axis=1)],
        p,
        best_single=0,
        strata=rng.integers(0, 4, n),
        reference=0.8,
        costs=rng.random((n, m)),
    )


# resamples


@given(
    st.lists(st.integers(-3, 12), min_size=1, max_size=80),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
)
def test_resamples_are_weights_that_sum_to_one(codes: list[int], n_boot: int, seed: int) -> None:
    W = resamples(codes, n_boot, seed)
    assert W.shape == (n_boot, len(codes))
    assert (W >= 0).all()
    np.testing.assert_allclose(W.sum(axis=1), 1)
    np.testing.assert_array_equal(W, resamples(codes, n_boot, seed))


def test_each_stratum_keeps_its_size() -> None:
    codes = np.random.default_rng(0).permutation(np.repeat([7, 2, 9], [5, 20, 60]))
    W = resamples(codes, 50)
    for code, size in ((7, 5), (2, 20), (9, 60)):
        np.testing.assert_allclose(W[:, codes == code].sum(axis=1), size / 85)
        assert (W[:, codes == code] > 0).any(axis=0).all()


def test_small_strata_are_pooled() -> None:
    codes = [0] * 10 + [1, 2, 3, 4, 5, 6]
    W = resamples(codes, 200)
    np.testing.assert_allclose(W[:, 10:].sum(axis=1), 6 / 16)
    assert (W[:, 10:].std(axis=0) > 0).all()


def test_a_lone_prompt_joins_the_smallest_other_stratum() -> None:
    codes = np.array([0] * 20 + [1] * 6 + [2])
    W = resamples(codes, 200)
    np.testing.assert_allclose(W[:, :20].sum(axis=1), 20 / 27)
    assert W[:, 26].std() > 0


def test_prompts_that_are_all_alone_are_one_stratum() -> None:
    assert (resamples(np.arange(3), 100).std(axis=0) > 0).all()


def test_another_seed_gives_other_weights() -> None:
    assert (resamples(np.zeros(9), 5, 0) != resamples(np.zeros(9), 5, 1)).any()


def test_a_single_resample_may_leave_any_prompt_out() -> None:
    left_out = {int(resamples([0] * 4, 1, seed).argmin()) for seed in range(40)}
    assert left_out == {0, 1, 2, 3}


def test_resamples_refuses_nothing_to_draw() -> None:
    with pytest.raises(DataError, match="one code a prompt"):
        resamples([])
    with pytest.raises(SpecError, match="at least 1, not 0"):
        resamples([1, 2], 0)


def test_the_bootstrap_has_the_variance_of_the_mean() -> None:
    x = np.random.default_rng(3).normal(size=100)
    drawn = resamples(np.zeros(100), 20_000) @ x
    assert drawn.mean() == pytest.approx(x.mean(), abs=0.004)
    assert drawn.var() == pytest.approx(x.var(ddof=1) / 100, rel=0.04)


def test_small_strata_do_not_make_intervals_narrow() -> None:
    """A mean of five prompts has the variance of its sample, (n - 1) below the line."""
    x = np.random.default_rng(4).normal(size=100)
    drawn = resamples(np.repeat(np.arange(20), 5), 20_000) @ x
    within = x.reshape(20, 5).var(axis=1, ddof=1).mean() / 100
    assert drawn.var() == pytest.approx(within, rel=0.04)


def test_each_prompt_is_drawn_equally_often() -> None:
    W = resamples([0] * 7 + [1] * 20, 1000)
    np.testing.assert_allclose(W.mean(axis=0), 1 / 27, rtol=2e-3)


def test_a_lone_prompt_is_all_there_is() -> None:
    assert resamples([3], 4).tolist() == [[1.0]] * 4


def test_strata_take_out_the_variance_between_them() -> None:
    codes = np.repeat([0, 1], 50)
    assert (resamples(codes, 100) @ codes).std() == pytest.approx(0, abs=1e-12)
    assert (resamples(np.zeros(100), 100) @ codes).std() > 0.03


# intervals


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_intervals_hold_the_point(n: int, m: int, seed: int) -> None:
    evidence = made(n, m, seed)
    points = compute(evidence)
    for name, (low, high) in intervals(evidence, resamples(evidence.strata, 40)).items():
        if np.isnan(points[name]):
            assert np.isnan(low)
            assert np.isnan(high)
        else:
            assert low <= points[name] <= high


def test_intervals_stay_within_the_range_of_their_metric() -> None:
    # a score of almost 1 at every cost: taking out the bias of the hull would lead beyond 1
    scores = np.ones((40, 2))
    scores[:2, 0] = scores[2:4, 1] = 0
    costs = np.tile([1.0, 2.0], (40, 1))
    choices = np.array([[1, 0], [1, 0], *[[0, 0]] * 38])
    curve = Curve.of([0.0, np.inf], choices, scores, costs, 0)
    evidence = gather(
        scores,
        np.eye(2)[choices[:, 0]],
        np.full((40, 2), 0.5),
        best_single=0,
        strata=np.zeros(40, int),
        costs=costs,
        curve=curve,
    )
    found = intervals(evidence, resamples(evidence.strata, 500), METRICS)
    for name, ends in found.items():
        assert not ends.low < METRICS[name].low, name
        assert not ends.high > METRICS[name].high, name


def test_intervals_are_percentiles_of_the_replicates() -> None:
    evidence = made(60, 3, 0)
    W = resamples(evidence.strata, 500)
    low, high = intervals(evidence, W, ["mu"], level=0.8)["mu"]
    ends = tuple(np.quantile(W @ evidence.quality, [0.1, 0.9]))
    assert (low, high) == pytest.approx(ends, abs=1e-3)


def test_a_bias_of_resampling_is_taken_out() -> None:
    """The entropy of resamples is too low by what the entropy of the sample is too low."""
    rng = np.random.default_rng(1)
    choice = rng.integers(0, 6, 80)
    one_hot = np.eye(6)[choice]
    evidence = gather(one_hot, one_hot, one_hot, best_single=0, strata=np.zeros(80))
    W = resamples(evidence.strata, 2000)
    drawn = replicates(evidence, W, ["selection_entropy"])["selection_entropy"]
    point = compute(evidence, ["selection_entropy"])["selection_entropy"]
    low, high = intervals(evidence, W, ["selection_entropy"])["selection_entropy"]
    assert drawn.mean() < point < np.log2(6)
    bias = drawn.mean() - point
    ends = np.quantile(drawn, [0.025, 0.975]) - 2 * bias
    assert low == pytest.approx(ends[0], abs=2e-3)
    assert high == pytest.approx(ends[1], abs=2e-3)
    assert low < np.log2(6) < high  # the truth


def test_infinite_replicates_are_not_interpolated() -> None:
    assert interval(1.0, [1.0, 2.0, np.inf, np.inf], level=0.9) == (1.0, np.inf)
    assert interval(1.0, [1.0, 2.0, 3.0, np.inf], level=0.3) == pytest.approx((1.0, 2.55), abs=0.6)


def test_a_higher_level_gives_a_wider_interval() -> None:
    evidence = made(60, 3, 0)
    W = resamples(evidence.strata, 500)
    narrow, wide = (intervals(evidence, W, ["p_star"], level)["p_star"] for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_replicates_may_be_averaged_over_tasks() -> None:
    """Place i of each metric belongs to row i of the weights."""
    evidence = made(30, 3, 0)
    W = resamples(evidence.strata, 25)
    drawn = replicates(evidence, W)
    assert all(values.shape == (25,) for values in drawn.values())
    one = replicates(evidence, W[7:8])
    for name, values in drawn.items():
        assert values[7] == pytest.approx(one[name][0], nan_ok=True)


def test_replicates_of_a_mixing_policy_have_one_value_each() -> None:
    half = np.full((6, 2), 0.5)
    evidence = gather(np.eye(2)[[0, 1] * 3], half, half, best_single=0, strata=np.zeros(6))
    drawn = replicates(evidence, resamples(evidence.strata, 9))
    assert drawn["selection_entropy"].tolist() == [1.0] * 9


def test_undefined_replicates_are_left_out() -> None:
    assert interval(2.0, [1.0, NAN, 3.0], level=0.9999) == pytest.approx((1, 3), abs=1e-3)
    assert np.isnan(interval(2.0, [NAN, NAN])).all()
    assert np.isnan(interval(NAN, [1.0, 2.0])).all()


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_is_a_share(level: float) -> None:
    with pytest.raises(SpecError, match="between 0 and 1"):
        interval(0.5, [0.4, 0.6], level)


def test_the_interval_of_mu_covers_the_truth() -> None:
    rng = np.random.default_rng(11)
    n, repetitions, right = 200, 300, 0.7
    W = resamples(np.arange(n) % 4, 400)
    covered = 0
    for scores in (rng.random((repetitions, n)) < right).astype(float):
        low, high = interval(scores.mean(), W @ scores)
        covered += low <= right <= high
    assert 0.90 <= covered / repetitions <= 0.98
