"""The closed forms are the averages over all subsets that they claim to be."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from routereval.scoring.scaling import (
    expected_maxima_at,
    expected_oracles,
    expected_oracles_at,
    gaps,
    noisy,
    passing_size,
    round_sizes,
    saturation_size,
    spread_ranks,
    widest,
)

Floats = NDArray[np.float64]

small = st.tuples(st.integers(1, 6), st.integers(1, 6))
binary = hnp.arrays(np.float64, small, elements=st.sampled_from([0.0, 1.0]))
real = hnp.arrays(np.float64, small, elements=st.floats(0, 1, allow_subnormal=False))


def over_all_subsets(scores: Floats) -> Floats:
    """The oracle's mean over every pool of m = 1, 2, … columns."""
    columns = range(scores.shape[1])
    return np.array(
        [
            np.mean([scores[:, pool].max(axis=1).mean() for pool in combinations(columns, m)])
            for m in range(1, scores.shape[1] + 1)
        ]
    )


def exact(short: list[int], of: int, weights: list[Fraction], m: int) -> Fraction:
    chances = [Fraction(comb(s, m), comb(of, m)) for s in short]
    return sum((w * (1 - c) for w, c in zip(weights, chances, strict=True)), start=Fraction(0))


@given(binary)
@settings(deadline=None)
def test_binary_scores_against_every_subset(scores: Floats) -> None:
    n_prompts, n_models = scores.shape
    short = n_models - scores.sum(axis=1)
    curve = expected_oracles(short, n_models, np.full(n_prompts, 1 / n_prompts))
    np.testing.assert_allclose(curve, over_all_subsets(scores), rtol=0, atol=1e-12)


@given(real)
@settings(deadline=None)
def test_real_scores_against_every_subset(scores: Floats) -> None:
    n_models = scores.shape[1]
    ordered = np.sort(scores, axis=1)
    naive = over_all_subsets(scores)
    sizes = np.arange(1, n_models + 1)
    each = expected_maxima_at(ordered, sizes)
    np.testing.assert_allclose(each.mean(axis=0), naive, rtol=0, atol=1e-12)
    weights = gaps(ordered.mean(axis=0))
    curve = expected_oracles(np.arange(n_models + 1), n_models, weights)
    np.testing.assert_allclose(curve, naive, rtol=0, atol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9))
def test_terms_with_as_many_models_as_were_observed_there(terms: list[tuple[int, int]]) -> None:
    short = [min(s, 1 + o) for s, o in terms]
    of = [1 + o for _, o in terms]
    last = min(of)
    curve = expected_oracles(short, of, np.full(len(of), 1 / len(of)))
    assert len(curve) == last
    for m in range(1, last + 1):
        shares = [1 - Fraction(comb(s, m), comb(o, m)) for s, o in zip(short, of, strict=True)]
        assert curve[m - 1] == pytest.approx(float(sum(shares) / len(of)), abs=1e-12)


def test_thousands_of_models_against_exact_fractions() -> None:
    of, short = 5000, [0, 1, 17, 2500, 4700, 4963, 4999, 5000]
    weights = [Fraction(1, 8)] * 8
    curve = expected_oracles(short, of, [1 / 8] * 8)
    for m in (1, 2, 3, 10, 63, 64, 65, 100, 999, 2500, 4999, 5000):
        assert curve[m - 1] == pytest.approx(float(exact(short, of, weights, m)), abs=1e-12)


@given(st.integers(1, 200), st.data())
def test_the_curve_starts_at_the_mean_never_falls_and_ends_at_the_oracle(
    of: int, data: st.DataObject
) -> None:
    short = data.draw(st.lists(st.integers(0, of), min_size=1, max_size=20))
    curve = expected_oracles(short, of, np.full(len(short), 1 / len(short)))
    assert curve[0] == pytest.approx(1 - np.mean(short) / of)
    assert curve[-1] == pytest.approx(np.mean(np.array(short) < of))
    assert (np.diff(curve) >= -1e-15).all()


@given(st.integers(1, 150), st.data())
def test_term_by_term_and_summed_up_are_the_same(of: int, data: st.DataObject) -> None:
    short = np.array(data.draw(st.lists(st.integers(0, of), min_size=1, max_size=9)))
    sizes = np.array(sorted(data.draw(st.sets(st.integers(1, of), min_size=1))))
    weights = np.full(len(short), 1 / len(short))
    each = expected_oracles_at(short, of, sizes)
    curve = expected_oracles(short, of, weights)
    np.testing.assert_allclose(weights @ each, curve[sizes - 1], rtol=0, atol=1e-13)


def test_more_terms_than_are_held_at_a_time() -> None:
    short = np.repeat(np.arange(101), 200)
    weights = np.full(len(short), 1 / len(short))
    few = expected_oracles(np.arange(101), 100, np.full(101, 1 / 101))
    np.testing.assert_allclose(expected_oracles(short, 100, weights), few, rtol=0, atol=1e-12)
    sizes = np.array([1, 70])
    at = expected_oracles_at(short, 100, sizes)
    np.testing.assert_array_equal(at[::200], expected_oracles_at(np.arange(101), 100, sizes))


@given(real)
def test_gaps_are_parts_of_the_whole_score(scores: Floats) -> None:
    parts = gaps(np.sort(scores[0]))
    assert parts.sum() == pytest.approx(1)
    assert (parts >= 0).all()


def test_noise_mixes_the_oracle_with_the_mean() -> None:
    assert noisy([1.0, 0.5], [0.5, 0.25], 0.0).tolist() == [0.5, 0.25]
    assert noisy([1.0, 0.5], [0.5, 0.25], 0.5).tolist() == [0.75, 0.375]
    assert noisy([1.0, 0.5], [0.5, 0.25], 1.0).tolist() == [1.0, 0.5]


def test_a_curve_passes_only_what_it_lies_above() -> None:
    curve = [0.2, 0.6, 0.9]
    assert [passing_size(curve, t) for t in (0.1, 0.2, 0.6, 0.89, 0.9)] == [1, 2, 3, 3, None]


def test_saturation_counts_from_one_model_to_all() -> None:
    curve = [0.2, 0.6, 0.92, 0.93, 1.0]
    assert [saturation_size(curve, s) for s in (0.0, 0.5, 0.9, 0.99, 1.0)] == [1, 2, 3, 5, 5]
    assert saturation_size([0.7, 0.7], 0.9) == 1


@given(st.integers(1, 20_000), st.sets(st.integers(1, 30_000), max_size=3))
def test_round_sizes_rise_from_one_to_the_last(last: int, also: set[int]) -> None:
    sizes = round_sizes(last, also).tolist()
    assert sizes == sorted(set(sizes))
    assert (sizes[0], sizes[-1]) == (1, last)
    assert {m for m in also if m <= last} <= set(sizes)
    assert {m for m in (3, 5, 10, 100, 1000) if m <= last} <= set(sizes)
    assert set(round_sizes(last // 2 or 1)) <= set(round_sizes(last, [last // 2 or 1]))


@given(st.integers(1, 300))
def test_spread_ranks_are_all_ranks_and_lie_apart(n: int) -> None:
    ranks = spread_ranks(n)
    assert sorted(ranks.tolist()) == list(range(n))
    assert ranks[0] == 0
    for m in (2, 4, 8, 16):
        if m <= n // 2:
            apart = np.diff(np.sort(ranks[:m]))
            assert apart.max() <= 2 * apart.min()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any))
def test_widest_keeps_the_most_prompts_times_models(observed: list[int]) -> None:
    rows, last = widest(np.array(observed))
    areas = {m: m * sum(o >= m for o in observed) for m in range(1, 10)}
    assert len(rows) * last == max(areas.values())
    assert rows.tolist() == [row for row, o in enumerate(observed) if o >= last]
