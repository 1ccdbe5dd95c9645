"""Both score matrices answer what a dense numpy matrix answers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from routereval.records import bits, complete_block, score_matrix
from routereval.records.matrix import BinaryMatrix, RealMatrix

Floats = NDArray[np.float64]

shapes = st.tuples(st.integers(1, 70), st.integers(1, 8))
binary = hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 1.0]))
real = hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.9, 1.0]))
gappy_binary = hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 1.0, np.nan]))
gappy_real = hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 0.1, 1.0, np.nan]))
any_scores = st.one_of(binary, real, gappy_binary, gappy_real)


def both(scores: Floats) -> list[BinaryMatrix | RealMatrix]:
    """Every matrix that can hold the scores."""
    fits = np.isin(scores, [0, 1]) | np.isnan(scores)
    return [RealMatrix.of(scores), *([BinaryMatrix.of(scores)] if fits.all() else [])]


def oracle(scores: Floats, models: NDArray[np.int64]) -> float:
    return float(np.nan_to_num(scores[:, models]).max(axis=1).mean())


@given(any_scores)
def test_dense_gives_back_the_scores(scores: Floats) -> None:
    for matrix in both(scores):
        assert matrix.shape == scores.shape
        assert matrix.dense().dtype == np.float64
        assert np.array_equal(matrix.dense(), scores, equal_nan=True)


@given(any_scores, st.data())
def test_dense_and_select_take_rows_and_columns_in_the_order_given(
    scores: Floats, data: st.DataObject
) -> None:
    rows, columns = (
        data.draw(st.none() | hnp.arrays(np.int64, st.integers(0, 9), elements=st.integers(0, n)))
        for n in (scores.shape[0] - 1, scores.shape[1] - 1)
    )
    naive = scores if rows is None else scores[rows]
    naive = naive if columns is None else naive[:, columns]
    for matrix in both(scores):
        assert np.array_equal(matrix.dense(rows, columns), naive, equal_nan=True)
        chosen = matrix.select(rows, columns)
        assert type(chosen) is type(matrix)
        assert chosen.shape == naive.shape
        assert np.array_equal(chosen.dense(), naive, equal_nan=True)


@given(any_scores)
def test_means_leave_out_what_was_not_observed(scores: Floats) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy on a column of NaN
        naive = np.nanmean(scores, axis=0)
    for matrix in both(scores):
        assert np.allclose(matrix.means(), naive, rtol=1e-12, atol=0, equal_nan=True)


@given(st.one_of(binary, real))
def test_means_are_numpys_to_the_last_bit(scores: Floats) -> None:
    for matrix in both(scores):
        assert np.array_equal(matrix.means(), scores.mean(axis=0))


@given(any_scores, st.data())
def test_window_oracles(scores: Floats, data: st.DataObject) -> None:
    n_models = scores.shape[1]
    order = np.array(data.draw(st.permutations(range(n_models))), dtype=np.int64)
    for size in range(1, n_models + 1):
        naive = [oracle(scores, order[s : s + size]) for s in range(n_models - size + 1)]
        for matrix in both(scores):
            assert matrix.window_oracles(order, size) == pytest.approx(naive, abs=1e-7)


@given(any_scores, st.data())
def test_draw_oracles(scores: Floats, data: st.DataObject) -> None:
    models = st.integers(0, scores.shape[1] - 1)
    draws = data.draw(hnp.arrays(np.int64, (4, 3), elements=models))
    naive = [oracle(scores, draw) for draw in draws]
    for matrix in both(scores):
        assert matrix.draw_oracles(draws) == pytest.approx(naive, abs=1e-7)


@given(any_scores)
def test_observed_is_none_exactly_if_nothing_is_missing(scores: Floats) -> None:
    for matrix in both(scores):
        seen = matrix.observed()
        if np.isnan(scores).any():
            assert seen is not None
            assert np.array_equal(bits.unpack(seen, len(scores)).T, ~np.isnan(scores))
        else:
            assert seen is None


def test_an_unobserved_score_does_not_hide_the_other_models_of_a_window() -> None:
    scores = np.array([[np.nan, 0.5, 0.0], [0.25, np.nan, 1.0]])
    matrix = RealMatrix.of(scores)
    assert matrix.window_oracles(np.arange(3), 2).tolist() == [0.375, 0.75]
    assert matrix.draw_oracles(np.array([[0, 1], [0, 2]])).tolist() == [0.375, 0.5]


def test_scores_of_0_and_1_are_packed_and_others_are_not() -> None:
    assert isinstance(score_matrix(np.array([[0.0, 1.0], [np.nan, 0.0]])), BinaryMatrix)
    assert isinstance(score_matrix(np.array([[0, 1], [1, 0]])), BinaryMatrix)
    assert isinstance(score_matrix(np.array([[0.0, 0.5]])), RealMatrix)


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        ([[0.5, 0.25]], np.float32),
        ([[0.5, np.nan]], np.float32),
        ([[float(np.float32(0.1)), 1.0]], np.float32),
        ([[0.1, 0.5]], np.float64),
        ([[1 / 3, np.nan]], np.float64),
        ([[1e-60, 1.0]], np.float64),
    ],
)
def test_real_scores_are_narrowed_only_where_no_digit_is_lost(
    scores: list[list[float]], kind: type[np.floating]
) -> None:
    matrix = RealMatrix.of(np.array(scores))
    assert matrix.values.dtype == kind
    assert np.array_equal(matrix.dense(), scores, equal_nan=True)


@given(any_scores)
def test_a_complete_block_has_no_missing_cell(scores: Floats) -> None:
    for matrix in both(scores):
        block = complete_block(matrix)
        assert not np.isnan(matrix.dense(block.prompts, block.models)).any()
        assert (np.diff(block.prompts) > 0).all()
        assert (np.diff(block.models) > 0).all()
        if not np.isnan(scores).any():
            assert (len(block.prompts), len(block.models)) == scores.shape


def test_a_complete_block_is_the_largest_prefix_of_the_best_observed() -> None:
    scores = np.ones((10, 4))
    scores[:, 1] = np.nan  # never asked
    scores[8:, 3] = np.nan  # 3 models × 8 prompts beat 2 × 10
    block = complete_block(score_matrix(scores))
    assert block.prompts.tolist() == list(range(8))
    assert block.models.tolist() == [0, 2, 3]


def test_a_complete_block_leaves_out_a_model_that_costs_too_many_prompts() -> None:
    scores = np.full((10, 3), 0.5)
    scores[2:, 0] = np.nan  # 3 × 2 cells against 2 × 10
    block = complete_block(score_matrix(scores))
    assert block.prompts.tolist() == list(range(10))
    assert block.models.tolist() == [1, 2]


def test_a_complete_block_has_as_many_models_as_are_asked_for() -> None:
    scores = np.full((1000, 6), np.nan)
    scores[:, 0] = scores[:150] = 1.0
    matrix = score_matrix(scores)
    assert [len(part) for part in complete_block(matrix)] == [1000, 1]
    assert [len(part) for part in complete_block(matrix, 3)] == [150, 6]
    assert [len(part) for part in complete_block(matrix, 99)] == [150, 6]
    scores[10:, 1:] = np.nan  # too few prompts to choose anything on
    assert [len(part) for part in complete_block(score_matrix(scores), 3)] == [1000, 1]
