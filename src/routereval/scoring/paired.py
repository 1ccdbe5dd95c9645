"""The null distribution of a mean difference: the signs of its units are tossed by coin.

A unit is a prompt, or a group of prompts that stand or fall together. Subsets are fixed: what a
subset differs from the others is no chance, so only deviations from its own mean are.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.scoring.bootstrap import SMALLEST_SUBSET, product, row_blocks

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_STEPS = 30
_ROUNDING = 1e-9


class Units(NamedTuple):
    """A weighted mean difference, cut into independent units.

    Attributes:
        mean: the weighted mean over all prompts.
        share: (n_units,) weight of each unit; sums to 1.
        residual: (n_units,) what each adds to the mean beyond what its subset's mean would; scaled
            so that several subsets, each with a mean of its own, do not understate the variance.
    """

    mean: float
    share: Floats
    residual: Floats

    @property
    def deviation(self) -> float:
        """Standard error of the mean; NaN for a single unit."""
        n = len(self.share)
        return sqrt(float((self.residual**2).sum()) * n / (n - 1)) if n > 1 else float("nan")

    @property
    def step(self) -> float:
        """How far a unit of mean weight can move the mean: 1 / n where all weigh alike."""
        return sqrt(float((self.share**2).sum()) / len(self.share))


def units(gain: Floats, share: Floats, subsets: Codes, groups: Codes | None) -> Units:
    """Cut differences into units.

    Args:
        gain: (n_prompts,) differences.
        share: (n_prompts,) weights that sum to 1; what weighs nothing is left out.
        subsets: (n_prompts,) code of each prompt's subset. Subsets of few units are taken together.
        groups: (n_prompts,) code of the group that each prompt belongs to, or None for its own. A
            group over several subsets counts to that of its first prompt.
    """
    at = np.flatnonzero(share > 0)
    gain, share, subsets = gain[at], share[at], subsets[at]
    group = np.arange(len(at)) if groups is None else groups[at]
    _, first, unit = np.unique(group, return_index=True, return_inverse=True)
    subset = _pooled(subsets[first])  # of each unit
    weight = np.bincount(unit, share).astype(np.float64)
    total = np.bincount(unit, share * gain)
    own = (np.bincount(subset, total) / np.bincount(subset, weight))[subset]
    size, n = np.bincount(subset)[subset], len(first)
    scale = np.sqrt(size / np.maximum(size - 1, 1) * ((n - 1) / n))
    return Units(float(total.sum()), weight, (total - weight * own) * scale)


def _pooled(subsets: Codes) -> Codes:
    """Subsets as 0, 1, …, those that are too small to show their own spread made one."""
    _, codes, counts = np.unique(subsets, return_inverse=True, return_counts=True)
    small = counts < SMALLEST_SUBSET
    if small.any() and counts[small].sum() < SMALLEST_SUBSET:
        small[np.where(small, subsets.size, counts).argmin()] = True  # the smallest of the others
    return np.unique(np.where(small, -1, np.arange(len(counts)))[codes], return_inverse=True)[1]


class Flips:
    """The sign-flip test of every value that the true difference may have.

    If the difference is `true`, a unit's null residual is r = residual + share (mean - true), and
    its sign is as good as its opposite. The statistic is that of Johnson (1978) in the monotone
    form of Hall (1992), t + k t²/3 + k² t³/27 + k/6 with t = Σr / √Σr² and the skewness
    k = Σr³ / (Σr²)^1.5, so that the test holds where differences are skew as well. Flips that are
    as extreme as the data count half (the mid-p of Lancaster 1961): of right and wrong answers
    there are few different sums, and counting them whole makes a 5 % test one of 3 %.
    """

    def __init__(self, held: Units, n_flips: int, seed: int) -> None:
        self._units = held
        e, w = held.residual, held.share
        columns = np.stack([e, w, e**3, 3 * e**2 * w, 3 * e * w**2, w**3], axis=1)
        # of its own, so that it shares no draw with the bootstrap
        rng = np.random.default_rng((seed, 1))
        heads = [
            product(_coins(rng, rows.stop - rows.start, len(e)), columns)
            for rows in row_blocks(n_flips, len(e))
        ]
        self._sums = (2 * np.concatenate(heads) - columns.sum(axis=0)).T.copy()

    def p(self, true: float = 0.0) -> float:
        """Two-sided p-value of the hypothesis that the difference is `true`."""
        e, w = self._units.residual, self._units.share
        x = self._units.mean - true
        r = e + x * w
        square = float((r**2).sum())
        if square == 0:
            return 1.0
        s = self._sums
        own = abs(_statistic(r.sum(), (r**3).sum(), square))
        flipped = _statistic(s[0] + x * s[1], s[2] + x * (s[3] + x * (s[4] + x * s[5])), square)
        beyond = np.abs(flipped) - own
        # a flip that gives back the observed sum is equal, whatever the order of summation
        equal = np.abs(beyond) <= _ROUNDING * (1 + own)
        hits = np.count_nonzero(equal) / 2 + np.count_nonzero(beyond[~equal] > 0)
        return float((0.5 + hits) / (1 + s.shape[1]))

    def interval(self, level: float, reach: float) -> tuple[float, float]:
        """The differences that the test does not reject, between -reach and reach.

        It excludes 0 if and only if the test rejects 0.
        """
        return self._end(-reach, level), self._end(reach, level)

    def _end(self, limit: float, level: float) -> float:
        """The last difference that is not rejected on the way from the mean to the limit."""
        mean = self._units.mean
        inside, outside = mean, limit
        if mean * limit < 0:  # 0 lies between, and must fall to the side that the test says
            inside, outside = (mean, 0.0) if self._rejects(0.0, level) else (0.0, limit)
        if not self._rejects(outside, level):
            return outside
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            inside, outside = (
                (inside, middle) if self._rejects(middle, level) else (middle, outside)
            )
        return inside

    def _rejects(self, true: float, level: float) -> bool:
        return self.p(true) < 1 - level


def _statistic(first: Floats | float, third: Floats | float, square: float) -> Floats:
    t, k = np.asarray(first) / sqrt(square), np.asarray(third) / square**1.5
    u = k * t / 3
    return np.asarray(t * (1 + u * (1 + u / 3)) + k / 6)


def _coins(rng: np.random.Generator, n_rows: int, n_columns: int) -> Floats:
    packed = rng.integers(0, 256, size=(n_rows, -(-n_columns // 8)), dtype=np.uint8)
    return np.unpackbits(packed, axis=1, count=n_columns).astype(np.float64)
