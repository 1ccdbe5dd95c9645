"""Which router is better: one against another, and all of them against the best single model.

One fit of each says which of the two *fitted routers* is better. With several seeds the variance of
training is known as well, and the claim is on the algorithms.

Every difference is one of the table's: a mean over the cells of a benchmark, then over benchmarks,
each counting alike. So a prompt counts as much as it does there, and the test is on prompts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.results.results import Cell, Outcome, Results
from routereval.scoring import Comparison, holm, paired_test
from routereval.scoring.paired import Units, units
from routereval.scoring.ranking import Tally, tally
from routereval.scoring.sameness import (
    Estimate,
    Probabilities,
    Sameness,
    Saving,
    estimate,
    probabilities,
    sameness,
    saving,
)
from routereval.scoring.training import MIN_FITS, OverFits, over_fits
from routereval.shown import Shown

YARDSTICKS = {"best_single": "best_single", "oracle": "oracle", "random": "uniform"}
"""Controls whose scores stand in the evidence of every cell, by the column; they need no run."""

_ONE_SPLIT = 0.999
"""Share of common test prompts from which on the seeds have one split, and tell no training."""

_ROW_BITS = 40

_Place = tuple[str, str, int, str, int]


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


@dataclass(frozen=True, repr=False)
class Verdict(Shown):
    """Whether one router beats another; as text, a sentence with the evidence.

    Attributes:
        a: the one router.
        b: the other.
        test: of their mean difference over all benchmarks, with the fits as they are.
        by_benchmark: of each benchmark, the p-values corrected by Holm where there are several.
        tally: on how many benchmarks a is ahead, level and behind.
        seeds: how the difference varies from seed to seed; None for a single seed.
        over_fits: the test of the algorithms, with the variance of training; None for fewer than
            `MIN_FITS` seeds, or where all seeds share one split.
        sameness: whether a is as good as b within a margin; None if no margin was given.
        saving: by what share a costs less than b; None without a margin or known costs.
        probabilities: of a being better, the same or worse; None if no `rope` was given.
        simulated: True if no real model was asked.
    """

    a: str
    b: str
    test: Comparison
    by_benchmark: Mapping[str, Comparison]
    tally: Tally
    seeds: Spread | None = None
    over_fits: OverFits | None = None
    sameness: Sameness | None = None
    saving: Saving | None = None
    probabilities: Probabilities | None = None
    simulated: bool = False

    @property
    def sentence(self) -> str:
        """One fit of each: a sentence on these fits. Several: first one on the algorithms."""
        found = self.test.sentence(self.a, self.b)
        if self.test.ties == self.test.n_prompts:
            return found
        fitted = f"Of these fitted routers, {found}"
        if self.over_fits is None:
            return f"{fitted} {self._conditional()}"
        return f"{trained_anew(self.over_fits, self.a, self.b)} {fitted}"

    def _conditional(self) -> str:
        n = 1 if self.seeds is None else len(self.seeds.differences)
        enough = f"all {n} seeds share one split"
        why = enough if n >= MIN_FITS else f"that takes {MIN_FITS} seeds or more"
        return f"The variance of training is not in it: {why}."


class Stack(NamedTuple):
    """The prompts of all cells that some routers have, each once.

    Attributes:
        names: the benchmarks.
        benchmark: (n_prompts,) code of its benchmark, in the order of `names`.
        subset: (n_prompts,) code of its benchmark and subset.
        row: (n_prompts,) its row in the records of its benchmark.
        group: (n_prompts,) code of its group of equal prompts.
        weight: (n_prompts,) how much a prompt counts in the mean; sums to 1.
        values: (n_prompts, n_routers) scores, the mean over the cells in which it is a test prompt.
    """

    names: tuple[str, ...]
    benchmark: NDArray[np.int64]
    subset: NDArray[np.int64]
    row: NDArray[np.int64]
    group: NDArray[np.int64]
    weight: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def means(self) -> NDArray[np.float64]:
        """(n_routers,) means over the cells of a benchmark, then over benchmarks."""
        return np.asarray(self.weight @ self.values)

    def of(self, benchmark: int) -> Stack:
        """One of the benchmarks alone."""
        rows = self.benchmark == benchmark
        weight = self.weight[rows] / self.weight[rows].sum()
        code = np.zeros(len(weight), np.int64)
        return self._replace(
            names=(self.names[benchmark],),
            benchmark=code,
            subset=self.subset[rows],
            row=self.row[rows],
            group=self.group[rows],
            weight=weight,
            values=self.values[rows],
        )

    def test(self) -> Comparison:
        """The paired test of the first router against the second."""
        a, b = self.values[:, :2].T
        return paired_test(a, b, subsets=self.subset, weights=self.weight, groups=self.group)

    def units(self) -> Units:
        """The difference of the first router to the second, cut into independent units."""
        gain = self.values[:, 0] - self.values[:, 1]
        return units(gain, self.weight, self.subset, self.group)


def compare(
    results: Results,
    a: str,
    b: str,
    *,
    margin: float | None = None,
    rope: float | None = None,
    names: Mapping[str, str] | None = None,
) -> Verdict:
    """Test whether one router beats another, on the prompts of all cells that both have.

    Args:
        results: of a run.
        a: a router of the run, by its name or its spec, or ``best_single``, ``oracle`` or
            ``random``, which need no run.
        b: another.
        margin: also test whether a is as good as b within this difference of the mean score.
        rope: also say how probable it is that a is better, worse, or within this of b.
        names: what to call routers, as `Results.renamed` takes them.

    Raises:
        SpecError: if a router is not among the results, or the margin or rope is out of range.
        DataError: if the two have no cell in common.
    """
    results = results.renamed(names or {})
    a, b = results.name_of(a), results.name_of(b)
    both = stacked(results, (a, b))
    test = both.test()
    parts = [both.of(code) for code in range(len(both.names))]
    each = corrected([part.test() for part in parts])
    seeds = _by_seed(results, a, b)
    anew = _over_fits(results, a, b, seeds, test)
    known = _estimate(test, anew)
    return Verdict(
        a,
        b,
        test,
        dict(zip(both.names, each, strict=True)),
        tally(test.difference for test in each),
        _spread(seeds),
        anew,
        None if margin is None else sameness(known, margin),
        None if margin is None else _saving(results, a, b),
        None if rope is None else probabilities(known, rope),
        any(cell.simulated for cell in results.cells),
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


def corrected(tests: Sequence[Comparison]) -> list[Comparison]:
    """Several tests with their p-values corrected by Holm; a single one as it is."""
    if len(tests) < 2:
        return list(tests)
    adjusted = holm([test.p_value for test in tests])
    return [replace(test, p_adjusted=float(p)) for test, p in zip(tests, adjusted, strict=True)]


def stacked(
    results: Results,
    routers: Sequence[str],
    seed: int | None = None,
    column: str = "quality",
    fold: int | None = None,
) -> Stack:
    """Gather the prompts of all cells that these routers have in common.

    Args:
        results: of a run.
        routers: of the run, or yardsticks.
        seed: take the cells of this one only.
        column: of the evidence: ``quality``, or ``cost``, which yardsticks do not have.
        fold: of a cross-validation, take the prompts of this one only.

    Raises:
        SpecError: if a router is not among the results.
        DataError: if the routers have no cell in common, or different prompts in one.
    """
    places = [_cells(results, router) for router in routers]
    common = [
        place
        for place, cell in places[0].items()
        if all(place in held for held in places) and seed in {None, cell.seed}
    ]
    if not common:
        raise DataError(f"{' and '.join(routers)} have no cell in common")
    n_cells = Counter(place[1] for place in common)
    names = list[str]()
    keys, weights, sums = [], [], []
    for place in common:
        outcomes = [results.outcomes[held[place].key] for held in places]
        first = outcomes[0]
        if any(not np.array_equal(first.rows, other.rows) for other in outcomes):
            raise DataError(f"{place[1]}: the routers were tested on different prompts")
        code = _benchmarks(places[0][place], first.rows, names)
        weight = 1 / (len(first.rows) * n_cells[place[1]] * len(n_cells))
        scores = [_column(results, *it, column) for it in zip(routers, outcomes, strict=True)]
        equal = _first_of_group(first, code)
        here = _in_fold(first, fold)
        keys.append(np.stack([code, first.evidence.subsets, first.rows, equal], axis=1)[here])
        weights.append(np.full(len(code), weight)[here])
        sums.append(weight * np.stack(scores, axis=1)[here])
    return _once(tuple(names), np.concatenate(keys), np.concatenate(weights), np.concatenate(sums))


def _in_fold(outcome: Outcome, fold: int | None) -> NDArray[np.bool_]:
    """(n_prompts,) which prompts were tested in a fold; all if None."""
    if fold is None or outcome.fold is None:
        return np.ones(len(outcome.rows), dtype=np.bool_)
    return np.asarray(outcome.fold == fold)


def _column(results: Results, router: str, outcome: Outcome, column: str) -> NDArray[np.float64]:
    """(n_prompts,) a column of a router's evidence, or the scores of a yardstick."""
    own = column if router in results.routers else YARDSTICKS[router]
    values: NDArray[np.float64] = getattr(outcome.evidence, own)
    return values


def _cells(results: Results, router: str) -> dict[_Place, Cell]:
    """The cells of a router by place; of a yardstick that was not run, those of any router."""
    if router not in results.routers and router not in YARDSTICKS:
        raise unknown("router of this run", router, {*results.routers, *YARDSTICKS})
    cells = results.of(router) if router in results.routers else results.cells
    found: dict[_Place, Cell] = {}
    for cell in cells:
        found.setdefault(cell.place[:-1], cell)
    return found


def _benchmarks(cell: Cell, rows: NDArray[np.int64], names: list[str]) -> NDArray[np.int64]:
    """(n_prompts,) the place in `names` of each prompt's benchmark; new names are added.

    The stream of the mixed protocol is split into its benchmarks.
    """
    starts = cell.parts or {cell.benchmark: 0}
    names += [name for name in starts if name not in names]
    codes = np.array([names.index(name) for name in starts])
    return codes[np.searchsorted(list(starts.values()), rows, side="right") - 1]


def _first_of_group(outcome: Outcome, code: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n_prompts,) one number for the benchmark and row of the first prompt of each one's group.

    Codes of groups may be of one cell alone; rows are the same in all cells of a benchmark.
    """
    own = (code << _ROW_BITS) + outcome.rows
    _, groups = np.unique(outcome.evidence.groups, return_inverse=True)
    first = np.full(len(own), np.iinfo(np.int64).max)
    np.minimum.at(first, groups.ravel(), own)
    return np.asarray(first[groups.ravel()])


def _once(
    names: tuple[str, ...],
    keys: NDArray[np.int64],
    weights: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> Stack:
    """Add up what the cells say of the same prompt: of equal benchmark, subset and row."""
    prompts, where = np.unique(keys[:, :3], axis=0, return_inverse=True)
    where = where.ravel()
    group = np.full(len(prompts), np.iinfo(np.int64).max)
    np.minimum.at(group, where, keys[:, 3])
    group = np.unique(group, return_inverse=True)[1].ravel()
    weight = np.bincount(where, weights).astype(np.float64)
    values = np.stack([np.bincount(where, column) / weight for column in sums.T], axis=1)
    subset = np.unique(prompts[:, :2], axis=0, return_inverse=True)[1].ravel()
    return Stack(names, prompts[:, 0], subset, prompts[:, 2], group, weight, values)


def _by_seed(results: Results, a: str, b: str) -> dict[int, Stack]:
    """The prompts of each seed in which both have a cell."""
    shared = _cells(results, a).keys() & _cells(results, b).keys()
    seeds = sorted({place[-1] for place in shared})
    return {seed: stacked(results, (a, b), seed) for seed in seeds}


def _spread(seeds: Mapping[int, Stack]) -> Spread | None:
    if len(seeds) < 2:
        return None
    found = {seed: float(stack.means[0] - stack.means[1]) for seed, stack in seeds.items()}
    return Spread(found, float(np.std(list(found.values()), ddof=1)))


def _over_fits(
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
    cells = [*_cells(results, a).values(), *_cells(results, b).values()]
    n_train, n_test = (
        float(np.mean([getattr(c, n) for c in cells])) for n in ("n_train", "n_test")
    )
    # test parts are drawn at random from all prompts, so what they share says how many there are
    same_train = min(n_train * same_test / n_test, n_train / (n_train + n_test))
    each = [stack.units() for stack in seeds.values()]
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
    return over_fits(
        test.difference,
        test.deviation,
        test.n_units,
        [one.mean for one in each],
        [one.deviation**2 for one in each],
        same_test=1 / k,
        same_train=(k - 2) / (k - 1),
        level=test.level,
    )


def _folds(results: Results, router: str, seed: int) -> list[NDArray[np.int64]]:
    """The folds of each cell of one seed that was cross-validated."""
    cells = [cell for cell in _cells(results, router).values() if cell.seed == seed]
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


def _estimate(test: Comparison, anew: OverFits | None) -> Estimate:
    """What is known of the difference: with the variance of training in it where it is known."""
    if anew is not None:
        return estimate(anew.difference, anew.deviation, test.step, anew.df)
    return estimate(test.difference, test.deviation, test.step, test.n_units - 1)


def _saving(results: Results, a: str, b: str) -> Saving | None:
    if not {a, b} <= set(results.routers):
        return None  # what the model of a yardstick costs is in no cell of another router
    costs = stacked(results, (a, b), column="cost")
    a_cost, b_cost = costs.values[:, :2].T
    return saving(a_cost, b_cost, subsets=costs.subset, weights=costs.weight, groups=costs.group)
