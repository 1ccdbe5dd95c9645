"""Bit-packed binary scores: 64 prompts per word, one row of words per model.

Counting, uniting and sliding run on the packed words, at the speed of memory. Bits past the last
prompt are always 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""(n_models, ceil(n_prompts / 64)) packed scores, prompt j in bit j % 64 of word j // 64."""

_WORD = 64
_CHUNK_BYTES = 1 << 25
_BYTE = 255  # the largest number that a byte holds


def pack(matrix: NDArray[np.bool_]) -> Words:
    """Pack a (n_models, n_prompts) truth matrix.

    >>> pack(np.array([[True, False, True]]))
    array([[5]], dtype=uint64)
    """
    packed = np.packbits(matrix, axis=1, bitorder="little")
    n_bytes = n_words(matrix.shape[1]) * 8
    padded = np.zeros((len(matrix), n_bytes), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view("<u8").astype(np.uint64, copy=False)


def unpack(words: Words, n_prompts: int) -> NDArray[np.bool_]:
    """The (n_models, n_prompts) truth matrix that `pack` was given.

    >>> unpack(pack(np.array([[True, False, True]])), 3)
    array([[ True, False,  True]])
    """
    as_bytes = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    bits = np.unpackbits(as_bytes, axis=1, count=n_prompts, bitorder="little")
    return bits.view(np.bool_)


def n_words(n_prompts: int) -> int:
    """How many words hold that many prompts."""
    return -(-n_prompts // _WORD)


def count(words: Words) -> NDArray[np.int64]:
    """How many bits are set along the last axis.

    >>> count(pack(np.array([[True, False, True], [False, False, False]])))
    array([2, 0])
    """
    out = np.empty(words.shape[:-1], dtype=np.int64)
    rows = out.reshape(-1)
    flat = words.reshape(len(rows), words.shape[-1])
    step = max(1, _CHUNK_BYTES // max(1, words.shape[-1] * 8))
    for start in range(0, len(flat), step):
        set_bits = np.bitwise_count(flat[start : start + step])
        rows[start : start + step] = set_bits.sum(axis=-1, dtype=np.int64)
    return out


def count_per_prompt(words: Words, n_prompts: int) -> NDArray[np.int64]:
    """How many models have their bit set on each prompt: (n_prompts,).

    >>> count_per_prompt(pack(np.array([[True, False], [True, True]])), 2)
    array([2, 1])
    """
    total = np.zeros(n_prompts, dtype=np.int64)
    for start in range(0, len(words), _BYTE):
        # so few rows that their sum fits a byte, and no wider number is ever added
        few = unpack(words[start : start + _BYTE], n_prompts).view(np.uint8)
        total += few.sum(axis=0, dtype=np.uint8)
    return total


def select_prompts(words: Words, n_prompts: int, prompts: NDArray[np.int64]) -> Words:
    """The words of the named prompts only, in that order, packed anew."""
    out = np.empty((len(words), n_words(len(prompts))), dtype=np.uint64)
    for rows in _row_chunks(len(words), max(n_prompts, len(prompts))):
        out[rows] = pack(unpack(words[rows], n_prompts)[:, prompts])
    return out


def window_counts(words: Words, size: int) -> NDArray[np.int64]:
    """On how many prompts at least one of `size` consecutive models is right, for every window.

    The rows are cut into blocks of `size`; a window is the suffix of one block united with the
    prefix of the next, so the cost does not grow with the window (van Herk 1992).

    Returns:
        (n_models − size + 1,) counts.

    >>> window_counts(pack(np.array([[True, False], [False, False], [False, True]])), 2)
    array([1, 1])
    """
    n_models, width = words.shape
    n_windows = n_models - size + 1
    blocks = -(-n_models // size)
    padded = np.zeros((blocks * size, width), dtype=np.uint64)
    padded[:n_models] = words
    cube = padded.reshape(blocks, size, width)
    prefix: Words = np.bitwise_or.accumulate(cube, axis=1).reshape(-1, width)
    suffix: Words = np.bitwise_or.accumulate(cube[:, ::-1], axis=1)[:, ::-1].reshape(-1, width)
    out = np.empty(n_windows, dtype=np.int64)
    step = max(1, _CHUNK_BYTES // max(1, width * 8))
    for start in range(0, n_windows, step):
        stop = min(start + step, n_windows)
        united = suffix[start:stop] | prefix[start + size - 1 : stop + size - 1]
        out[start:stop] = count(united)
    return out


def draw_counts(words: Words, draws: NDArray[np.int64]) -> NDArray[np.int64]:
    """On how many prompts at least one model of each draw is right.

    Args:
        words: packed scores.
        draws: (n_draws, size) rows of `words`.

    Returns:
        (n_draws,) counts.

    >>> draw_counts(pack(np.array([[True, False], [False, False]])), np.array([[0, 1], [1, 1]]))
    array([1, 0])
    """
    united = words[draws[:, 0]]
    other = np.empty_like(united)
    for column in draws.T[1:]:
        np.take(words, column, axis=0, out=other, mode="clip")  # any other mode copies once more
        united |= other
    return count(united)


def running_and(words: Words) -> Words:
    """The intersection of rows 0..i, for every i."""
    return np.bitwise_and.accumulate(words, axis=0)


def first_rows(words: Words, n_prompts: int) -> NDArray[np.int64]:
    """The first row in which each prompt's bit is set; n_models where in none: (n_prompts,).

    >>> first_rows(pack(np.array([[False, True, False], [True, True, False]])), 3)
    array([1, 0, 2])
    """
    total = np.full(n_prompts, len(words), dtype=np.int64)
    united = np.zeros((1, words.shape[1]), dtype=np.uint64)
    step = max(1, _CHUNK_BYTES // max(1, words.shape[1] * 8))
    for start in range(0, len(words), step):
        chunk = np.concatenate([united, words[start : start + step]])
        running = np.bitwise_or.accumulate(chunk, axis=0)
        total -= count_per_prompt(running[1:], n_prompts)
        united = running[-1:]
    return total


def _row_chunks(n_rows: int, n_prompts: int) -> list[slice]:
    step = max(1, _CHUNK_BYTES // max(1, n_prompts))
    return [slice(start, start + step) for start in range(0, n_rows, step)]
