"""Pools worth having: greedy against the exact optimum, budgets, savings and redundancy."""

from __future__ import annotations

from itertools import combinations
from math import e
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.sources import open_source
from routereval.studies.advise.pools import (
    RULES,
    choosers,
    exact,
    greedy,
    greedy_within,
    random_oracles,
    redundant,
    saving_pool,
)
from routereval.studies.advise.score_table import ScoreTable, score_table_of

pytestmark = pytest.mark.once

SHARED = next(
    (p / "shared" for p in Path(__file__).parents if (p / "shared").exists()), Path("/nowhere")
)
Floats = NDArray[np.float64]


def oracle(scores: Floats, columns: NDArray[np.int64] | tuple[int, ...]) -> float:
    return float(scores[:, list(columns)].max(axis=1).mean())


def made(seed: int, n: int, m: int) -> Floats:
    rng = np.random.default_rng(seed)
    return (rng.random((n, m)) < rng.random((n, 1)) * rng.random(m)).astype(float)


def table(scores: Floats, costs: Floats | None = None) -> ScoreTable:
    names = [f"llm-{i}" for i in range(scores.shape[1])]
    return score_table_of(Records.from_arrays("toy", scores, names, costs=costs))


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 7), st.data())
@settings(max_examples=40)
def test_exact_is_the_best_and_greedy_has_its_guarantee(
    seed: int, n: int, m: int, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, m))
    scores = made(seed, n, m)
    best = max(oracle(scores, pool) for pool in combinations(range(m), size))
    found = exact(scores, size)
    assert found is not None
    assert found.oracle == pytest.approx(best, abs=1e-9)
    assert found.proved
    assert len(set(found.columns.tolist())) == size
    assert oracle(scores, found.columns) == pytest.approx(found.oracle)
    chosen = greedy(scores, size)
    assert (1 - 1 / e) * found.oracle - 1e-12 <= oracle(scores, chosen) <= found.oracle + 1e-12


def test_greedy_can_be_beaten() -> None:
    """The textbook case: the largest set first, and the two that share it out cover less."""
    scores = np.zeros((12, 3))
    scores[:6, 0] = scores[6:, 1] = 1
    scores[1:5, 2] = scores[7:11, 2] = 1
    assert greedy(scores, 2)[0] == 2
    best = exact(scores, 2)
    assert best is not None
    assert best.oracle == 1.0 > oracle(scores, greedy(scores, 2))


def test_exact_declines_what_it_cannot_do() -> None:
    assert exact(np.full((3, 2), 0.5), 1) is None
    assert exact(np.ones((2, 65)), 1) is None
    nobody = exact(np.zeros((4, 3)), 2)
    assert nobody is not None
    assert (nobody.oracle, len(nobody.columns), nobody.proved) == (0.0, 2, True)


def test_a_pool_larger_than_the_models_is_refused() -> None:
    with pytest.raises(DataError, match="2 models are too few for a pool of 3"):
        greedy(np.eye(2), 3)
    with pytest.raises(SpecError, match="at least 1"):
        greedy(np.eye(2), 0)
    with pytest.raises(DataError, match="too few"):
        saving_pool(np.eye(2), np.eye(2), 3)


@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0.05, 3.0))
@settings(max_examples=40)
def test_a_budget_is_kept_and_the_guarantee_too(seed: int, m: int, budget: float) -> None:
    rng = np.random.default_rng(seed)
    scores, prices = made(seed, 30, m), rng.random(m) + 0.01
    chosen = greedy_within(scores, prices, budget)
    assert prices[chosen].sum() <= budget + 1e-12
    pools = [pool for size in range(1, m + 1) for pool in combinations(range(m), size)]
    best = max([oracle(scores, p) for p in pools if prices[list(p)].sum() <= budget], default=0.0)
    reached = oracle(scores, chosen) if len(chosen) else 0.0
    assert reached >= (1 - 1 / e) / 2 * best - 1e-12


def test_one_dear_llm_may_be_worth_more_than_many_cheap_ones() -> None:
    scores = np.zeros((10, 3))
    scores[:9, 0] = scores[:1, 1] = 1
    prices = np.array([1.0, 0.01, 0.5])
    assert greedy_within(scores, prices, 1.0).tolist() == [0]
    assert greedy_within(scores, prices, 2.0).tolist() == [1, 0]
    assert greedy_within(scores, prices, 2.0, size=1).tolist() == [0]
    assert greedy_within(scores, prices, 0.001).tolist() == []


def test_stand_ins_are_cheap_and_right() -> None:
    scores = np.array([[1.0, 1, 1, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]])
    costs = np.array([[10.0, 2, 1, 4]] * 5)
    assert saving_pool(scores, costs, 1).tolist() == [0]
    assert saving_pool(scores, costs, 2).tolist() == [0, 2]
    assert saving_pool(scores, costs, 3).tolist() == [0, 2, 3]


def test_random_oracles_are_means_over_all_pools() -> None:
    rng = np.random.default_rng(0)
    for scores in (made(1, 20, 6), rng.random((20, 6))):
        found = random_oracles(scores, [1, 3, 6])
        for size, value in zip([1, 3, 6], found, strict=True):
            every = [oracle(scores, pool) for pool in combinations(range(6), size)]
            assert value == pytest.approx(np.mean(every), abs=1e-12)


def test_redundant_llms_are_grouped_and_the_best_is_kept() -> None:
    scores = (np.random.default_rng(3).random((300, 5)) < [0.4, 0.5, 0.6, 0.3, 0.5]).astype(float)
    twin = scores[:, 2].copy()
    twin[np.flatnonzero(twin == 1)[:2]] = 0
    groups = redundant(table(np.column_stack([scores, twin])))
    assert [(g.keep, g.drop) for g in groups] == [("llm-2", ("llm-5",))]
    assert 0.9 <= groups[0].least < 1
    costs = np.ones((300, 6))
    costs[:, 2] = 5
    cheap = redundant(table(np.column_stack([scores, twin]), costs))
    assert (cheap[0].keep, cheap[0].drop) == ("llm-5", ("llm-2",))
    assert redundant(table(np.column_stack([scores, twin])[:40])) == []
    assert redundant(table(made(4, 300, 5))) == []


def test_agreement_that_means_explain_is_not_redundancy() -> None:
    easy = (np.random.default_rng(0).random((2000, 2)) < 0.98).astype(float)
    assert (easy[:, 0] == easy[:, 1]).mean() > 0.95
    assert redundant(table(easy)) == []


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_greedy_is_never_worse_than_the_references_pools_on_train(seed: int) -> None:
    scores = made(seed, 200, 16)
    held = table(scores, np.random.default_rng(seed).random((200, 16)))
    rows = np.random.default_rng(seed).permutation(200)[:160]
    rules = choosers(held, 42)
    assert list(rules) == list(RULES)
    for size in (2, 3, 5):
        reached = {name: oracle(scores[rows], rule(rows, size)) for name, rule in rules.items()}
        assert reached["greedy"] >= reached["strong-to-weak"] - 1e-12
        assert len(set(rules["saving"](rows, size).tolist())) == size


def test_rules_see_training_rows_only() -> None:
    scores = made(5, 200, 12)
    rows = np.arange(120)
    other = scores.copy()
    other[120:] = 1 - other[120:]
    first, second = choosers(table(scores), 1), choosers(table(other), 1)
    for name in first:
        assert first[name](rows, 3).tolist() == second[name](rows, 3).tolist()


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data" / "mmlu_pro").exists(), reason="no real records here")
@pytest.mark.parametrize("source", ["mmlu_pro", "routerbench_subset"])
def test_greedy_is_never_worse_than_strong_to_weak_on_real_records(source: str) -> None:
    for records in open_source(SHARED / "data" / source):
        held = score_table_of(records)
        rows = np.arange(0, held.n_prompts, 2)
        rules = choosers(held, 42)
        scores = held.scores.astype(np.float64)[rows]
        for size in (3, 5):
            reached = oracle(scores, rules["greedy"](rows, size))
            assert reached >= oracle(scores, rules["strong-to-weak"](rows, size))
