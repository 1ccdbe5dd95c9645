"""Which numbers are signal, and which are what rounding left: for all that scales or inverts.

Features are in single precision, whose rounding errors are about 1e-7 of the largest numbers that
they were computed of. So a column, or a direction, that never varied in training does not come out
as 0 but as noise of that size. Divided by its own deviation, noise becomes as loud as signal; and
the first text with a new word then stands a million deviations away. Sizes are therefore judged
relative to the largest of their kind, never by a fixed number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FLAT = 1e-6
"""A deviation of less than this share of the largest one, or a tenth of it of its mean, is none."""
NULL = 1e-4
"""A singular value of less than this share of the largest one is none."""


def significant(sizes: ArrayLike, share: float) -> NDArray[np.bool_]:
    """Which sizes are more than a share of the largest one.

    Args:
        sizes: (n,) not negative: deviations, singular values, or eigenvalues (of which a share is
            the square of that of singular values).
        share: of the largest.

    Returns:
        (n,) False throughout where all are 0.

    >>> significant([3.0, 1e-3, 2e-8, 0.0], FLAT).tolist()
    [True, True, False, False]
    """
    values = np.asarray(sizes, np.float64)
    return np.asarray(values > share * values.max(initial=0.0))


def deviations(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """The standard deviation of each column; infinite where it is constant up to rounding.

    Divided by it, a column that said nothing in training says nothing about a new prompt either.
    Constant is a deviation of at most 1e-6 of the largest column's, or 1e-7 of the column's own
    mean. A column that is meant, and yet so small beside another, must be given in other units.

    Args:
        X: (n, d).

    Returns:
        (d,) above 0.

    >>> deviations(np.array([[1.0, 5.0, 1e-9], [3.0, 5.0, 0.0]]))
    array([ 1., inf, inf])
    """
    found = X.std(axis=0, dtype=np.float64)
    own = np.abs(X.mean(axis=0, dtype=np.float64))
    varies = significant(found, FLAT) & (found > 0.1 * FLAT * own)
    return np.where(varies, found, np.inf)
