"""What a router does on each benchmark of a mixed stream."""

from __future__ import annotations

import numpy as np

from routereval.results.cell_means import over_prompts
from routereval.results.results import Cell, Outcome, Results
from routereval.results.summary import Line, estimate
from routereval.scoring import resamples
from routereval.scoring.estimates import Draws, mean_draws


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
        drawn: dict[str, list[tuple[bytes, Draws]]] = {}
        for cell in cells:
            for name, found in _draws(cell, results.outcomes[cell.key]):
                drawn.setdefault(name, []).append(found)
        for name, held in drawn.items():
            mu = {"mu": estimate("mu", over_prompts(held))}
            lines.append(Line(size, router, cells[0].control, name, len(held), mu, rule))
    return lines


def _draws(cell: Cell, outcome: Outcome) -> list[tuple[str, tuple[bytes, Draws]]]:
    """What the mean score on each benchmark with test prompts is read off, and which they are."""
    starts = np.array(list(cell.parts.values()))
    part = np.searchsorted(starts, outcome.rows, side="right") - 1
    found = []
    for number, name in enumerate(cell.parts):
        here = part == number
        if here.any():
            evidence = outcome.evidence
            groups = evidence.groups[here]
            W = resamples(evidence.subsets[here], cell.n_boot, groups=groups)
            drawn = mean_draws(evidence.quality[here], W, groups=groups)
            found.append((name, (outcome.rows[here].tobytes(), drawn)))
    return found
