from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.routers.array_cache import SIZE, remembered

Array = NDArray[np.float64]


def frozen(*values: float) -> Array:
    array = np.array(values)
    array.setflags(write=False)
    return array


class Counting:
    def __init__(self) -> None:
        self.calls = 0
        self.scaled = remembered(self._scaled)

    def _scaled(self, X: Array, by: float = 1.0) -> Array:
        self.calls += 1
        return X * by


@pytest.fixture
def counting() -> Counting:
    return Counting()


def test_remembers_read_only_arrays(counting: Counting) -> None:
    X = frozen(1, 2)
    assert counting.scaled(X, 2.0) is counting.scaled(X, 2.0)
    assert counting.calls == 1
    assert counting.scaled(X, 3.0).tolist() == [3, 6]
    assert counting.calls == 2


def test_never_remembers_an_array_that_can_change(counting: Counting) -> None:
    X = np.array([1.0])
    assert counting.scaled(X, 2.0).tolist() == [2]
    X[0] = 5
    assert counting.scaled(X, 2.0).tolist() == [10]


def test_a_read_only_view_of_memory_that_can_change_is_not_remembered(counting: Counting) -> None:
    owner = np.array([1.0, 2.0])
    view = owner[:1]
    view.setflags(write=False)
    assert counting.scaled(view, 2.0).tolist() == [2]
    owner[0] = 5
    assert counting.scaled(view, 2.0).tolist() == [10]


def test_one_array_that_can_change_is_enough() -> None:
    calls = []

    @remembered
    def total(a: Array, b: Array) -> float:
        calls.append(1)
        return float((a + b).sum())

    X, Y = frozen(1), np.array([1.0])
    assert total(X, Y) == 2
    Y[0] = 2
    assert total(X, Y) == 3
    assert total(X, X) == total(X, X) == 2
    assert len(calls) == 3


def test_equal_arrays_are_not_the_same(counting: Counting) -> None:
    counting.scaled(frozen(1), 2.0)
    counting.scaled(frozen(1), 2.0)
    assert counting.calls == 2


def test_results_are_read_only_and_can_be_chained(counting: Counting) -> None:
    X = frozen(1, 2)
    with pytest.raises(ValueError, match="read-only"):
        counting.scaled(X, 2.0)[0] = 0
    again = [counting.scaled(counting.scaled(X, 2.0), 3.0) for _ in range(2)]
    assert again[0] is again[1]


def test_keeps_only_the_last_few(counting: Counting) -> None:
    arrays = [frozen(i) for i in range(SIZE + 1)]
    for X in arrays:
        counting.scaled(X, 2.0)
    counting.scaled(arrays[-1], 2.0)
    assert counting.calls == SIZE + 1
    counting.scaled(arrays[0], 2.0)
    assert counting.calls == SIZE + 2


def test_forgets_with_the_array(counting: Counting) -> None:
    X = frozen(1)
    result = weakref.ref(counting.scaled(X, 2.0))
    assert result() is not None
    del X
    gc.collect()
    assert result() is None


def test_a_new_array_in_an_old_place_is_computed(counting: Counting) -> None:
    for i in range(50):
        assert counting.scaled(frozen(i), 2.0).tolist() == [2 * i]
