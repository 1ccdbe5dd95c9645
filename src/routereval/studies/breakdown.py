"""What a router does on each benchmark of a mixed stream."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from routereval.studies.results import Cell, Outcome, Results
from routereval.studies.summary import Line, estimated, shared_resamples


def by_part(results: Results) -> list[Line]:
    """The mean score of every router on each benchmark of a stream; nothing of other cells.

    The mean is over pools and seeds, its interval over the prompts of that benchmark, whose
    resamples all routers share.

    Args:
        results: the cells of a run.

    Returns:
        Lines with the metric ``mu`` alone, by protocol, size and router, in the order of the
        stream.
    """
    streams = [cell for cell in results.cells if cell.parts]
    lines = []
    for rule, size, router in dict.fromkeys((c.protocol, c.size, c.router) for c in streams):
        cells = [c for c in streams if (c.protocol, c.size, c.router) == (rule, size, router)]
        drawn: dict[str, list[NDArray[np.float64]]] = {}
        for cell in cells:
            for name, draws in _draws(cell, results.outcomes[cell.key]):
                drawn.setdefault(name, []).append(draws)
        for name, draws_of in drawn.items():
            mu = {"mu": estimated(np.mean(draws_of, axis=0), "mu")}
            lines.append(Line(size, router, cells[0].control, name, len(draws_of), mu, rule))
    return lines


def _draws(cell: Cell, outcome: Outcome) -> list[tuple[str, NDArray[np.float64]]]:
    """(1 + n_boot,) the mean score on each benchmark that has test prompts, and its replicates."""
    starts = np.array(list(cell.parts.values()))
    part = np.searchsorted(starts, outcome.rows, side="right") - 1
    found = []
    for number, name in enumerate(cell.parts):
        here = part == number
        if here.any():
            quality, strata = outcome.evidence.quality[here], outcome.evidence.strata[here]
            seed = zlib.crc32(f"{name} {cell.seed}".encode())
            replicates = shared_resamples(strata.tobytes(), seed) @ quality
            found.append((name, np.concatenate([[quality.mean()], replicates])))
    return found
