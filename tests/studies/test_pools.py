"""Pools worth having: greedy against the best of all pools, and redundant models."""

from __future__ import annotations

from itertools import combinations
from math import e

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.studies.advise.pools import greedy, redundant
from routereval.studies.advise.score_table import ScoreTable, score_table_of

pytestmark = pytest.mark.once

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
def test_greedy_has_its_guarantee(seed: int, n: int, m: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, m))
    scores = made(seed, n, m)
    best = max(oracle(scores, pool) for pool in combinations(range(m), size))
    chosen = greedy(scores, size)
    assert len(set(chosen.tolist())) == size
    assert (1 - 1 / e) * best - 1e-12 <= oracle(scores, chosen) <= best + 1e-12


def test_greedy_can_be_beaten() -> None:
    """The textbook case: the largest set first, and the two that share it out cover less."""
    scores = np.zeros((12, 3))
    scores[:6, 0] = scores[6:, 1] = 1
    scores[1:5, 2] = scores[7:11, 2] = 1
    assert greedy(scores, 2)[0] == 2
    assert oracle(scores, (0, 1)) == 1.0 > oracle(scores, greedy(scores, 2))


def test_a_pool_larger_than_the_models_is_refused() -> None:
    with pytest.raises(DataError, match="2 models are too few for a pool of 3"):
        greedy(np.eye(2), 3)
    with pytest.raises(SpecError, match="at least 1"):
        greedy(np.eye(2), 0)


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
