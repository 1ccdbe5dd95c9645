"""The order in which numpy's scalar argsort leaves equal values, the same on every machine.

`numpy.argsort` is not stable by default, and since numpy 2.0 the order of equal values depends on
the processor: numpy sorts with networks of AVX-512 or AVX2 where there are such instructions, and
with an introsort where there are none. `scalar_order` is that introsort: a quicksort whose pivot is
the median of the first, middle and last value, an insertion sort for short runs, and a heapsort
where the quicksort divides badly for too long (Musser 1997, *Introspective sorting and selection
algorithms*).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHORT = 16  # values in a run that is sorted by insertion


def scalar_order(values: ArrayLike) -> NDArray[np.int64]:
    """Sort as numpy's argsort of the default kind does on a processor without vector instructions.

    Equal to `numpy.argsort` of numpy 1.24, and of numpy 2 with its dispatch switched off
    (``NPY_DISABLE_CPU_FEATURES``), member for member.

    Args:
        values: (n,) numbers; NaN are the largest, and equal.

    Returns:
        (n,) the places of the values in rising order.

    >>> scalar_order([0.5, 0.2, 0.5, 0.1])
    array([3, 1, 0, 2])
    >>> scalar_order(np.zeros(18))[:6]  # equal values do not keep their order
    array([ 0, 15, 14, 13, 12, 11])
    """
    ranks: list[int] = np.unique(np.asarray(values).ravel(), return_inverse=True)[1].tolist()
    order = list(range(len(ranks)))
    pieces = [(0, len(order) - 1, 2 * (max(len(order), 1).bit_length() - 1))]
    while pieces:
        low, high, depth = pieces.pop()
        if depth < 0:
            order[low : high + 1] = _heap_sorted(ranks, order[low : high + 1])
            continue
        while high - low >= _SHORT:
            middle = _divided(ranks, order, low, high)
            depth -= 1
            # The larger part is put off; only what was put off is asked for its depth.
            if middle - low < high - middle:
                pieces.append((middle + 1, high, depth))
                high = middle - 1
            else:
                pieces.append((low, middle - 1, depth))
                low = middle + 1
        order[low : high + 1] = sorted(order[low : high + 1], key=ranks.__getitem__)
    return np.array(order, dtype=np.int64)


def numpys_order() -> str:
    """Which of its sorts `numpy.argsort` takes on this machine: ``avx512``, ``avx2`` or ``scalar``.

    ``other`` where it leaves equal values in another order than the scalar sort does, and the
    processor has neither. What ``NPY_DISABLE_CPU_FEATURES`` switches off counts as not there.

    >>> numpys_order() in ("avx512", "avx2", "scalar", "other")
    True
    """
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

    many_ties = np.arange(2000) * 7 % 11 / 11
    if np.array_equal(np.argsort(many_ties), scalar_order(many_ties)):  # ties: what is looked for
        return "scalar"
    has: dict[str, bool] = _multiarray_umath.__cpu_features__
    if has.get("AVX512_SKX"):
        return "avx512"
    return "avx2" if has.get("AVX2") else "other"


def _divided(ranks: list[int], order: list[int], low: int, high: int) -> int:
    """Put what is below the pivot before it and what is above behind; return the pivot's place."""
    middle = low + ((high - low) >> 1)
    for left, right in ((low, middle), (middle, high), (low, middle)):
        if ranks[order[right]] < ranks[order[left]]:
            order[left], order[right] = order[right], order[left]
    pivot = ranks[order[middle]]
    i, j = low, high - 1
    order[middle], order[j] = order[j], order[middle]
    while True:
        i += 1
        while ranks[order[i]] < pivot:
            i += 1
        j -= 1
        while pivot < ranks[order[j]]:
            j -= 1
        if i >= j:
            break
        order[i], order[j] = order[j], order[i]
    order[i], order[high - 1] = order[high - 1], order[i]
    return i


def _heap_sorted(ranks: list[int], piece: list[int]) -> list[int]:
    """Sort a piece by a binary heap of its largest value."""
    for top in range(len(piece) // 2 - 1, -1, -1):
        _sink(ranks, piece, top, len(piece), piece[top])
    for size in range(len(piece) - 1, 0, -1):
        last, piece[size] = piece[size], piece[0]
        _sink(ranks, piece, 0, size, last)
    return piece


def _sink(ranks: list[int], piece: list[int], hole: int, size: int, member: int) -> None:
    """Put a member into the heap of the first `size` places, at the hole or below it."""
    child = 2 * hole + 1
    while child < size:
        if child + 1 < size and ranks[piece[child]] < ranks[piece[child + 1]]:
            child += 1
        if ranks[member] >= ranks[piece[child]]:
            break
        piece[hole] = piece[child]
        hole, child = child, 2 * child + 1
    piece[hole] = member
