"""The finest rows of a report: each router on each pool of each benchmark, over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from routereval.grouped import grouped
from routereval.results.results import Cell, Results
from routereval.results.summary import Estimate, mean_over

METRICS = ("mu", "v_r", "v_b", "e_p", "p_star", "gap_closed", "regret", "cost")


class PoolRow(NamedTuple):
    """One router on one pool of one benchmark.

    Attributes:
        protocol: the rule of its split.
        benchmark: the benchmark.
        size: number of models in the pool.
        group: of the pool.
        router: its spec.
        control: True for a yardstick.
        seeds: how many seeds it is the mean of.
        n_test: test prompts, the mean over seeds.
        metrics: estimates by name.
        doubtful: the metrics whose interval cannot be relied on.
    """

    protocol: str
    benchmark: str
    size: int
    group: str
    router: str
    control: bool
    seeds: int
    n_test: int
    metrics: dict[str, Estimate]
    doubtful: frozenset[str]


def pool_rows(results: Results) -> list[PoolRow]:
    """All rows, in the order of the run.

    The interval of a single seed is the cell's own; that of several is of their mean.

    Args:
        results: of a run.
    """
    places = grouped(results.cells, lambda c: (c.protocol, c.benchmark, c.size, c.group, c.router))
    return [_row(results, place, cells) for place, cells in places.items()]


def _row(
    results: Results,
    place: tuple[str, str, int, str, str],
    cells: Sequence[Cell],
) -> PoolRow:
    found = _single(cells[0]) if len(cells) == 1 else mean_over(results, cells, METRICS)
    return PoolRow(
        *place,
        control=cells[0].control,
        seeds=len(cells),
        n_test=round(sum(cell.n_test for cell in cells) / len(cells)),
        metrics={name: one for name, (one, _) in found.items()},
        doubtful=frozenset(name for name, (_, unsure) in found.items() if unsure),
    )


def _single(cell: Cell) -> dict[str, tuple[Estimate, bool]]:
    nan = float("nan")
    return {
        name: (
            Estimate(cell.metrics.get(name, nan), *cell.intervals.get(name, (nan, nan))),
            name in cell.doubtful,
        )
        for name in METRICS
    }
