"""The scalar order is numpy's own, where numpy has no vector instructions."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.tasks import scalar_order as module
from routereval.tasks.scalar_order import numpys_order, scalar_order
from tests.dispatch import SWITCHED_OFF, python
from tests.made import Floats


def killer(n: int) -> Floats:
    """Musser's sequence, which the median of three divides as badly as can be."""
    values, half = np.zeros(n), n // 2
    for i in range(1, half + 1):
        if i % 2:
            values[i - 1], values[i] = i, half + i
        values[half + i - 1] = 2 * i
    return values


def arrays() -> Iterator[Floats]:
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 15, 16, 17, 18, 19, 33, 40, 100, 777, 5000, 8567):
        for levels in (1, 2, 3, 10, 100, 1319, 10**6):
            yield rng.integers(0, levels, n) / levels
    for n in (64, 200, 1000, 4096, 8568):
        for step in (1, 3, 7):
            yield np.floor(killer(n) / step)
            yield -np.floor(killer(n) / step)
    holes = rng.integers(0, 3, 500) / 3
    holes[rng.random(500) < 0.2] = np.nan
    yield holes
    yield np.where(rng.random(300) < 0.5, 0.0, -0.0)


PROGRAM = """
import numpy as np
from routereval.tasks.scalar_order import numpys_order, scalar_order
from tests.tasks.test_scalar_order import arrays

same = [np.array_equal(scalar_order(values), np.argsort(values)) for values in arrays()]
print(numpys_order(), len(same), sum(same))
"""


def test_it_is_what_numpy_does_with_its_dispatch_off() -> None:
    order, n_arrays, n_same = python(PROGRAM, "all").split()
    assert order == "scalar"
    assert int(n_arrays) == len(list(arrays())) == int(n_same)


def test_it_is_the_same_whatever_numpy_does() -> None:
    program = """
import hashlib
from routereval.tasks.scalar_order import scalar_order
from tests.tasks.test_scalar_order import arrays
print(hashlib.sha256(b"".join(scalar_order(v).tobytes() for v in arrays())).hexdigest())
"""
    assert len({python(program, without) for without in SWITCHED_OFF}) == 1


def test_the_sort_of_this_machine_has_its_name() -> None:
    """Where numpy has vector instructions here, switching them off gives another name."""
    program = "from routereval.tasks.scalar_order import numpys_order; print(numpys_order())"
    found = {without: python(program, without).strip() for without in SWITCHED_OFF}
    off = os.environ.get("NPY_DISABLE_CPU_FEATURES", "")
    assert python(program, "nothing", NPY_DISABLE_CPU_FEATURES=off).strip() == numpys_order()
    assert found["all"] == "scalar"
    assert found["AVX-512"] != "avx512"
    if "AVX512" in SWITCHED_OFF["nothing"]:
        assert found["nothing"] == "avx512"


@given(st.lists(st.integers(0, 5) | st.floats(allow_infinity=True), max_size=80))
def test_it_sorts(values: list[float]) -> None:
    found = scalar_order(values)
    assert sorted(found.tolist()) == list(range(len(values)))
    expected = np.sort(np.array(values, dtype=np.float64))
    assert np.array_equal(np.array(values, dtype=np.float64)[found], expected, equal_nan=True)


def test_bad_divisions_end_in_a_heapsort(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the arrays above would not show that it is numpy's."""
    pieces: list[list[int]] = []
    heap_sorted = module._heap_sorted

    def noting(ranks: list[int], piece: list[int]) -> list[int]:
        pieces.append([ranks[member] for member in piece])
        return heap_sorted(ranks, piece)

    monkeypatch.setattr(module, "_heap_sorted", noting)
    scalar_order(np.floor(killer(4096) / 7))
    assert pieces
    assert any(len(set(piece)) < len(piece) for piece in pieces)
