"""What a paper's main table holds: each router on each benchmark, with a test and the spread."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from routereval.errors import DataError
from routereval.results.ablation import deviation_over_seeds
from routereval.results.common_prompts import YARDSTICKS, stacked
from routereval.results.comparison import corrected
from routereval.results.results import Results
from routereval.results.summary import MEAN, Estimate, summarise
from routereval.scoring import Comparison

METRICS = ("mu", "v_r", "v_b", "e_p")
"""Those of RouterEval's tables."""


class BenchmarkScore(NamedTuple):
    """One router at one pool size on one benchmark, or on the mean of all.

    Attributes:
        protocol: the rule of the split.
        size: number of models in the pools.
        benchmark: the benchmark; ``mean`` for the mean over all of them, where there are several.
        router: what tables call it.
        control: True for a yardstick, which is not tested.
        metrics: estimates by name, with their intervals over prompts.
        deviations: by name, the standard deviation from seed to seed; NaN for one seed.
        n_seeds: how many seeds.
        test: its mean score less that of the router it is held against, p corrected by Holm over
            the learned routers of this benchmark and size; None where there is none.
    """

    protocol: str
    size: int
    benchmark: str
    router: str
    control: bool
    metrics: dict[str, Estimate]
    deviations: dict[str, float]
    n_seeds: int
    test: Comparison | None

    @property
    def direction(self) -> int:
        """1 where it is better than the other by more than chance, −1 where worse, else 0."""
        if self.test is None or not self.test.significant:
            return 0
        return 1 if self.test.difference > 0 else -1


def benchmark_scores(
    results: Results, against: str = "best_single", metrics: Sequence[str] = METRICS
) -> list[BenchmarkScore]:
    """The scores of all routers, benchmark by benchmark.

    Args:
        results: of a run.
        against: the router that learned ones are held against, or ``best_single``, ``oracle`` or
            ``random``.
        metrics: names of metrics.

    Returns:
        By protocol, size and benchmark, the mean over them last; routers in the order of the run.

    Raises:
        SpecError: if `against` is not among the results.
    """
    against = results.name_of(against)
    if against not in YARDSTICKS:
        results.of(against)  # says which routers there are
    several = len({cell.benchmark for cell in results.cells}) > 1
    lines = [one for one in summarise(results, metrics) if several or one.benchmark != MEAN]
    places = dict.fromkeys((one.protocol, one.size, one.benchmark) for one in lines)
    ordered = sorted(places, key=lambda place: place[2] == MEAN)
    found = []
    for place in ordered:
        here = _at(results, *place)
        tests = dict(_tests(here, against))
        for line in lines:
            if (line.protocol, line.size, line.benchmark) == place:
                cells = here.of(line.router)
                spread = {name: deviation_over_seeds(cells, name) for name in metrics}
                n_seeds = len({cell.seed for cell in cells})
                found.append(
                    BenchmarkScore(
                        *(*place, line.router, line.control, dict(line.metrics), spread),
                        n_seeds=n_seeds,
                        test=tests.get(line.router),
                    )
                )
    return found


def spread_of(score: BenchmarkScore, metric: str) -> tuple[float, float]:
    """The ends of a standard deviation over seeds around a mean; of its interval for one seed.

    Args:
        score: of a router on a benchmark.
        metric: its name.
    """
    value, low, high = score.metrics[metric]
    deviation = score.deviations[metric]
    return (low, high) if math.isnan(deviation) else (value - deviation, value + deviation)


def _at(results: Results, protocol: str, size: int, benchmark: str) -> Results:
    cells = [
        cell
        for cell in results.cells
        if (cell.protocol, cell.size) == (protocol, size) and benchmark in {MEAN, cell.benchmark}
    ]
    return replace(results, cells=cells)


def _tests(here: Results, against: str) -> Iterator[tuple[str, Comparison]]:
    """Each learned router that has a cell in common with the other, and the test of the two."""
    held = {}
    for name in here.routers:
        if name == against or here.of(name)[0].control:
            continue
        try:
            held[name] = stacked(here, (name, against)).test()
        except DataError:
            continue
    return zip(held, corrected(list(held.values())), strict=True)
