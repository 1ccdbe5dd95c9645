"""What routers are given: matrices of features and of scores, one row per prompt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.features.numerics import deviations
from routereval.features.prompts import Prompts
from routereval.routers.array_cache import remembered

Features = NDArray[np.floating]
"""A (n_prompts, n_features) matrix."""

Scores = NDArray[np.float64]
"""A (n_prompts, n_models) matrix of scores; NaN where not observed."""

Groups = NDArray[np.int64]
"""(n_prompts,) codes: prompts of one code are the same one, or belong together."""

DIGITS = 12
"""To how many digits predictions are rounded: a prompt alone is summed in another order than one of
a batch, and models of the same weights must tie exactly."""


def rounded(values: Any) -> NDArray[np.float64]:  # noqa: ANN401 - any array of numbers
    """Without what the order of a sum leaves: to 12 digits.

    >>> rounded([0.1 + 0.2]).tolist()
    [0.3]
    """
    return np.asarray(np.round(values, DIGITS), dtype=np.float64)


def chunks(queries: NDArray[np.float64], size: int) -> Iterator[NDArray[np.float64]]:
    """So many queries at a time, that what is worked out of them stays within tens of megabytes."""
    for start in range(0, max(len(queries), 1), size):
        yield queries[start : start + size]


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


def as_prompts(X: Any, width: int | None = None) -> Prompts:  # noqa: ANN401
    """Prompts as they are, or of a bare matrix of features.

    Args:
        X: `Prompts`, or (n_prompts, n_features) numbers.
        width: the number of features that the router was fitted on, if it was.

    Raises:
        DataError: if the features are no matrix of finite numbers, or have another width.
    """
    given = X if isinstance(X, Prompts) else Prompts(feature_matrix(X))
    features = feature_matrix(given.features, width)
    return given if features is given.features else Prompts(features, given.texts, given.known)


@remembered
def in_double(X: Features) -> NDArray[np.float64]:
    """The features in double precision, in which the sums over a prompt agree to 12 digits."""
    return np.asarray(X, dtype=np.float64)


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


def alike(seen: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The models, grouped by the prompts on which they were observed."""
    groups: dict[bytes, list[int]] = {}
    for model, column in enumerate(np.packbits(seen.T, axis=1)):
        groups.setdefault(column.tobytes(), []).append(model)
    return [np.array(models, dtype=np.int64) for models in groups.values()]
