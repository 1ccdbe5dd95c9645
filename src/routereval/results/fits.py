"""Several fits of two routers: how their difference varies, and what holds of the algorithms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.results.common_prompts import Stack, cells_by_place, stacked
from routereval.results.results import Results
from routereval.scoring import Comparison
from routereval.scoring.over_fits import MIN_FITS, OverFits, over_fits
from routereval.scoring.paired import Units

_ONE_SPLIT = 0.999
"""Share of common test prompts from which on the seeds have one split, and tell no training."""


class Spread(NamedTuple):
    """How a difference varies from seed to seed; each has its own split and pools.

    Attributes:
        differences: by seed.
        deviation: their standard deviation.
    """

    differences: Mapping[int, float]
    deviation: float

    def sentence(self, name_a: str, name_b: str) -> str:
        """Say it in plain English."""
        values = list(self.differences.values())
        ahead = sum(value > 0 for value in values)
        return (
            f"Over {len(values)} seeds the difference varies from {min(values):+.3f} to "
            f"{max(values):+.3f} (standard deviation {self.deviation:.3f}); {name_a} is ahead of "
            f"{name_b} in {ahead} of {len(values)}."
        )


def trained_anew(found: OverFits, a: str, b: str) -> str:
    """What holds of two algorithms, in a sentence.

    Args:
        found: from `over_fits`.
        a: the one router.
        b: the other.
    """
    if found.significant and found.difference < 0:
        low, high = -found.high, -found.low
        return trained_anew(found._replace(difference=-found.difference, low=low, high=high), b, a)
    low, high = (round(end, 3) + 0.0 for end in (found.low, found.high))
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
    p += "" if found.p_adjusted is None else " after correction"
    held = f"[{low:.3f}, {high:.3f}] ({p}, {found.n_fits} fits of each)"
    if found.significant:
        return f"Trained anew, {a} beats {b} by {found.difference:.3f} {held}."
    mean = round(found.difference, 3) + 0.0
    return f"Trained anew, {a} and {b} cannot be told apart: difference {mean:+.3f} {held}."


def by_seed(results: Results, a: str, b: str) -> dict[int, Stack]:
    """The prompts of each seed in which both have a cell."""
    shared = cells_by_place(results, a).keys() & cells_by_place(results, b).keys()
    seeds = sorted({place[-1] for place in shared})
    return {seed: stacked(results, (a, b), seed) for seed in seeds}


def spread_of(seeds: Mapping[int, Stack]) -> Spread | None:
    """How a difference varies; None for fewer than two seeds."""
    if len(seeds) < 2:
        return None
    found = {seed: float(stack.means[0] - stack.means[1]) for seed, stack in seeds.items()}
    return Spread(found, float(np.std(list(found.values()), ddof=1)))


def over_fits_of(
    results: Results, a: str, b: str, seeds: Mapping[int, Stack], test: Comparison
) -> OverFits | None:
    """The test of the algorithms; None where there are too few fits, or all on one split."""
    if (folded := _over_folds(results, a, b, seeds, test)) is not None:
        return folded
    if len(seeds) < MIN_FITS:
        return None
    same_test = _overlap(list(seeds.values()))
    if same_test > _ONE_SPLIT:
        return None
    cells = [*cells_by_place(results, a).values(), *cells_by_place(results, b).values()]
    n_train, n_test = (
        float(np.mean([getattr(c, n) for c in cells])) for n in ("n_train", "n_test")
    )
    # test parts are drawn at random from all prompts, so what they share says how many there are
    same_train = min(n_train * same_test / n_test, n_train / (n_train + n_test))
    each = [stack.units() for stack in seeds.values()]
    return _tested(test, each, same_test, same_train)


def _over_folds(
    results: Results, a: str, b: str, seeds: Mapping[int, Stack], test: Comparison
) -> OverFits | None:
    """The test of the algorithms under cross-validation, whose fits are the folds of all seeds.

    By the corrected t test of repeated k-fold cross-validation (Bouckaert and Frank 2004).
    """
    found = {
        seed: sorted(set.union(set(), *(set(fold.tolist()) for fold in _folds(results, a, seed))))
        for seed in seeds
    }
    k = max((len(folds) for folds in found.values()), default=0)
    if k < 3 or sum(map(len, found.values())) < MIN_FITS:
        return None
    each = [
        stacked(results, (a, b), seed, fold=fold).units() for seed in found for fold in found[seed]
    ]
    return _tested(test, each, 1 / k, (k - 2) / (k - 1))


def _tested(
    test: Comparison, each: Sequence[Units], same_test: float, same_train: float
) -> OverFits:
    return over_fits(
        test.difference,
        test.deviation,
        test.n_units,
        [one.mean for one in each],
        [one.deviation**2 for one in each],
        same_test=same_test,
        same_train=same_train,
        level=test.level,
    )


def _folds(results: Results, router: str, seed: int) -> list[NDArray[np.int64]]:
    """The folds of each cell of one seed that was cross-validated."""
    cells = [cell for cell in cells_by_place(results, router).values() if cell.seed == seed]
    folds = [results.outcomes[cell.key].fold for cell in cells]
    return [fold for fold in folds if fold is not None]


def _overlap(stacks: Sequence[Stack]) -> float:
    """Mean share of their test prompts that two of several seeds have in common, by weight."""
    names = sorted({name for stack in stacks for name in stack.names})
    keys = []
    for stack in stacks:
        code = np.array([names.index(name) for name in stack.names])[stack.benchmark]
        keys.append(np.stack([code, stack.row], axis=1))
    _, where = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    fits = np.repeat(np.arange(len(stacks)), [len(key) for key in keys])
    weights = np.zeros((len(stacks), int(where.max()) + 1))
    weights[fits, where.ravel()] = np.concatenate([stack.weight for stack in stacks])
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    pairs = np.triu_indices(len(stacks), 1)
    return float(np.clip((weights @ weights.T)[pairs].mean(), 0.0, 1.0))
