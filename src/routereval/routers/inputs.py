"""What routers on features are given: a matrix, one row a prompt, as wide as in training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.features.numerics import deviations
from routereval.routers.array_cache import remembered

Features = NDArray[np.floating]


class Scale(NamedTuple):
    """How features are standardised, by what they were in training.

    Attributes:
        mean: (n_features,).
        deviation: (n_features,) the standard deviation; infinite where it is only rounding.
        reach: the length of the longest standardised training prompt.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    reach: float = float("inf")

    @property
    def saved(self) -> tuple[Any, ...]:
        """The same as a plain tuple, which a fitted router keeps."""
        return tuple(self)

    def __call__(self, X: Features) -> NDArray[np.float64]:
        """The features with mean 0 and deviation 1, and 0 where they were constant in training.

        A prompt that is further from the mean than every training prompt is moved towards the mean,
        as far as the furthest of them is: what was learned holds there, and is not extrapolated.
        """
        Z = (X - self.mean) / self.deviation
        return np.asarray(Z * self._share(Z)[:, None], dtype=np.float64)

    def within(self, X: Features) -> Features:
        """The same in the features' own units, for what was learned in these."""
        share, varies = self._share((X - self.mean) / self.deviation), np.isfinite(self.deviation)
        if (share == 1).all() and varies.all():
            return X
        held = np.where(varies, X, self.mean)
        moved = self.mean + (held - self.mean) * share[:, None]
        return np.asarray(np.where((share == 1)[:, None], held, moved))

    def _share(self, Z: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n_prompts,) what the distance from the mean is multiplied by, at most 1."""
        length = _lengths(Z)
        return np.asarray(np.minimum(1.0, self.reach / np.where(length > 0, length, 1.0)))


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
    Scale(mean=array([2., 5.]), deviation=array([ 1., inf]), reach=1.0...)
    """
    free = Scale(X.mean(axis=0, dtype=np.float64), deviations(X))
    return free._replace(reach=_reach(free, X))


def even_scale(X: Features) -> Scale:
    """Each feature's mean, and one deviation for all of them.

    The directions of an embedding mean the more, the more they vary: they keep their proportions.

    >>> even_scale(np.array([[0.0, 5.0], [4.0, 5.0]])).deviation.round(3)
    array([1.414, 1.414])
    """
    mean = X.mean(axis=0, dtype=np.float64)
    deviation = float(np.var(X, axis=0, dtype=np.float64).mean()) ** 0.5
    varies = np.isfinite(deviations(X)).any()
    free = Scale(mean, np.full(len(mean), deviation if varies else np.inf))
    return free._replace(reach=_reach(free, X))


def _reach(free: Scale, X: Features) -> float:
    """A hair more than the longest, so that rounding moves no training prompt."""
    return float(_lengths((X - free.mean) / free.deviation).max(initial=0.0)) * (1 + 1e-9)


def _lengths(Z: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", Z, Z, dtype=np.float64)))
