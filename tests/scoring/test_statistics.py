from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring import (
    Comparison,
    Evidence,
    compute,
    gather,
    holm,
    interval,
    intervals,
    paired_test,
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
def test_resamples_are_counts_that_sum_to_one(codes: list[int], n_boot: int, seed: int) -> None:
    W = resamples(codes, n_boot, seed)
    counts = W * len(codes)
    assert W.shape == (n_boot, len(codes))
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
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


def test_fewer_resamples_are_the_first_of_more() -> None:
    codes = np.arange(3000) % 7
    np.testing.assert_array_equal(resamples(codes, 10, 4), resamples(codes, 90, 4)[:10])


def test_resamples_refuses_nothing_to_draw() -> None:
    with pytest.raises(DataError, match="one code a prompt"):
        resamples([])
    with pytest.raises(SpecError, match="at least 1, not 0"):
        resamples([1, 2], 0)


def test_the_bootstrap_has_the_variance_of_the_mean() -> None:
    x = np.random.default_rng(3).normal(size=100)
    drawn = resamples(np.zeros(100), 20_000) @ x
    assert drawn.mean() == pytest.approx(x.mean(), abs=0.004)
    assert drawn.var() == pytest.approx(x.var() / 100, rel=0.04)


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


def test_intervals_are_percentiles_of_the_replicates() -> None:
    evidence = made(60, 3, 0)
    W = resamples(evidence.strata, 500)
    low, high = intervals(evidence, W, ["mu"], level=0.8)["mu"]
    assert (low, high) == pytest.approx(tuple(np.quantile(W @ evidence.quality, [0.1, 0.9])))


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


# paired tests


def exact_p(gain: NDArray[np.float64]) -> float:
    flips = np.array(list(itertools.product([-1, 1], repeat=gain.size)))
    return float((np.abs(flips @ gain) >= abs(gain.sum()) - 1e-12).mean())


@pytest.mark.parametrize("seed", range(4))
def test_the_p_value_is_that_of_all_sign_flips(seed: int) -> None:
    gain = np.random.default_rng(seed).normal(0.4, 1, size=10)
    found = paired_test(gain, np.zeros(10), n_permutations=20_000, seed=seed)
    assert found.p_value == pytest.approx(exact_p(gain), abs=0.015)


def test_ties_do_not_change_the_p_value() -> None:
    a, zeros = np.array([1.0] * 9 + [0.0] * 2), np.zeros(11)
    b = np.array([0.0] * 9 + [1.0] * 2)
    few = paired_test(a, b)
    many = paired_test(np.append(a, zeros), np.append(b, zeros))
    assert many.p_value == few.p_value
    assert (many.wins, many.ties, many.losses) == (9, 11, 2)
    assert few.p_value == pytest.approx(2 * (1 + 11 + 55) / 2**11, abs=0.01)


def test_a_p_value_is_never_zero() -> None:
    assert paired_test(np.ones(60), np.zeros(60), n_permutations=99).p_value == 0.01


def test_the_parts_of_a_comparison() -> None:
    a, b = np.array([1.0, 1, 1, 0, 0.5, 0.1 + 0.2]), np.array([0.0, 0, 1, 1, 0.5, 0.3])
    found = paired_test(a, b)
    assert found.difference == pytest.approx(1 / 6)
    assert (found.wins, found.ties, found.losses) == (2, 3, 1)
    assert found.n_prompts == 6
    assert found.low <= found.difference <= found.high
    sd = np.array([1, 1, 0, -1, 0, 0]).std(ddof=1)
    assert found.detectable == pytest.approx(2.8 * sd / np.sqrt(6))


def test_swapping_the_routers_swaps_the_comparison() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random(80), rng.random(80)
    one, other = paired_test(a, b), paired_test(b, a)
    assert one.p_value == other.p_value
    assert one.difference == -other.difference
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert (one.wins, one.losses) == (other.losses, other.wins)


def test_a_comparison_is_reproducible() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random(80), rng.random(80)
    assert paired_test(a, b, seed=3) == paired_test(a, b, seed=3)
    assert paired_test(a, b, seed=3) != paired_test(a, b, seed=4)


def test_strata_make_the_interval_of_a_difference_narrower() -> None:
    a = np.repeat([0.0, 1.0], 50)
    b = np.zeros(100)
    flat = paired_test(a, b)
    stratified = paired_test(a, b, strata=np.repeat([0, 1], 50))
    assert flat.high - flat.low > 0.1
    assert (stratified.low, stratified.high) == pytest.approx((0.5, 0.5))


def test_p_values_are_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(8)
    p = np.array(
        [
            paired_test(*rng.random((2, 30)), n_permutations=400, n_boot=1, seed=seed).p_value
            for seed in range(400)
        ]
    )
    for level in (0.05, 0.25, 0.5, 0.75):
        share = (p <= level).mean()
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / 400)


def test_the_detectable_difference_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(9)
    n, repetitions = 150, 300
    detectable = 2.8 / np.sqrt(n)
    gains = rng.normal(detectable, 1, size=(repetitions, n))
    zeros = np.zeros(n)
    found = [paired_test(gain, zeros, n_permutations=400, n_boot=1).significant for gain in gains]
    assert 0.72 <= np.mean(found) <= 0.88


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([1.0, 2.0], [1.0], "same prompts"),
        ([], [], "same prompts"),
        ([NAN], [0.0], "NaN"),
    ],
)
def test_what_cannot_be_paired_is_refused(a: list[float], b: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        paired_test(a, b)


def test_other_bad_arguments_are_refused() -> None:
    with pytest.raises(DataError, match="strata has shape"):
        paired_test([1.0, 0.0], [0.0, 0.0], strata=[0])
    with pytest.raises(SpecError, match="n_permutations must be at least 1, not 0"):
        paired_test([1.0], [0.0], n_permutations=0)


# sentences

WON = Comparison(
    difference=0.012,
    low=0.004,
    high=0.02,
    p_value=0.003,
    n_prompts=1204,
    wins=60,
    ties=1098,
    losses=46,
    detectable=0.02,
)


def test_the_sentence_of_a_difference() -> None:
    assert WON.sentence("linear", "knn") == (
        "linear beats knn by 0.012 [0.004, 0.020] on 1,204 prompts "
        "(p = 0.003; better on 60, worse on 46)."
    )


def test_the_better_router_comes_first() -> None:
    lost = dataclasses.replace(
        WON, difference=-0.012, low=-0.02, high=-0.004, wins=46, losses=60, p_value=1e-4
    )
    assert lost.sentence("knn", "linear") == (
        "linear beats knn by 0.012 [0.004, 0.020] on 1,204 prompts "
        "(p < 0.001; better on 60, worse on 46)."
    )


def test_the_sentence_of_no_difference() -> None:
    found = dataclasses.replace(WON, p_value=0.31, low=-0.003)
    assert found.sentence("linear", "knn") == (
        "linear and knn cannot be told apart on 1,204 prompts: difference +0.012 [-0.003, 0.020] "
        "(p = 0.310); this many prompts could have shown a difference of 0.020."
    )


def test_the_corrected_p_value_decides() -> None:
    found = dataclasses.replace(WON, p_adjusted=0.09)
    assert WON.significant
    assert not found.significant
    assert "cannot be told apart" in found.sentence("linear", "knn")
    assert "p = 0.090 after correction" in found.sentence("linear", "knn")


def test_the_sentence_of_a_single_prompt_promises_nothing() -> None:
    sentence = paired_test([1.0], [0.0]).sentence("linear", "knn")
    assert sentence == (
        "linear and knn cannot be told apart on 1 prompt: difference +1.000 [1.000, 1.000] "
        "(p = 1.000)."
    )


# Holm


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([0.01, 0.02, 0.03, 0.005], [0.03, 0.04, 0.04, 0.02]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.04], [0.04]),
        ([0.01, NAN, 0.03], [0.02, NAN, 0.03]),
        ([NAN], [NAN]),
        ([], []),
    ],
)
def test_holm_by_hand(p: list[float], adjusted: list[float]) -> None:
    np.testing.assert_allclose(holm(p), adjusted)


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    order = np.argsort(p)
    assert (adjusted >= np.array(p)).all()
    assert (np.diff(adjusted[order]) >= 0).all()
    assert (adjusted <= 1).all()
