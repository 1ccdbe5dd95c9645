"""Several scores of one cell: which of them are runs of their own, and what they come to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.records.matrix import narrowed

Codes = NDArray[np.int64]
_MANY_CELLS = 10**8
_SPARSEST = 0.01


class Runs(NamedTuple):
    """The runs of a benchmark's cells.

    Attributes:
        number: (n_scores,) the number of each score among the runs of its cell, from 0.
        kept: (n_scores,) False where the same run stands once more.
        differs: positions whose run stood before with another score.
    """

    number: Codes
    kept: NDArray[np.bool_]
    differs: Codes


def runs_of(cells: Codes, labels: Codes | None, scores: NDArray[np.float64]) -> Runs:
    """The runs that scores belong to.

    Runs are numbered by their labels where each cell can have all of these; else within each cell,
    in the order in which they come.

    Args:
        cells: (n_scores,) the cell of each score.
        labels: (n_scores,) the code of what names its run, by first appearance; None where nothing
            does, and each score is a run.
        scores: the scores themselves.

    >>> runs_of(np.array([0, 0, 1]), None, np.array([1.0, 0.0, 1.0])).number
    array([0, 1, 0])
    >>> runs_of(np.array([0, 1]), np.array([0, 1]), np.array([1.0, 0.0])).number
    array([0, 0])
    """
    kept = np.ones(len(cells), dtype=bool)
    differs = np.empty(0, dtype=np.int64)
    if labels is not None:
        order = np.lexsort((np.arange(len(cells)), labels, cells))
        again = np.zeros(len(cells), dtype=bool)
        again[1:] = (np.diff(cells[order]) == 0) & (np.diff(labels[order]) == 0)
        kept[order[again]] = False
        first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))]
        differs = order[again & (scores[order] != scores[first])]
    number = _ranks(cells, kept)
    if labels is not None and len(labels) and labels.max() <= number.max():
        number = labels
    return Runs(number, kept, np.sort(differs))


def _ranks(cells: Codes, kept: NDArray[np.bool_]) -> Codes:
    """How many kept scores of its cell come before each."""
    places = np.flatnonzero(kept)
    order = places[np.argsort(cells[places], kind="stable")]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = np.diff(cells[order]) != 0
    at = np.arange(len(order))
    ranks = np.zeros(len(cells), dtype=np.int64)
    ranks[order] = at - np.maximum.accumulate(np.where(starts, at, 0))
    return ranks


def stacked(
    runs: Runs,
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    scores: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.floating] | None:
    """(n_trials, n_prompts, n_models) the score of each run, NaN where there was none.

    Returns:
        None where no cell has two runs, or so few cells have as many as one of them that nearly
        all of a huge array would be empty.
    """
    number, kept = runs.number, runs.kept
    n_trials = int(number[kept].max(initial=0)) + 1
    size = n_trials * shape[0] * shape[1]
    if n_trials == 1 or (size > _MANY_CELLS and len(number) < _SPARSEST * size):
        return None
    values = narrowed(scores[kept])
    trials = np.full((n_trials, *shape), np.nan, dtype=values.dtype)
    trials[number[kept], rows[kept], columns[kept]] = values
    return trials


def cell_means(
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    values: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """(n_prompts, n_models) the mean of each cell's numbers, NaN where there is none."""
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (rows, columns), values)
    np.add.at(counts, (rows, columns), 1)
    with np.errstate(invalid="ignore"):
        return sums / counts
