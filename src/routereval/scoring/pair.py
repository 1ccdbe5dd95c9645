"""Two models, a strong and a weak one: quality against the share of strong calls (RouteLLM)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pair:
    """What a threshold on one router's predictions needs: the prompts it would call strong first.

    Attributes:
        margin: (n_prompts,) predicted score of the strong model less that of the weak one.
        strong: (n_prompts,) true score of the strong model: the better of the two on train.
        weak: (n_prompts,) true score of the weak one.

    >>> pair = Pair.of([0.5, 0.1], [1, 1], [0, 1])
    >>> pair.means().share, pair.means().quality
    (array([0. , 0.5, 1. ]), array([0.5, 1. , 1. ]))
    """

    margin: Floats
    strong: Floats
    weak: Floats

    @classmethod
    def of(cls, margin: ArrayLike, strong: ArrayLike, weak: ArrayLike) -> Pair:
        """The pair of three columns.

        Raises:
            DataError: if they are not of one length.
        """
        columns = [np.asarray(column, np.float64) for column in (margin, strong, weak)]
        shapes = {column.shape for column in columns}
        if len(shapes) > 1 or columns[0].ndim != 1:
            raise DataError(f"margin, strong and weak must be of one length, not {sorted(shapes)}")
        # of two models that were both ruled out, neither is ahead
        return cls(np.nan_to_num(columns[0]), columns[1], columns[2])

    def means(self, W: NDArray[np.floating] | None = None) -> PairMeans:
        """The curve from no strong calls to all, over the prompts as they are or resampled.

        Prompts of one margin are called together; between two thresholds one may toss a coin,
        which is a straight line.

        Args:
            W: (n_boot, n_prompts) weights whose rows sum to 1, or None.
        """
        order = np.argsort(-self.margin, kind="stable")
        ends = np.flatnonzero(np.diff(self.margin[order], append=np.inf))
        weight = np.full(len(order), 1 / len(order)) if W is None else W[:, order]
        gain = weight * (self.strong - self.weak)[order]
        share, gained = (_from_nought(np.cumsum(v, axis=-1)[..., ends]) for v in (weight, gain))
        weak = (weight @ self.weak[order])[..., None]
        return PairMeans(share, weak + gained)


@dataclass(frozen=True, eq=False)
class PairMeans:
    """Quality against the share of strong calls; with a first axis n_boot where resampled.

    Attributes:
        share: (..., n_points) from 0 to 1.
        quality: (..., n_points) mean score; the first is the weak model's, the last the strong's.
    """

    share: Floats
    quality: Floats

    @property
    def weak(self) -> Floats:
        """Mean score of the weak model alone."""
        return np.asarray(self.quality[..., 0])

    @property
    def gap(self) -> Floats:
        """What the strong model is ahead by; not above 0 where it is not the better one."""
        return np.asarray(self.quality[..., -1] - self.quality[..., 0])

    def at(self, shares: ArrayLike) -> Floats:
        """(..., n) the quality at shares of strong calls."""
        wanted = np.asarray(shares, np.float64)
        rows = zip(np.atleast_2d(self.share), np.atleast_2d(self.quality), strict=True)
        found = np.stack([np.interp(wanted, x, y) for x, y in rows])
        return np.asarray(found.reshape(*self.share.shape[:-1], len(wanted)))

    def reaching(self, target: Floats) -> Floats:
        """The least share of strong calls of that quality, first crossing; infinite if never.

        Args:
            target: (...,) mean score.
        """
        above = self.quality >= target[..., None] - 1e-12
        place = above.argmax(axis=-1)[..., None]
        before = np.maximum(place - 1, 0)
        x0, x1 = (np.take_along_axis(self.share, p, axis=-1)[..., 0] for p in (before, place))
        y0, y1 = (np.take_along_axis(self.quality, p, axis=-1)[..., 0] for p in (before, place))
        rise = np.where(y1 > y0, y1 - y0, 1.0)
        part = np.clip(np.where(y1 > y0, (target - y0) / rise, 1.0), 0.0, 1.0)
        return np.where(above.any(axis=-1), x0 + part * (x1 - x0), np.inf)


def _from_nought(cumulated: Floats) -> Floats:
    return np.concatenate([np.zeros((*cumulated.shape[:-1], 1)), cumulated], axis=-1)
