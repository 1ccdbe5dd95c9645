"""Packed bits say what a dense truth matrix says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from routereval.records import bits

pytestmark = pytest.mark.once

Truth = NDArray[np.bool_]

WIDTHS = [1, 7, 8, 63, 64, 65, 128, 130]
truths = hnp.arrays(
    np.bool_, st.tuples(st.integers(1, 9), st.one_of(st.integers(1, 140), st.sampled_from(WIDTHS)))
)


def made(n_models: int = 23, n_prompts: int = 130, seed: int = 0, share: float = 0.3) -> Truth:
    return np.random.default_rng(seed).random((n_models, n_prompts)) < share


def windows(truth: Truth, size: int) -> list[int]:
    starts = range(len(truth) - size + 1)
    return [int(truth[start : start + size].any(axis=0).sum()) for start in starts]


@given(truths)
def test_unpack_undoes_pack(truth: Truth) -> None:
    words = bits.pack(truth)
    assert words.dtype == np.uint64
    assert words.shape == (len(truth), bits.n_words(truth.shape[1]))
    assert np.array_equal(bits.unpack(words, truth.shape[1]), truth)


@given(truths)
def test_prompt_j_is_bit_j_of_its_word_and_bits_past_the_end_are_zero(truth: Truth) -> None:
    words = bits.pack(truth)
    for model, row in enumerate(words):
        number = sum(int(word) << (64 * place) for place, word in enumerate(row))
        assert number == sum(1 << int(prompt) for prompt in np.flatnonzero(truth[model]))


@pytest.mark.parametrize(("n_prompts", "words"), [(0, 0), (1, 1), (64, 1), (65, 2), (12032, 188)])
def test_n_words(n_prompts: int, words: int) -> None:
    assert bits.n_words(n_prompts) == words


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_nothing_packs_to_nothing(shape: tuple[int, int]) -> None:
    empty = np.zeros(shape, dtype=bool)
    words = bits.pack(empty)
    assert bits.unpack(words, shape[1]).shape == shape
    assert bits.count(words).tolist() == [0] * shape[0]
    assert bits.count_per_prompt(words, shape[1]).tolist() == [0] * shape[1]


def test_a_matrix_of_any_memory_order_packs_alike() -> None:
    truth = made()
    assert np.array_equal(bits.pack(np.asfortranarray(truth)), bits.pack(truth))
    assert np.array_equal(bits.pack(truth.T.copy().T), bits.pack(truth))
    strided = bits.pack(truth)[::2]
    assert np.array_equal(bits.unpack(strided, 130), truth[::2])


@given(truths)
def test_counts(truth: Truth) -> None:
    words = bits.pack(truth)
    assert np.array_equal(bits.count(words), truth.sum(axis=1))
    assert np.array_equal(bits.count_per_prompt(words, truth.shape[1]), truth.sum(axis=0))


@pytest.mark.parametrize("n_models", [255, 256, 511, 600])
def test_counts_of_more_models_than_a_byte_counts(n_models: int) -> None:
    truth = made(n_models, 66, share=0.97)
    truth[:, 0] = True
    assert np.array_equal(bits.count_per_prompt(bits.pack(truth), 66), truth.sum(axis=0))


def test_count_keeps_the_leading_axes() -> None:
    truth = made(12, 70)
    cube = bits.pack(truth).reshape(3, 4, -1)
    assert np.array_equal(bits.count(cube), truth.sum(axis=1).reshape(3, 4))


@given(truths, st.data())
def test_select_prompts(truth: Truth, data: st.DataObject) -> None:
    rows = st.integers(0, truth.shape[1] - 1)
    prompts = np.array(data.draw(st.lists(rows, max_size=150)), dtype=np.int64)
    chosen = bits.select_prompts(bits.pack(truth), truth.shape[1], prompts)
    assert np.array_equal(chosen, bits.pack(truth[:, prompts]))


@given(truths, st.data())
def test_window_counts(truth: Truth, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(truth)))
    assert bits.window_counts(bits.pack(truth), size).tolist() == windows(truth, size)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 12, 22, 23])
def test_window_counts_of_one_of_all_and_of_what_does_not_divide(size: int) -> None:
    truth = made()
    assert bits.window_counts(bits.pack(truth), size).tolist() == windows(truth, size)


@given(truths, st.data())
def test_draw_counts(truth: Truth, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 4))
    models = hnp.arrays(np.int64, (5, size), elements=st.integers(0, len(truth) - 1))
    draws = data.draw(models)
    naive = [int(truth[draw].any(axis=0).sum()) for draw in draws]
    words = bits.pack(truth)
    before = words.copy()
    assert bits.draw_counts(words, draws).tolist() == naive
    assert np.array_equal(words, before)


@given(truths)
def test_running_and(truth: Truth) -> None:
    shared = bits.unpack(bits.running_and(bits.pack(truth)), truth.shape[1])
    assert np.array_equal(shared, np.logical_and.accumulate(truth, axis=0))


@pytest.mark.parametrize("chunk", [1, 100, 1000])
def test_chunks_do_not_show(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = made()
    words, prompts = bits.pack(truth), np.arange(129, -1, -2)
    draws = np.random.default_rng(1).integers(0, len(truth), (40, 3))
    monkeypatch.setattr(bits, "_CHUNK_BYTES", chunk)
    assert np.array_equal(bits.count(words), truth.sum(axis=1))
    assert np.array_equal(bits.count_per_prompt(words, 130), truth.sum(axis=0))
    assert np.array_equal(bits.select_prompts(words, 130, prompts), bits.pack(truth[:, prompts]))
    assert bits.window_counts(words, 4).tolist() == windows(truth, 4)
    naive = [int(truth[draw].any(axis=0).sum()) for draw in draws]
    assert bits.draw_counts(words, draws).tolist() == naive
