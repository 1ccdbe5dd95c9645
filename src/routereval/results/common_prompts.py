"""The prompts that several routers were tested on, each once, with what each router scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.results.results import Cell, Outcome, Results
from routereval.scoring import Comparison, paired_test
from routereval.scoring.paired import Units, units

YARDSTICKS = {"best_single": "best_single", "oracle": "oracle", "random": "uniform"}
"""Controls whose scores stand in the evidence of every cell, by the column; they need no run."""

_ROW_BITS = 40
Place = tuple[str, str, int, str, int]


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
    places = [cells_by_place(results, router) for router in routers]
    common = [
        place
        for place, cell in places[0].items()
        if all(place in held for held in places)
        and seed in {None, cell.seed}
        and _in_fold(results.outcomes[cell.key], fold).any()
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
        here = _in_fold(first, fold)
        weight = 1 / (int(here.sum()) * n_cells[place[1]] * len(n_cells))
        scores = [_column(results, *it, column) for it in zip(routers, outcomes, strict=True)]
        equal = _first_of_group(first, code)
        keys.append(np.stack([code, first.evidence.subsets, first.rows, equal], axis=1)[here])
        weights.append(np.full(len(code), weight)[here])
        sums.append(weight * np.stack(scores, axis=1)[here])
    return _once(tuple(names), np.concatenate(keys), np.concatenate(weights), np.concatenate(sums))


def same_choices(results: Results, a: str, b: str) -> bool:
    """Whether two routers choose the same model on every prompt of the cells that both have.

    Raises:
        SpecError: if one is not among the results.
    """
    if not {a, b} <= set(results.routers):
        return False  # what a yardstick chooses is in no evidence
    one, other = cells_by_place(results, a), cells_by_place(results, b)
    pairs = [(one[place], other[place]) for place in one if place in other]
    choices = [[results.outcomes[cell.key].evidence.choice for cell in pair] for pair in pairs]
    return all((first >= 0).all() and np.array_equal(first, second) for first, second in choices)


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


def cells_by_place(results: Results, router: str) -> dict[Place, Cell]:
    """The cells of a router by place; of a yardstick that was not run, those of any router."""
    if router not in results.routers and router not in YARDSTICKS:
        raise unknown("router of this run", router, {*results.routers, *YARDSTICKS})
    cells = results.of(router) if router in results.routers else results.cells
    found: dict[Place, Cell] = {}
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
