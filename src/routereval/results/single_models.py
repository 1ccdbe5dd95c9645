"""Single models beside the routers of a run: whether one model alone does as well for less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from routereval.results.comparison import as_good_within
from routereval.results.results import Cell, Outcome, Results
from routereval.scoring import holm
from routereval.scoring.sameness import Sameness, Saving

_LEVEL = 0.05
_MOST_MODELS = 40


class EnoughModel(NamedTuple):
    """A model that alone is as good as a router, and costs less.

    Attributes:
        model: its name.
        same: whether it is as good within the margin.
        saving: by what share it costs less.
    """

    model: str
    same: Sameness
    saving: Saving


def cheaper_model(results: Results, router: str, margin: float) -> EnoughModel | None:
    """The model that saves most among those that are as good as a router for less, both shown.

    Args:
        results: of a run.
        router: of the run.
        margin: the difference in mean score that does not matter.

    Returns:
        The model; None where there is none, no cost is known, or the pools are not all the same.
    """
    cells = results.of(router)
    pools = {cell.pool for cell in cells}
    curved = all(results.outcomes[cell.key].evidence.curve is not None for cell in cells)
    if len(pools) != 1 or not curved or len(cells[0].pool) > _MOST_MODELS:
        return None
    beside = _with_models(results, cells)
    found = []
    for model in cells[0].pool:
        same, saving = as_good_within(beside, _named(model), router, margin)
        if saving is not None:
            found.append(EnoughModel(model, same, saving))
    if not found:
        return None
    p = holm([one.same.p_non_inferior for one in found])
    fine = [
        (one.saving.share, -place, one)
        for place, (one, value) in enumerate(zip(found, p, strict=True))
        if value < _LEVEL and one.saving.low > 0
    ]
    return max(fine)[2] if fine else None


def _named(model: str) -> str:
    return f"the model {model}"


def _with_models(results: Results, cells: Sequence[Cell]) -> Results:
    """The cells of a router, and as many of each model of their pool."""
    held = list(cells)
    outcomes = {cell.key: results.outcomes[cell.key] for cell in cells}
    for cell in cells:
        outcome = results.outcomes[cell.key]
        curve = outcome.evidence.curve
        if curve is None:
            continue
        for column, model in enumerate(cell.pool):
            alone = replace(cell, router=_named(model), control=True)
            evidence = replace(
                outcome.evidence,
                quality=curve.model_quality[:, column].astype(np.float64),
                cost=curve.model_cost[:, column].astype(np.float64),
            )
            held.append(alone)
            outcomes[alone.key] = Outcome(evidence, outcome.rows)
    return Results(held, outcomes)
