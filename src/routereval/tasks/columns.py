"""Features without text: the categories of the prompt table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

# Only what is known of a prompt before any model is asked; other columns may tell the answer.
_KNOWN_BEFORE = ("subset", "subject", "category", "dataset", "difficulty", "platform", "language")
_MOST = 100


def one_hot(prompts: pl.DataFrame, train: NDArray[np.int64]) -> NDArray[np.float32]:
    """One column per category of subset, difficulty and the like; a constant where there is none.

    Args:
        prompts: the prompt table.
        train: the rows whose categories are known.

    Returns:
        (n_prompts, d) of 0 and 1.
    """
    import polars as pl

    pieces = [np.ones((prompts.height, 1), dtype=np.float32)]
    for name in _KNOWN_BEFORE:
        if name not in prompts.columns or prompts[name].dtype != pl.String:
            continue
        column = prompts[name]
        known = column[train].drop_nulls().unique().sort()
        if 1 < len(known) <= _MOST:
            values = column.to_numpy()
            pieces.append((values[:, None] == known.to_numpy()[None, :]).astype(np.float32))
    return np.hstack(pieces)
