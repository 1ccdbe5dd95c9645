from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, t

from routereval.errors import DataError, SpecError
from routereval.scoring import (
    METRICS,
    Curve,
    Evidence,
    bootstrap,
    collect_evidence,
    compute,
    doubtful,
    interval,
    intervals,
    mean_interval,
    replicates,
    resamples,
)

NAN = float("nan")


def made(n: int, m: int, seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(m), n)
    return collect_evidence(
        rng.integers(0, 2, (n, m)),
        np.eye(m)[p.argmax(axis=1)],
        p,
        best_single=0,
        subsets=rng.integers(0, 4, n),
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


def test_each_subset_keeps_its_size() -> None:
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


def test_a_lone_prompt_joins_the_smallest_other_subset() -> None:
    codes = np.array([0] * 20 + [1] * 6 + [2])
    W = resamples(codes, 200)
    np.testing.assert_allclose(W[:, :20].sum(axis=1), 20 / 27)
    assert W[:, 26].std() > 0


def test_prompts_that_are_all_alone_are_one_subset() -> None:
    assert (resamples(np.arange(3), 100).std(axis=0) > 0).all()


def test_another_seed_gives_other_weights() -> None:
    assert (resamples(np.zeros(9), 5, 0) != resamples(np.zeros(9), 5, 1)).any()


def test_a_single_resample_may_weigh_any_prompt_least() -> None:
    least = {int(resamples([0] * 4, 1, seed).argmin()) for seed in range(40)}
    assert least == {0, 1, 2, 3}


def test_resamples_refuses_nothing_to_draw() -> None:
    with pytest.raises(DataError, match="one code per prompt"):
        resamples([])
    with pytest.raises(SpecError, match="at least 1, not 0"):
        resamples([1, 2], 0)


def test_the_bootstrap_has_the_variance_of_the_mean() -> None:
    x = np.random.default_rng(3).normal(size=100)
    drawn = resamples(np.zeros(100), 20_000) @ x
    assert drawn.mean() == pytest.approx(x.mean(), abs=0.004)
    assert drawn.var() == pytest.approx(x.var(ddof=1) / 100, rel=0.04)


def test_small_strata_do_not_make_intervals_narrow() -> None:
    """A mean of five prompts has the variance of its sample, (n - 1) below the line, and t's."""
    x = np.random.default_rng(4).normal(size=100)
    drawn = resamples(np.repeat(np.arange(20), 5), 20_000) @ x
    within = x.reshape(20, 5).var(axis=1, ddof=1).mean() / 100
    assert drawn.var() == pytest.approx(within * (t.ppf(0.975, 80) / 1.96) ** 2, rel=0.04)


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
    for name, (low, high) in intervals(evidence, resamples(evidence.subsets, 40)).items():
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
    evidence = collect_evidence(
        scores,
        np.eye(2)[choices[:, 0]],
        np.full((40, 2), 0.5),
        best_single=0,
        subsets=np.zeros(40, int),
        costs=costs,
        curve=curve,
    )
    found = intervals(evidence, resamples(evidence.subsets, 500), METRICS)
    for name, ends in found.items():
        assert not ends.low < METRICS[name].low, name
        assert not ends.high > METRICS[name].high, name


def test_intervals_are_percentiles_of_the_replicates() -> None:
    """But for the four pseudo-prompts, which move them by a tenth of their width at most."""
    evidence = made(400, 3, 0)
    W = resamples(evidence.subsets, 500)
    low, high = intervals(evidence, W, ["mu"], level=0.8)["mu"]
    ends = tuple(np.quantile(W @ evidence.quality, [0.1, 0.9]))
    assert (low, high) == pytest.approx(ends, abs=0.1 * (high - low))


def test_a_bias_of_resampling_is_taken_out() -> None:
    """The entropy of resamples is too low by what the entropy of the sample is too low."""
    rng = np.random.default_rng(1)
    choice = rng.integers(0, 6, 80)
    one_hot = np.eye(6)[choice]
    evidence = collect_evidence(one_hot, one_hot, one_hot, best_single=0, subsets=np.zeros(80))
    W = resamples(evidence.subsets, 2000)
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
    W = resamples(evidence.subsets, 500)
    narrow, wide = (intervals(evidence, W, ["p_star"], level)["p_star"] for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_replicates_may_be_averaged_over_tasks() -> None:
    """Place i of each metric belongs to row i of the weights."""
    evidence = made(30, 3, 0)
    W = resamples(evidence.subsets, 25)
    drawn = replicates(evidence, W)
    assert all(values.shape == (25,) for values in drawn.values())
    one = replicates(evidence, W[7:8])
    for name, values in drawn.items():
        assert values[7] == pytest.approx(one[name][0], nan_ok=True)


def test_replicates_of_a_mixing_policy_have_one_value_each() -> None:
    half = np.full((6, 2), 0.5)
    evidence = collect_evidence(
        np.eye(2)[[0, 1] * 3], half, half, best_single=0, subsets=np.zeros(6)
    )
    drawn = replicates(evidence, resamples(evidence.subsets, 9))
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


# groups


def test_groups_are_drawn_whole() -> None:
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(12), [1, 2, 3] * 4))
    W = resamples(np.zeros(len(groups)), 50, groups=groups)
    for group in range(12):
        here = W[:, groups == group]
        assert (here == here[:, :1]).all()
    np.testing.assert_allclose(W.sum(axis=1), 1)


def test_groups_of_one_prompt_change_nothing() -> None:
    subsets = np.repeat([0, 1], [20, 7])
    alone = resamples(subsets, 30, groups=np.arange(27)[::-1])
    np.testing.assert_array_equal(alone, resamples(subsets, 30))


def test_groups_within_strata_keep_the_share_of_each() -> None:
    subsets, groups = np.repeat([0, 1], [30, 60]), np.arange(90) // 3
    W = resamples(subsets, 100, groups=groups)
    np.testing.assert_allclose(W[:, subsets == 0].sum(axis=1), 1 / 3)


def test_a_group_over_several_strata_lies_where_most_of_it_does() -> None:
    subsets = np.repeat([0, 1], [20, 20])
    groups = np.concatenate([np.arange(20), np.arange(19, 39)])  # one prompt of each in common
    W = resamples(subsets, 200, groups=groups)
    np.testing.assert_allclose(W[:, 19], W[:, 20])  # drawn together
    np.testing.assert_allclose(W[:, :21].sum(axis=1), 21 / 40)  # with the first, of the lower code


def test_the_bootstrap_of_groups_has_the_variance_of_their_mean() -> None:
    each = np.random.default_rng(3).normal(size=60)
    drawn = resamples(np.zeros(300), 20_000, groups=np.arange(300) // 5) @ np.repeat(each, 5)
    assert drawn.var() == pytest.approx(each.var(ddof=1) / 60, rel=0.04)


def test_groups_are_a_code_a_prompt() -> None:
    with pytest.raises(DataError, match=r"shape \(2,\) for 3 prompts"):
        resamples([0, 0, 0], groups=[1, 2])


# the cache


def test_resamples_are_kept_and_cannot_be_changed() -> None:
    W = resamples(np.zeros(11), 5, 3)
    assert resamples(np.zeros(11, np.int64), 5, 3, groups=np.arange(11)) is W
    with pytest.raises(ValueError, match="read-only"):
        W[0, 0] = 1.0


@pytest.mark.slow
def test_the_memory_of_resamples_is_bounded() -> None:
    cache = bootstrap._cache
    cache.clear()
    groups = np.arange(2000) % 4  # large weights of which few are drawn
    one = resamples(np.zeros(2000), 1000, groups=groups)
    for seed in range(1, 60):
        resamples(np.zeros(2000), 1000, seed, groups)
    assert cache.currsize <= cache.maxsize
    assert cache.currsize % one.nbytes == 0
    assert len(cache) < 59
    np.testing.assert_array_equal(resamples(np.zeros(2000), 1000, groups=groups), one)
    cache.clear()


# near the ends


@pytest.mark.parametrize("n", [20, 50, 200])
def test_all_right_is_not_certain(n: int) -> None:
    """The lower end is near that of Bayes' interval, from a flat prior, for n right of n."""
    low, high = mean_interval(np.ones(n), resamples(np.zeros(n)))
    assert high == 1
    assert beta.ppf(0.01, n + 1, 1) < low < beta.ppf(0.06, n + 1, 1)
    none_right = mean_interval(np.zeros(n), resamples(np.zeros(n)))
    assert none_right == pytest.approx((0, 1 - low), abs=0.02)


def test_a_perfect_sample_leaves_every_ratio_open() -> None:
    ones, p = np.ones((30, 3)), np.eye(3)[np.arange(30) % 3]
    evidence = collect_evidence(ones, p, p, best_single=0, subsets=np.zeros(30))
    found = intervals(evidence, resamples(evidence.subsets), ["mu", "v_b", "gain_best"])
    assert found["mu"].low < 0.95
    assert found["v_b"].low < 0.97
    assert found["gain_best"].low < -0.03 < 0.03 < found["gain_best"].high


def test_what_is_certain_by_construction_stays_so() -> None:
    """The best single model gains nothing over itself, and the oracle is the oracle."""
    scores = np.random.default_rng(0).integers(0, 2, (60, 4)).astype(float)
    p = np.full((60, 4), 0.25)
    single = collect_evidence(scores, np.eye(4)[[2] * 60], p, best_single=2, subsets=np.zeros(60))
    assert intervals(single, resamples(np.zeros(60)), ["gain_best"])["gain_best"] == (0, 0)
    best = np.eye(4)[scores.argmax(axis=1)]
    oracle = collect_evidence(scores, best, p, best_single=2, subsets=np.zeros(60), informed=True)
    assert intervals(oracle, resamples(np.zeros(60)), ["p_star"])["p_star"] == pytest.approx((1, 1))


def test_scores_that_hardly_vary_have_narrow_intervals() -> None:
    x = 0.5 + 0.01 * np.random.default_rng(0).normal(size=50)
    low, high = mean_interval(x, resamples(np.zeros(50)))
    assert high - low < 5 * x.std() / np.sqrt(50)


def test_clusters_widen_what_all_right_leaves_open() -> None:
    groups = np.arange(100) // 5
    lone = mean_interval(np.ones(100), resamples(np.zeros(100)))
    whole = mean_interval(np.ones(100), resamples(np.zeros(100), groups=groups), groups=groups)
    assert whole.low < lone.low - 0.05


def test_the_best_of_equal_models_is_doubted() -> None:
    rng = np.random.default_rng(2)
    tied = (rng.random((200, 20)) < 0.6).astype(float)
    clear = (rng.random((200, 20)) < [0.2] * 19 + [0.8]).astype(float)
    for scores, doubted in ((tied, True), (clear, False)):
        choice = np.eye(20)[rng.integers(0, 20, 200)]
        evidence = collect_evidence(scores, choice, choice, best_single=19, subsets=np.zeros(200))
        assert ("v_b" in doubtful(evidence)) == doubted
        high = intervals(evidence, resamples(np.zeros(200)), ["v_b"])["v_b"].high
        assert not doubted or high > np.quantile(
            replicates(evidence, resamples(np.zeros(200)), ["v_b"])["v_b"], 0.99
        )


def test_few_prompts_are_doubted_whatever_they_say() -> None:
    assert doubtful(made(19, 3, 0)) == set(METRICS)
    assert "mu" not in doubtful(made(20, 3, 0))


def test_replicates_are_multiplied_on_one_thread() -> None:
    """Else the number of cores would show in the last bits."""
    threads: list[int] = []

    class Column:
        def __array__(self, *_: object, **__: object) -> np.ndarray:
            threads.extend(
                pool["num_threads"] for pool in bootstrap._blas().select(user_api="blas").info()
            )
            return np.ones(4)

    assert bootstrap.product(resamples([0] * 4, 3), Column()).tolist() == pytest.approx([1] * 3)
    assert set(threads) == {1}
