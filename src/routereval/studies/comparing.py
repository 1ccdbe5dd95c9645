"""Which router is better: one against another, and all of them against the best single model.

Every difference is one of the table's: a mean over the cells of a benchmark, then over benchmarks,
each counting alike. So a prompt counts as much as it does there, and the test is on prompts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.scoring import Comparison, holm, paired_test
from routereval.scoring.ranking import Tally, tally

if TYPE_CHECKING:
    from routereval.studies.results import Cell, Outcome, Results

YARDSTICKS = {"best_single": "best_single", "oracle": "oracle", "random": "uniform"}
"""Controls whose scores stand in the evidence of every cell, by the column; they need no run."""

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


@dataclass(frozen=True)
class Verdict:
    """Whether one router beats another; as text, a sentence with the evidence.

    Attributes:
        a: the one router.
        b: the other.
        test: of their mean difference over all benchmarks.
        by_benchmark: of each benchmark, the p-values corrected by Holm where there are several.
        tally: on how many benchmarks a is ahead, level and behind.
        seeds: how the difference varies from seed to seed; None for a single seed.
        simulated: True if no real LLM was asked.
    """

    a: str
    b: str
    test: Comparison
    by_benchmark: Mapping[str, Comparison]
    tally: Tally
    seeds: Spread | None = None
    simulated: bool = False

    def __str__(self) -> str:
        return self.test.sentence(self.a, self.b)


class Stack(NamedTuple):
    """The prompts of all cells that some routers have, each once.

    Attributes:
        names: the benchmarks.
        benchmark: (n_prompts,) code of its benchmark, in the order of `names`.
        stratum: (n_prompts,) code of its benchmark and subset.
        weight: (n_prompts,) how much a prompt counts in the mean; sums to 1.
        values: (n_prompts, n_routers) scores, the mean over the cells in which it is a test prompt.
    """

    names: tuple[str, ...]
    benchmark: NDArray[np.int64]
    stratum: NDArray[np.int64]
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
        return Stack((self.names[benchmark],), code, self.stratum[rows], weight, self.values[rows])

    def test(self) -> Comparison:
        """The paired test of the first router against the second."""
        return paired_test(*self.values[:, :2].T, strata=self.stratum, weights=self.weight)


def compare(results: Results, a: str, b: str) -> Verdict:
    """Test whether one router beats another, on the prompts of all cells that both have.

    Args:
        results: of a run.
        a: a router of the run, or ``best_single``, ``oracle`` or ``random``, which need no run.
        b: another.

    Raises:
        SpecError: if a router is not among the results.
        DataError: if the two have no cell in common.
    """
    both = stacked(results, (a, b))
    parts = [both.of(code) for code in range(len(both.names))]
    each = corrected([part.test() for part in parts])
    return Verdict(
        a,
        b,
        both.test(),
        dict(zip(both.names, each, strict=True)),
        tally(test.difference for test in each),
        _spread(results, a, b),
        any(cell.simulated for cell in results.cells),
    )


def corrected(tests: Sequence[Comparison]) -> list[Comparison]:
    """Several tests with their p-values corrected by Holm; a single one as it is."""
    if len(tests) < 2:
        return list(tests)
    adjusted = holm([test.p_value for test in tests])
    return [replace(test, p_adjusted=float(p)) for test, p in zip(tests, adjusted, strict=True)]


def stacked(results: Results, routers: Sequence[str], seed: int | None = None) -> Stack:
    """Gather the prompts of all cells that these routers have in common.

    Args:
        results: of a run.
        routers: of the run, or yardsticks.
        seed: take the cells of this one only.

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
        scores = [scores_of(results, *it) for it in zip(routers, outcomes, strict=True)]
        keys.append(np.stack([code, first.evidence.strata, first.rows], axis=1))
        weights.append(np.full(len(code), weight))
        sums.append(weight * np.stack(scores, axis=1))
    return _once(tuple(names), np.concatenate(keys), np.concatenate(weights), np.concatenate(sums))


def scores_of(results: Results, router: str, outcome: Outcome) -> NDArray[np.float64]:
    """(n_prompts,) the scores of a router in one of its cells, or those of a yardstick in any."""
    column = "quality" if router in results.routers else YARDSTICKS[router]
    values: NDArray[np.float64] = getattr(outcome.evidence, column)
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

    The stream of the mixed protocol is told apart into its benchmarks.
    """
    starts = cell.parts or {cell.benchmark: 0}
    names += [name for name in starts if name not in names]
    codes = np.array([names.index(name) for name in starts])
    return codes[np.searchsorted(list(starts.values()), rows, side="right") - 1]


def _once(
    names: tuple[str, ...],
    keys: NDArray[np.int64],
    weights: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> Stack:
    """Add up what the cells say of the same prompt: of equal benchmark, subset and row."""
    prompts, where = np.unique(keys, axis=0, return_inverse=True)
    where = where.ravel()
    weight = np.bincount(where, weights).astype(np.float64)
    values = np.stack([np.bincount(where, column) / weight for column in sums.T], axis=1)
    stratum = np.unique(prompts[:, :2], axis=0, return_inverse=True)[1].ravel()
    return Stack(names, prompts[:, 0], stratum, weight, values)


def _spread(results: Results, a: str, b: str) -> Spread | None:
    shared = _cells(results, a).keys() & _cells(results, b).keys()
    seeds = sorted({place[-1] for place in shared})
    if len(seeds) < 2:
        return None
    means = [stacked(results, (a, b), seed).means for seed in seeds]
    found = {seed: float(mean[0] - mean[1]) for seed, mean in zip(seeds, means, strict=True)}
    return Spread(found, float(np.std(list(found.values()), ddof=1)))
