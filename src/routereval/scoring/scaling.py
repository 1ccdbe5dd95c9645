"""Model-level scaling-up in closed form: what the best of m randomly drawn models scores.

A prompt on which `short` of `of` models fall short of being right defeats a random pool of m with
the chance C(short, m) / C(of, m); nothing is simulated. A real-valued score is a stack of binary
ones: it reaches each threshold t in [0, 1] or falls short of it, and the oracle is the integral
over t. So both kinds come down to one histogram: at how much of the score how many models fall
short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

NOISE = tuple(p / 10 for p in range(11))
"""The p of r_o(p) that are studied: 0, 0.1 … 1."""

_BLOCK = 64
_ROWS = 1 << 13
_GONE = 1e-20
_ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


def expected_oracles(
    short: ArrayLike, of: ArrayLike, weights: ArrayLike, last: int | None = None
) -> Floats:
    """The expected oracle of a random pool of m models, for every m at once.

    Σ weights · [1 − C(short, m) / C(of, m)], by the recurrence
    C(s, m + 1) / C(o, m + 1) = C(s, m) / C(o, m) · (s − m) / (o − m), whose terms are all positive
    and which leaves out a term once it is below 1e-20.

    Args:
        short: (k,) how many models fall short, from 0 to `of`.
        of: (k,) or a number: how many models were observed.
        weights: (k,) on what share of the prompts (of prompts times score, if real-valued) that is
            so; at most 1 in sum.
        last: the largest m, at most the least `of`; the least `of` if None.

    Returns:
        (last,) expected scores in [0, 1] of pools of m = 1, 2, … models; they never decrease.

    Of four models one is right on the first prompt and three on the second:

    >>> expected_oracles(short=[3, 1], of=4, weights=[0.5, 0.5])
    array([0.5  , 0.75 , 0.875, 1.   ])
    """
    numbers, total = _terms(short, of)
    share = np.asarray(weights, dtype=np.float64)
    last = int(total.min()) if last is None else last
    missed = np.zeros(last)
    for start in range(0, len(numbers), _ROWS):
        rows = slice(start, start + _ROWS)
        own = share[rows]
        for sizes, live, chances in _all_short(numbers[rows], total[rows], last):
            missed[sizes] += own[live] @ chances
    return np.asarray(np.clip(share.sum() - missed, 0.0, 1.0))


def expected_oracles_at(short: ArrayLike, of: ArrayLike, sizes: Index) -> Floats:
    """The expected oracle of random pools, term by term, at some sizes.

    Args:
        short: (k,) how many models fall short.
        of: (k,) or a number: of how many.
        sizes: (g,) pool sizes, each at most the least `of`.

    Returns:
        (k, g) the chance that a pool of that size holds a model that does not fall short.

    >>> expected_oracles_at([3, 1], 4, np.array([1, 2]))
    array([[0.25, 0.5 ],
           [0.75, 1.  ]])
    """
    numbers, total = _terms(short, of)
    reached = np.ones((len(numbers), len(sizes)))
    for start in range(0, len(numbers), _ROWS):
        rows = slice(start, start + _ROWS)
        own = reached[rows]
        for block, live, chances in _all_short(numbers[rows], total[rows], int(sizes.max())):
            here = np.flatnonzero((sizes > block.start) & (sizes <= block.stop))
            own[np.ix_(live, here)] -= chances[:, sizes[here] - 1 - block.start]
    return reached


def expected_maxima_at(ordered: NDArray[np.floating], sizes: Index) -> Floats:
    """The expected best score of random pools on each prompt, for real-valued scores.

    E = Σ_i s_(i) · C(i − 1, m − 1) / C(N, m), with s_(1) ≤ … ≤ s_(N).

    Args:
        ordered: (n_prompts, N) scores, each row in ascending order.
        sizes: (g,) pool sizes of at most N.

    Returns:
        (n_prompts, g) expected scores.

    >>> expected_maxima_at(np.array([[0.0, 0.5, 1.0]]), np.array([1, 2, 3])).round(3)
    array([[0.5  , 0.833, 1.   ]])
    """
    n_models = ordered.shape[1]
    reached = expected_oracles_at(np.arange(n_models + 1), n_models, sizes)
    return np.asarray(ordered @ -np.diff(reached, axis=0))


def gaps(ordered: NDArray[np.floating]) -> Floats:
    """How much of the score lies where 0, 1 … N models fall short.

    Args:
        ordered: (N,) scores of N models in ascending order, or the mean over prompts of such rows.

    Returns:
        (N + 1,) parts of [0, 1], the weights of `expected_oracles`.

    >>> gaps(np.array([0.25, 0.25, 1.0]))
    array([0.25, 0.  , 0.75, 0.  ])
    """
    return np.diff(np.asarray(ordered, dtype=np.float64), prepend=0.0, append=1.0)


def noisy(oracle: ArrayLike, mean: ArrayLike, p: float) -> Floats:
    """The score of r_o(p): the oracle with probability p, else a model of the pool at random.

    >>> noisy([0.5, 0.75], 0.5, p=0.5)
    array([0.5  , 0.625])
    """
    return np.asarray(p * np.asarray(oracle, np.float64) + (1 - p) * np.asarray(mean, np.float64))


def passing_size(curve: ArrayLike, target: float) -> int | None:
    """The least m at which a curve over m = 1, 2, … lies above `target`; None if it never does.

    >>> passing_size([0.5, 0.75, 0.875, 1.0], 0.75)
    3
    """
    above = np.asarray(curve) > target
    return int(above.argmax()) + 1 if above.any() else None


def saturation_size(curve: ArrayLike, share: float) -> int:
    """The least m that brings `share` of what there is to gain from m = 1 to the last.

    Args:
        curve: (n_models,) scores of pools of m = 1, 2, … models.
        share: of the headroom, such as 0.9.

    >>> saturation_size([0.5, 0.75, 0.875, 1.0], 0.5)
    2
    """
    scores = np.asarray(curve, np.float64)
    target = scores[0] + share * (scores[-1] - scores[0])
    return int((scores >= target - 1e-12).argmax()) + 1


def round_sizes(last: int, also: Iterable[int] = ()) -> Index:
    """Pool sizes for a logarithmic axis: round numbers from 1 on, ten a decade, and the last.

    Args:
        last: the largest size.
        also: further sizes; those above `last` are left out.

    >>> round_sizes(17)
    array([ 1,  2,  3,  4,  5,  6,  8, 10, 12, 15, 17])
    """
    decades = range(len(str(last)))
    sizes = {int(step * 10**decade) for decade in decades for step in _ROUND}
    return np.array(sorted(m for m in {*sizes, *also, last} if 1 <= m <= last), dtype=np.int64)


def spread_ranks(n: int) -> Index:
    """Ranks 0 … n − 1 such that the first few of them always lie evenly apart.

    The van der Corput sequence: the first, the middle, the quarters, the eighths, and so on.

    >>> spread_ranks(8)
    array([0, 4, 2, 6, 1, 5, 3, 7])
    """
    width = max(1, (n - 1).bit_length())
    places = np.arange(1 << width)
    reverse = np.zeros_like(places)
    for bit in range(width):
        reverse |= ((places >> bit) & 1) << (width - 1 - bit)
    return np.asarray(reverse[reverse < n], dtype=np.int64)


class Widest(NamedTuple):
    """The prompts that a curve is averaged over, and how far it goes.

    Attributes:
        rows: prompts on which at least `last` models were observed.
        last: the largest pool size.
    """

    rows: Index
    last: int


def widest(observed: NDArray[np.int64]) -> Widest:
    """Which prompts to average over where cells are missing: one set for all sizes of pools.

    Pools of m can only be drawn on prompts with at least m observed models. If prompts dropped out
    as m grows, the curve could fall; so the largest m is fixed beforehand, as the one that keeps
    the most prompts times m.

    Args:
        observed: (n_prompts,) how many models were observed on each.

    >>> widest(np.array([0, 9, 10, 10, 2]))
    Widest(rows=array([1, 2, 3]), last=9)
    """
    falling = np.sort(observed)[::-1]
    last = int(falling[np.argmax(falling * np.arange(1, len(falling) + 1))])
    return Widest(np.flatnonzero(observed >= max(last, 1)), last)


def _terms(short: ArrayLike, of: ArrayLike) -> tuple[Floats, Floats]:
    numbers = np.asarray(short, dtype=np.float64)
    return numbers, np.broadcast_to(np.asarray(of, dtype=np.float64), numbers.shape)


def _all_short(short: Floats, of: Floats, last: int) -> Iterator[tuple[slice, Index, Floats]]:
    """C(short, m) / C(of, m), in blocks of m.

    Yields:
        the block, m = start + 1 … stop; the terms that are not yet nought; (terms, m) chances.
    """
    live = np.arange(len(short))
    before = np.ones(len(short))
    for start in range(0, last, _BLOCK):
        drawn = np.arange(start, min(start + _BLOCK, last))[:, None]
        chances = (short[live] - drawn) / (of[live] - drawn)
        chances[0] *= before
        np.multiply.accumulate(chances, axis=0, out=chances)
        yield slice(start, start + len(drawn)), live, chances.T
        kept = chances[-1] > _GONE
        live, before = live[kept], chances[-1][kept]
        if not live.size:
            return
