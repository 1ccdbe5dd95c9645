"""Remembering what was computed from large arrays that cannot change."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from cachetools import LRUCache

P = ParamSpec("P")
T = TypeVar("T")

SIZE = 4


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """Compute a pure function of arrays once for the very same arrays.

    A benchmark fits a router on many pools of models that share their prompts. Neighbours, clusters
    and spectra depend on the prompts alone, so they are found once and not once a pool. Hashing a
    large matrix to recognise it would cost about as much as it saves; an array that nobody can
    write to is known by its identity. Hence only calls whose arrays are all read-only, down to the
    memory that they are views of, are remembered; any other call is simply computed. The last few
    results are kept, and forgotten when one of their arrays dies. Arrays in a result are made
    read-only, as they are shared; so remembered functions can be chained.

    Args:
        function: pure, of positional arguments that are arrays or hashable.

    Returns:
        The same function with a memory.

    >>> @remembered
    ... def double(X):
    ...     print("computing")
    ...     return 2 * X
    >>> X = np.ones(3)
    >>> X.setflags(write=False)
    >>> double(X) is double(X)
    computing
    True
    """
    memory = _Memory()

    @wraps(function)
    def remembering(*args: P.args, **kwargs: P.kwargs) -> T:
        arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
        if kwargs or not arrays or not all(_is_frozen(array) for array in arrays):
            return function(*args, **kwargs)
        key = tuple(id(a) if isinstance(a, np.ndarray) else a for a in args)
        hit = memory.get(key)
        if hit is None:
            hit = (_freeze(function(*args, **kwargs)),)
            memory.put(key, hit, arrays)
        value: T = hit[0]
        return value

    return remembering


class _Memory:
    """The last few results, each held for as long as the arrays that it came from live."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entrant: a death may be reported while it is held
        self._results: LRUCache[Any, tuple[Any, list[weakref.ref[Any]]]] = LRUCache(SIZE)

    def get(self, key: Any) -> tuple[Any, ...] | None:  # noqa: ANN401
        with self._lock:
            result, witnesses = self._results.get(key, (None, []))
            return None if any(ref() is None for ref in witnesses) else result

    def put(self, key: Any, result: tuple[Any, ...], arrays: list[Any]) -> None:  # noqa: ANN401
        witnesses = [weakref.ref(array, lambda _: self._forget(key)) for array in arrays]
        with self._lock:
            self._results[key] = result, witnesses

    def _forget(self, key: Any) -> None:  # noqa: ANN401
        with self._lock:
            self._results.pop(key, None)


def _is_frozen(array: Any) -> bool:  # noqa: ANN401 - walks from a view to whatever owns the memory
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return True


def _freeze(result: Any) -> Any:  # noqa: ANN401 - an array, or a tuple that holds some
    if isinstance(result, tuple):
        for part in result:
            _freeze(part)
    array = result
    while isinstance(array, np.ndarray):
        array.setflags(write=False)
        array = array.base
    return result
