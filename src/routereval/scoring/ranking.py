"""How routers stand over several benchmarks: wins and losses, and ranks with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.scoring.bootstrap import interval

_LEVEL = 1e-12


class Tally(NamedTuple):
    """On how many benchmarks a router is ahead of another, level with it, and behind it."""

    wins: int
    ties: int
    losses: int


class Rank(NamedTuple):
    """A router's mean rank over benchmarks; 1 is the best.

    Attributes:
        mean: over the benchmarks.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    mean: float
    low: float
    high: float


def tally(differences: Iterable[float]) -> Tally:
    """Count benchmarks by the sign of the difference of two routers.

    >>> tally([0.2, -0.1, 0.0, 0.4])
    Tally(wins=2, ties=1, losses=1)
    """
    gains = np.array(list(differences), np.float64)
    wins, losses = int((gains > _LEVEL).sum()), int((gains < -_LEVEL).sum())
    return Tally(wins, gains.size - wins - losses, losses)


def mean_ranks(
    points: NDArray[np.float64],
    replicates: Sequence[NDArray[np.float64]],
    seed: int = 0,
    level: float = 0.95,
) -> list[Rank]:
    """Mean ranks over benchmarks, with intervals from resampling benchmarks and their prompts.

    A replicate draws as many benchmarks as there are, with replacement, and one bootstrap replicate
    of each: so an interval says which ranks to expect on other benchmarks of the kind. With one
    benchmark only its prompts are resampled. Routers that score the same share a rank.

    Args:
        points: (n_benchmarks, n_routers) scores, higher is better, none NaN.
        replicates: of each benchmark (n_boot, n_routers), all routers on the same resamples.
        seed: decides the draws of benchmarks.
        level: confidence.

    Returns:
        One rank a router.

    Raises:
        DataError: if shapes disagree, or there is no benchmark.
        SpecError: if the level is not between 0 and 1.

    >>> points = np.array([[0.9, 0.5, 0.5], [0.9, 0.4, 0.6]])
    >>> mean_ranks(points, [np.tile(row, (10, 1)) for row in points])[0]
    Rank(mean=1.0, low=1.0, high=1.0)
    """
    if points.ndim != 2 or not points.size or len(replicates) != len(points):
        raise DataError(
            f"ranks need a row of scores and of replicates for each benchmark, not the shape "
            f"{points.shape} and {len(replicates)} arrays of replicates"
        )
    drawn = np.stack([ranks(block) for block in replicates])  # benchmarks, n_boot, routers
    if drawn.shape[2] != points.shape[1]:
        raise DataError(f"replicates of {drawn.shape[2]} routers for {points.shape[1]}")
    n_benchmarks, n_boot = drawn.shape[:2]
    rng = np.random.default_rng((seed, 2))
    picks = rng.integers(0, n_benchmarks, (n_boot, n_benchmarks))
    # independent replicates, even where a benchmark is drawn twice
    which = rng.integers(0, n_boot, (n_boot, n_benchmarks))
    means = drawn[picks, which].mean(axis=1)
    own = ranks(points).mean(axis=0)
    return [
        Rank(float(own[column]), *interval(float(own[column]), means[:, column], level))
        for column in range(points.shape[1])
    ]


class Omnibus(NamedTuple):
    """Whether the ranks of several routers over benchmarks differ at all.

    Attributes:
        statistic: Friedman's chi-square, corrected for ties.
        p_value: its p-value under permutation of the ranks within each benchmark.
        critical_difference: mean ranks further apart than this differ at the 5 % level (Nemenyi).
        n_benchmarks: how many benchmarks.
        n_routers: how many routers.
    """

    statistic: float
    p_value: float
    critical_difference: float
    n_benchmarks: int
    n_routers: int


def omnibus(
    points: NDArray[np.float64], n_permutations: int = 10_000, seed: int = 0
) -> Omnibus | None:
    """Friedman's test, by permutation, and Nemenyi's critical difference (Demšar 2006).

    Args:
        points: (n_benchmarks, n_routers) scores, higher is better, none NaN.
        n_permutations: random permutations of the ranks of every benchmark.
        seed: decides them.

    Returns:
        The test; None for fewer than two benchmarks or three routers.

    Raises:
        DataError: if a score is NaN.

    >>> omnibus(np.array([[0.9, 0.5, 0.4]] * 6)).statistic
    12.0
    """
    from scipy.stats import studentized_range

    n_benchmarks, n_routers = points.shape
    if n_benchmarks < 2 or n_routers < 3:
        return None
    held = ranks(points) - (n_routers + 1) / 2
    total = float((held**2).sum())
    if total == 0:
        statistic, p = 0.0, 1.0
    else:
        rng = np.random.default_rng((seed, 3))
        drawn = np.zeros((n_permutations, n_routers))
        for row in held:
            drawn += rng.permuted(np.tile(row, (n_permutations, 1)), axis=1)
        own = float((held.sum(axis=0) ** 2).sum())
        hits = np.count_nonzero((drawn**2).sum(axis=1) >= own - _LEVEL)
        p = (1 + hits) / (1 + n_permutations)
        statistic = own * (n_routers - 1) / total
    q = float(studentized_range.ppf(0.95, n_routers, np.inf)) / np.sqrt(2)
    critical = q * float(np.sqrt(n_routers * (n_routers + 1) / (6 * n_benchmarks)))
    return Omnibus(statistic, p, float(critical), n_benchmarks, n_routers)


def ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks along the last axis, 1 for the highest; equal scores share the mean of theirs.

    >>> ranks(np.array([0.9, 0.5, 0.5]))
    array([1. , 2.5, 2.5])
    """
    from scipy.stats import rankdata

    if np.isnan(scores).any():
        raise DataError("scores that are NaN have no rank")
    rounded = np.round(scores, 12)  # means of the same numbers in another order
    return np.asarray(rankdata(-rounded, axis=-1))
