"""Means of cells over pools and seeds, with intervals; the replicates of a cell are made once.

A table, the test beside it and the finest rows of a report ask for means of the same cells. The
replicates of a cell are too large to be kept; the ends of the intervals that come from them are
not. So means that share cells are asked for together by `gather`, and kept as long as the cells.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from routereval.grouped import grouped
from routereval.results.results import Cell, Outcome, Results
from routereval.scoring import doubtful
from routereval.scoring.estimates import Draws, Ends, averaged, combined, draws, ends_of
from routereval.scoring.evidence import Evidence

_Key = tuple[object, ...]


class CellMean(NamedTuple):
    """The mean of a metric over cells of one benchmark.

    Attributes:
        ends: the mean and its interval.
        doubtful: whether the interval of one of the cells cannot be relied on.
    """

    ends: Ends
    doubtful: bool


class _Asked(NamedTuple):
    """Cells of one benchmark whose mean is asked for, and the metrics."""

    cells: Sequence[Cell]
    metrics: Sequence[str]


_kept: WeakKeyDictionary[Evidence, dict[_Key, CellMean]] = WeakKeyDictionary()
"""By the evidence of the first cell, and goes with it; a key holds the numbers of all of them."""

_numbers: WeakKeyDictionary[Evidence, int] = WeakKeyDictionary()
"""Each evidence has a number of its own, which no later one is given again."""

_count = itertools.count()


def cell_means(
    results: Results, cells: Sequence[Cell], metrics: Sequence[str]
) -> dict[str, CellMean]:
    """The mean of each metric over cells of one router on one benchmark.

    Args:
        results: that hold the cells.
        cells: one or more.
        metrics: names of metrics.
    """
    _make(results, [_Asked(cells, metrics)])
    return {m: found for m in metrics if (found := _look_up(results, cells, m)) is not None}


def gather(results: Results, metrics: Sequence[str], pools: Sequence[str] = ()) -> None:
    """Make the means of the cells of a router on a benchmark together, those of pools as well.

    Args:
        results: of a run.
        metrics: names of metrics, of the pools of one size under one protocol.
        pools: names of those that are also asked for of each pool, over its seeds.
    """
    for cells in grouped(results.cells, lambda cell: (cell.router, cell.benchmark)).values():
        _make(results, [*_parts(cells, metrics, pools)])


def _parts(cells: Sequence[Cell], metrics: Sequence[str], pools: Sequence[str]) -> Iterator[_Asked]:
    sizes = grouped(cells, lambda cell: (cell.protocol, cell.size))
    groups = grouped(cells, lambda cell: (cell.protocol, cell.size, cell.group))
    yield from (_Asked(own, metrics) for own in sizes.values())
    yield from (_Asked(own, pools) for own in groups.values() if len(own) > 1)


def _make(results: Results, asked: Sequence[_Asked]) -> None:
    """Make what is not there yet, each cell's replicates once."""
    missing = [
        _Asked(one.cells, lacking)
        for one in asked
        if (lacking := [m for m in one.metrics if _look_up(results, one.cells, m) is None])
    ]
    wanted: dict[str, tuple[Cell, dict[str, None]]] = {}
    for one in missing:
        for cell in one.cells:
            wanted.setdefault(cell.key, (cell, {}))[1].update(dict.fromkeys(one.metrics))
    drawn, unsure = {}, {}
    for key, (cell, names) in wanted.items():
        evidence = results.outcomes[key].evidence
        drawn[key] = draws(evidence, names, cell.n_boot)
        unsure[key] = doubtful(evidence, names)
    for cells, metrics in missing:
        outcomes = [results.outcomes[cell.key] for cell in cells]
        for m in metrics:
            held = [
                (
                    outcome.rows.tobytes(),
                    drawn[cell.key][m]._replace(point=cell.metrics.get(m, float("nan"))),
                )
                for cell, outcome in zip(cells, outcomes, strict=True)
            ]
            found = CellMean(over_prompts(held), any(m in unsure[cell.key] for cell in cells))
            _shelf(outcomes)[_key(cells, outcomes, m)] = found


def _look_up(results: Results, cells: Sequence[Cell], name: str) -> CellMean | None:
    outcomes = [results.outcomes[cell.key] for cell in cells]
    return _shelf(outcomes).get(_key(cells, outcomes, name))


def _shelf(outcomes: Sequence[Outcome]) -> dict[_Key, CellMean]:
    return _kept.setdefault(outcomes[0].evidence, {})


def _key(cells: Sequence[Cell], outcomes: Sequence[Outcome], name: str) -> _Key:
    """What decides a mean; evidence by its number, since it is not changed."""
    points = np.array([cell.metrics.get(name, float("nan")) for cell in cells])
    return (
        name,
        points.tobytes(),
        *(cell.n_boot for cell in cells),
        *(_number(one.evidence) for one in outcomes),
        *(hash(one.rows.tobytes()) for one in outcomes),
    )


def _number(evidence: Evidence) -> int:
    if evidence not in _numbers:
        _numbers[evidence] = next(_count)
    return _numbers[evidence]


def over_prompts(held: Sequence[tuple[bytes, Draws]]) -> Ends:
    """The mean of cells, each counting alike; those that do not define the number do not count.

    Args:
        held: of each cell, the bytes of the rows of its prompts, and what its interval is read off.
    """
    alike: dict[bytes, list[Draws]] = {}
    for rows, found in held:
        if not np.isnan(found.point):
            alike.setdefault(rows, []).append(found)
    if not alike:
        return ends_of(held[0][1])
    counts = np.array([len(own) for own in alike.values()])
    ends = [ends_of(averaged(own)) for own in alike.values()]
    return combined(ends, counts / counts.sum(), _overlap(tuple(alike)))


@lru_cache(maxsize=16)  # of the metrics of some cells
def _overlap(rows_of: tuple[bytes, ...]) -> NDArray[np.float64]:
    """(n, n) share of prompts that two sets have in common, relative to the mean of their sizes."""
    rows = [np.frombuffer(held, np.int64) for held in rows_of]
    found = np.eye(len(rows))
    for i, one in enumerate(rows):
        for j in range(i):
            common = len(np.intersect1d(one, rows[j], assume_unique=True))
            found[i, j] = found[j, i] = common / np.sqrt(len(one) * len(rows[j]))
    return found
