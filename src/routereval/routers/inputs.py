"""What routers on features are given: a matrix, one row a prompt, as wide as in training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.routers.memo import remembered

Features = NDArray[np.floating]


class Scale(NamedTuple):
    """Each feature's mean and standard deviation in training (1 where it is constant)."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def __call__(self, X: Features) -> NDArray[np.float64]:
        """The features with mean 0 and deviation 1."""
        return np.asarray((X - self.mean) / self.deviation, dtype=np.float64)


def feature_matrix(X: Any, width: int | None = None) -> Features:  # noqa: ANN401
    """Check a matrix of features; a floating-point array passes through as it is.

    Args:
        X: (n_prompts, n_features) numbers.
        width: the number of features that the router was fitted on, if it was.

    Returns:
        The matrix, in floating point.

    Raises:
        DataError: if `X` is no such matrix, has another width, or a number is not finite.

    >>> feature_matrix([[1, 2]], width=3)
    Traceback (most recent call last):
    ...
    routereval.errors.DataError: X has 2 features but the router was fitted on 3
    """
    try:
        given = np.asarray(X)
        floating = np.issubdtype(given.dtype, np.floating)
        matrix: Features = given if floating else given.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError("X must be a matrix of numbers; embed the texts first") from None
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise DataError(f"X must be a (prompts, features) matrix, not of shape {matrix.shape}")
    if width is not None and matrix.shape[1] != width:
        raise DataError(f"X has {matrix.shape[1]} features but the router was fitted on {width}")
    if not np.isfinite(matrix).all():
        raise DataError("X holds numbers that are not finite; drop those prompts or fill them in")
    return matrix


@remembered
def scale_of(X: Features) -> Scale:
    """Measure how to standardise features.

    >>> scale_of(np.array([[1.0, 5.0], [3.0, 5.0]]))
    Scale(mean=array([2., 5.]), deviation=array([1., 1.]))
    """
    mean = X.mean(axis=0, dtype=np.float64)
    deviation = X.std(axis=0, dtype=np.float64)
    # the deviation of a constant feature is a rounding error, not always exactly 0
    flat = deviation <= 1e-12 * np.maximum(np.abs(mean), 1)
    return Scale(mean, np.where(flat, 1.0, deviation))
