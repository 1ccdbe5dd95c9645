from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring import Comparison, holm, mean_interval, paired_test, resamples
from routereval.scoring.comparison import paired_p_value

NAN = float("nan")


# paired tests


def exact_p(gain: NDArray[np.float64]) -> float:
    """The mid-p of all sign flips, by the skewness-corrected statistic."""
    flips = np.array(list(itertools.product([-1, 1], repeat=gain.size))) * gain
    t = flips.sum(axis=1) / np.sqrt((gain**2).sum())
    k = (flips**3).sum(axis=1) / (gain**2).sum() ** 1.5
    all_of = np.abs(t + k * t**2 / 3 + k**2 * t**3 / 27 + k / 6)
    own = all_of[-1]  # no sign flipped
    return float((all_of > own + 1e-9).mean() + (np.abs(all_of - own) <= 1e-9).mean() / 2)


@pytest.mark.parametrize("seed", range(4))
def test_the_p_value_is_that_of_all_sign_flips(seed: int) -> None:
    gain = np.random.default_rng(seed).normal(0.4, 1, size=10)
    found = paired_test(gain, np.zeros(10), n_permutations=20_000, seed=seed)
    assert found.p_value == pytest.approx(exact_p(gain), abs=0.015)


def test_the_p_value_alone_is_that_of_the_test() -> None:
    gain = np.random.default_rng(5).normal(0.4, 1, size=12)
    groups = np.arange(12) // 2
    found = paired_test(gain, np.zeros(12), groups=groups, n_permutations=500)
    assert paired_p_value(gain, np.zeros(12), groups=groups, n_permutations=500) == found.p_value


def test_ties_do_not_change_the_p_value() -> None:
    a, zeros = np.array([1.0] * 9 + [0.0] * 2), np.zeros(11)
    b = np.array([0.0] * 9 + [1.0] * 2)
    few = paired_test(a, b)
    many = paired_test(np.append(a, zeros), np.append(b, zeros))
    assert many.p_value == pytest.approx(few.p_value, abs=0.01)
    assert (many.wins, many.ties, many.losses) == (9, 11, 2)
    assert few.p_value == pytest.approx(2 * (1 + 11 + 55 / 2) / 2**11, abs=0.01)  # McNemar's mid-p


def test_a_p_value_is_never_zero() -> None:
    assert paired_test(np.ones(60), np.zeros(60), n_permutations=99).p_value == 0.005


def test_the_parts_of_a_comparison() -> None:
    a, b = np.array([1.0, 1, 1, 0, 0.5, 0.1 + 0.2]), np.array([0.0, 0, 1, 1, 0.5, 0.3])
    found = paired_test(a, b)
    assert found.difference == pytest.approx(1 / 6)
    assert (found.wins, found.ties, found.losses) == (2, 3, 1)
    assert found.n_prompts == 6
    assert found.low <= found.difference <= found.high
    sd = np.array([1, 1, 0, -1, 0, 0]).std(ddof=1)
    assert found.detectable == pytest.approx(2.8 * sd / np.sqrt(6))


def test_weights_make_a_weighted_mean() -> None:
    rng = np.random.default_rng(6)
    a, b, weights = rng.random((3, 40))
    found = paired_test(a, b, weights=weights)
    assert found.difference == pytest.approx(np.average(a - b, weights=weights))
    assert found.low < found.difference < found.high
    same = paired_test(a, b, weights=np.full(40, 7.0))
    for name, value in dataclasses.asdict(paired_test(a, b)).items():
        assert getattr(same, name) == pytest.approx(value)


def test_a_prompt_without_weight_does_not_count() -> None:
    a, zeros = np.array([1.0, 0, 1, 1, 0, 1]), np.zeros(6)
    few = paired_test(a[:4], zeros[:4])
    more = paired_test(a, zeros, weights=[1, 1, 1, 1, 0, 0])
    assert more.difference == pytest.approx(few.difference)
    assert more.p_value == few.p_value


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [-1.0, 2.0], [NAN, 1.0], [np.inf, 1.0]])
def test_bad_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(DataError, match="weights"):
        paired_test([1.0, 0.0], [0.0, 0.0], weights=weights)


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
    stratified = paired_test(a, b, subsets=np.repeat([0, 1], 50))
    assert flat.high - flat.low > 0.1
    assert (stratified.low, stratified.high) == pytest.approx((0.5, 0.5))


def test_opposing_subsets_are_no_chance() -> None:
    """What one subset differs from another is in neither the p-value nor the interval."""
    subsets = np.repeat([0, 1], 100)
    gain = np.where(subsets == 0, 0.78, -0.62) + np.random.default_rng(1).normal(0, 0.1, 200)
    flat, stratified = paired_test(gain, 0 * gain), paired_test(gain, 0 * gain, subsets=subsets)
    assert stratified.difference == pytest.approx(flat.difference)
    assert (flat.significant, stratified.significant) == (False, True)
    assert flat.low < 0 < stratified.low
    assert stratified.detectable < flat.detectable / 5


def test_a_group_counts_as_one() -> None:
    """Ten prompts that are copies of each other tell no more than one of them."""
    gain = np.random.default_rng(2).choice([1.0, 0.0, -1.0], 40, p=[0.4, 0.4, 0.2])
    copies, group = np.repeat(gain, 10), np.repeat(np.arange(40), 10)
    once = paired_test(gain, np.zeros(40))
    grouped = paired_test(copies, np.zeros(400), groups=group)
    assert grouped.p_value == once.p_value
    assert (grouped.low, grouped.high) == pytest.approx((once.low, once.high))
    assert grouped.detectable == pytest.approx(once.detectable)
    assert (grouped.n_prompts, grouped.n_units) == (400, 40)
    assert paired_test(copies, np.zeros(400)).p_value < once.p_value / 4


def test_a_group_for_each_prompt_is_none() -> None:
    a, b = np.random.default_rng(3).random((2, 30))
    subsets = np.repeat([0, 1], 15)
    plain = paired_test(a, b, subsets=subsets)
    assert paired_test(a, b, subsets=subsets, groups=np.arange(30)) == plain


@given(
    st.integers(0, 10_000),
    st.integers(1, 40),
    st.integers(1, 6),
    st.sampled_from(["signs", "normal", "skew"]),
    st.booleans(),
)
def test_the_interval_excludes_zero_where_the_test_rejects(
    seed: int, n: int, n_subsets: int, kind: str, weighted: bool
) -> None:
    """Without a margin: both come from the same flips."""
    rng = np.random.default_rng(seed)
    gain = {
        "signs": rng.choice([1.0, 0.0, -1.0], n, p=[0.5, 0.3, 0.2]),
        "normal": rng.normal(0.1, 0.2, n).clip(-1, 1),
        "skew": rng.gamma(0.5, 0.1, n).clip(0, 1) - 0.03,
    }[kind]
    found = paired_test(
        gain,
        np.zeros(n),
        subsets=rng.integers(0, n_subsets, n),
        weights=rng.random(n) + 0.01 if weighted else None,
        groups=rng.integers(0, n, n),
        n_permutations=200,
    )
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert found.significant == (found.low > 0 or found.high < 0)


@pytest.mark.slow
def test_skewed_differences_raise_no_false_alarms() -> None:
    """Of mean zero: a tenth .9, the others -.1; the plain test is wrong in 11 % of 50 prompts."""
    rng = np.random.default_rng(4)
    gains = np.where(rng.random((300, 50)) < 0.1, 0.9, -0.1)
    found = [paired_test(gain, np.zeros(50), n_permutations=400).significant for gain in gains]
    assert np.mean(found) <= 0.05


@pytest.mark.slow
def test_p_values_are_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(8)
    p = np.array(
        [
            paired_test(*rng.random((2, 30)), n_permutations=400, seed=seed).p_value
            for seed in range(400)
        ]
    )
    for level in (0.05, 0.25, 0.5, 0.75):
        share = (p <= level).mean()
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / 400)


@pytest.mark.slow
def test_the_detectable_difference_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(9)
    n, repetitions = 150, 300
    detectable = 2.8 / np.sqrt(n)
    gains = rng.normal(detectable, 1, size=(repetitions, n))
    zeros = np.zeros(n)
    found = [paired_test(gain, zeros, n_permutations=400).significant for gain in gains]
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
    with pytest.raises(DataError, match="subsets has shape"):
        paired_test([1.0, 0.0], [0.0, 0.0], subsets=[0])
    with pytest.raises(DataError, match="groups has shape"):
        paired_test([1.0, 0.0], [0.0, 0.0], groups=[0])
    with pytest.raises(SpecError, match="level of an interval"):
        paired_test([1.0, 0.0], [0.0, 0.0], level=1.0)
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
        "(p = 0.003; better on 60, worse on 46; smallest difference that these prompts can tell: "
        "0.020)."
    )


def test_the_better_router_comes_first() -> None:
    lost = dataclasses.replace(
        WON, difference=-0.012, low=-0.02, high=-0.004, wins=46, losses=60, p_value=1e-4
    )
    assert lost.sentence("knn", "linear") == (
        "linear beats knn by 0.012 [0.004, 0.020] on 1,204 prompts "
        "(p < 0.001; better on 60, worse on 46; smallest difference that these prompts can tell: "
        "0.020)."
    )


def test_the_sentence_of_no_difference() -> None:
    found = dataclasses.replace(WON, p_value=0.31, low=-0.003)
    assert found.sentence("linear", "knn") == (
        "linear and knn cannot be told apart on 1,204 prompts: difference +0.012 [-0.003, 0.020] "
        "(p = 0.310); smallest difference that these prompts can tell: 0.020."
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
        "linear and knn cannot be told apart on 1 prompt: difference +1.000 [-1.000, 1.000] "
        "(p = 0.500)."
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


@pytest.mark.parametrize("groups", [None, np.arange(400) // 2])
def test_equal_scores_tell_nothing(groups: NDArray[np.int64] | None) -> None:
    """As `advise` has it of a router that chooses as the best single model does."""
    scores = np.random.default_rng(0).integers(0, 2, 400)
    found = paired_test(scores, scores, groups=groups)
    W = resamples([0] * 400, groups=groups)
    ends = mean_interval(np.zeros(400), W, groups=groups, low=-1.0)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.low < 0 < found.high
    assert np.isnan(found.detectable)
    assert "nothing can be told: on others they may differ" in found.sentence("a", "b")
