"""Means over the cells of a matrix that were observed; the others are NaN and do not count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def column_means(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """Each column's mean over what was observed, in double precision; NaN where nothing was.

    Args:
        matrix: (n_rows, n_columns), NaN where not observed.

    Returns:
        (n_columns,) means.

    >>> column_means(np.array([[1.0, np.nan], [0.0, np.nan]]))
    array([0.5, nan])
    """
    seen = ~np.isnan(matrix)
    total = np.where(seen, matrix, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(np.where(seen.any(axis=0), total / np.maximum(seen.sum(axis=0), 1), np.nan))
