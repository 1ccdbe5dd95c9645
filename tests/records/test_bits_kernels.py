"""Counting kernels for growing pools say what a dense truth matrix says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from routereval.records import bits
from routereval.records.matrix import BinaryMatrix, RealMatrix

pytestmark = pytest.mark.once

Truth = NDArray[np.bool_]
Floats = NDArray[np.float64]

truths = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 140)))
scores = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 70), st.integers(1, 8)),
    elements=st.sampled_from([0.0, 1.0, 1.0, 0.0, np.nan]),
)
graded = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 70), st.integers(1, 8)),
    elements=st.sampled_from([0.0, 0.25, 0.9, 1.0, np.nan]),
)


@pytest.mark.parametrize("n_models", [1, 254, 255, 256, 511, 1000])
def test_counts_per_prompt_carry_past_a_byte(n_models: int) -> None:
    truth = np.random.default_rng(n_models).random((n_models, 130)) < 0.9
    truth[:, 0] = True
    counts = bits.count_per_prompt(bits.pack(truth), 130)
    assert counts.dtype == np.int64
    assert np.array_equal(counts, truth.sum(axis=0))


@given(truths)
def test_first_rows(truth: Truth) -> None:
    words = bits.pack(truth)
    first = [int(col.argmax()) if col.any() else len(truth) for col in truth.T]
    assert bits.first_rows(words, truth.shape[1]).tolist() == first


def test_first_rows_in_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = np.random.default_rng(0).random((50, 100)) < 0.04
    whole = bits.first_rows(bits.pack(truth), 100)
    monkeypatch.setattr(bits, "_CHUNK_BYTES", 64)
    assert np.array_equal(bits.first_rows(bits.pack(truth), 100), whole)


def check_prefixes(matrix: BinaryMatrix | RealMatrix, dense: Floats, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(dense.shape[1])
    sizes = np.unique([1, 1 + len(order) // 2, len(order)])
    known = np.nan_to_num(dense)[:, order]
    best = np.maximum.accumulate(known, axis=1)
    found = matrix.prefixes(order, sizes)
    np.testing.assert_allclose(found.oracle, best.mean(axis=0), atol=1e-7)
    np.testing.assert_allclose(found.oracle_at, best[:, sizes - 1], atol=1e-7)
    mean = np.cumsum(known, axis=1)[:, sizes - 1] / sizes
    np.testing.assert_allclose(found.mean_at, mean, atol=1e-7)


@given(scores, st.integers(0, 99))
def test_prefixes_of_packed_scores(dense: Floats, seed: int) -> None:
    check_prefixes(BinaryMatrix.of(dense), dense, seed)


@given(st.one_of(scores, graded), st.integers(0, 99))
def test_prefixes_of_real_scores(dense: Floats, seed: int) -> None:
    check_prefixes(RealMatrix.of(dense), dense, seed)
