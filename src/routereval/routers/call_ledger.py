"""Calling models one after the other: the only interface to what a call reveals; it keeps count."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class CallLedger:
    """Where a cascade calls models on test prompts.

    It hands out what a call reveals, and never a score; whoever is called is noted, so the cost
    cannot miss a call.

    Args:
        signals: what calls reveal, by name, each (n_prompts, n_models), NaN where unknown.
        shape: (n_prompts, n_models).

    Attributes:
        called: (n_prompts, n_models) True where a model was called.

    >>> ledger = CallLedger({"length": np.array([[3.0, 9.0], [4.0, 8.0]])}, (2, 2))
    >>> ledger.call(np.array([1]), 0)
    {'length': array([4.])}
    >>> ledger.called
    array([[False, False],
           [ True, False]])
    """

    def __init__(self, signals: Mapping[str, Floats], shape: tuple[int, int]) -> None:
        self._signals = signals
        self.called = np.zeros(shape, dtype=bool)

    def call(self, rows: NDArray[np.int64], column: int) -> dict[str, Floats]:
        """Call one model on some prompts.

        Args:
            rows: the prompts.
            column: the model.

        Returns:
            What the calls reveal, by name, one number per prompt.
        """
        self.called[rows, column] = True
        return {name: values[rows, column] for name, values in self._signals.items()}
